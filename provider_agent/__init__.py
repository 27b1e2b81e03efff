"""The provider's agent: tells what the machine has, contains jobs, meters them, signs receipts.

Knows the contracts and nothing else of the bourse; talks to the API and to a chain node over HTTP.
"""

"""The provider's agent: says what the machine has, runs jobs contained, meters them, signs receipts.

Knows the contracts and nothing else of the bourse; talks to the API and to a chain node over HTTP.
"""

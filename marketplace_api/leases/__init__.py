"""Leases: what a matched bid became."""

"""Signed orders: accepted into an append-only log, cancelled, read."""

"""Providers: who they are, what their agents report, and whether they are there."""

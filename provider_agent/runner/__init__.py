"""Runs strangers' code: what a job may use, how it is contained, what it left behind."""

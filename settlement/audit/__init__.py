"""The auditors' side: what an agent claims is checked, kept as evidence, and signed."""

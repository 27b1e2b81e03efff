"""Usage: receipts of agents, countersigned by holders, handed to settlement."""

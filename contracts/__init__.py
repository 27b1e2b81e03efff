"""The chain side of GPU Bourse: contracts, the shared protocol and the web3 bindings."""

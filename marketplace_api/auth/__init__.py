"""Who is asking: wallets log in by EIP-4361, sessions are random tokens stored hashed."""

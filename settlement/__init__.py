"""Moves money: sends to the chain, watches it, keeps the books, and compares the two.

Order of a lease: `relay` takes an outbox row, `leases` and `payments` turn it into a stored
transaction, `chain.sender` signs and sends it, `chain.watcher` sees its events, `chain.effects`
books them.
"""

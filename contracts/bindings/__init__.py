"""The contracts as typed Python: calls, views, events, errors.

One file per contract; `abi/` holds what the compiler exported. A call is data for a transaction
that somebody else signs and sends; a view names the block that it reads.
"""

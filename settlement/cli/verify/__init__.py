"""Proof that the sums agree, from the chain alone.

`history` reads the raw logs, `state` the storage at the same block, `conservation` adds both up,
`comparing` holds statements against them. Nothing here asks the API or the database what is true.
"""

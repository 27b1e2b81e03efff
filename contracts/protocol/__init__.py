"""The language that every part speaks: units, signed structs, statuses, wire formats, errors.

Pure: no framework, no socket, no clock. Everything here is checked against the contracts.
"""

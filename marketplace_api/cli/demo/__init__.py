"""`gpubourse demo`: the life of one order, played by separate processes with keys of their own.

The demo imports no service and takes no shortcut: every step is a `gpubourse` command that anybody
could type, run with the home folder and the key of whoever acts.
"""

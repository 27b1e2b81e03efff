"""The commands of `gpubourse` that talk to the API; imported one at a time, when asked for."""

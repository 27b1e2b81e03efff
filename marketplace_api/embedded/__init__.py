"""Servers for one machine, started only where no URL of a real one is configured.

Each module starts one server from binaries that the project installed. The server outlives the
process that started it; its own folder remembers it, so starting it twice finds the first one.
"""

"""Everything that talks to a node: `sender` writes, `watcher` reads, `effects` acts on it."""

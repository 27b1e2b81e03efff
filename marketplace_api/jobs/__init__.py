"""Jobs: what runs under a lease, what it prints, the files it takes and gives."""

"""The marketplace: orders, matching, leases, jobs and statements behind one HTTP API."""

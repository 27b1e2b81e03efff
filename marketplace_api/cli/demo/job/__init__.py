"""The job of the demo: runs in the provider's sandbox and is imported by nobody."""

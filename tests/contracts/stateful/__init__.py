"""A package, so that its fixture ends with it (`conftest.py`)."""

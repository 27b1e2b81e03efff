"""Statements: what one wallet owned, paid, earned and got back, read from the books."""

"""Attrs, and the queries that they make. No I/O."""

"""Helpers without astronomy, each used by at least two packages."""

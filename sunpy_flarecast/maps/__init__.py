"""SHARP files as sunpy maps."""

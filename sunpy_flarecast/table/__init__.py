"""Records as tables, and searches in files."""

"""Tables of records, and searches in files."""

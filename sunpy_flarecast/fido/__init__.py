"""The Fido client and its table of results."""

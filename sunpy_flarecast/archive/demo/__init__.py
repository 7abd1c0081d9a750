"""Synthetic SHARPs, computed on request."""

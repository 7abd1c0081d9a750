"""Keyword tables with units, and time series."""

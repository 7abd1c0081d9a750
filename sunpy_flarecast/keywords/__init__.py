"""Tables of keywords with units, and time series."""

"""FITS files as bytes and headers: structure, cards, completing a header. No network."""

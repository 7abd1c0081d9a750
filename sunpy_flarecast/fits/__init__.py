"""FITS files as bytes and headers: structure, cards, header completion. No network."""

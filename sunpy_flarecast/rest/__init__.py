"""Requests to a FLARECAST HMI service over REST."""

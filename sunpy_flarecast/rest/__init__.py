"""One FLARECAST HMI service over REST."""

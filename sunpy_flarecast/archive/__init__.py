"""A FLARECAST HMI service for SHARP files of one's own, or for synthetic ones."""

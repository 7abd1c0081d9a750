"""Running the service."""

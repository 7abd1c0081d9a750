"""Run the service."""

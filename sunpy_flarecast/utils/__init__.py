"""Helpers without astronomy that two packages or more use."""

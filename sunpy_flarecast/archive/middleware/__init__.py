"""Middleware and dependencies of all requests: tokens, access log and metrics."""

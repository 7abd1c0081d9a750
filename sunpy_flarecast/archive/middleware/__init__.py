"""Middleware and dependencies of the routes: tokens, access log and metrics."""

"""Paths of the service relative to a request, since a proxy may add a prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["path_of", "root_of"]


def path_of(request: Request) -> str:
    """Return the path of a request relative to the service, percent-encoded as received."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return path.decode("latin-1").removeprefix(request.scope.get("root_path", "")).removeprefix("/")


def root_of(request: Request) -> str:
    """Return the relative path from a page to the front page."""
    return "../" * path_of(request).count("/") or "./"

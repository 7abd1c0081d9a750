"""The certificates that searches and fetches trust."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from sunpy_flarecast.errors import QueryError

__all__ = ["ADVICE", "own_certificates"]

#: What to do about a service whose certificate is not trusted.
ADVICE: Final = (
    "If the service belongs to your institute, set the environment variable REQUESTS_CA_BUNDLE to the path of its "
    "certificate authority's certificate, and repeat the command in a new process"
)


def own_certificates() -> ssl.SSLContext | None:
    """Read the certificates that the requests package uses instead of the usual ones, if any; aiohttp ignores them."""
    variable = next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), None)
    if variable is None:
        return None
    bundle = os.environ[variable]
    try:
        if Path(bundle).is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:  # ssl.SSLError, too
        raise QueryError(
            f"Cannot read the certificates in {bundle} ({error.strerror or error}). Correct the environment variable "
            f"{variable}, or remove it."
        ) from error

"""Bearer tokens (RFC 6750): reading a file of them, and the ASGI layer `TokenGate` that demands one."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.archive.api.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["TokenGate", "Tokens", "read_tokens"]

#: The letters of a token; fewer could be found by trying.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")

_BEARER: Final = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)

_HOW_TO_MAKE: Final = 'python -c "import secrets; print(secrets.token_urlsafe())"'

#: What is given without a token: whether the service is up, and the description of its routes, which is public. Who
#: gets the metrics is decided by their route.
_OPEN: Final = frozenset({"/health", "/metrics", "/openapi.json", "/ui"})
_OPEN_BELOW: Final = "/ui/"

_MESSAGE: Final = (
    "This service demands a token, sent as 'Authorization: Bearer TOKEN'. With sunpy_flarecast: set conf.token, or the "
    "environment variable FLARECAST_TOKEN"
)

_WRONG: Final = "The token is not one of this service. Ask those who run it"


def read_tokens(path: Path) -> frozenset[str]:
    """
    Read a file of tokens: one a line, besides empty lines and those that begin with ``#``.

    Parameters
    ----------
    path : `pathlib.Path`
        The file. Where files have permissions, others than its owner and group must have none.

    Returns
    -------
    frozenset of str

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it may be read by others, has no token, or has a line that is none. Lines are not repeated.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read().splitlines()
    except OSError as error:
        raise OSError(f"The tokens cannot be read from {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no file of tokens: it is no text in UTF-8") from None
    if os.name == "posix" and mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ValueError(
            f"Others may read or change the tokens in {path} (mode {stat.S_IMODE(mode):o}). Write: chmod 600 {path}"
        )
    tokens = set()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if _TOKEN.fullmatch(text) is None:
            raise ValueError(
                f"Line {number} of {path} is no token: at least 16 letters, digits and characters of -._~+/. "
                f"Make one with: {_HOW_TO_MAKE}"
            )
        tokens.add(text)
    if not tokens:
        raise ValueError(f"There is no token in {path}. Write one a line; make one with: {_HOW_TO_MAKE}")
    return frozenset(tokens)


class Tokens:
    """
    Tells whether a request has one of several tokens, in a time that does not depend on what it has instead.

    Parameters
    ----------
    tokens : iterable of str
        Those that are accepted.

    Examples
    --------
    >>> from sunpy_flarecast.archive.middleware.tokens import Tokens
    >>> tokens = Tokens({"for-the-example-only"})
    >>> tokens.accept([(b"authorization", b"Bearer for-the-example-only")]), tokens.accept([])
    (True, None)
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self._digests = [_digest(token.encode()) for token in tokens]

    def accept(self, headers: Iterable[tuple[bytes, bytes]]) -> bool | None:
        """
        Look at the headers of a request.

        Returns
        -------
        bool or None
            Whether its token is one of these; None if it has none.
        """
        sent = [value for name, value in headers if name == b"authorization"]
        if not sent:
            return None
        match = _BEARER.fullmatch(sent[0])
        if match is None or len(sent) > 1:
            return False
        presented = _digest(match[1])
        accepted = False
        for digest in self._digests:  # all of them, whichever it is
            accepted |= hmac.compare_digest(presented, digest)
        return accepted


def _digest(token: bytes) -> bytes:
    """Give what is compared: of one length, and nothing that a dump of the memory could give away."""
    return hashlib.sha256(token).digest()


class TokenGate:
    """
    An ASGI layer that answers 401 to requests without one of the tokens, whatever they ask for.

    Parameters
    ----------
    app : ASGI application
        What answers the others.
    tokens : Tokens
        Those that are accepted.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or _is_open(scope):
            await self._app(scope, receive, send)
            return
        accepted = self._tokens.accept(scope["headers"])
        if accepted:
            await self._app(scope, receive, send)
            return
        challenge = 'Bearer realm="FLARECAST"'
        if accepted is False:
            challenge += ', error="invalid_token"'
        headers = {"WWW-Authenticate": challenge, "Cache-Control": "no-store"}
        await refusal(401, _MESSAGE if accepted is None else _WRONG, headers)(scope, receive, send)


def _is_open(scope: Scope) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return path in _OPEN or path.startswith(_OPEN_BELOW)

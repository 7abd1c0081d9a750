"""The file of token hashes, and the FastAPI dependencies that check and require tokens."""
# No postponed annotations: FastAPI reads those of the dependencies when the routes are defined.

import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote, unquote

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

from sunpy_flarecast.archive.api.addresses import path_of, root_of

__all__ = ["COOKIE", "TokenCheck", "cookie_value", "read_token_hashes", "token_required"]

#: The cookie in which browsers keep a token entered on the ``/login`` page.
COOKIE: Final = "flarecast_token"

_HASH: Final = re.compile(r"[0-9a-f]{64}")

_MESSAGE: Final = (
    "This service requires a valid token. Send it in the header 'Authorization: Bearer TOKEN', or as the password of "
    "HTTP Basic authentication."
)

_Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(HTTPBearer(auto_error=False))]

#: Without the ``/login`` page, browsers ask for a password and send it as HTTP Basic; it is accepted as a token.
_Basic = Annotated[HTTPBasicCredentials | None, Security(HTTPBasic(auto_error=False))]


def read_token_hashes(path: Path) -> frozenset[str]:
    """Read SHA-256 digests of tokens in hexadecimal, one per line; text after a digest or ``#`` is a comment."""
    if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
        raise ValueError(f"Every user of this machine may write to {path}. Run: chmod o-w {path}")
    hashes: set[str] = set()
    for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1):
        first = line.partition("#")[0].split()[:1]
        if first and _HASH.fullmatch(first[0].lower()) is None:
            raise ValueError(
                f"Line {number} of {path} is not a SHA-256 digest. Create one: printf %s TOKEN | sha256sum"
            )
        hashes.update(text.lower() for text in first)
    if not hashes:
        raise ValueError(f"{path} has no SHA-256 digest of a token. Create one: printf %s TOKEN | sha256sum")
    return frozenset(hashes)


def cookie_value(token: str) -> str:
    """Encode a token as the value of a cookie."""
    return quote(token, safe="")


class TokenCheck:
    """Dependency that returns whether a request carries a token with one of several SHA-256 digests."""

    def __init__(self, hashes: frozenset[str]) -> None:
        self._hashes = hashes

    async def __call__(self, request: Request, bearer: _Bearer, basic: _Basic) -> bool:
        """Check the token of a request."""
        # Behind a reverse proxy with its own passwords, browsers send them as HTTP Basic in addition to the cookie.
        sent = (bearer and bearer.credentials, basic and basic.password, unquote(request.cookies.get(COOKIE, "")))
        return any(self.knows(token) for token in sent if token)

    def knows(self, token: str) -> bool:
        """Compare a token with all digests, in constant time."""
        digest = hashlib.sha256(token.encode()).hexdigest()
        return any([secrets.compare_digest(digest, known) for known in self._hashes])  # noqa: C419 (all of them)


def token_required(hashes: frozenset[str], *, login: bool = False) -> Any:
    """Make the dependency that replies 401 without a valid token; ``login`` redirects browsers to a form."""

    async def require(request: Request, valid: Annotated[bool, Depends(TokenCheck(hashes))]) -> None:
        if valid:
            return
        browser = "text/html" in request.headers.get("accept", "")
        if browser and login and request.method in ("GET", "HEAD"):
            wanted = quote(f"{path_of(request)}?{request.url.query}".removesuffix("?"), safe="")
            place = f"{root_of(request)}login?next={wanted}"
            raise HTTPException(303, _MESSAGE, {"Location": place, "Cache-Control": "no-store"})
        headers = {
            "WWW-Authenticate": f'{"Basic" if browser else "Bearer"} realm="FLARECAST"',
            "Cache-Control": "no-store",
        }
        raise HTTPException(401, _MESSAGE, headers)

    return Depends(require)

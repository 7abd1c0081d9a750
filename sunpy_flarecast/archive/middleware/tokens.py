"""Bearer tokens: reading the file of their hashes, and the FastAPI dependencies that check and require one."""
# No postponed annotations: FastAPI reads those of the dependencies when the routes are made.

import hashlib
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer

__all__ = ["TokenCheck", "read_token_hashes", "token_required"]

_HASH: Final = re.compile(r"[0-9a-f]{64}")

_MESSAGE: Final = "This service requires a valid token: 'Authorization: Bearer TOKEN', or as password in a browser"

_Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(HTTPBearer(auto_error=False))]

#: Browsers send a token as the password of HTTP Basic, which they ask for.
_Basic = Annotated[HTTPBasicCredentials | None, Security(HTTPBasic(auto_error=False))]


def read_token_hashes(path: Path) -> frozenset[str]:
    """Read the SHA-256 digests of tokens: one a line, in hexadecimal; what follows it and ``#`` are comments."""
    if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
        raise ValueError(f"Everybody on this machine may write tokens of their own into {path}: chmod o-w {path}")
    hashes: set[str] = set()
    for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1):
        first = line.partition("#")[0].split()[:1]
        if first and _HASH.fullmatch(first[0].lower()) is None:
            raise ValueError(f"Line {number} of {path} is not a SHA-256 digest. Make one: printf %s TOKEN | sha256sum")
        hashes.update(text.lower() for text in first)
    if not hashes:
        raise ValueError(f"{path} has no SHA-256 digest of a token. Make one: printf %s TOKEN | sha256sum")
    return frozenset(hashes)


class TokenCheck:
    """Dependency that tells whether a request carries a token with one of several SHA-256 digests."""

    def __init__(self, hashes: frozenset[str]) -> None:
        self._hashes = hashes

    async def __call__(self, bearer: _Bearer, basic: _Basic) -> bool:
        """Compare with all tokens, in a time that depends on neither."""
        token = bearer.credentials if bearer else basic.password if basic else ""
        digest = hashlib.sha256(token.encode()).hexdigest()
        return any([secrets.compare_digest(digest, known) for known in self._hashes])  # noqa: C419 (all of them)


def token_required(hashes: frozenset[str]) -> Any:
    """Make the dependency that answers 401 to requests without a valid token."""

    async def require(request: Request, valid: Annotated[bool, Depends(TokenCheck(hashes))]) -> None:
        if not valid:
            scheme = "Basic" if "text/html" in request.headers.get("accept", "") else "Bearer"
            headers = {"WWW-Authenticate": f'{scheme} realm="FLARECAST"', "Cache-Control": "no-store"}
            raise HTTPException(401, _MESSAGE, headers)

    return Depends(require)

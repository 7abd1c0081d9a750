"""Access to a service: the client's name, the credentials to send, and advice if access is refused."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Final

from sunpy_flarecast._version import __version__
from sunpy_flarecast.config import TOKEN_VARIABLE, URL_VARIABLE, conf, token_service, token_settings
from sunpy_flarecast.errors import QueryError

from .service_url import credentials, is_same_service, without_password

__all__ = ["USER_AGENT", "authorization", "what_to_do"]

#: The client's name in every request.
USER_AGENT: Final = f"sunpy_flarecast/{__version__}"

#: Syntax of a token (RFC 6750); other characters cannot be sent, or would add headers.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def authorization(url: str) -> str | None:
    """
    Return the ``Authorization`` header for a service, given its base URL, or None.

    It holds ``conf.token``, if that is for the service (see `~sunpy_flarecast.config.token_service`), else user and
    password of the URL, if any. Raises `QueryError` if the token is invalid; the message does not show the token.
    """
    if (token := conf.token.strip()) and is_same_service(url, token_service()):
        if _TOKEN.fullmatch(token) is None:
            raise QueryError(
                "sunpy_flarecast.conf.token is invalid: it contains characters not allowed in tokens. Set it, or "
                f"{TOKEN_VARIABLE}, to the token alone, as the operators of the service gave it."
            )
        return f"Bearer {token}"
    found = credentials(url)
    return f"Basic {b64encode(b':'.join(found)).decode()}" if found else None


def what_to_do(*, sent: bool) -> str:
    """Return the advice for a service that refuses access to a request ``sent`` with or without credentials."""
    if sent:
        return "the credentials in conf.token or conf.url do not give access; ask the operators of the service"
    if conf.token.strip():
        token, service, where = token_settings()
        if token == TOKEN_VARIABLE:
            advice = f"set {URL_VARIABLE} to the URL of the service that {TOKEN_VARIABLE} is for"
        else:
            advice = f"set conf.url and conf.token, or {URL_VARIABLE} and {TOKEN_VARIABLE}, to those of one service"
        return f"{token} is for {without_password(service)} ({where}) and was not sent; {advice}"
    return f"set conf.token, or the environment variable {TOKEN_VARIABLE}, to a token from the operators of the service"

"""The `/login` page: a form that stores a token in a cookie, since browsers send no bearer tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote

from fastapi import APIRouter, Response
from fastapi.requests import Request  # noqa: TC002 (FastAPI reads the annotations of the routes)
from starlette.responses import RedirectResponse

from sunpy_flarecast.archive.middleware.tokens import COOKIE, TokenCheck, cookie_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .site import Site

__all__ = ["login_routes"]

#: Valid targets after a login: a path below the service with an optional query.
_TARGET: Final = re.compile(r"(?!/)[\w./?&=%:,~+*!'()@;-]{0,2000}", re.ASCII)


def login_routes(site: Site, checks: Sequence[Any]) -> APIRouter:
    """Make the routes of login and logout."""
    router = APIRouter(include_in_schema=False, dependencies=checks)
    check = TokenCheck(site.settings.token_hashes)

    def form(request: Request, target: str, wrong: bool) -> Response:
        page = site.page(request, "login", {"next": target, "wrong": wrong}, 401 if wrong else 200)
        page.headers["cache-control"] = "no-store"
        return page

    @router.head("/login")
    @router.get("/login")
    def login_page(request: Request, next: str = "") -> Response:  # noqa: A002 (the name in the URL)
        return form(request, _checked(next), wrong=False)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        given = parse_qs((await request.body()).decode("utf-8", "replace"))
        token, target = (given.get(name, [""])[0].strip() for name in ("token", "next"))
        target = _checked(target)
        if not check.knows(token):
            return form(request, target, wrong=True)
        reply = RedirectResponse(f"./{target}", 303, {"cache-control": "no-store"})
        secure = request.url.scheme == "https" or (site.settings.public_url or "").startswith("https:")
        # Without a path the cookie is valid below the service, even if a proxy adds a prefix.
        reply.set_cookie(COOKIE, cookie_value(token), path=None, secure=secure, httponly=True, samesite="strict")
        return reply

    @router.post("/logout")
    def log_out() -> Response:
        reply = RedirectResponse("./", 303, {"cache-control": "no-store"})
        reply.set_cookie(COOKIE, "", max_age=0, path=None, httponly=True, samesite="strict")
        return reply

    return router


def _checked(target: str) -> str:
    """Return a path below the service, or that of the front page for anything else."""
    return target if _TARGET.fullmatch(target) and ".." not in unquote(target) else ""

"""HTML pages from the templates of this package: everything escaped, and nothing loaded from other hosts."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["html_response"]

#: What a page may do besides running its own style and script: nothing, unless it says so.
_POLICY: Final = {
    "default-src": "'none'",
    "img-src": "data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def html_response(name: str, values: Mapping[str, Any], policy: Mapping[str, str] | None = None) -> HTMLResponse:
    """
    Make a page from the template ``{name}.html`` with ``{name}.css`` and ``{name}.js`` inside.

    The headers of the answer allow just these two, so that a browser would run nothing that got into the page in
    another way, and would ask no other host for anything.

    Parameters
    ----------
    name : str
        Name of the template.
    values : mapping
        What the template shows.
    policy : mapping, optional
        More that the page may do: directives of a ``Content-Security-Policy`` and their values.

    Returns
    -------
    `starlette.responses.HTMLResponse`

    Examples
    --------
    >>> from sunpy_flarecast.archive.web.html import html_response
    >>> page = html_response("ui", {"title": "<b>"})
    >>> b"<title>&lt;b&gt;</title>" in page.body
    True
    >>> "default-src 'none'" in page.headers["content-security-policy"]
    True
    """
    environment = _environment()
    style, script = _source(f"{name}.css"), _source(f"{name}.js")
    # Read from files of this package, which are no part of what is escaped.
    values = {**values, "style": Markup(style), "script": Markup(script)}  # noqa: S704
    text = environment.get_template(f"{name}.html").render(values)
    directives = {**_POLICY, "style-src": _hashed(style), "script-src": _hashed(script)}
    for directive, more in (policy or {}).items():
        before = directives.get(directive, "")
        directives[directive] = f"{before} {more}".removeprefix("'none' ").strip()
    headers = {
        "content-security-policy": "; ".join(f"{directive} {value}" for directive, value in directives.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return HTMLResponse(text, headers=headers)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("sunpy_flarecast.archive", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _source(name: str) -> str:
    """Read a file beside the templates; empty if a page has none of that kind."""
    environment = _environment()
    assert environment.loader is not None  # noqa: S101 (made above)
    try:
        text = environment.loader.get_source(environment, name)[0]
    except jinja2.TemplateNotFound:
        return ""
    return text.replace("\r\n", "\n")  # as browsers do before they look at its digest


@cache
def _hashed(source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"'sha256-{digest}'" if source else ""

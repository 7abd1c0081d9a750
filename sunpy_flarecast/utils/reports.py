"""What reports have in common: a short representation, in notebooks the whole text, and counts in words."""

from __future__ import annotations

from html import escape

__all__ = ["as_line", "as_page", "counted", "first_line"]


def as_line(report: object) -> str:
    """Write the first line of the text of a report, as its ``__repr__``."""
    first, *_ = str(report).splitlines()
    return f"<{type(report).__name__}: {first}>"


def as_page(report: object) -> str:
    """Write all of its text for notebooks, as its ``_repr_html_``."""
    return f"<pre>{escape(str(report))}</pre>"


def counted(count: int, what: str) -> str:
    """Write a number of things, such as ``1 file`` or ``2,000 files``."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, without its end if it is long."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "") or type(error).__name__
    return text.rstrip(".:") if len(text) <= 200 else f"{text[:199]}…"

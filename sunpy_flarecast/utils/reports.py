"""Helpers of reports: a short representation, HTML for notebooks, and counts in words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_line", "as_page", "as_table", "counted", "first_line"]


def as_line(report: object) -> str:
    """Return the first line of the text of a report, for its ``__repr__``."""
    first, *_ = str(report).splitlines()
    return f"<{type(report).__name__}: {first}>"


def as_page(report: object) -> str:
    """Return the text of a report as HTML for its ``_repr_html_``: the first line, and a list of the others."""
    first, *others = (escape(line) for line in str(report).splitlines())
    listed = f"<ul>{''.join(f'<li>{line}</li>' for line in others)}</ul>" if others else ""
    return f"<div><strong>{type(report).__name__}</strong>: {first}{listed}</div>"


def as_table(title: str, facts: Mapping[str, str]) -> str:
    """Return facts by name as an HTML table."""
    left = 'style="text-align: left"'
    rows = (f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(fact)}</td></tr>" for name, fact in facts.items())
    return f"<div><strong>{escape(title)}</strong><table>{''.join(rows)}</table></div>"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 file`` or ``2,000 files``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, shortened if it is long."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "") or type(error).__name__
    return text.rstrip(".:") if len(text) <= 200 else f"{text[:199]}…"

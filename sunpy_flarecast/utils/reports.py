"""What reports have in common: a short representation, in notebooks the whole text, and counts in words."""

from __future__ import annotations

from html import escape

__all__ = ["Shown", "counted"]


class Shown:
    """Show the first line of the text of an object, and all of it in notebooks."""

    __slots__ = ()

    def __repr__(self) -> str:
        first, *_ = str(self).splitlines()
        return f"<{type(self).__name__}: {first}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def counted(count: int, what: str) -> str:
    """Write a number of things, such as ``1 file`` or ``2,000 files``."""
    return f"{count:,} {what}{'s' * (count != 1)}"

"""Comparison operators in conditions that users write as text."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["wrong_operator"]

_VALID: Final = ("<", "<=", ">", ">=", "==", "!=", "=")

#: The first operator in a condition, with all its characters, also those that no operator has there.
_FIRST: Final = re.compile(r"[^<>=!≤≥≠'\"]*([<>=!≤≥≠](?:\s*[<>=!≤≥≠])*)")

_PLAIN: Final = str.maketrans({"≤": "<=", "≥": ">=", "≠": "!="})

#: What was meant, by the characters that were written in any order and number.
_MEANT: Final = {
    frozenset("<"): "<",
    frozenset(">"): ">",
    frozenset("="): "==",
    frozenset("!"): "!=",
    frozenset("<="): "<=",
    frozenset(">="): ">=",
    frozenset("!="): "!=",
    frozenset("<>"): "!=",
}


def wrong_operator(condition: str) -> str | None:
    """
    Return what is wrong with the operator of a condition, or None if it is valid or there is none.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.operators import wrong_operator
    >>> wrong_operator("usflux => 1e22")
    '=> is not an operator; write >='
    >>> wrong_operator("usflux >= 1e22")
    """
    found = _FIRST.match(condition)
    if found is None or found[1] in _VALID:
        return None
    written = found[1][:10]
    meant = _MEANT.get(frozenset("".join(found[1].translate(_PLAIN).split())))
    return f"{written} is not an operator; write {meant or '<, <=, >, >=, == or !='}"

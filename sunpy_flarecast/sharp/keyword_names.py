"""Names and patterns of keywords and segments, as users write them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import QueryError

from .catalog import (
    SMARP,
    SPACE_WEATHER,
    Keyword,
    all_keywords,
    all_series,
    find_keyword,
    find_series,
    similar_keywords,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["choose_keywords", "default_keywords", "is_in", "matching_names", "not_in"]

#: Keywords that patterns leave out, since the first columns of a table of keywords hold them.
_LEADING_ALREADY: Final = frozenset({"t_rec", "date__obs", "harpnum", "tarpnum", "recnum"})


def choose_keywords(names: Sequence[str], series: Iterable[str]) -> tuple[list[Keyword], frozenset[str]]:
    """
    Return the keywords of names (DRMS or FITS, in any letter case) and patterns, and those that only patterns match.

    Without names, the keywords are the 18 parameters of SHARPs, or the four of SMARPs if there are no other series. A
    series that the catalog does not know may have any keyword. Raises `QueryError` if a name is unknown or in none of
    the series, or a pattern matches nothing.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.keyword_names import choose_keywords
    >>> [keyword.name for keyword in choose_keywords(["R_VALUE", "mean?z?"], ["hmi.sharp_720s"])[0]]
    ['r_value', 'meanjzd', 'meanjzh']
    """
    homes = list(series)
    found: dict[str, Keyword] = {}
    exact = set()
    for name in names or default_keywords(homes):
        if not isinstance(name, str):
            raise QueryError(f"keywords({name!r}): names of keywords must be strings, for example keywords('usflux').")
        if "," in name and "[" not in name:
            parts = ", ".join(repr(part.strip()) for part in name.split(",") if part.strip())
            raise QueryError(f"{name!r} is not the name of one keyword. Pass names separately: {parts}.")
        if any(sign in name for sign in "*?["):
            there = {one.name: one for one in all_keywords() if _in_any(one, homes)}
            fitting = [one for one in matching_names([name], list(there)) if one not in _LEADING_ALREADY]
            if not fitting:
                raise QueryError(f"No keyword{_of(homes)} matches {name!r}. Examples of patterns: 'mean*', 'err*'.")
            found |= {one: there[one] for one in fitting if one not in found}
            continue
        keyword = find_keyword(name)
        if keyword is None:
            near = similar_keywords(name)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Examples: 'usflux', 'mean*'."
            raise QueryError(f"There is no SHARP keyword {name!r}. {hint}")
        if not _in_any(keyword, homes):
            raise QueryError(not_in(keyword, homes))
        found.setdefault(keyword.name, keyword)
        exact.add(keyword.name)
    return list(found.values()), frozenset(found.keys() - exact)


def default_keywords(series: Iterable[str]) -> tuple[str, ...]:
    """Return the parameters of SMARPs if the series are SMARP series, else those of SHARPs."""
    instruments = {known.instrument if (known := find_series(one)) else "" for one in series}
    return SMARP if instruments == {"MDI"} else SPACE_WEATHER


def _in_any(keyword: Keyword, series: Sequence[str]) -> bool:
    return not series or any(is_in(keyword, one) for one in series)


def is_in(keyword: Keyword, series: str) -> bool:
    """Return whether a series has a keyword; a series that the catalog does not know may have any."""
    known = find_series(series)
    if known is None:
        return True
    return known.projection in keyword.projections if known.instrument == "HMI" else keyword.smarp


def not_in(keyword: Keyword, series: Sequence[str]) -> str:
    """Say that none of the series has a keyword, and which do."""
    homes = ", ".join(one.name for one in all_series() if is_in(keyword, one.name))
    return f"Keyword {keyword.name!r} ({keyword.meaning}) is only in {homes}, and not{_of(series)}."


def _of(series: Sequence[str]) -> str:
    return f" in {' or '.join(series)}" if series else ""


def matching_names(patterns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """
    Return the names that match one of the patterns (``*``, ``?``, ``[...]``) in any letter case, in their order.

    Examples
    --------
    >>> from sunpy_flarecast.sharp.keyword_names import matching_names
    >>> matching_names(["b?"], ["magnetogram", "Bp", "Bt", "Br", "Br_err"])
    ('Bp', 'Bt', 'Br')
    """
    folded = [pattern.casefold() for pattern in patterns]
    return tuple(name for name in names if any(fnmatchcase(name.casefold(), pattern) for pattern in folded))

"""Keywords from users (dict, header, row of a table): converted to plain values, and compared with a file's record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np
from astropy.table import Row
from astropy.time import Time

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.sharp.catalog import find_keyword, find_series, region_number
from sunpy_flarecast.sharp.t_rec import slot_text, text_slot
from sunpy_flarecast.sharp.values import clean
from sunpy_flarecast.utils.masked import mask_of

from .cards import PLAIN
from .structure import NOT_OF_THE_RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from astropy.io.fits import Header

__all__ = ["described", "of_another_record", "plain_keywords"]

#: Columns of tables of searches and keywords, and their keywords.
_COLUMNS: Final = {"Start Time": "date__obs", "Record": "recnum"}

#: Times in TAI; those that begin with DATE are UTC.
_TAI: Final = frozenset({"t_rec", "t_obs", "t_frst", "t_frst1", "t_last1", "t_last", "t_mid1", "t_maxpix", "t_cmpass"})

#: Other JSON values; they are not keyword values and count as missing.
_OF_JSON: Final = (list, dict)

#: Keywords that identify a record.
_IDENTIFYING: Final = frozenset({"harpnum", "tarpnum", "t_rec", "recnum", "ctype1", "drms_id", "series"})

#: The beginning of CTYPE1 in each projection.
_PROJECTIONS: Final = {"CRLN": "CEA", "HPLN": "CCD"}

_SERIES: Final = re.compile(r"\w+(\.\w+)*", re.ASCII)


def plain_keywords(keywords: Any) -> dict[str, Any]:
    """
    Convert a mapping, header or row to plain values in the catalog's units, by the names given.

    The keywords of a row are its columns with names of keywords, and its ``Series``. Unreadable cards and masked values
    become None. Raises `QueryError` if these are not keywords, or a value is invalid.
    """
    from astropy.io.fits import Header  # slow to import

    if isinstance(keywords, Header):
        return _of_header(keywords)
    if isinstance(keywords, Row):
        pairs = ((str(name), keywords[name]) for name in keywords.colnames)
        return _of_pairs(one for one in pairs if one[0] in _COLUMNS or one[0] == "Series" or find_keyword(one[0]))
    if getattr(keywords, "ndim", 0) == 1 and hasattr(keywords, "to_dict"):
        keywords = keywords.to_dict()  # a row of a pandas DataFrame, as drms returns it
    if isinstance(keywords, Mapping):
        for name in keywords:
            if not isinstance(name, str):
                raise QueryError(f"complete_header: names of keywords must be strings, such as 'usflux', not {name!r}.")
        return _of_pairs(keywords.items())
    raise QueryError(
        f"complete_header takes the keywords of one record, not {described(keywords)}. Give a dict, a FITS header "
        "(fits.getheader(path, 1), map.meta), a row of a pandas DataFrame, or a row of results.keywords('*'), such as "
        "table[0]."
    )


def of_another_record(
    keywords: Mapping[str, Any], series: str, harpnum: int | None, slot: int | None, recnum: int | None = None
) -> tuple[str, str] | None:
    """Compare plain keywords with a known record; return what is known and what differs, or None."""
    stated = {
        known: clean(keywords[name], find_keyword(known))
        for known, name in _identifying(tuple(keywords)).items()
        if type(keywords[name]) in PLAIN
    }
    differing = [
        *_of_series(series, [str(stated.get("series") or ""), str(stated.get("drms_id") or "")]),
        *_of_projection(series, str(stated.get("ctype1") or "")),
    ]
    name = "HARPNUM" if "harpnum" in stated else "TARPNUM"
    # In the names of files, the record number replaces an unknown HARPNUM.
    if (own := region_number(stated)) is not None and harpnum not in (None, own, recnum, stated.get("recnum")):
        differing.append((f"{name} {harpnum}", f"{name} {own}"))
    if (own := text_slot(str(stated.get("t_rec") or ""))) is not None and slot not in (None, own):
        differing.append((f"T_REC {slot_text(slot)}", f"T_REC {slot_text(own)}"))
    if not differing:
        return None
    known, others = (", ".join(some) for some in zip(*differing, strict=True))
    return known, others


@lru_cache(64)
def _identifying(names: tuple[str, ...]) -> dict[str, str]:
    """Find the keywords that identify a record; services send the same ones for every record."""
    lowered = {name.strip().lower(): name for name in reversed(names)}
    return {known: lowered[known] for known in _IDENTIFYING & lowered.keys()}


def _of_series(own: str, others: Iterable[str]) -> list[tuple[str, str]]:
    for text in others:
        match = _SERIES.match(text.strip())  # in DRMS_ID, record and segment follow
        if match and _known_series(match[0]) != _known_series(own):
            return [(f"series {own}", f"series {match[0]}")]
    return []


def _known_series(name: str) -> str:
    known = find_series(name)
    return known.name if known else name.casefold()


def _of_projection(own: str, axis: str) -> list[tuple[str, str]]:
    known, projection = find_series(own), _PROJECTIONS.get(axis[:4])
    if known is None or projection in (None, known.projection):
        return []
    return [(f"series {own} ({known.projection})", f"a series on the {projection} grid (CTYPE1 {axis})")]


def _of_header(header: Header) -> dict[str, Any]:
    """Return the values of a header; of several cards with one name, the first counts. Invalid cards have no value."""
    from astropy.io.fits import VerifyError

    found: dict[str, Any] = {}
    for card in header.cards:
        name = card.keyword
        if name in found or (NOT_OF_THE_RECORD.fullmatch(name) and name != "DRMS_ID"):  # which names the series
            continue
        try:
            value = card.value
        except VerifyError:
            value = None
        found[name] = value if type(value) in PLAIN else None
    return found


def _of_pairs(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    columns: dict[str, Any] = {}
    for name, value in pairs:
        known = _COLUMNS.get(name, name)
        plain = value if value is None or type(value) in PLAIN else _plain(known, value)
        (found if known == name else columns)[known] = plain
    # A column of the keyword itself comes directly from the service.
    return found | {name: value for name, value in columns.items() if found.get(name) is None}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, _OF_JSON):
        return None
    if np.shape(value):
        raise QueryError(f"complete_header: {name} has several values, not one. Give the keywords of one record.")
    if mask_of(value).any():
        return None
    if isinstance(value, Time):
        return _time_text(name, value)
    if isinstance(value, u.Quantity):
        return _in_unit(name, value)
    if isinstance(value, (np.generic, np.ndarray)) and value.dtype.kind not in "mM":  # times without a scale
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    raise QueryError(
        f"complete_header: {name} is {described(value)}, which is not valid for a keyword. Give a number, text, a "
        "quantity, an astropy Time, or None if it is missing."
    )


def _time_text(name: str, value: Time) -> str:
    known = find_keyword(name)
    drms = known.name if known else name.strip().lower()
    if drms in _TAI:
        text = str(value.tai.isot).removesuffix(".000")
        return f"{text.replace('-', '.').replace('T', '_')}_TAI"
    if drms.startswith("date"):
        return str(value.utc.isot)
    raise QueryError(
        f"complete_header: {name} is given as a time, but its values are not times. Give it as text, or leave it out."
    )


def _in_unit(name: str, value: u.Quantity) -> float:
    known = find_keyword(name)
    if known is None:
        raise QueryError(
            f"complete_header: {name} is not a SHARP keyword, so its unit is unknown, and {value} cannot be written. "
            "Give a number, or leave it out."
        )
    try:
        number = getattr(value, "unmasked", value).to_value(known.unit)
    except u.UnitConversionError:
        unit = f"in {known.unit}" if known.unit else "without a unit"
        raise QueryError(
            f"complete_header: {name} ({known.meaning}) is written {unit}, and {value} cannot be converted. Give a "
            "number, or the right unit."
        ) from None
    return float(number)


def described(value: Any) -> str:
    """Describe a value of the wrong type."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the string {value[:60]!r}"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"

"""The NOAA numbers of records, from their keyword NOAA_ARS or from JSOC's list of HARP and NOAA numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.flares.cells import full_numbers, texts_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["HarpNumbers", "NumberPairs", "harp_numbers_digest", "number_pairs", "read_harp_numbers"]

_LINE: Final = re.compile(r"\s*(\d+)[\s,]+(\d{4,5}(?:\s*,\s*\d{4,5})*)\s*", re.ASCII)
_NUMBERS: Final = re.compile(r"\d+", re.ASCII)

#: NOAA numbers by HARP number.
HarpNumbers = Mapping[int, tuple[int, ...]]


class NumberPairs(NamedTuple):
    """Pairs of a record's row and one of its NOAA numbers."""

    rows: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int64]


def read_harp_numbers(source: str | os.PathLike[str] | Mapping[int, Sequence[int]]) -> dict[int, tuple[int, ...]]:
    """
    Read JSOC's list of HARP and NOAA numbers, ``all_harps_with_noaa_ars.txt``.

    The file has lines such as ``8 11073`` and ``54 11096,11097``; alternatively, give a dict of NOAA numbers by HARP
    number. HARPs of the near-real-time series and SMARPs have numbers of their own, which are not in JSOC's list.
    Raises a `QueryError` if the file cannot be read or a line cannot be parsed.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.harp_numbers import read_harp_numbers
    >>> read_harp_numbers({54: [11096, 11097]})
    {54: (11096, 11097)}
    """
    try:
        if isinstance(source, Mapping):
            return {int(harp): tuple(int(number) for number in numbers) for harp, numbers in source.items()}
        path = Path(source).expanduser()
    except (TypeError, ValueError):
        raise QueryError(
            f"noaa_numbers={source!r} is invalid. Give a file, or NOAA numbers by HARP number: {{54: [11096, 11097]}}."
        ) from None
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError as error:
        raise QueryError(
            f"Cannot read the list of HARP and NOAA numbers {path}: {error.strerror}. Correct the path. JSOC's list "
            "is at http://jsoc.stanford.edu/doc/data/hmi/harpnum_to_noaa/all_harps_with_noaa_ars.txt."
        ) from error
    result: dict[int, tuple[int, ...]] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match:
            result[int(match[1])] = tuple(map(int, _NUMBERS.findall(match[2])))
        elif line.strip() and not line.lstrip().startswith("#") and (result or line.lstrip()[0].isdigit()):
            raise QueryError(
                f"Cannot parse line {number} of {path}, {line.strip()[:60]!r}. Write a HARP number and its NOAA "
                "numbers, such as '54 11096,11097', or remove the line."
            )
    if not result:
        raise QueryError(f"{path} has no lines of HARP and NOAA numbers, such as '54 11096,11097'. Use JSOC's list.")
    return result


def harp_numbers_digest(numbers: HarpNumbers) -> str:
    """Return the SHA-256 of a list of HARP and NOAA numbers as hexadecimal text."""
    lines = (f"{harp} {','.join(map(str, numbers[harp]))}\n" for harp in sorted(numbers))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def number_pairs(
    harps: npt.NDArray[np.int64], noaa_ars: Any, times: npt.NDArray[np.datetime64], listed: HarpNumbers | None = None
) -> NumberPairs:
    """
    Pair records with their NOAA numbers, taken from ``listed`` where a record has none.

    ``noaa_ars`` is the keyword NOAA_ARS of each record (``"11640,11642"``, or a number); it is masked, empty or
    ``MISSING`` where unknown. ``times`` are T_REC in UTC.
    """
    texts = np.array(texts_of(noaa_ars), dtype=np.str_)
    known, codes = np.unique(texts, return_inverse=True)
    numbers = [sorted({int(number) for number in _NUMBERS.findall(text)} - {0}) for text in known.tolist()]
    wrong = next((text for text, row in zip(known.tolist(), numbers, strict=True) if row and row[-1] > 99_999), "")
    if wrong:
        raise QueryError(
            f"NOAA_ARS={wrong!r} of a record has a number with more than five digits. Correct the keyword."
        )
    rows, pairs = _spread(codes, numbers)
    if listed:
        empty = np.flatnonzero(np.array([not row for row in numbers], dtype=bool)[codes])
        groups, places = np.unique(harps[empty], return_inverse=True)
        more, others = _spread(places, [sorted(set(listed.get(harp, ())) - {0}) for harp in groups.tolist()])
        rows, pairs = np.concatenate([rows, empty[more]]), np.concatenate([pairs, others])
    return NumberPairs(rows, full_numbers(pairs, times[rows]))


def _spread(
    codes: npt.NDArray[np.int64], values: Sequence[Sequence[int]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return pairs of each row and each value of its code."""
    pairs = [(code, value) for code, some in enumerate(values) for value in some]
    known, each = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    first, last = (np.searchsorted(known, codes, side) for side in ("left", "right"))
    rows = np.repeat(np.arange(len(codes)), last - first)
    return rows, each[np.arange(len(rows)) - np.repeat(np.cumsum(last - first) - last, last - first)]

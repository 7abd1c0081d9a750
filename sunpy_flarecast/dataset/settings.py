"""What `build` is called with, checked before any request, as the `Settings` that a data set keeps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec
import numpy as np
from sunpy.net import attr
from sunpy.net.fido_factory import UnifiedResponse

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.query.attr_walker import queries
from sunpy_flarecast.rest.service_url import base_url, without_password
from sunpy_flarecast.sharp.catalog import SMARP, find_keyword, find_series
from sunpy_flarecast.sharp.keyword_names import choose_keywords, is_in
from sunpy_flarecast.table.base import RecordTable

from .encoding import check_encoding
from .keyword_sets import ALWAYS, SWAN
from .model import ImageSettings, Kind, Settings, SplitSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sunpy_flarecast.flares import FlareList
    from sunpy_flarecast.query.query import Query

    from .harp_numbers import HarpNumbers
    from .model import FlareSettings

__all__ = ["Asked", "ask", "difference", "image_settings"]

#: How the settings that users do not see by these names are called in messages.
_NAMES: Final = {
    "flares.digest": "the list of flares",
    "flares.time": "flare_time",
    "flares.thresholds": "threshold",
    "flares.numbers": "noaa_numbers",
    "split.sets": "split",
    "split.by": "split_by",
    "records": "the table of records",
    "images.encoding": "encoding",
}

#: Most pixels along each axis that become one; the smallest patches have a few dozen.
_MOST_BINNED: Final = 64

#: How much of a value a message shows.
_SHOWN: Final = 60


@dataclass(frozen=True)
class Asked:
    """
    What a data set is built from.

    ``queries`` are searched, or else the records of ``table`` are taken; ``optional`` are keywords that are left out
    where the service lacks them, and ``flares`` is the list that records are labelled by,
    with the NOAA numbers of HARPs in ``harp_numbers`` where records have none.
    """

    settings: Settings
    queries: list[Query]
    table: RecordTable | None
    optional: frozenset[str]
    flares: FlareList | None
    harp_numbers: HarpNumbers | None


def ask(
    query: Sequence[Any],
    *,
    keywords: Iterable[str],
    flares: Any,
    windows: Any,
    threshold: str | Iterable[str],
    flare_time: str,
    by_position: bool,
    noaa_numbers: Any,
    split: SplitSettings | None,
    images: ImageSettings | None,
) -> Asked:
    """Check a query or table, and what is made of it, without images if these are None; no request is made."""
    table = _table(query)
    if table is None and (wrong := [one for one in query if not isinstance(one, attr.Attr)]):
        raise QueryError(
            f"build() takes attrs, or a table that a search found, not {_short(repr(wrong[0]).partition(chr(10))[0])}. "
            "FLARECASTResponse.read(path) reads one."
        )
    found = list(table.queries) if table is not None else queries(*query)
    series = _one_series(table, found)
    segments = () if images is None else _segments(table, found, series)
    images = images or ImageSettings()
    check_encoding(series, segments, images)
    names, optional = _keywords(keywords, series)
    flare_list, listed, labels = None, None, None
    if flares is not None:
        flare_list, listed, labels = _flares(flares, windows, threshold, flare_time, by_position, noaa_numbers)
    elif split is not None and split.stratify:
        raise QueryError("stratify=True needs labels; pass a list of flares, or leave it out.")
    elif by_position or noaa_numbers is not None:
        raise QueryError("by_position and noaa_numbers are for labels; pass a list of flares, or leave them out.")
    settings = Settings(
        service=without_password(base_url((table.service if table is not None else "") or conf.url)),
        series=series,
        segments=segments,
        query=() if table is not None else tuple(map(_described, found)),
        records="" if table is None else _identity(table),
        keywords=names,
        flares=labels,
        split=split,
        images=images,
    )
    return Asked(settings, found, table, optional, flare_list, listed)


def _table(query: Sequence[Any]) -> RecordTable | None:
    """Return the table that is given in place of a query, if one is."""
    if len(query) != 1 or not isinstance(query[0], (RecordTable, UnifiedResponse)):
        return None
    found = [query[0]] if isinstance(query[0], RecordTable) else list(query[0])
    tables = [table for table in found if isinstance(table, RecordTable)]
    if len(tables) != 1 or len(found) != 1:
        raise QueryError(
            f"A data set is built from one table of a FLARECAST search, not from {len(found)}; choose one, for example "
            "results['flarecast']."
        )
    if not len(tables[0]):
        raise QueryError("The table has no records to build a data set from.")
    return tables[0]


def _one_series(table: RecordTable | None, found: Sequence[Query]) -> str:
    series = set(table["Series"].tolist()) if table is not None else {query.series for query in found}
    if len(series) > 1:
        raise QueryError(f"A data set has one series, not {', '.join(sorted(series))}; build one for each.")
    return str(series.pop())


def _segments(table: RecordTable | None, found: Sequence[Query], series: str) -> tuple[str, ...]:
    """Return the segments of a data set, in the order of the series."""
    if table is not None:
        names = {one.segment for one in table.files()}
    else:
        names = {name for query in found for name in query.segments}
    known = find_series(series)
    if known is None:
        if not names or any(sign in name for name in names for sign in "*?["):
            raise QueryError(f"The segments of {series} are not known here; name them in a.flarecast.Segment(...).")
        return tuple(sorted(names))
    every = [segment.name for segment in known.segments]
    if table is None and any(not query.segments for query in found):
        return tuple(every)
    if other := sorted(names.difference(every)):
        raise QueryError(f"The table has files of {other[0] or 'an unknown segment'!r}, which {series} does not have.")
    return tuple(name for name in every if name in names)


def _described(query: Query) -> str:
    """Write a query, but for its segments, so that equal queries are written alike, and other ones are not."""
    plain = msgspec.to_builtins(query, enc_hook=lambda time: time.utc.isot)
    first, last = plain["harps"] or (None, None)
    words = {
        "harps": f"HARP {first}" if first == last else f"HARPs {first} to {last}",
        "sample": f"sampled every {_length(plain['sample'])}",
        "near": f"nearest to {plain['near']} UTC",
        "tolerance": f"within {_length(plain['tolerance'])}",
    }
    shown = [text for name, text in words.items() if plain[name] is not None]
    return ", ".join([str(query), *shown, *map(str, query.conditions)])


def _length(seconds: float | None) -> str:
    """Write a length of time in the largest unit of which it is a multiple."""
    seconds = seconds or 0
    size, unit = next((one for one in ((3600, "h"), (60, "min")) if seconds % one[0] == 0), (1, "s"))
    return f"{seconds / size!r} {unit}".replace(".0 ", " ")


def _identity(table: RecordTable) -> str:
    """Return a digest of the identities of records, whatever their order."""
    records = table.records()
    columns = [np.ma.filled(column, -1) for column in (records.recnum, records.harpnum, records.slot)]
    order = np.lexsort(columns)
    digest = hashlib.sha256()
    for column in columns:
        digest.update(np.ascontiguousarray(column[order], dtype="<i8").tobytes())
    return digest.hexdigest()


def _keywords(names: Iterable[str], series: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the keywords of a data set, and those that are left out where the service lacks them."""
    if not np.iterable(names):
        raise QueryError(f"keywords={names!r} is not a list of keywords; write ['usflux', 'mean*'], or [] for none.")
    given = [names] if isinstance(names, str) else list(names)
    if tuple(given) == SWAN and (home := find_series(series)) is not None and home.instrument == "MDI":
        given = list(SMARP)
    chosen, by_pattern = choose_keywords(given, [series]) if given else ([], frozenset())
    exact = {one.name for one in chosen} - by_pattern
    always = [name for name in ALWAYS if (known := find_keyword(name)) is not None and is_in(known, series)]
    every = dict.fromkeys([*(one.name for one in chosen), *always])
    return tuple(every), frozenset(every.keys() - exact)


def _flares(
    flares: Any, windows: Any, threshold: Any, flare_time: str, by_position: bool, noaa_numbers: Any
) -> tuple[FlareList, HarpNumbers | None, FlareSettings]:
    from sunpy_flarecast.flares import read_flares

    from .harp_numbers import read_harp_numbers
    from .label import flare_settings

    found = read_flares(flares)
    listed = None if noaa_numbers is None else read_harp_numbers(noaa_numbers)
    return found, listed, flare_settings(found, windows, threshold, flare_time, by_position, listed)


def image_settings(encoding: str, bin: int, shard_records: int) -> ImageSettings:  # noqa: A002
    """Check how images are to be stored."""
    kinds = get_args(Kind)
    if encoding not in kinds:
        raise QueryError(f"encoding={encoding!r}: write one of {', '.join(map(repr, kinds))}.")
    for name, value in (("bin", bin), ("shard_records", shard_records)):
        if not isinstance(value, Integral) or value < 1:
            raise QueryError(f"{name}={value!r} is not a whole number of 1 or more.")
    if encoding == "binned" and bin > _MOST_BINNED:
        raise QueryError(
            f"bin={bin}: squares of more than {_MOST_BINNED} pixels a side leave next to nothing of a patch. Use a "
            "smaller one, such as 4."
        )
    return ImageSettings(
        encoding=encoding,  # type: ignore[arg-type]
        bin=int(bin) if encoding == "binned" else 1,
        shard_records=int(shard_records),
    )


def difference(old: Settings, new: Settings) -> str:
    """
    Name the settings in which two data sets differ; empty if there are none.

    The URL of the service does not count: records are known by their numbers, and files are checked against them.
    """
    before, after = _flat(msgspec.to_builtins(old)), _flat(msgspec.to_builtins(new))
    names = [name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)]
    names = [name for name in names if name not in ("service", "earlier")]
    for part, main in (("split.", "split.sets"), ("flares.", "flares.digest")):
        if main not in before or main not in after:  # one of them has none
            names = [name for name in names if name == main or not name.startswith(part)]
    texts = []
    for name in names:
        shown = _NAMES.get(name, name.rpartition(".")[2])
        if name in ("flares.digest", "flares.numbers", "records"):
            texts.append(f"{shown} is another one")
        else:
            texts.append(f"{shown} was {_short(before.get(name))} and is now {_short(after.get(name))}")
    return "; ".join(texts)


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    parts = {name: part for name, part in value.items() if not isinstance(part, dict) and part is not None}
    for name in ("flares", "split", "images"):
        parts |= {f"{name}.{inner}": part for inner, part in (value[name] or {}).items()}
    return parts


def _short(value: Any) -> str:
    text = (
        "nothing"
        if value in (None, "", [], ())
        else ", ".join(map(str, value))
        if isinstance(value, (list, tuple))
        else str(value)
    )
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

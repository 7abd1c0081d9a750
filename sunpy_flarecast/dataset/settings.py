"""Check the arguments of `build` before any request, and convert them to the `Settings` of a data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, get_args

import astropy.units as u
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

__all__ = ["BuildRequest", "build_request", "image_settings"]

#: Largest binning factor; the smallest patches have a few dozen pixels along an axis.
_MOST_BINNED: Final = 64


@dataclass(frozen=True)
class BuildRequest:
    """
    The input of a build.

    The records come from a search for ``queries``, or from ``table`` if it is given. ``optional`` are keywords that are
    left out if the service lacks them. ``flares`` is the list of flares for the labels, and ``harp_numbers`` has NOAA
    numbers for records without any.
    """

    settings: Settings
    queries: list[Query]
    table: RecordTable | None
    optional: frozenset[str]
    flares: FlareList | None
    harp_numbers: HarpNumbers | None


def build_request(
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
) -> BuildRequest:
    """Check the query or table and the settings without making a request; with ``images=None`` there are no images."""
    table = _table(query)
    if table is None and (wrong := [argument for argument in query if not isinstance(argument, attr.Attr)]):
        raise QueryError(
            f"build() takes attrs or the result of a search, not {repr(wrong[0]).partition(chr(10))[0]:.60}. Read "
            "a saved result with FLARECASTResponse.read(path)."
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
        raise QueryError(
            "stratify=True (--stratify) requires labels. Pass a list of flares (--flares), or leave stratify out."
        )
    elif given := _label_options(windows, threshold, flare_time, by_position, noaa_numbers):
        verb, them = ("require", "them") if len(given) > 1 else ("requires", "it")
        raise QueryError(f"{' and '.join(given)} {verb} labels. Pass a list of flares (--flares), or leave {them} out.")
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
    return BuildRequest(settings, found, table, optional, flare_list, listed)


def _table(query: Sequence[Any]) -> RecordTable | None:
    """Return the table that is given instead of a query, if any."""
    if len(query) != 1 or not isinstance(query[0], (RecordTable, UnifiedResponse)):
        return None
    found = [query[0]] if isinstance(query[0], RecordTable) else list(query[0])
    tables = [table for table in found if isinstance(table, RecordTable)]
    if len(tables) != 1 or len(found) != 1:
        raise QueryError(
            f"A data set is built from one table of a FLARECAST search, not from {len(found)}. Choose one, for example "
            "results['flarecast']."
        )
    if not len(tables[0]):
        raise QueryError("The table has no records. Pass a table with records, or search for a longer time range.")
    return tables[0]


def _one_series(table: RecordTable | None, found: Sequence[Query]) -> str:
    series = set(table["Series"].tolist()) if table is not None else {query.series for query in found}
    if len(series) > 1:
        raise QueryError(f"A data set has one series, not {', '.join(sorted(series))}. Build a data set for each.")
    return str(series.pop())


def _segments(table: RecordTable | None, found: Sequence[Query], series: str) -> tuple[str, ...]:
    """Return the segments of a data set, in the order of the series."""
    if table is not None:
        names = {file.segment for file in table.files()}
    else:
        names = {name for query in found for name in query.segments}
    known = find_series(series)
    if known is None:
        if not names or any(sign in name for name in names for sign in "*?["):
            raise QueryError(
                f"The segments of {series} are unknown. Name them in a.flarecast.Segment(...) (--segment)."
            )
        return tuple(sorted(names))
    every = [segment.name for segment in known.segments]
    if table is None and any(not query.segments for query in found):
        return tuple(every)
    if other := sorted(names.difference(every)):
        files = f"the segment {other[0]!r}" if other[0] else "an unknown segment"
        raise QueryError(f"The table has files of {files}, which {series} does not have. Search with valid segments.")
    return tuple(name for name in every if name in names)


def _described(query: Query) -> str:
    """Describe a query without its segments; different queries have different descriptions."""
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
    """Return a length of time as text, in the largest unit that divides it."""
    seconds = seconds or 0
    size, unit = next((unit for unit in ((3600, "h"), (60, "min")) if seconds % unit[0] == 0), (1, "s"))
    return f"{seconds / size!r} {unit}".replace(".0 ", " ")


def _identity(table: RecordTable) -> str:
    """Return a digest of the identities of records that does not depend on their order."""
    records = table.records()
    columns = [np.ma.filled(column, -1) for column in (records.recnum, records.harpnum, records.slot)]
    order = np.lexsort(columns)
    digest = hashlib.sha256()
    for column in columns:
        digest.update(np.ascontiguousarray(column[order], dtype="<i8").tobytes())
    return digest.hexdigest()


def _keywords(names: Iterable[str], series: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the keywords of a data set, and those that are left out if the service lacks them."""
    if not np.iterable(names):
        raise QueryError(f"keywords={names!r} is not a list of keywords. Write ['usflux', 'mean*'], or [] for none.")
    given = [names] if isinstance(names, str) else list(names)
    if tuple(given) == SWAN and (home := find_series(series)) is not None and home.instrument == "MDI":
        given = list(SMARP)
    chosen, by_pattern = choose_keywords(given, [series]) if given else ([], frozenset())
    exact = {keyword.name for keyword in chosen} - by_pattern
    always = [name for name in ALWAYS if (known := find_keyword(name)) is not None and is_in(known, series)]
    every = dict.fromkeys([*(keyword.name for keyword in chosen), *always])
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


def _label_options(windows: Any, threshold: Any, flare_time: str, by_position: bool, noaa_numbers: Any) -> list[str]:
    """Return the options of labels that differ from the defaults of `build`."""
    try:
        usual = u.allclose(u.Quantity(windows), 24 * u.hour)
    except (u.UnitsError, TypeError, ValueError):
        usual = False
    thresholds = threshold if isinstance(threshold, str) or not np.iterable(threshold) else list(threshold)
    options = {
        "windows (--window)": not usual,
        "threshold (--threshold)": thresholds not in ("M1.0", ["M1.0"]),
        "flare_time (--flare-time)": flare_time != "peak",
        "by_position (--by-position)": by_position,
        "noaa_numbers (--noaa-numbers)": noaa_numbers is not None,
    }
    return [name for name, changed in options.items() if changed]


def image_settings(encoding: str, bin: int, shard_records: int) -> ImageSettings:  # noqa: A002
    """Check the settings of images."""
    kinds = get_args(Kind)
    if encoding not in kinds:
        raise QueryError(f"encoding={encoding!r} is invalid. Use one of {', '.join(map(repr, kinds))}.")
    for name, value in (("bin", bin), ("shard_records", shard_records)):
        if not isinstance(value, Integral) or value < 1:
            raise QueryError(f"{name}={value!r} is invalid. It must be a positive integer.")
    if encoding == "binned" and bin > _MOST_BINNED:
        raise QueryError(
            f"bin={bin} (--bin) is too large: it must be at most {_MOST_BINNED}, since patches have few pixels. Use a "
            "smaller value, such as 4."
        )
    return ImageSettings(
        encoding=encoding,  # type: ignore[arg-type]
        bin=int(bin) if encoding == "binned" else 1,
        shard_records=int(shard_records),
    )

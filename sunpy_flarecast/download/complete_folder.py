"""Complete bare files on disk: find their records by file name, request the keywords, and add them."""

from __future__ import annotations

import warnings
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import FLARECASTError, MissingDataWarning, TransferError
from sunpy_flarecast.fits.complete import complete_header
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.query.query import Query
from sunpy_flarecast.rest.keyword_requests import keywords_of
from sunpy_flarecast.rest.meta_reply import meta_url
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.rest.session import Patience
from sunpy_flarecast.search.missing import described
from sunpy_flarecast.search.search import find
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.filenames import other_series, read_name
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_time

from .plan import Record
from .record_keywords import field_sets
from .report import Bare, Completion

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

__all__ = ["complete_again", "complete_folder"]

#: Records farther apart than this, in slots, are searched separately.
_SLOTS_A_DAY: Final = 86400 // CADENCE

_NO_NAME: Final = "its name does not have JSOC's form, such as hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits"

#: A record identified by a file name: series, HARP number and slot of T_REC.
_Key = tuple[str, int, int]


def complete_folder(folder: str | os.PathLike[str], *, progress: bool = True) -> Completion:
    """
    Add keywords from the service of ``conf.url`` to the bare SHARP files of a folder and its subfolders.

    Only files with JSOC's names are completed, since these give series, HARP number, T_REC and segment. Raises a
    `ServiceError` if the service cannot be reached, and warns if it did not answer for all records.
    """
    result = Completion()
    wanted: dict[_Key, list[str]] = {}
    for path in sorted(str(file) for file in Path(folder).rglob("*.fits") if file.is_file()):
        try:
            bare = read_headers(path).bare
        except TransferError as error:
            result.bare.append(Bare(path, f"it {error}"))
            continue
        except OSError as error:
            result.bare.append(Bare(path, f"it cannot be read ({error.strerror or error})"))
            continue
        if not bare:
            result.fine += 1
            continue
        named = read_name(Path(path).name)
        series = find_series(named.series) if named else None
        if named is None or named.slot is None or series is None or series.segment(named.segment) is None:
            other = other_series(Path(path).name)
            reason = f"it belongs to {other}, which is not a SHARP or SMARP series" if other else _NO_NAME
            result.bare.append(Bare(path, reason))
        else:
            wanted.setdefault((series.name, named.harpnum, named.slot), []).append(path)
    if wanted:
        with Service() as service:
            _request(service, _lacking(wanted, service, result, progress=progress), result, progress=progress)
    return result


def complete_again(bare: Iterable[Bare], *, progress: bool = True, parallel: int | None = None) -> list[Bare]:
    """
    Request again the keywords of files that were published without them; return the files that still lack them.

    ``parallel`` is the number of simultaneous requests, by default ``conf.parallel_requests``.
    """
    result = Completion()
    left: dict[str, list[Bare]] = {}
    for file in bare:
        if file.record is None:
            result.bare.append(file)
        else:
            left.setdefault(file.record.base, []).append(file)
    for base, some in left.items():
        with Service.of_table(base, Patience(parallel)) as service:
            _request(service, some, result, progress=progress)
    return result.bare


def _lacking(wanted: dict[_Key, list[str]], service: Service, result: Completion, *, progress: bool) -> list[Bare]:
    """Search for the records of files; return the files whose records were found."""
    found = find(_queries(wanted), service, progress=progress)
    if found.missing:
        warnings.warn(described(found.missing), MissingDataWarning, stacklevel=3)
    records = found.records
    columns = (records.series, records.harpnum, records.slot, records.recnum)
    numbers = {tuple(key): recnum for *key, recnum in zip(*(column.tolist() for column in columns), strict=True)}
    lacking: list[Bare] = []
    for key, paths in wanted.items():
        if (recnum := numbers.get(key)) is None:
            reason = "the service does not have this record, or did not return its number"
            result.bare.extend(Bare(path, reason) for path in paths)
        else:
            record = Record(service.url, key[0], recnum)
            lacking.extend(Bare(path, "", record) for path in paths)
    return lacking


def _queries(wanted: Iterable[_Key]) -> list[Query]:
    """Return queries for the times of the wanted records, without the gaps between them."""
    slots: dict[str, set[int]] = {}
    for series, _, slot in wanted:
        slots.setdefault(series, set()).add(slot)
    queries: list[Query] = []
    for series, some in slots.items():
        ordered = sorted(some)
        gaps = [(slot, following) for slot, following in pairwise(ordered) if following - slot >= _SLOTS_A_DAY]
        begins = [ordered[0], *(following for _, following in gaps)]
        ends = [*(slot for slot, _ in gaps), ordered[-1]]
        for first, last in zip(begins, ends, strict=True):
            queries.append(Query(series=series, start=slot_time(first).utc, end=slot_time(last).utc))
    return queries


def _request(service: Service, bare: Iterable[Bare], result: Completion, *, progress: bool) -> None:
    """Request the keywords of files with known records, series by series, and add them to the files."""
    series: dict[str, dict[int, list[Bare]]] = {}
    for file in bare:
        if file.record is not None:
            series.setdefault(file.record.series, {}).setdefault(file.record.recnum, []).append(file)
    for name, left in series.items():
        reasons: dict[int, str] = {}
        for fields in field_sets(name):
            if not left:
                break
            for values, failures in keywords_of(service, name, list(left), fields, progress=progress):
                for recnum, keywords in values.items():
                    source = meta_url(service.url, name, (recnum,), fields)
                    remaining: list[Bare] = []
                    for file in left.pop(recnum, []):
                        try:
                            complete_header(
                                file.path, keywords, series=name, segment=file.segment, recnum=recnum, source=source
                            )
                            result.completed.append(file.path)
                        except (FLARECASTError, OSError) as error:
                            remaining.append(file)
                            reasons.setdefault(recnum, str(error))
                    if remaining:
                        left[recnum] = remaining
                for recnums, failure in failures:
                    for recnum in recnums:
                        reasons.setdefault(recnum, failure.reason)
        for recnum, files in left.items():
            reason = reasons.get(recnum, "the service did not answer")
            result.bare.extend(file._replace(reason=reason) for file in files)

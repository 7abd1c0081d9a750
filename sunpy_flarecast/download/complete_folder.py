"""Bare files that are there: their records found by their names, the keywords asked for, and put into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
from sunpy.net import attr
from sunpy.net import attrs as a

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import FLARECASTError, TransferError
from sunpy_flarecast.fido.client import FLARECASTClient
from sunpy_flarecast.fits.complete import complete_header
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.query.attrs import Series
from sunpy_flarecast.rest.keyword_requests import keywords_of
from sunpy_flarecast.rest.meta_reply import meta_url
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.rest.service_url import with_credentials
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.filenames import read_name
from sunpy_flarecast.sharp.t_rec import CADENCE, slot_time

from .record_keywords import WAYS, Bare, Record, fields_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

__all__ = ["Completion", "complete_again", "complete_folder"]

#: Records of one search are not farther apart than this, in slots; what lies between is searched, too.
_SLOTS_A_DAY: Final = 86400 // CADENCE

#: Services may list by DATE-OBS, which is up to two minutes before T_REC.
_MARGIN: Final = 5 * u.min

#: A record as file names tell it: series, HARP number and slot of T_REC.
_Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Completion:
    """
    What became of the files of a folder.

    Parameters
    ----------
    completed : list of str
        Files that have got their keywords.
    fine : int
        How many files had them before.
    bare : list of Bare
        Files that lack them still, each with the reason; also those that are broken, or no FITS files.
    """

    completed: list[str] = field(default_factory=list)
    fine: int = 0
    bare: list[Bare] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{len(self.completed):,} files completed, {self.fine:,} had keywords, {len(self.bare):,} lack them."]
        reasons: dict[str, list[str]] = {}
        for one in self.bare:
            reasons.setdefault(one.reason.replace(one.path, "").strip(), []).append(one.path)
        for reason, paths in reasons.items():
            more = f" (and {len(paths) - 1:,} more alike)" if len(paths) > 1 else ""
            lines.append(f"Not completed: {paths[0]}: {reason}{more}")
        return "\n".join(lines)


def complete_folder(folder: str | os.PathLike[str], *, progress: bool = True) -> Completion:
    """
    Give the bare SHARP files of a folder and the folders in it their keywords, from the service of ``conf.url``.

    Parameters
    ----------
    folder : path-like
        The folder. The files have the names that JSOC gives them, which tell series, HARP number, T_REC and segment.
    progress : bool
        Show bars.

    Returns
    -------
    Completion

    Raises
    ------
    ServiceError
        If the service cannot be reached.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sunpy_flarecast.download.complete_folder import complete_folder
    >>> with TemporaryDirectory() as folder:
    ...     print(complete_folder(folder))
    0 files completed, 0 had keywords, 0 lack them.
    """
    result = Completion()
    wanted: dict[_Key, list[str]] = {}
    fine = 0
    for path in sorted(str(file) for file in Path(folder).rglob("*.fits") if file.is_file()):
        try:
            lacking = read_headers(path).bare
        except (TransferError, OSError) as error:
            told = str(error) if isinstance(error, TransferError) else f"cannot be read ({error.strerror or error})"
            result.bare.append(Bare(path, f"it {told}"))
            continue
        if not lacking:
            fine += 1
            continue
        named = read_name(Path(path).name)
        series = find_series(named.series) if named else None
        if named is None or named.slot is None or series is None:
            reason = "its name does not tell its record, as hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits does"
            result.bare.append(Bare(path, reason))
        else:
            wanted.setdefault((series.name, named.harpnum, named.slot), []).append(path)
    result = Completion(result.completed, fine, result.bare)
    if wanted:
        _complete(wanted, result, progress=progress)
    return result


def complete_again(bare: Iterable[Bare], *, progress: bool = True) -> list[Bare]:
    """
    Ask once more for the keywords of files that were published without, and put them into those.

    Parameters
    ----------
    bare : iterable of Bare
        What a fetch told of them.
    progress : bool
        Show bars.

    Returns
    -------
    list of Bare
        Those that lack their keywords still, each with the reason.
    """
    result = Completion()
    left: dict[str, list[Bare]] = {}
    for one in bare:
        if one.record is None:
            result.bare.append(one)
        else:
            left.setdefault(one.record.base, []).append(one)
    for base, some in left.items():
        with Service(with_credentials(base, conf.url)) as service:
            _ask_for(service, some, result, progress=progress)
    return result.bare


def _complete(wanted: dict[_Key, list[str]], result: Completion, *, progress: bool) -> None:
    table = FLARECASTClient().search(_query(wanted), progress=progress)
    records = table.records()
    columns = (records.series, records.harpnum, records.slot, records.recnum)
    found = {tuple(key): recnum for *key, recnum in zip(*(column.tolist() for column in columns), strict=True)}
    lacking: list[Bare] = []
    for key, paths in wanted.items():
        recnum = found.get(key)
        if recnum is None:
            reason = "the service has no such record, or did not tell its number"
            result.bare.extend(Bare(path, reason) for path in paths)
        else:
            record = Record(table.service, key[0], recnum)
            lacking.extend(Bare(path, "", record) for path in paths)
    with Service(table.service or None) as service:
        _ask_for(service, lacking, result, progress=progress)


def _query(wanted: Iterable[_Key]) -> attr.Attr:
    """Ask for the times of the records that are wanted, and not for the years between them."""
    branches: list[attr.Attr] = []
    slots: dict[str, set[int]] = {}
    for series, _, slot in wanted:
        slots.setdefault(series, set()).add(slot)
    for series, some in slots.items():
        ordered = sorted(some)
        ends = [one for one, following in pairwise(ordered) if following - one >= _SLOTS_A_DAY]
        begins = [following for one, following in pairwise(ordered) if following - one >= _SLOTS_A_DAY]
        for first, last in zip([ordered[0], *begins], [*ends, ordered[-1]], strict=True):
            branches.append(a.Time(slot_time(first) - _MARGIN, slot_time(last) + _MARGIN) & Series(series))
    return attr.or_(*branches)


def _ask_for(service: Service, bare: Iterable[Bare], result: Completion, *, progress: bool) -> None:
    """Ask for the records of files, all of which are known, series by series."""
    numbers: dict[str, dict[int, list[Bare]]] = {}
    for one in bare:
        if one.record is not None:
            numbers.setdefault(one.record.series, {}).setdefault(one.record.recnum, []).append(one)
    for series, files_of in numbers.items():
        _ask(service, series, files_of, result, progress=progress)


def _ask(service: Service, series: str, files_of: dict[int, list[Bare]], result: Completion, *, progress: bool) -> None:
    left = dict(files_of)
    reasons: dict[int, str] = {}
    for way in WAYS:
        fields = fields_of(way)
        for values, failures in keywords_of(service, series, list(left), fields, progress=progress):
            for recnum, keywords in values.items():
                source = meta_url(service.url, series, (recnum,), fields)
                left[recnum], reason = _put(left[recnum], keywords, source, result)
                if not left[recnum]:
                    del left[recnum]
                else:
                    reasons.setdefault(recnum, reason)
            for recnums, error in failures:
                for recnum in recnums:
                    reasons.setdefault(recnum, error.reason)
        if not left:
            break
    for recnum, files in left.items():
        reason = reasons.get(recnum, "the service did not answer")
        result.bare.extend(one._replace(reason=reason) for one in files)


def _put(files: list[Bare], keywords: Mapping[str, Any], source: str, result: Completion) -> tuple[list[Bare], str]:
    """Complete the files of a record; gives those that could not be, and why the first could not."""
    left: list[Bare] = []
    reason = ""
    for one in files:
        series, recnum = (one.record.series, one.record.recnum) if one.record else ("", None)
        try:
            complete_header(one.path, keywords, series=series, segment=one.segment, recnum=recnum, source=source)
        except (FLARECASTError, OSError) as error:
            left.append(one)
            reason = reason or str(error)
        else:
            result.completed.append(one.path)
    return left, reason

"""`mirror`: fill the folders of an archive from a source, window by window, and then update its index."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
from astropy.time import Time
from filelock import FileLock, Timeout
from sunpy.net import attr
from sunpy.net import attrs as a
from sunpy.time import parse_time

from sunpy_flarecast.errors import QueryError, ServiceError, TransferError
from sunpy_flarecast.query.attr_walker import queries
from sunpy_flarecast.query.attrs import HARPNUM, Segment, Series
from sunpy_flarecast.query.query import service_time
from sunpy_flarecast.utils.progress import counting_bar, progress_bar
from sunpy_flarecast.utils.reports import counted

from .flarecast import FLARECASTSource
from .folder import fill
from .jsoc import JSOC_URL, JSOCSource
from .report import MirrorReport
from .source import windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sunpy_flarecast.query.query import Query

    from .source import Offer, Source, Window

__all__ = ["mirror"]

#: After the source has failed for this many consecutive windows, nothing more is requested.
_MAX_FAILURES: Final = 3

#: Seconds to wait for another process that writes the index.
_WAIT: Final = 30.0


def mirror(
    start: str | Time,
    end: str | Time,
    directory: str | os.PathLike[str],
    *,
    series: str | Sequence[str],
    segment: str | Sequence[str] = (),
    harpnum: int | Sequence[int | tuple[int, int]] = (),
    sample: u.Quantity | None = None,
    where: attr.Attr | Sequence[attr.Attr] = (),
    service: str | None = None,
    jsoc: bool | str = False,
    email: str | None = None,
    stage_wait: float = 3600.0,
    max_conn: int | None = None,
    index: bool = True,
    jobs: int = 1,
    progress: bool = True,
) -> MirrorReport:
    """
    Fill an archive's folder with SHARP files from another FLARECAST service or from JSOC.

    The same call resumes a mirror that was interrupted or killed. Files on disk are not downloaded again unless their
    record was reprocessed. Files are stored unchanged as ``{series}/{YYYY}/{MM}/{DD}/{JSOC's name}``, by the day of
    T_REC (TAI). The keywords of records whose files lack them are stored in a table in each folder, ``keywords.ecsv``.

    Parameters
    ----------
    start, end : str or `astropy.time.Time`
        The time range, ends included; strings are UTC. A record is included if its DATE-OBS or T_REC is in the range.
    directory : path-like
        The folder; it is created if it does not exist.
    series : str or sequence of str
        Series, such as ``"hmi.sharp_720s"``.
    segment : str or sequence of str
        Segments or patterns such as ``"B?"`` (default: all).
    harpnum : int or sequence
        HARP numbers, or pairs of the first and last number of a range (default: all).
    sample : `astropy.units.Quantity`, optional
        Of each HARP, copy only the records nearest to a regular time grid, which begins at ``start`` and has this step.
    where : `sunpy.net.attr.Attr` or sequence of them
        Copy only records that satisfy these attrs, such as ``a.flarecast.Quality.good``, ``a.flarecast.NOAA(12443)`` or
        ``a.flarecast.Keyword("usflux") > 1e22 * u.Mx`` (default: all).
    service : str, optional
        Base URL of the FLARECAST service (default: ``conf.url``). ``conf.token`` is sent only to the service that it
        is set for.
    jsoc : bool or str
        Copy from JSOC (True), or from another site that runs JSOC's software (base URL), instead of a FLARECAST service
        (default: False).
    email : str, optional
        With ``jsoc``, an e-mail address registered there, required for exports of files that are not online.
    stage_wait : float
        Longest time in seconds to wait for each export of files that are not online (default: 3600); files that take
        longer are fetched by the next call.
    max_conn : int, optional
        Number of simultaneous transfers (default: 5, or 2 with ``jsoc``).
    index : bool
        Whether to update the index of the folder at the end (default: True).
    jobs : int
        Number of processes that read files for the index (default: 1); with several, a script must call this under
        ``if __name__ == "__main__"``.
    progress : bool
        Whether to show a progress bar (default: True).

    Returns
    -------
    MirrorReport
        What was fetched, what is missing, and why.

    Raises
    ------
    QueryError
        If an argument is invalid, the folder is not writable, or the address is not registered.
    ServiceError
        If the source does not answer for the first window, or does not have the first series.
    TransferError
        If another mirror is filling the folder, or the folder can no longer be written to.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import sunpy_flarecast
    >>> from sunpy_flarecast.archive import DemoArchive, running
    >>> with running(DemoArchive()) as url, TemporaryDirectory() as folder:
    ...     report = sunpy_flarecast.mirror("2015-12-11T12:00", "2015-12-11T12:05", folder, service=url,
    ...                                     series="hmi.sharp_cea_720s", segment="bitmap", progress=False)
    >>> report.complete, report.fetched == report.records
    (True, True)
    """
    requested = _queries(start, end, series, segment, harpnum, sample, where)
    if email is not None and not jsoc:
        raise QueryError("email applies only to exports from JSOC. Add jsoc=True (--from-jsoc), or leave email out.")
    if service is not None and jsoc:
        raise QueryError("A mirror has one source. Pass either service (--from) or jsoc (--from-jsoc).")
    if max_conn is not None and (not isinstance(max_conn, Integral) or max_conn < 1):
        raise QueryError(f"max_conn={max_conn!r} is invalid. It must be a positive integer.")
    if not isinstance(directory, (str, os.PathLike)) or not os.fspath(directory):
        raise QueryError(f"mirror(directory={directory!r}) is invalid. Pass the path of the folder to fill.")
    root = Path(directory).expanduser()
    with _locked(root):
        source: Source = (
            JSOCSource(JSOC_URL if jsoc is True else jsoc, email=email, wait=stage_wait)
            if jsoc
            else FLARECASTSource(service)
        )
        report = MirrorReport(str(root), source.name)
        _run(requested, root, source, report, connections=max_conn or source.connections, progress=progress)
        if index and not report.interrupted:
            _index(root, report, jobs=jobs, progress=progress)
    return report


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Lock a folder against other mirrors, and create it if needed; the lock ends with the process."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(root / ".mirror.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise TransferError(
            f"Another mirror is filling {root}. Wait until it has finished, or choose another folder."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise QueryError(
            f"{root} cannot be written to ({getattr(error, 'strerror', None) or error}). Choose another folder, or "
            "change its permissions."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _index(root: Path, report: MirrorReport, *, jobs: int, progress: bool) -> None:
    """Update the index, and add its report or its failure to the report of the mirror."""
    from sunpy_flarecast.archive.index import ArchiveIndexError, BusyIndexError, build_index

    with counting_bar(shown=progress, desc="Index", unit="file") as count:
        try:
            report.index = f"Index: {build_index(root, jobs=jobs, wait=_WAIT, progress=count)}"
        except BusyIndexError as error:
            report.index = f"{error} The next run adds the files that the other process has missed."
        except ArchiveIndexError as error:
            report.lack("index", str(error), str(root))
        except KeyboardInterrupt:
            report.interrupted = True
            report.index = "The index is unfinished; sunpy-flarecast index resumes it."


def _queries(
    start: Any, end: Any, series: Any, segment: Any, harpnum: Any, sample: u.Quantity | None, where: Any
) -> list[list[Query]]:
    """Check the arguments, and return the queries of each series."""
    try:
        first, last = (time if isinstance(time, Time) else parse_time(time) for time in (start, end))
    except (ValueError, TypeError) as error:
        raise QueryError(f"{start!r} to {end!r} is not a time range; write 2015-12-11 or 2015-12-11T12:00.") from error
    if first > last:
        raise QueryError(
            f"The range starts at {first.utc.isot} and ends before that, at {last.utc.isot}. Swap the times."
        )
    every, names = _names(series, "series", "'hmi.sharp_720s'"), _names(segment, "segment", "'magnetogram'")
    if not every:
        raise QueryError("A mirror requires at least one series, for example hmi.sharp_720s.")
    others = list(where) if isinstance(where, Iterable) else [where]
    if wrong := [condition for condition in others if not isinstance(condition, attr.Attr)]:
        raise QueryError(f"mirror(where={wrong[0]!r}) is not an attr. Pass attrs such as a.flarecast.Quality.good.")
    parts: list[attr.Attr] = [a.Time(first, last), *others]
    if sample is not None:
        try:
            parts.append(a.Sample(sample))
        except (TypeError, u.UnitsError) as error:
            raise QueryError(f"mirror(sample={sample!r}): it must be a length of time; write 6 * u.hour.") from error
    if isinstance(harpnum, str) or not isinstance(harpnum, (Integral, Iterable)):
        raise QueryError(f"mirror(harpnum={harpnum!r}): HARP numbers must be integers, for example harpnum=6178.")
    harps: list[Any] = [harpnum] if isinstance(harpnum, Integral) else list(harpnum)
    try:
        if harps:
            parts.append(attr.or_(*map(_harp, harps)))
        if names:
            parts.append(Segment(*names))
        return [queries(*parts, Series(name)) for name in dict.fromkeys(every)]
    except (TypeError, ValueError) as error:  # raised by the attrs
        raise error if isinstance(error, QueryError) else QueryError(str(error)) from error


def _harp(number: Any) -> HARPNUM:
    if isinstance(number, tuple) and len(number) != 2:
        raise QueryError(f"mirror(harpnum=[{number!r}]): write a range of HARP numbers as a pair, (first, last).")
    return HARPNUM(*number) if isinstance(number, tuple) else HARPNUM(number)


def _names(given: Any, option: str, example: str) -> list[str]:
    if not isinstance(given, (str, Iterable)):
        raise QueryError(f"mirror({option}={given!r}): names must be strings, for example {option}={example}.")
    return [given] if isinstance(given, str) else list(given)


def _run(
    requested: Sequence[list[Query]],
    root: Path,
    source: Source,
    report: MirrorReport,
    *,
    connections: int,
    progress: bool,
) -> None:
    todo = [(group, window) for group in requested for window in windows(group[0])]
    failed = 0
    with progress_bar(shown=progress, total=len(todo), unit="day") as bar:
        came: Counter[bool] = Counter()

        def done(well: bool) -> None:
            came[well] += 1
            bar.set_postfix_str(f"{counted(came[True], 'file')}, {came[False]:,} failed", refresh=False)
            bar.update(0)

        try:
            for number, (group, window) in enumerate(todo):
                try:
                    answer = source.answer(group, window)
                except ServiceError as error:
                    failed += 1
                    if number == 0:
                        raise
                    report.lack("range", error.reason, _range_text(group, window))
                    if failed >= _MAX_FAILURES:
                        for unasked in todo[number + 1 :]:
                            report.lack("range", "not requested because earlier requests failed", _range_text(*unasked))
                        return
                    continue
                else:
                    failed = 0
                    for text in answer.notes:
                        report.lack("note", text, group[0].series)
                    for folder, offers in _by_folder(root, answer.offers, report):
                        if not fill(folder, offers, source, report, connections=connections, done=done):
                            report.interrupted = True
                            return
                finally:
                    bar.update(1)
        except KeyboardInterrupt:
            report.interrupted = True


def _by_folder(root: Path, offers: Sequence[Offer], report: MirrorReport) -> Iterator[tuple[Path, list[Offer]]]:
    folders: dict[Path, list[Offer]] = {}
    for offer in offers:
        if fault := offer.fault():
            report.lack("record", f"cannot be stored because {fault}", f"{offer.series} {offer.key}")
        else:
            report.records += 1
            folders.setdefault(offer.folder(root), []).append(offer)
    yield from folders.items()


def _range_text(group: Sequence[Query], window: Window) -> str:
    return f"{group[0].series} from {service_time(window.start)} to {service_time(window.end, up=True)}"

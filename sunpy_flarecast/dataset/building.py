"""`build`: build a data set from a query in stages; each finished stage is kept, so the same call resumes the build."""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

import astropy.units as u
import msgspec

from sunpy_flarecast.errors import Interrupted, MissingDataWarning, QueryError
from sunpy_flarecast.utils.cluster import in_cluster
from sunpy_flarecast.utils.optional_deps import DATASET, need
from sunpy_flarecast.utils.store import Store

from .checksums import CHECKSUMS, write_checksums
from .datasheet import data_sheet, provenance
from .files import check_files, check_keep_files
from .folder import claim, finished_report, resumed
from .image_stage import Outcome, finish_harps, finished_shards, forget_harps, images_in, make_images, origin_in
from .keyword_sets import SWAN
from .keyword_stage import PIECES, keyword_pieces
from .label import counts_of, extent_notes
from .model import SETTINGS
from .records import SEARCH, search
from .report import OF_KEYWORDS, BuildReport
from .settings import build_request, image_settings
from .shard import finish_images
from .split_settings import split_settings
from .table_stage import (
    check_ranges,
    known_of,
    label_columns,
    make_labels,
    make_sets,
    write_label_tables,
    write_records,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from astropy.table import Table
    from distributed import Client
    from sunpy.net.attr import Attr

    from sunpy_flarecast.flares import FlareList
    from sunpy_flarecast.table.base import RecordTable

    from .label import Labels
    from .model import Settings, ShardTask
    from .settings import BuildRequest
    from .shard import Written

__all__ = ["build"]


def build(
    out: str | os.PathLike[str],
    *query: Attr | RecordTable,
    keywords: Iterable[str] = SWAN,
    flares: FlareList | Table | str | os.PathLike[str] | None = None,
    windows: u.Quantity | Iterable[u.Quantity] = 24 * u.hour,
    threshold: str | Iterable[str] = "M1.0",
    flare_time: str = "peak",
    by_position: bool = False,
    noaa_numbers: str | os.PathLike[str] | Mapping[int, Sequence[int]] | None = None,
    split: Mapping[str, float | tuple[str, str] | Sequence[int]] | None = None,
    split_by: str = "region",
    gap: u.Quantity = 0 * u.hour,
    stratify: bool = False,
    seed: int = 0,
    images: bool = True,
    encoding: str = "lossless",
    bin: int = 4,  # noqa: A002 (as xarray and astropy name it)
    shard_records: int = 256,
    client: Client | None = None,
    workers: int = 1,
    max_conn: int = 5,
    files: str | os.PathLike[str] | None = None,
    keep_files: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    strict: bool = False,
    progress: bool = True,
) -> BuildReport:
    """
    Build a data set with images, keywords, labels and sets from the records of a query.

    Finished work is kept: the same call resumes a build that was interrupted or failed, and requests missing files
    again. The data set does not depend on the number of workers.

    Parameters
    ----------
    out : path-like or str
        The folder of the data set, or a URL supported by fsspec, such as ``"s3://bucket/sharps-2014"``.
    *query : `sunpy.net.attr.Attr` or FLARECASTResponse
        The attrs of a search in one series, as for `sunpy_flarecast.FLARECASTClient.search`, or the result of such a
        search.
    keywords : iterable of str
        Keywords or patterns (default: ``dataset.SWAN``; for SMARPs, their four parameters).
    flares : path-like, `~astropy.table.Table` or FlareList, optional
        The list of flares to label the records with, in any form that `sunpy_flarecast.flares.read_flares` accepts.
        Without it there are no labels.
    windows : `~astropy.units.Quantity` or iterable of Quantity
        Lengths of the windows after T_REC in which flares count (default: 24 h).
    threshold : str or iterable of str
        Smallest GOES class of flares that count, or several such classes (default: ``"M1.0"``).
    flare_time : {"peak", "start"}
        Which time of a flare must be in the window (default: ``"peak"``).
    by_position : bool
        Whether to assign flares without a NOAA number to records by position (default: False).
    noaa_numbers : path-like or dict, optional
        NOAA numbers for records without NOAA_ARS: JSOC's ``all_harps_with_noaa_ars.txt``, or numbers by HARP number.
    split : dict, optional
        Sets by name: shares (``{"train": 0.7, "validation": 0.15, "test": 0.15}``), time ranges
        (``("2014-01-01", "2014-07-01")``) or months (``[1, 2, 3]``). Without it there are no sets.
    split_by : {"region", "time", "month"}
        How ``split`` defines the sets (default: ``"region"``). No region is ever in two sets.
    gap : `~astropy.units.Quantity`
        Time to leave out between consecutive sets, if the split is by time or month (default: 0 h).
    stratify : bool
        Whether each flare class makes up about the same fraction of every set, as far as whole regions allow (default:
        False).
    seed : int
        Seed of the split (default: 0).
    images : bool
        Whether to store images (default: True). Without images no FITS file is downloaded.
    encoding : {"lossless", "int16", "binned"}
        How images are stored: as in the files (default), in steps of 1 G (only fields in gauss), or averaged over
        squares of pixels (not masks and codes).
    bin : int
        With ``"binned"``, the size of a square along each axis in pixels (default: 4).
    shard_records : int
        Maximum number of records per image file; one task makes one file (default: 256).
    client : `distributed.Client`, optional
        Dask client to make the images with (default: this process, or ``workers`` processes).
    workers : int
        Number of processes (default: 1, which is this process); it cannot be combined with ``client``.
    max_conn : int
        Number of simultaneous transfers, over all workers (default: 5).
    files : path-like, optional
        A folder of FITS files with JSOC's names; they are used instead of downloads.
    keep_files : path-like, optional
        A folder in which to keep downloaded FITS files; by default they are removed once their images are stored.
    overwrite : bool
        Whether to remove an existing data set and start over (default: False).
    strict : bool
        Whether to raise an error if part of the range or the keywords of some records are unavailable. By default the
        data set is built without them, and the report lists them.
    progress : bool
        Whether to show progress: bars in a terminal or notebook, otherwise a line now and then (default: True).

    Returns
    -------
    BuildReport
        What the data set holds, what is missing, and why.

    Raises
    ------
    QueryError
        If an argument is invalid, or ``out`` contains other files or another data set. No file is fetched then.
    ServiceError
        If the service has no matching records, cannot be reached, or fails repeatedly.
    ClusterError
        If the scheduler is lost, or workers die repeatedly.
    TransferError
        If the data set cannot be written, for example because the disk is full.
    Interrupted
        After Ctrl-C; ``partial`` is the report.

    Warns
    -----
    MissingDataWarning
        If something is missing.
    SunpyUserWarning
        If a build is resumed with another URL of the service.

    Examples
    --------
    >>> import astropy.units as u
    >>> from sunpy.net import attrs as a
    >>> from sunpy_flarecast import dataset
    >>> report = dataset.build(
    ...     "sharps-2014", a.Time("2014-01-01", "2014-02-01"), a.flarecast.Series.hmi_sharp_cea_720s,
    ...     a.flarecast.Segment("Br"), a.Sample(1 * u.hour), flares="flares.csv",
    ...     split={"train": 0.7, "validation": 0.15, "test": 0.15},
    ... )  # doctest: +SKIP
    >>> report.complete  # doctest: +SKIP
    True
    """
    begun = time.monotonic()
    need("Data sets need", "dataset", DATASET)
    request = build_request(
        query,
        keywords=keywords,
        flares=flares,
        windows=windows,
        threshold=threshold,
        flare_time=flare_time,
        by_position=by_position,
        noaa_numbers=noaa_numbers,
        split=split_settings(split, split_by, gap, stratify, seed),
        images=image_settings(encoding, bin, shard_records) if images else None,
    )
    store = Store(out)
    if str(store).startswith("memory:") and (client is not None or workers != 1):
        raise QueryError(
            f"{store} is in the memory of this process, where workers cannot write. Leave out workers (--workers) "
            "and client (--scheduler)."
        )
    for name, value in (("workers", workers), ("max_conn", max_conn)):
        if not isinstance(value, Integral) or value < 1:
            raise QueryError(f"{name}={value!r} is invalid. It must be a positive integer.")
    if client is not None:
        with in_cluster(client, workers):  # checks them
            pass
    sources = {
        "files": "" if files is None else check_files(files),
        "keep_files": "" if keep_files is None else check_keep_files(keep_files),
        "max_conn": max_conn,
    }
    report = BuildReport(str(store))
    store.check_links()
    with store.lock(), _reported(report, begun):
        before = claim(store, request.settings, overwrite=overwrite)
        if (finished := finished_report(store)) is not None:
            return finished
        if before is not None:
            request = replace(request, settings=resumed(store, before, request.settings))
        _stages(request, store, sources, report, client, workers, begun, strict=strict, progress=progress)
    if not report.complete:
        warnings.warn(str(report).partition("\n")[0], MissingDataWarning, stacklevel=2)
    return report


def _stages(
    request: BuildRequest,
    store: Store,
    sources: dict[str, Any],
    report: BuildReport,
    client: Any,
    workers: int,
    begun: float,
    *,
    strict: bool,
    progress: bool,
) -> None:
    """Run the stages, each from where it stopped."""
    settings = request.settings
    size = settings.images.shard_records
    store.remove(CHECKSUMS)  # the following stages may change files
    store.write(SETTINGS, msgspec.json.format(msgspec.json.encode(settings)) + b"\n")
    rows = search(request, store, partial(forget_harps, store), strict=strict, progress=progress)
    report.records, report.missing, report.notes = len(rows), list(map(str, rows.missing)), rows.notes
    _mark(report, rows.origin)
    check_ranges(settings, rows)
    finished, before, origins = finished_shards(rows.tasks(settings.segments, size), store)
    _mark(report, *origins)
    report.images = report.kept = sum(before.values())
    pieces, lacking = keyword_pieces(request, rows, store, strict=strict, progress=progress)
    for records, reason in lacking:
        report.fail(f"{OF_KEYWORDS}{reason}", len(records))
    report.notes = [*report.notes, *pieces.notes]
    known = known_of(request, rows, pieces)
    labels = make_labels(request, rows, known, [recnum for records, _ in lacking for recnum in records])
    sets, summary = make_sets(settings, known, labels)
    if labels is not None:  # written after the sets are made: until then the settings of both may change
        write_label_tables(request, labels, store)
    if settings.split is not None:
        store.write("split.json", _json(summary))
        report.sets = {name: counts["records"] for name, counts in summary["sets"].items()}
    if labels is not None and request.flares is not None:
        report.notes = [*report.notes, *extent_notes(labels, request.flares)]
    for name, values in label_columns(settings, labels).items():
        report.labels[name] = counts_of(values)

    def tasks() -> Iterator[ShardTask]:
        return rows.tasks(settings.segments, size)

    written: Written = {}
    if settings.segments:
        with in_cluster(client, workers) as used:
            if used is not None and progress:
                sys.stderr.write(f"Dask dashboard: {used.dashboard_link}\n")
            options = {**sources, "client": used, "progress": progress}
            for facts in make_images(tasks(), finished, len(rows), settings, store, **options):
                report.images += images_in(facts) - before.get((facts.harp, facts.number), 0)
                _mark(report, origin_in(facts))
            for some in finish_harps(tasks(), settings, store, client=used, progress=progress):
                written |= some
        written |= finish_images(list(rows.spans()), settings, store)
    outcome = Outcome(settings.segments)
    write_records(settings, known, labels, sets, pieces, outcome.shards(tasks(), store), store)
    report.images, report.padded = outcome.there, outcome.padded
    report.origin = ""
    _mark(report, rows.origin, *outcome.origins)  # without the origins of images that have since been replaced
    report.unlisted = {name: count for name in settings.segments if (count := outcome.unlisted[name])}
    for reason, count in sorted(outcome.failed.items()):
        report.fail(reason, count)
    report.seconds = time.monotonic() - begun
    _finish(settings, store, report, labels, summary, written)


def _mark(report: BuildReport, *origins: str) -> None:
    """Mark the records as synthetic if one of the origins of the search or of files says so."""
    if any("SYNTHETIC" in origin for origin in origins):
        report.origin = "SYNTHETIC"


@contextmanager
def _reported(report: BuildReport, begun: float) -> Iterator[None]:
    """Add the duration of the build to the report, and whether it was interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        report.interrupted = True
        raise Interrupted(
            f"The build of {report.out} was interrupted. The same call resumes it; `partial` of this exception is the "
            "report.",
            report,
        ) from None
    finally:
        report.seconds = time.monotonic() - begun


def _finish(
    settings: Settings,
    store: Store,
    report: BuildReport,
    labels: Labels | None,
    summary: dict[str, Any],
    known: Written,
) -> None:
    """Write the description of the data set, and last the checksums, which mark it as finished."""
    created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    # Without the URL of the data set, which is private and may contain a password.
    about = provenance(settings, replace(report, out=""), flares=labels.counts if labels else None, created=created)
    store.write("provenance.json", _json(about))
    store.write("README.md", data_sheet(about, summary).encode())
    write_checksums(store, known)
    if report.complete:
        store.remove(SEARCH)
        store.remove(PIECES)


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"

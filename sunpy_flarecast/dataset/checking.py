"""`check`: verify that a data set is complete, unchanged and consistent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sunpy_flarecast.errors import FileError, FLARECASTError
from sunpy_flarecast.sharp.times import utc_dates
from sunpy_flarecast.utils.masked import mask_of, unmasked
from sunpy_flarecast.utils.progress import progress_bar
from sunpy_flarecast.utils.reports import as_line, as_page, counted, first_line
from sunpy_flarecast.utils.store import Store

from .checksums import file_digest, is_content, read_checksums
from .datasheet import read_provenance
from .harp_numbers import number_pairs
from .keyword_sets import NOAA
from .model import Status, label_column
from .parquet import LABELS, RECORDS, read_labels, read_records
from .split import check_split

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from astropy.table import QTable

    from .model import Settings

__all__ = ["CheckReport", "check"]

#: Folders whose files are all read: a foreign file there would be read as data.
_READ: Final = ("images.zarr/", "records/")

#: Files that `check` reads as tables.
_TABLES: Final = (RECORDS, "records/", LABELS, "split.json")

_ADVICE: Final = "Restore it, or remove it and run the build again."

#: Maximum number of listed problems of one kind.
_LISTED: Final = 20


@dataclass(slots=True)
class CheckReport:
    """
    The outcome of a check.

    Parameters
    ----------
    path : str
        The folder or URL of the data set.
    files, records, images : int
        Number of files with a checksum, of records, and of images.
    problems : list of str
        What is wrong, as sentences.
    foreign : list of str
        Files that do not belong to the data set.

    Examples
    --------
    >>> from sunpy_flarecast.dataset.checking import CheckReport
    >>> print(CheckReport("sharps-2014", files=12, records=744, images=2232))
    sharps-2014: 12 files, 744 records, 2,232 images; no problems.
    """

    path: str
    files: int = 0
    records: int = 0
    images: int = 0
    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    __repr__ = as_line
    _repr_html_ = as_page

    @property
    def ok(self) -> bool:
        """Whether the data set has no problems; foreign files do not count as problems."""
        return not self.problems

    def __str__(self) -> str:
        found = counted(len(self.problems), "problem") if self.problems else "no problems"
        counts = ", ".join(counted(getattr(self, name), name[:-1]) for name in ("files", "records", "images"))
        lines = [f"{self.path}: {counts}; {found}.", *_shortened(self.problems)]
        if self.foreign:
            lines += ["Files that do not belong to the data set:", *_shortened(self.foreign)]
        return "\n".join(lines)


def _shortened(lines: list[str]) -> list[str]:
    more = len(lines) - _LISTED
    return [*lines[:_LISTED], *([f"... and {more:,} more"] if more > 0 else [])]


def check(path: str | os.PathLike[str], *, progress: bool = True) -> CheckReport:
    """
    Check that a data set is complete and matches its checksums, and that its tables and images agree.

    Parameters
    ----------
    path : path-like or str
        The folder or URL of the data set.
    progress : bool
        Whether to show a progress bar (default: True).

    Returns
    -------
    CheckReport
        The problems; ``ok`` is True if there are none.

    Raises
    ------
    QueryError
        If there is no data set, its build is unfinished, its ``provenance.json`` is missing or invalid, a newer version
        of this package wrote it, or a link in its folder points outside the folder.

    Examples
    --------
    >>> from sunpy_flarecast import dataset
    >>> dataset.check("sharps-2014").ok  # doctest: +SKIP
    True
    """
    store = Store(path)
    store.check_links()
    report = CheckReport(str(store))
    settings = read_provenance(store).settings
    of_files = list(_files(store, report, progress=progress))
    report.problems += [problem for _, problem in of_files]
    lost = [name for name, _ in of_files]  # errors on reading these would be second problems
    try:
        records = read_records(store, _columns(settings), optional=NOAA)
        report.records = len(records)
        report.problems += [*_labels(store, settings, records), *_sets(store, settings, records)]
        report.problems += _images(store, settings, records, report, lost)
    except FLARECASTError as error:
        if not _any_below(lost, *_TABLES):
            report.problems.append(str(error))
    except (LookupError, TypeError, ValueError, RuntimeError) as error:  # files of another data set
        if not _any_below(lost, *_TABLES):
            report.problems.append(f"The tables and images are inconsistent ({error}). Build the data set again.")
    return report


def _any_below(names: Sequence[str], *paths: str) -> bool:
    """Return whether one of the files is one of the paths, or in one of them."""
    return any(name.startswith(paths) for name in names)


def _columns(settings: Settings) -> list[str]:
    """Return the columns to check; others, such as URLs, would take a lot of memory."""
    names = ["HARPNUM", "T_REC", "region", "index", "height", "width", "recnum"]
    names += ["split"] if settings.split else []
    names += [f"status_{name}" for name in settings.segments]
    if settings.flares:
        names += [
            label_column(hours, threshold)
            for hours in settings.flares.windows
            for threshold in settings.flares.thresholds
        ]
    return names


def _files(store: Store, report: CheckReport, *, progress: bool) -> Iterator[tuple[str, str]]:
    """Compare the files with their checksums; yield problems with the name of the lost file, empty if none is."""
    try:
        digests = read_checksums(store)
    except FileError as error:
        yield "", str(error)
        return
    report.files = len(digests)
    there = [path for path in store.names() if is_content(path)]
    for name in there:
        if name not in digests:
            if name.startswith(_READ):
                yield "", f"{name} does not belong to the data set. Remove it."
            else:
                report.foreign.append(name)
    with progress_bar(shown=progress, total=len(digests), desc="Files", unit="file") as bar:
        for name, digest in digests.items():
            try:
                if file_digest(store, name) != digest:
                    yield name, f"{name} has changed: it does not match its SHA-256 digest. {_ADVICE}"
            except FileNotFoundError:
                yield name, f"{name} is missing. Restore it, or run the build again."
            except Exception as error:  # noqa: BLE001 (file systems raise any type)
                yield name, f"{name} cannot be read ({first_line(error)}). {_ADVICE}"
            bar.update(1)


def _labels(store: Store, settings: Settings, records: QTable) -> Iterator[str]:
    if settings.flares is None:
        return
    labels = read_labels(store, ["row", "positive"])
    shape = (len(records), len(settings.flares.windows), len(settings.flares.thresholds))
    rows = prod(shape)
    if len(labels) != rows or (labels["row"] != np.repeat(np.arange(len(records)), shape[1] * shape[2])).any():
        yield (
            f"{LABELS} must have one row for each record, window and threshold ({rows:,}), in the order of the "
            f"records; it has {len(labels):,}{', in another order' * (len(labels) == rows)}."
        )
        return
    values = _numbers(labels["positive"]).reshape(shape)
    for window, hours in enumerate(settings.flares.windows):
        for place, threshold in enumerate(settings.flares.thresholds):
            name = label_column(hours, threshold)
            if wrong := int((_numbers(records[name]) != values[:, window, place]).sum()):
                yield f"Column {name} differs from {LABELS} in {counted(wrong, 'record')}."


def _sets(store: Store, settings: Settings, records: QTable) -> Iterator[str]:
    if settings.split is None:
        return
    sets = _texts(records["split"])
    about = json.loads(store.read("split.json") or b"{}")
    for name, counts in {**about["sets"], "": about["left_out"]}.items():
        if (count := int((sets == name).sum())) != counts["records"]:
            found = counted(count, "record")
            yield f"The set {name or '(none)'!r} has {found}, but {counts['records']:,} in split.json."
    harps = np.asarray(records["HARPNUM"])
    name = next((keyword for keyword in NOAA if keyword in records.colnames), "")
    noaas = _texts(records[name]) if name else np.full(len(records), "")
    rows, numbers = number_pairs(harps, noaas, utc_dates(records["T_REC"]))
    # Records without NOAA numbers of their own may have been joined through a separate list, so the region of each
    # record counts as one more NOAA number.
    every = np.append(rows, np.arange(len(records))), np.append(numbers, -1 - np.asarray(records["region"]))
    yield from check_split(sets, harps, every)


def _images(
    store: Store, settings: Settings, records: QTable, report: CheckReport, lost: Sequence[str]
) -> Iterator[str]:
    import zarr

    if not settings.segments:
        return
    status = np.stack([np.asarray(records[f"status_{name}"]) for name in settings.segments], axis=1)
    there = status == Status.THERE
    report.images = int(there.sum())
    for place, name in enumerate(settings.segments):
        digest, url = (~mask_of(read_records(store, [column])[column]) for column in (f"sha256_{name}", f"url_{name}"))
        own = status[:, place]  # an image may come from a file on disk although its record lists none
        wrong = (there[:, place] & ~digest) | ((own == Status.NOT_LISTED) & url) | ((own == Status.NOT_FETCHED) & ~url)
        if count := int(wrong.sum()):
            yield f"The status of {name} contradicts its URL and SHA-256 in {counted(count, 'record')}."
    if wrong_size := int((there.any(axis=1) != (np.asarray(records["height"]) > 0)).sum()):
        yield f"The height contradicts the status of the images in {counted(wrong_size, 'record')}."
    try:
        root = zarr.open_group(store.zarr("images.zarr"), mode="r")["harp"]
    except (FileNotFoundError, KeyError):
        if not _any_below(lost, "images.zarr/"):
            yield "images.zarr is missing or damaged. Restore it, or build the data set again."
        return
    harps = np.asarray(records["HARPNUM"])
    names, first, counts = np.unique(harps, return_index=True, return_counts=True)
    groups = dict(root.groups())
    if others := sorted(groups.keys() ^ {f"{harp:05d}" for harp in names.tolist()}):
        yield f"Records and images have different HARPs: {', '.join(_shortened(others))}."
        return
    for harp, begin, count in zip(names.tolist(), first.tolist(), counts.tolist(), strict=True):
        here = slice(begin, begin + count)
        yield from _group(groups[f"{harp:05d}"], harp, records[here], status[here], settings)


def _group(group: Any, harp: int, records: QTable, status: Any, settings: Settings) -> Iterator[str]:
    shape = group["image"].shape
    if shape[0] != len(records) or (np.asarray(records["index"]) != np.arange(len(records))).any():
        order = ", in another order" * (shape[0] == len(records))
        here = counted(len(records), "record")
        yield f"HARP {harp} has {here} in records.parquet and {shape[0]:,} in images.zarr{order}."
        return
    if tuple(group["segment"][:].tolist()) != settings.segments:
        yield f"The segments of the images of HARP {harp} differ from the settings."
    if (group["status"][:] != status).any() or (group["recnum"][:] != np.asarray(records["recnum"])).any():
        yield f"The status or record numbers of the images of HARP {harp} differ from records.parquet."
    if max(records["height"]) > shape[2] or max(records["width"]) > shape[3]:
        yield f"Images of HARP {harp} are larger in records.parquet than in images.zarr."


def _numbers(column: Any) -> Any:
    return np.where(mask_of(column), -1, unmasked(column).astype(np.int8))


def _texts(column: Any) -> Any:
    return np.where(mask_of(column), "", unmasked(column).astype(str))

"""The FITS files of a task: taken from a local folder if present, otherwise fetched and removed after use."""

from __future__ import annotations

import os
import shutil
import string
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.config import conf
from sunpy_flarecast.download.context import compared
from sunpy_flarecast.download.places import fetch_places, interruption
from sunpy_flarecast.download.plan import Place, Record, moved_url, template_of
from sunpy_flarecast.download.report import Bare
from sunpy_flarecast.errors import QueryError, TransferError
from sunpy_flarecast.fits.datasum import check_datasums
from sunpy_flarecast.fits.on_disk import origin_at
from sunpy_flarecast.rest.service_url import base_url
from sunpy_flarecast.sharp.filenames import file_name, read_name
from sunpy_flarecast.sharp.t_rec import slot_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sunpy_flarecast.download.connections import Connections

    from .model import Settings, ShardTask

__all__ = ["check_files", "check_keep_files", "files_of"]

#: Fields of the template for kept files.
_FIELDS: Final = ("file", "harpnum", "record", "segment", "series", "t_rec")


def check_files(folder: str | os.PathLike[str]) -> str:
    """Return the absolute path of the folder of existing files; raise a `QueryError` if it is not a folder."""
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise QueryError(
            f"files={str(folder)!r} (--files) is not a folder. Name a folder of FITS files with JSOC's names."
        )
    _folders_by_name.cache_clear()
    return str(place.absolute())


def check_keep_files(path: str | os.PathLike[str]) -> str:
    """
    Check the folder or path template for kept files, and return the absolute template.

    Fields are ``{file}``, ``{harpnum}``, ``{record}``, ``{segment}``, ``{series}`` and ``{t_rec:%Y%m%d}``.
    """
    template = str(Path(template_of(path)).absolute())
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
        if wrong := [name for name in fields if name not in _FIELDS]:
            listed = ", ".join(f"{{{name}}}" for name in _FIELDS)
            raise QueryError(
                f"keep_files={str(path)!r} (--keep-files) has an unknown field {{{wrong[0]}}}. Valid: {listed}."
            )
        _fill_template(template, 1, 1, 1, "series", "segment", "file")
    except QueryError:
        raise
    except ValueError as error:
        raise QueryError(f"keep_files={str(path)!r} (--keep-files) cannot be filled in: {error}.") from None
    return template


@contextmanager
def files_of(
    task: ShardTask,
    settings: Settings,
    *,
    files: str = "",
    keep_files: str = "",
    passes: int = 3,
    max_conn: int = 5,
    connections: Connections | None = None,
) -> Iterator[list[list[Path | str]]]:
    """
    Provide the files of a task within a ``with`` block; fetched files are removed afterwards.

    Yields, for each record and segment, a path, the reason why the file could not be fetched, or an empty text if the
    record has no such file. Files are taken from the folder ``files`` (from `check_files`) if they have JSOC's names,
    are not damaged, and have headers that name this record or none. Other files are fetched to a temporary folder of
    the worker, or to the template ``keep_files`` (from `check_keep_files`) and kept there. Files without keywords are
    completed with those of the service; files in ``files`` are not changed but copied first.
    """
    base = base_url(settings.service)
    named = _folders_by_name(files, connections) if files else {}
    found: list[list[Path | str]] = []
    places: list[Place] = []
    bare: list[Bare] = []
    with TemporaryDirectory(prefix="sunpy_flarecast-", dir=_worker_folder()) as scratch:
        template = keep_files or f"{scratch}/{{file}}"
        for image in task.records:
            row: list[Path | str] = []
            found.append(row)
            record = Record(base, settings.series, image.recnum, task.harp, image.slot)
            for segment, url in zip(settings.segments, image.urls, strict=True):
                name = file_name(
                    settings.series, segment, harpnum=task.harp or None, slot=image.slot, recnum=image.recnum
                )
                path = _fill_template(template, task.harp, image.recnum, image.slot, settings.series, segment, name)
                there, is_bare = _existing_file(named.get(name, ()), name, record, segment)
                if there and is_bare and conf.complete_headers is not False:
                    try:
                        Path(path).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(there, path)
                    except OSError as error:
                        raise TransferError(
                            f"{there} cannot be copied to {path} ({error.strerror or error}). Free some space or "
                            "change the permissions, and run the same call again; complete files are kept."
                        ) from error
                    bare.append(Bare(path, "its file has none", record, segment))
                    row.append(Path(path))
                elif there:
                    row.append(Path(there))
                elif not url:
                    row.append("")
                else:
                    try:
                        places.append(Place(moved_url(url, base, move=conf.rebase_urls), path, segment, record))
                        row.append(Path(path))
                    except TransferError as error:
                        row.append(str(error))
        if places or bare:
            report = fetch_places(
                places, bare=bare, passes=passes, max_conn=max_conn, progress=False, connections=connections
            )
            if report.interrupted:
                raise interruption(report)
            reasons = {failure.path: failure.cause for failure in report.failed}
            # If the service would give the same answer again, the image is stored without keywords; otherwise the
            # next build retries.
            reasons |= {file.path: f"without keywords: {file.reason}" for file in report.bare if not file.lasting}
            found = [[reasons.get(str(entry), entry) for entry in row] for row in found]
        yield found


def _fill_template(template: str, harp: int, recnum: int, slot: int, series: str, segment: str, name: str) -> str:
    return template.format(
        file=name, harpnum=harp, record=recnum, segment=segment, series=series, t_rec=slot_time(slot).datetime
    )


def _existing_file(folders: Iterable[str], name: str, record: Record, segment: str) -> tuple[str, bool]:
    """Return the path of a record's file in one of the folders, empty if none, and whether it lacks keywords."""
    for path in (f"{folder}/{name}" for folder in folders):
        if (origin := origin_at(path)) is None or (origin.keywords and not compared(origin, record, segment).stays):
            continue
        with suppress(TransferError, OSError):  # a damaged file is fetched
            check_datasums(path)
            return path, not origin.keywords
    return "", False


@lru_cache(1)
def _folders_by_name(folder: str, connections: Connections | None) -> dict[str, tuple[str, ...]]:
    """Return the folders of the files with JSOC's names below a folder; listed once per build and process."""
    del connections  # part of the cache key: in another build there may be more files
    found: dict[str, tuple[str, ...]] = {}
    for within, folders, names in os.walk(folder):
        folders.sort()
        here = (within,)  # one tuple for all files of the folder, to save memory
        found |= {name: found.get(name, ()) + here if name in found else here for name in names if read_name(name)}
    return found


def _worker_folder() -> str | None:
    """Return the temporary folder of this Dask worker, which Dask removes if the worker dies; None outside workers."""
    with suppress(ImportError, ValueError):
        from distributed import get_worker

        worker: Any = get_worker()
        return str(worker.local_directory)
    return None

"""Send many files as one tar file, which is generated piece by piece while it is sent, without temporary files."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException

from sunpy_flarecast.archive.base import NotHeldError
from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import slot_text
from sunpy_flarecast.sharp.times import read_instant

from .errors import unreadable_file
from .file_response import opened
from .parameters import QUOTED
from .responses import streamed_reply
from .search import matching_records

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from sunpy_flarecast.archive.base import Archive, Record
    from sunpy_flarecast.archive.settings import Settings

    from .search import Search

__all__ = ["download_reply"]

_PIECE: Final = 1 << 18

#: Maximum number of records examined for the files of one download.
_MOST_RECORDS: Final = 100_000


def download_reply(
    request: Request, archive: Archive, search: Search, segments: Sequence[str], settings: Settings
) -> Response:
    """Reply with the files of a search; raise an HTTPException or a NotHeldError before the first byte is sent."""
    names = next((holding.segments for holding in archive.holdings() if holding.series == search.series), ())
    known = {name.casefold(): name for name in names}
    unknown = [name for name in segments if name.strip().casefold() not in known]
    if unknown:
        raise NotHeldError(f"{search.series} has no segment {unknown[0][:QUOTED]!r}. It has: {', '.join(names)}.")
    chosen = {known[name.strip().casefold()] for name in segments}
    files: list[tuple[Record, str]] = []
    for number, record in enumerate(matching_records(archive, search)):
        if record is not None:
            files += [(record, name) for name in record.segments if not chosen or name in chosen]
        if len(files) > settings.max_download:
            raise HTTPException(
                413,
                f"More than {settings.max_download:,} files match, but one download may contain at most "
                f"{settings.max_download:,}. Choose fewer segments, a shorter time range, or a longer cadence.",
            )
        if number >= _MOST_RECORDS:
            raise HTTPException(
                413,
                f"More than {_MOST_RECORDS:,} records would have to be examined. Choose a shorter time range, or one "
                "HARP.",
            )
    if not files:
        raise NotHeldError("No files match. Choose a longer time range, or more segments.")
    headers = {
        "Content-Disposition": f"attachment; filename={_name(search.series, [record for record, _ in files])}",
        "Cache-Control": "no-store" if archive.synthetic else "no-cache",
    }
    return streamed_reply(request, _tar(archive, search.series, files), headers, "application/x-tar")


def _name(series: str, records: Sequence[Record]) -> str:
    """Name a tar file like its files: by the series, the HARP if there is only one, and the first and last T_REC."""
    harps = {record.harpnum for record in records}
    slots = [record.t_rec_index for record in records if record.t_rec_index is not None]
    times = dict.fromkeys(slot_text(slot) for slot in (min(slots), max(slots))) if slots else ()
    region = harps.pop() if len(harps) == 1 else None
    return ".".join(str(part) for part in (series, region, "-".join(times), "tar") if part)


def _tar(archive: Archive, series: str, files: Sequence[tuple[Record, str]]) -> Generator[bytes, None, None]:
    """Write files one after another; an error ends the transfer before the end of the tar file."""
    for number, (record, segment) in enumerate(files):
        name = file_name(series, segment, harpnum=record.harpnum, slot=record.t_rec_index, recnum=record.recnum)
        member = _member(archive, series, record, segment, name)
        try:
            begin = next(member)
        except (OSError, TransferError, NotHeldError) as error:
            if number:
                # A tar file that ends between two files would pass for complete.
                yield _header(name, _PIECE, record)
            raise unreadable_file(series, record.recnum, segment, error) from error
        yield begin
        yield from member
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(archive: Archive, series: str, record: Record, segment: str, name: str) -> Generator[bytes, None, None]:
    content = archive.segment(series, record.recnum, segment)
    if isinstance(content, bytes):
        size = len(content)
        yield _header(name, size, record) + content
    else:
        with opened(content) as (file, status):
            size = status.st_size
            yield _header(name, size, record)
            left = size
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise TransferError("became shorter while it was sent")
                left -= len(piece)
                yield piece
    yield bytes(-size % tarfile.BLOCKSIZE)


def _header(name: str, size: int, record: Record) -> bytes:
    """Make the tar header of a file, with the time of the observation as its modification time."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mtime = int(read_instant(record.date__obs).timestamp()) if record.date__obs else 0
    return member.tobuf(tarfile.GNU_FORMAT)

"""Keywords put into the headers of FITS files that lack them; their data stay as they are, byte for byte."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from sunpy_flarecast.errors import FileError, QueryError, TransferError
from sunpy_flarecast.sharp.filenames import read_name
from sunpy_flarecast.utils.partial_file import BusyError, Part

from .record_header import IncompleteError, RecordCards
from .structure import BLOCK, CARD, Headers, card, read_headers
from .user_keywords import check_record, plain_keywords, told_as

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.io.fits import Header
    from astropy.table import Row

__all__ = ["complete_header", "is_bare", "new_begin"]

#: Data are copied in pieces of this size.
_COPIED: Final = 1 << 20


def is_bare(path: str | os.PathLike[str]) -> bool:
    """
    Tell whether a file is a FITS file without its keywords, as files are stored; only its headers are read.

    Parameters
    ----------
    path : path-like
        Any path.
    """
    try:
        return read_headers(path).bare
    except (TransferError, OSError):
        return False


def new_begin(source: str | bytes, image: Headers, record: RecordCards, segment: str) -> bytes:
    """
    Write what a completed file begins with, up to its data; the cards that it has stay as they are, but CHECKSUM.

    Parameters
    ----------
    source : str or bytes
        The path of a whole FITS file, or what it holds.
    image : Headers
        Of the file.
    record : RecordCards
        What the header is to have.
    segment : str
        The segment's name, empty if it is not known.

    Returns
    -------
    bytes
        To be put in the place of as many bytes as ``image.end``. It ends with whole blocks.
    """
    header = image.image
    end = len(header.rstrip(b" \0")) - len(b"END")
    own = _held(header[:end])
    of_segment = (text for name, text in record.of_segment(segment).items() if name not in own)
    added_cards = record.without(own) + "".join(of_segment).encode("ascii")
    if added_cards:
        kept = header[:end]
        if old := card(kept, b"CHECKSUM="):
            kept = kept.replace(old, b"")  # it would be wrong; DATASUM still holds
        header = b"".join((kept, added_cards, record.history, b"END"))
        header += b" " * (-len(header) % BLOCK)
    if not image.at:
        return header
    return _read(source, 0, image.at) + header


def _read(source: str | bytes, at: int, size: int) -> bytes:
    if isinstance(source, bytes):
        return source[at : at + size]
    with open(source, "rb") as file:
        file.seek(at)
        return file.read(size)


def complete_header(
    path: str | os.PathLike[str],
    keywords: Mapping[str, Any] | Header | Row,
    *,
    series: str = "",
    segment: str = "",
    recnum: int | None = None,
    source: str = "",
) -> bool:
    """
    Put keywords into the header of a SHARP file, so that `sunpy.map.Map` can read it.

    Cards that the header has stay as they are, but for CHECKSUM, which is removed. The file is replaced in one step,
    with its data as they were.

    Parameters
    ----------
    path : path-like
        A FITS file.
    keywords : mapping, `~astropy.io.fits.Header` or `~astropy.table.Row`
        The keywords of its record by their DRMS or FITS names, in any letter case; also a header or ``map.meta`` of
        another segment of the same record, or a row of ``results.keywords("*")``. Quantities are converted to the
        catalog's units; what is masked, or a card that cannot be read, has no value.
    series, segment : str, optional
        Full name of the series, and name of the segment, by default as the file's name tells. The catalog gives the
        unit of that segment.
    recnum : int, optional
        Record number, by default the keyword ``recnum``.
    source : str, optional
        Where the keywords are from, for HISTORY.

    Returns
    -------
    bool
        Whether the file lacked anything.

    Raises
    ------
    QueryError
        If file and keywords together lack what `sunpy.map.Map` needs; if the keywords are of another record (series,
        HARPNUM, T_REC) than the file, where JSOC's name tells its record; if path or keywords are something else.
    FileError
        If it is not a whole FITS file, or another process is writing it.
    OSError
        If it cannot be read or written.

    Examples
    --------
    >>> from sunpy_flarecast import complete_header
    >>> complete_header("hmi.sharp_720s.6178.20151211_233600_TAI.Bp.fits", keywords)  # doctest: +SKIP
    True
    """
    name = _one_path(path)
    plain = plain_keywords(keywords)
    try:
        image = read_headers(name)
    except TransferError as error:
        raise FileError(f"{name} cannot be completed: it {error}. Fetch it again.") from None
    named = read_name(os.path.basename(name))
    try:
        check_record(named, plain, series, recnum)
    except QueryError as error:
        raise QueryError(
            f"{name} cannot be completed: it {error}. Give the keywords of its own record, or rename the file."
        ) from None
    series = series or str(plain.get("Series") or "") or (named.series if named else "")
    plain.pop("Series", None)
    segment = segment or (named.segment if named else "")
    try:
        record = RecordCards.of(plain, series, recnum, source, held=_held(image.image))
    except IncompleteError as error:
        raise QueryError(
            f"{name} cannot be completed: neither the file nor the keywords given have {error}, which sunpy.map.Map "
            "needs. Give all keywords of the record."
        ) from None
    begin = new_begin(name, image, record, segment)
    if len(begin) == image.end and begin.endswith(image.image):
        return False
    _rewrite(name, image.end, begin)
    return True


def _one_path(path: Any) -> str:
    if isinstance(path, (str, os.PathLike)) and isinstance(name := os.fspath(path), str):
        if os.path.isdir(name):
            raise QueryError(f"complete_header takes the path of one file, and {name} is a folder.")
        return name
    raise QueryError(
        f"complete_header takes the path of one file, not {told_as(path)}. "
        "Of several files call it for each one, with the keywords of its own record."
    )


def _held(header: bytes) -> frozenset[str]:
    """List the names of the cards of a header."""
    text = header.decode("latin-1")
    return frozenset([text[at : at + 8].rstrip() for at in range(0, len(text), CARD)])


def _rewrite(path: str, length: int, begin: bytes) -> None:
    """Replace the first bytes of a file, in one step."""
    try:
        with Part(path) as part:
            try:
                part.restart()
                part.write(begin)
                with open(path, "rb") as file:
                    file.seek(length)
                    _copy(file, part)
                shutil.copymode(path, part.path)
                part.publish()
            except BaseException:
                part.drop()
                raise
    except BusyError:
        raise FileError(f"{path} cannot be completed: another process is writing it. Try again later.") from None


def _copy(file: BinaryIO, part: Part) -> None:
    while piece := file.read(_COPIED):
        part.write(piece)

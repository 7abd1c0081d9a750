"""Header completion: missing keywords are added to FITS files, whose data stay unchanged, byte for byte."""

from __future__ import annotations

import math
import os
import shutil
from typing import TYPE_CHECKING, Any, Final

from sunpy_flarecast.errors import FileError, QueryError, TransferError
from sunpy_flarecast.sharp.filenames import other_series, read_name
from sunpy_flarecast.utils.atomic_file import AtomicFile

from .record_header import IncompleteError, RecordCards
from .structure import BLOCK, CARD, LONGEST_HEADER, READ_ONLY, card, read_headers
from .user_keywords import described, of_another_record, plain_keywords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from astropy.io.fits import Header
    from astropy.table import Row

    from .structure import Headers

__all__ = ["complete_header", "completed_header", "is_bare", "replace_header"]

#: Data are copied in pieces of this many bytes.
_COPIED: Final = 1 << 20


def is_bare(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a FITS file without keywords, like the files in JSOC's archive."""
    try:
        return read_headers(path).bare
    except (TransferError, OSError):
        return False


def completed_header(headers: Headers, record: RecordCards, segment: str) -> bytes | None:
    """
    Return the completed header of a file's image; None if it lacks nothing.

    Existing cards are kept except CHECKSUM, which would be wrong; DATASUM stays valid. Raises `TransferError`, whose
    text continues a sentence that begins with the file's name, if the image is not a segment of this record, or the
    header would be too long.
    """
    last = len(headers.image) - BLOCK  # the block of the END card, after which some writers leave more than blanks
    end = next(at for at in range(last, len(headers.image), CARD) if headers.image.startswith(b"END     ", at))
    kept = headers.image[:end]
    own = _held(kept)
    axis = "ZNAXIS" if "ZNAXIS" in own else "NAXIS"
    if _number(kept, axis) != 2:
        raise TransferError("does not have two dimensions, as SHARP segments do")
    if "CRPIX1" not in own and b"'CRLN-CEA'" in card(record.joined, b"CTYPE1  ="):
        # The reference pixel is the centre of a patch, but not of a crop. On the CCD it is the centre of the disk.
        size = [_number(kept, f"{axis}{number}") for number in (1, 2)]
        middle = [2 * _number(record.joined, f"CRPIX{number}") - 1 for number in (1, 2)]
        if min(middle) > 0 and any(abs(one - other) > 0.5 for one, other in zip(size, middle, strict=True)):
            raise TransferError(
                f"has {size[0]:g} x {size[1]:g} pixels, but images of the record have {middle[0]:g} x {middle[1]:g}"
            )
    of_segment = (text for name, text in record.of_segment(segment).items() if name not in own)
    added = record.without(own) + "".join(of_segment).encode("ascii")
    if not added:
        return None
    if old := card(kept, b"CHECKSUM="):
        kept = kept.replace(old, b"")
    header = b"".join((kept, added, record.history, b"END"))
    if len(header) > LONGEST_HEADER:
        raise TransferError(f"would get a header of {len(header):,} bytes, more than the limit of {LONGEST_HEADER:,}")
    return header + b" " * (-len(header) % BLOCK)


def replace_header(target: AtomicFile, headers: Headers, header: bytes) -> None:
    """Replace the header of the image in an unpublished file by a longer one, and move the data accordingly."""
    shift = len(header) - len(headers.image)
    end = target.size
    while shift and end > headers.end:
        start = max(headers.end, end - _COPIED)
        target.write(target.read(start, end - start), at=start + shift)
        end = start
    target.write(header, at=headers.at)


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
    Add missing keywords to the header of a SHARP file, so that `sunpy.map.Map` can read it.

    Existing cards are kept except CHECKSUM, which is removed. The file is replaced atomically, and its data stay
    unchanged.

    Parameters
    ----------
    path : path-like
        A FITS file.
    keywords : mapping, `~astropy.io.fits.Header` or `~astropy.table.Row`
        The keywords of the file's record by their DRMS or FITS names, in any letter case; also a header or ``map.meta``
        of another segment of the same record, or a row of ``results.keywords("*")``. Quantities are converted to the
        catalog's units; masked values and unreadable cards are left out.
    series, segment : str, optional
        Full name of the series, and name of the segment (default: from the file's name). The catalog gives the unit of
        the segment.
    recnum : int, optional
        Record number (default: the keyword ``recnum``).
    source : str, optional
        Origin of the keywords, for HISTORY.

    Returns
    -------
    bool
        Whether anything was added to the file.

    Raises
    ------
    QueryError
        If file and keywords together lack what `sunpy.map.Map` needs; if the keywords belong to a record
        (series, HARPNUM, T_REC) other than the one that the file's name gives; or if path or keywords have the wrong
        type.
    FileError
        If the file is not a complete FITS file with a two-dimensional image, or if the size of an image in cylindrical
        equal-area projection differs from the size of the patch in the keywords.
    OSError
        If the file cannot be read or written.

    Examples
    --------
    >>> from sunpy_flarecast import complete_header
    >>> complete_header("hmi.sharp_cea_720s.6178.20151211_233600_TAI.Bp.fits", keywords)  # doctest: +SKIP
    True
    """
    name = _one_path(path)
    plain = plain_keywords(keywords)
    if other := other_series(os.path.basename(name)):
        raise QueryError(
            f"{name} cannot be completed: its name says that it belongs to {other}, which is not a SHARP or SMARP "
            "series."
        )
    named = read_name(os.path.basename(name))
    stated = {"series": series, **plain} if series else plain
    if named and (differing := of_another_record(stated, named.series, named.harpnum, named.slot, recnum)):
        raise QueryError(
            f"{name} cannot be completed: its name gives {differing[0]}, but the keywords are those of {differing[1]}. "
            "Give the keywords of its own record, or rename the file."
        )
    series = series or str(plain.get("Series") or "") or (named.series if named else "")
    plain.pop("Series", None)
    segment = segment or (named.segment if named else "")
    real = os.path.realpath(name)  # links are kept
    while True:
        # The descriptor stays with one version of the file, whatever other processes do.
        file = os.open(real, READ_ONLY)
        try:
            headers = read_headers(file)
            record = RecordCards.of(plain, series, recnum, source, held=_held(headers.image))
            header = completed_header(headers, record, segment)
            if header is None:
                return False
            with AtomicFile(real) as target:
                with open(file, "rb", closefd=False) as old:
                    old.seek(0)
                    target.write(old.read(headers.at) + header)
                    old.seek(headers.end)
                    shutil.copyfileobj(old, target, _COPIED)
                shutil.copymode(real, target.path)
                if os.path.samestat(os.fstat(file), os.stat(real)):
                    target.publish()
                    return True
        except TransferError as error:
            raise FileError(f"{name} cannot be completed: it {error}.") from None
        except IncompleteError as error:
            raise QueryError(
                f"{name} cannot be completed: neither the file nor the keywords given have {error}, which "
                "sunpy.map.Map needs. Give all keywords of the record."
            ) from None
        finally:
            os.close(file)


def _one_path(path: Any) -> str:
    if isinstance(path, (str, os.PathLike)) and isinstance(name := os.fspath(path), str):
        if os.path.isdir(name):
            raise QueryError(f"complete_header takes the path of one file, but {name} is a folder.")
        return name
    raise QueryError(
        f"complete_header takes the path of one file, not {described(path)}. "
        "Call it once for each file, with the keywords of the file's record."
    )


def _number(header: bytes, name: str) -> float:
    """Read a number; NaN if it is invalid."""
    try:
        return float(card(header, f"{name:8}=".encode())[10:].partition(b"/")[0])
    except ValueError:
        return math.nan


def _held(header: bytes) -> frozenset[str]:
    """Return the names of the cards of a header."""
    text = header.decode("latin-1")
    return frozenset([text[at : at + 8].rstrip() for at in range(0, len(text), CARD)])

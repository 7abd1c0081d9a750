"""Whether what was received is a whole FITS file, and what stands in its place otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.datasum import check_datasums
from sunpy_flarecast.fits.structure import read_headers, reading
from sunpy_flarecast.rest.error_text import MESSAGE_BYTES, body_message

if TYPE_CHECKING:
    from sunpy_flarecast.fits.structure import Headers, Source

__all__ = ["check_content"]


def check_content(source: Source, *, datasums: bool = False) -> Headers:
    """
    Check that what was received is a whole FITS file, on demand with a right DATASUM, and return its headers.

    A `TransferError` says what is wrong, and what a page in place of a file says.
    """
    try:
        headers = read_headers(source)
        if datasums:
            check_datasums(source)
    except TransferError as error:
        begin = reading(source, lambda _, read: read(0, MESSAGE_BYTES))
        said = "" if begin.startswith(b"SIMPLE") else body_message(begin)
        raise TransferError(f"what the service sent {error}{f' but {said}' if said else ''}") from None
    return headers

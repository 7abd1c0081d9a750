"""Verify that a received file is a complete FITS file."""

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
    Check that a received file is a complete FITS file, optionally with valid DATASUM, and return its headers.

    Raises a `TransferError` with the fault, and the text of a page that was sent instead of the file.
    """
    try:
        headers = read_headers(source)
        if datasums:
            check_datasums(source)
    except TransferError as error:
        begin = reading(source, lambda _, read: read(0, MESSAGE_BYTES))
        said = "" if begin.startswith(b"SIMPLE") else body_message(begin)
        raise TransferError(f"the reply {error}{f' but {said}' if said else ''}") from None
    return headers

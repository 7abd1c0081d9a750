"""Whether what arrived is a whole FITS file, and what stands in its place otherwise."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.structure import check_datasums, read_headers
from sunpy_flarecast.rest.error_text import body_message

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_content", "described_damaged"]

#: How much of what is no FITS file is read in search of a message, in bytes.
MESSAGE_BYTES: Final = 65536

#: How many damaged files are named.
_NAMED: Final = 5


def check_content(source: str | bytes, *, datasums: bool = False) -> None:
    """
    Check that what was received is a whole FITS file.

    Parameters
    ----------
    source : str or bytes
        The path of a file, or what it holds.
    datasums : bool
        Compute DATASUM, too.

    Raises
    ------
    TransferError
        With what is wrong, and what a page in place of a file says.

    Examples
    --------
    >>> from sunpy_flarecast.errors import TransferError
    >>> from sunpy_flarecast.download.verify import check_content
    >>> try:
    ...     check_content(b"<html><title>Please log in</title></html>")
    ... except TransferError as error:
    ...     print(error)
    what the service sent is no FITS file but a web page titled "Please log in"
    """
    try:
        read_headers(source)
        if datasums:
            check_datasums(source)
    except TransferError as error:
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
            begin = file.read(MESSAGE_BYTES)
        said = "" if begin.startswith(b"SIMPLE") else body_message(begin)
        raise TransferError(f"what the service sent {error}{f' but {said}' if said else ''}") from None


def described_damaged(paths: Sequence[str]) -> str:
    """
    Say which files that were there are fetched again.

    Examples
    --------
    >>> from sunpy_flarecast.download.verify import described_damaged
    >>> described_damaged(["a.fits"])
    '1 of the files that were there is damaged and is fetched again: a.fits.'
    """
    one = len(paths) == 1
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    return (
        f"{len(paths):,} of the files that were there {'is damaged and is' if one else 'are damaged and are'} fetched "
        f"again: {', '.join(paths[:_NAMED])}{more}."
    )

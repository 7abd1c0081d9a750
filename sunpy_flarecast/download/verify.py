"""Whether what arrived is what was sent, and a file: digests, FITS structure and checksums, pages in place of files."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import warnings
from typing import TYPE_CHECKING, Final

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.structure import read_headers
from sunpy_flarecast.rest.error_text import body_message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import BinaryIO

__all__ = ["check_content", "check_digest", "check_sums", "described_damaged"]

#: How much of what is no FITS file is read in search of a message, in bytes.
MESSAGE_BYTES: Final = 65536

#: How many damaged files are named.
_NAMED: Final = 5

#: The algorithms of RFC 9530 that are not broken.
_DIGEST: Final = re.compile(r"(?:^|[,\s])(sha-256|sha-512)=:([A-Za-z0-9+/=]*):")


def check_content(source: str | bytes) -> None:
    """
    Check that what was received is a whole FITS file.

    Parameters
    ----------
    source : str or bytes
        The path of a file, or what it holds.

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
    except TransferError as error:
        with _opened(source) as file:
            begin = file.read(MESSAGE_BYTES)
        said = "" if begin.startswith(b"SIMPLE") else body_message(begin)
        raise TransferError(f"what the service sent {error}{f' but {said}' if said else ''}") from None


def check_digest(name: str, headers: Mapping[str, str], source: str | bytes) -> None:
    r"""
    Check a digest that the service gave (RFC 9530), if it gave one.

    Parameters
    ----------
    name : str
        ``Content-Digest`` (of what was sent) or ``Repr-Digest`` (of the whole file).
    headers : mapping
        Of the answer.
    source : str or bytes
        What the digest is of: the path of a file, or what it holds.

    Raises
    ------
    TransferError
        If the digest differs.

    Examples
    --------
    >>> from sunpy_flarecast.download.verify import check_digest
    >>> digest = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    >>> check_digest("Repr-Digest", {"Repr-Digest": digest}, b'{"hello": "world"}\n')
    """
    for algorithm, digest in _DIGEST.findall(headers.get(name, "")):
        with _opened(source) as file:
            computed = hashlib.file_digest(file, algorithm.replace("-", "")).digest()  # type: ignore[arg-type]
        if base64.b64encode(computed).decode() != digest:
            raise TransferError(f"what the service sent does not have the {algorithm} that it told ({name})")
        return


def check_sums(source: str | bytes) -> None:
    """
    Check the FITS checksums (``CHECKSUM``, ``DATASUM``) of a file, as far as it has them.

    Parameters
    ----------
    source : str or bytes
        The path of a whole FITS file, or what it holds.

    Raises
    ------
    TransferError
        If one of them is wrong.
    """
    from astropy.io import fits  # slow to import, and needed only if checksums are wanted

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old headers have invalid cards, which is not asked here
        with _opened(source) as file, fits.open(file, disable_image_compression=True) as hdus:
            for number, hdu in enumerate(hdus):
                # 0 is wrong, 1 right, 2 not there.
                for keyword, state in (("DATASUM", hdu.verify_datasum()), ("CHECKSUM", hdu.verify_checksum())):
                    if state == 0:
                        raise TransferError(f"what the service sent has a wrong {keyword} in HDU {number}")


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


def _opened(source: str | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")

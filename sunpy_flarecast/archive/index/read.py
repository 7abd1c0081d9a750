"""One file after the other, read for the index: whether it is whole, where it belongs, and its keywords."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.structure import card, has_keywords, read_headers
from sunpy_flarecast.sharp.t_rec import text_slot

from .facts import whole_number
from .file_names import Place, place_of, read_name
from .headers import is_full, keywords_of, read_cards
from .model import FileFacts, Version, is_table, version_of
from .tables import TableError, read_table

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Found", "outside", "read_files"]

_BINARY: int = getattr(os, "O_BINARY", 0)


_EXAMPLE: Final = "hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits"


class Found(NamedTuple):
    """A file to read: its folder below the root, with slashes, and its name there."""

    folder: str
    name: str


class _FaultError(Exception):
    """Why a file cannot be served, as a sentence."""


def read_files(root: str, files: list[Found]) -> list[FileFacts]:
    """
    Read what the index shall know of files.

    Parameters
    ----------
    root : str
        The folder of the archive, resolved.
    files : list of Found
        In the order of their names, so that only one file of each record has all of its header read.

    Returns
    -------
    list of FileFacts
        In the same order.
    """
    told: set[tuple[str, int, int]] = set()
    return [_read(root, one, told) for one in files]


def outside(path: str, root: str) -> bool:
    """
    Tell whether a path leads out of a folder, by links at its end or on its way.

    Parameters
    ----------
    path : str
        Below the folder, if taken literally.
    root : str
        The folder, resolved.

    Raises
    ------
    OSError
        If there is nothing at the path.
    """
    real = os.path.realpath(path, strict=True)
    return not real.startswith(root.rstrip(os.sep) + os.sep)


def _read(root: str, found: Found, told: set[tuple[str, int, int]]) -> FileFacts:
    path = os.path.join(root, *found.folder.split("/"), found.name)
    version = Version(-1, -1, -1)
    try:
        if os.path.islink(path) and not os.path.exists(path):
            raise _FaultError("It is a link to a file that is not there")
        if os.path.islink(path) and outside(path, root):
            raise _FaultError("It is a link to a file outside of the archive")
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block whoever opens it
            raise _FaultError("It is no file")
        descriptor = os.open(path, os.O_RDONLY | _BINARY)
        try:
            version = version_of(os.fstat(descriptor))
            if is_table(found.name):
                return FileFacts(folder=found.folder, name=found.name, version=version, rows=tuple(read_table(path)))
            place, full, keywords = _content(found.name, descriptor, told)
        finally:
            os.close(descriptor)
    except OSError as error:
        return FileFacts(
            folder=found.folder, name=found.name, version=version, fault=f"It cannot be read: {error.strerror or error}"
        )
    except TransferError as error:
        return FileFacts(folder=found.folder, name=found.name, version=version, fault=f"It {error}")
    except (_FaultError, TableError) as error:
        if version.size < 0:
            version = _version_at(path)
        return FileFacts(folder=found.folder, name=found.name, version=version, fault=str(error))
    return FileFacts(folder=found.folder, name=found.name, version=version, place=place, full=full, keywords=keywords)


def _version_at(path: str) -> Version:
    try:
        return version_of(os.stat(path))
    except OSError:
        return Version(-1, -1, -1)


def _content(name: str, descriptor: int, told: set[tuple[str, int, int]]) -> tuple[Place, bool, dict[str, Any] | None]:
    """Find where a file belongs, by its name or else by its header; give its keywords if no other file gave them."""
    header = read_headers(descriptor).keywords
    place = read_name(name)
    key = None if place is None else (place.series, place.harpnum, place.slot)
    if place is not None and not has_keywords(header):
        return place, False, None
    # The rest of a long header is not needed to tell whether it is that of the record.
    cards = read_cards(
        header if key is None or key not in told else card(header, b"HARPNUM =") + card(header, b"T_REC   =")
    )
    if place is None:
        place = _place_in_header(cards)
        if place is None:
            raise _FaultError(_homeless(cards))
        key = place.series, place.harpnum, place.slot
    elif not is_full(cards):
        return place, False, None
    elif (whole_number(cards["HARPNUM"]), text_slot(str(cards["T_REC"]))) != (place.harpnum, place.slot):
        raise _FaultError("Its header is of another HARP or T_REC than its name")
    if key in told:
        return place, True, None
    assert key is not None  # noqa: S101 (for mypy: a place has one)
    told.add(key)
    return place, True, keywords_of(cards)


def _homeless(cards: Mapping[str, Any]) -> str:
    """Say what a file lacks of what tells where it belongs."""
    lacking = [name for name in ("DRMS_ID", "HARPNUM", "T_REC") if cards.get(name) in (None, "")]
    shown = ", ".join(
        f"{name} = {str(cards[name])[:80]!r}" for name in ("DRMS_ID", "HARPNUM", "T_REC") if name in cards
    )
    said = f"its header has no {', no '.join(lacking)}" if lacking else f"its header has {shown}, which name no segment"
    return f"Its name is none of JSOC's, and {said}. Give it JSOC's name, such as {_EXAMPLE}"


def _place_in_header(cards: Mapping[str, Any]) -> Place | None:
    series, _, rest = str(cards.get("DRMS_ID") or "").partition(":")
    segment = rest.rpartition(":")[2]
    return place_of(series, whole_number(cards.get("HARPNUM")), text_slot(str(cards.get("T_REC"))), segment)

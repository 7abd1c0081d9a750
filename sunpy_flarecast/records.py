"""Records as typed columns: `Records`, and how parts of an answer are joined."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from astropy.time import Time

from .trec import slot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["FILE_URL", "Records", "merge", "segment_of", "utc_datetime64"]

#: The URL of a file: folder, then in layout B ``recnum_timestamp_``, then the segment.
FILE_URL: Final = re.compile(r"(.*/(?:\d+_\d{14}_)?)([^/]*)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Records:
    """
    Records of one or more replies, one array a column.

    Parameters
    ----------
    series : ndarray of object
        Name of the series of each record; one str object for all of a series.
    recnum, harpnum, slot, quality : `numpy.ma.MaskedArray` of int64
        Record number, HARP number, T_REC as slot number, quality bit word; masked where missing.
    wavelength : `numpy.ma.MaskedArray` of float
        In ångström, masked where missing.
    date_obs : ndarray of datetime64[us]
        UTC, NaT where missing.
    prefix : ndarray of object
        What the URLs of a record's files begin with.
    names : ndarray of object
        What the URLs go on with: tuples of str, one object for all records with the same files.
    """

    series: npt.NDArray[Any]
    recnum: np.ma.MaskedArray[Any, Any]
    harpnum: np.ma.MaskedArray[Any, Any]
    slot: np.ma.MaskedArray[Any, Any]
    quality: np.ma.MaskedArray[Any, Any]
    wavelength: np.ma.MaskedArray[Any, Any]
    date_obs: npt.NDArray[np.datetime64]
    prefix: npt.NDArray[Any]
    names: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.prefix)

    def __getitem__(self, which: Any) -> Records:
        """Take some of the records, by a mask, a slice or an array of positions."""
        return Records(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def nearest_slot(self) -> np.ma.MaskedArray[Any, Any]:
        """
        Give each record's T_REC, judged by ``date_obs`` where the service does not tell it.

        ``date_obs`` is less than two minutes before T_REC, so the slot nearest to it is the right one. For choosing
        and sorting only: what a user sees is never invented.
        """
        slot = self.slot.copy()
        unknown = np.ma.getmaskarray(slot) & ~np.isnat(self.date_obs)
        if unknown.any():
            slot[unknown] = slot_of(Time(self.date_obs[unknown], format="datetime64", scale="utc"))
        return slot


def utc_datetime64(text: str) -> np.datetime64:
    """Read one time, in UTC if it has no offset, in any form of ISO 8601 or that astropy reads."""
    # A leap second has no place in datetime64; the second after it is the nearest that has.
    text, leap = re.subn(r"(?<=:\d\d):60(\.\d*)?(?=Z?$|[+-])", ":59", text.strip())
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = Time(text.removesuffix("Z"), scale="utc").to_datetime()
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(time, "us") + np.timedelta64(leap, "s")


def segment_of(name: str) -> str:
    """
    Tell the segment from one of a record's names, which is a whole URL where the URLs of a record do not begin alike.

    Examples
    --------
    >>> from sunpy_flarecast.records import segment_of
    >>> segment_of("Bt_err.fits"), segment_of("http://host/HMI/sharp_720s/7_20160119011008_Br.fits")
    ('Bt_err', 'Br')
    """
    match = FILE_URL.fullmatch(name) if "/" in name else None
    return (match[2] if match else name).removesuffix(".fits")


def merge(parts: Sequence[Records]) -> Records:
    """
    Join records, each once, sorted by T_REC, then HARP number, then record number.

    A record is identified by its series and record number, never by its time; without a number, by its URLs. Where
    two replies give different files of one record, it has them all.

    Parameters
    ----------
    parts : sequence of Records
        From one or more replies, in any order.

    Returns
    -------
    Records
    """
    joined = Records(
        **{
            field.name: (np.ma if isinstance(getattr(parts[0], field.name), np.ma.MaskedArray) else np).concatenate(
                [getattr(part, field.name) for part in parts]
            )
            for field in fields(Records)
        }
    )
    first: dict[tuple[Any, ...], int] = {}
    keep = np.ones(len(joined), dtype=bool)
    names, prefixes = joined.names.copy(), joined.prefix.copy()
    numbered = ~np.ma.getmaskarray(joined.recnum)
    for position, (series, number, prefix, has_number) in enumerate(
        zip(joined.series, joined.recnum.data.tolist(), joined.prefix, numbered.tolist(), strict=True)
    ):
        key = (series, number) if has_number else (series, prefix, names[position])
        other = first.setdefault(key, position)
        if other != position:
            keep[position] = False
            if names[position] == names[other]:
                continue
            added = names[position]
            if prefix != prefixes[other]:
                added = tuple(prefix + name for name in added)
                names[other] = tuple(prefixes[other] + name for name in names[other])
                prefixes[other] = ""
            names[other] = tuple(dict.fromkeys((*names[other], *added)))
    joined.names[:], joined.prefix[:] = names, prefixes
    joined = joined[keep]
    far = np.iinfo(np.int64).max
    keys = [np.ma.filled(key, far) for key in (joined.recnum, joined.harpnum, joined.nearest_slot())]
    return joined[np.lexsort(keys)]

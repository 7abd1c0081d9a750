"""Replies of the service as typed columns: `Records`, read from the bytes of a list reply in any of its layouts."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import numpy as np
from astropy.time import Time

from .errors import ReplyError
from .trec import slot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Records", "merge", "read_records", "utc_datetime64"]

_Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Row(msgspec.Struct, gc=False):
    """The fields that are needed of a record; layouts A (``url``, ``date_obs``), B and C (the others)."""

    urls: msgspec.Raw = msgspec.Raw(b"null")
    url: str | None = None
    date__obs: str | None = None
    date_obs: str | None = None
    recnum: _Int | None = None
    harpnum: _Int | None = None
    t_rec_index: _Int | None = None
    quality: _Int | None = None
    wavelnth: float | None = None
    series_name: str | None = None


class _Envelope(msgspec.Struct):
    """The object around the list, or an error reply."""

    data: list[_Row] | None = None
    message: Any = None
    error: Any = None
    errors: Any = None
    detail: Any = None


class _LooseEnvelope(msgspec.Struct):
    data: list[msgspec.Raw] | None = None


_list = msgspec.json.Decoder(list[_Row])
_envelope = msgspec.json.Decoder(_Envelope)
_loose_list = msgspec.json.Decoder(list[msgspec.Raw])
_loose_envelope = msgspec.json.Decoder(_LooseEnvelope)
_loose_row = msgspec.json.Decoder(_Row, strict=False)
_url_list = msgspec.json.Decoder(list[str])

#: The URL of a file: folder, then in layout B ``recnum_timestamp_``, then the segment.
_URL: Final = re.compile(r"(.*/(?:\d+_\d{14}_)?)([^/]*)", re.DOTALL)


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


def _column(values: list[Any], dtype: type) -> np.ma.MaskedArray[Any, Any]:
    if None not in values:
        return np.ma.MaskedArray(np.array(values, dtype=dtype), mask=np.zeros(len(values), dtype=bool))
    mask = [value is None for value in values]
    return np.ma.MaskedArray(np.array([value or 0 for value in values], dtype=dtype), mask=mask)


def _objects(values: list[Any]) -> npt.NDArray[Any]:
    # np.array() would make a table of a list of tuples.
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def utc_datetime64(text: str) -> np.datetime64:
    """Read one time in UTC, in any form that astropy reads."""
    # A leap second has no place in datetime64; the second after it is the nearest that has.
    text, leap = re.subn(r":60(\.\d*)?", ":59", text.strip())
    return np.datetime64(Time(text.rstrip("Z"), scale="utc").to_datetime(), "us") + np.timedelta64(leap, "s")


def _times(texts: list[str | None]) -> npt.NDArray[np.datetime64]:
    """Read ISO 8601 times in UTC, with or without fraction and ``Z``."""
    plain = [text[:-1] if text is not None and text[-1:] == "Z" else (text or "NaT") for text in texts]
    if all((len(text) >= 19 and text[19:20] in ("", ".")) or text == "NaT" for text in plain):
        try:
            return np.array(plain, dtype="datetime64[us]")
        except ValueError:
            pass
    return np.array([utc_datetime64(text) if text else np.datetime64("NaT") for text in texts], dtype="datetime64[us]")


class _Urls:
    """Splits the URLs of records into prefix and names, and keeps each set of names once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, ...]] = {}
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}

    def split(self, row: _Row) -> tuple[str, tuple[str, ...]]:
        """
        Split the URLs of one record.

        Raises
        ------
        ReplyError
            If the record has none.
        """
        if (raw := bytes(row.urls)) != b"null":
            return self._split_raw(raw)
        if row.url:
            # Layout A: one file whose segment is not told.
            return row.url, self._share(("",))
        raise ReplyError("a record without URLs")

    def _split_raw(self, raw: bytes) -> tuple[str, tuple[str, ...]]:
        # Nearly all records of a series differ only in what their URLs begin with. With that taken out of the bytes,
        # the rest is the same for all of them, and has to be read only once.
        begin = raw.find(b'"') + 1
        end = raw.find(b'"', begin)
        if begin and b"\\" not in raw and (match := _URL.fullmatch(raw[begin:end].decode())):
            prefix = match[1]
            rest = raw.replace(b'"' + prefix.encode(), b'"')
            names = self._known.get(rest)
            if names is None:
                names = self._names(_url_list.decode(rest))
                if any("/" in name for name in names):  # not all URLs begin alike
                    return self._split_list(_url_list.decode(raw))
                self._known[rest] = names
            return prefix, names
        return self._split_list(_url_list.decode(raw))

    def _split_list(self, urls: list[str]) -> tuple[str, tuple[str, ...]]:
        if not urls:
            return "", self._share(())
        match = _URL.fullmatch(urls[0])
        prefix = match[1] if match and all(url.startswith(match[1]) for url in urls) else ""
        return prefix, self._names([url.removeprefix(prefix) for url in urls])

    def _names(self, names: list[str]) -> tuple[str, ...]:
        return self._share(tuple(dict.fromkeys(names)))

    def _share(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return self._shared.setdefault(names, names)


def _records(rows: list[_Row], series: str) -> tuple[Records, int]:
    """Make columns of decoded records, leaving out (and counting) those that cannot be read."""
    urls = _Urls()
    good: list[_Row] = []
    split: list[tuple[str, tuple[str, ...]]] = []
    for row in rows:
        try:
            split.append(urls.split(row))
        except (ReplyError, msgspec.MsgspecError, UnicodeDecodeError):
            continue
        good.append(row)
    texts = [row.date__obs or row.date_obs for row in good]
    try:
        dates = _times(texts)
    except ValueError:
        readable = [_is_time(text) for text in texts]
        good = [row for row, keep in zip(good, readable, strict=True) if keep]
        split = [pair for pair, keep in zip(split, readable, strict=True) if keep]
        dates = _times([text for text, keep in zip(texts, readable, strict=True) if keep])
    names: dict[str, str] = {}
    records = Records(
        series=_objects([names.setdefault(row.series_name or series, row.series_name or series) for row in good]),
        recnum=_column([row.recnum for row in good], np.int64),
        harpnum=_column([row.harpnum for row in good], np.int64),
        slot=_column([row.t_rec_index for row in good], np.int64),
        quality=_column([row.quality for row in good], np.int64),
        wavelength=_column([row.wavelnth for row in good], np.float64),
        date_obs=dates,
        prefix=_objects([prefix for prefix, _ in split]),
        names=_objects([shared for _, shared in split]),
    )
    return records, len(rows) - len(good)


def _is_time(text: str | None) -> bool:
    try:
        _times([text])
    except ValueError:
        return False
    return True


def _message(envelope: _Envelope) -> str:
    """Find the text of an error reply."""
    for text in (envelope.message, envelope.error, envelope.errors, envelope.detail):
        if text:
            return text if isinstance(text, str) else msgspec.json.encode(text).decode()
    return ""


def read_records(reply: bytes, series: str) -> tuple[Records, int]:
    """
    Read a list reply.

    Both envelopes (a bare list, an object with ``data``) and the three layouts that FLARECAST has had are understood;
    unknown fields are ignored.

    Parameters
    ----------
    reply : bytes
        JSON.
    series : str
        The series that was asked for; it names the records that do not name their own.

    Returns
    -------
    records : Records
        In the order of the reply.
    broken : int
        How many records could not be read and are left out.

    Raises
    ------
    ReplyError
        If the reply is not JSON, is JSON of another shape, or is an error reply, whose text is then quoted.

    Examples
    --------
    >>> from sunpy_flarecast.records import read_records
    >>> reply = b'{"data": [{"recnum": 7, "urls": ["http://host/HMI/hmi.sharp_720s/7/bitmap.fits"]}]}'
    >>> records, broken = read_records(reply, "hmi.sharp_720s")
    >>> records.prefix[0], records.names[0]
    ('http://host/HMI/hmi.sharp_720s/7/', ('bitmap.fits',))
    """
    try:
        if reply.lstrip()[:1] == b"[":
            return _records(_list.decode(reply), series)
        envelope = _envelope.decode(reply)
        if not envelope.data and (message := _message(envelope)):
            raise ReplyError(message)
        if envelope.data is None:
            raise ReplyError("an object without data")
        return _records(envelope.data, series)
    except msgspec.ValidationError:
        return _read_loosely(reply, series)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReplyError(f"not JSON ({error})") from error


def _read_loosely(reply: bytes, series: str) -> tuple[Records, int]:
    """Read a reply in which something has another type than it should, record by record."""
    try:
        bare = reply.lstrip()[:1] == b"["
        raws = _loose_list.decode(reply) if bare else (_loose_envelope.decode(reply).data or [])
    except msgspec.ValidationError as error:
        raise ReplyError(f"JSON that is not a list of records ({error})") from error
    rows: list[_Row] = []
    for raw in raws:
        try:
            rows.append(_loose_row.decode(raw))
        except msgspec.ValidationError:
            continue
    if raws and not rows:
        raise ReplyError("a list whose elements are not records")
    records, broken = _records(rows, series)
    return records, broken + len(raws) - len(rows)


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
    first: dict[tuple[str, int | str], int] = {}
    keep = np.ones(len(joined), dtype=bool)
    names = joined.names.copy()
    numbered = ~np.ma.getmaskarray(joined.recnum)
    for position, (series, number, prefix, has_number) in enumerate(
        zip(joined.series, joined.recnum.data.tolist(), joined.prefix, numbered.tolist(), strict=True)
    ):
        other = first.setdefault((series, number if has_number else prefix), position)
        if other != position:
            keep[position] = False
            if names[position] is not names[other] and prefix == joined.prefix[other]:
                names[other] = tuple(dict.fromkeys((*names[other], *names[position])))
    joined.names[:] = names
    joined = joined[keep]
    far = np.iinfo(np.int64).max
    keys = [np.ma.filled(key, far) for key in (joined.recnum, joined.harpnum, joined.nearest_slot())]
    return joined[np.lexsort(keys)]

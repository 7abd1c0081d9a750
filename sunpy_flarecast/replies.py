"""Replies of the service, from bytes to `Records`: two envelopes, three layouts, and whatever is broken in them."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import numpy as np

from .errors import ReplyError
from .records import FILE_URL, Records, utc_datetime64

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["read_records"]

_NULL: Final = msgspec.Raw(b"null")

_Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

#: HARP and record numbers; JSOC's number for a missing value is negative.
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

#: Slots from 1993 to about 9970; others, such as JSOC's number for a missing value, have no calendar date.
_Slot = Annotated[int, msgspec.Meta(ge=0, le=350_000_000)]


class _Row(msgspec.Struct, gc=False):
    """The fields that are needed of a record; layouts A (``url``, ``date_obs``), B and C (the others)."""

    urls: msgspec.Raw = _NULL
    url: str | None = None
    date__obs: str | None = None
    date_obs: str | None = None
    recnum: _Number | None = None
    harpnum: _Number | None = None
    t_rec_index: _Slot | None = None
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
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_field_decoders = {
    field.name: msgspec.json.Decoder(field.type, strict=False)
    for field in msgspec.structs.fields(_Row)
    if field.name != "urls"
}

#: Times that numpy reads at once; of others it would read some otherwise than they are meant.
_PLAIN: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,18})?", re.ASCII)


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


def _times(texts: list[str | None]) -> npt.NDArray[np.datetime64]:
    """Read ISO 8601 times, with or without fraction and ``Z``; other forms more slowly."""
    plain = [text[:-1] if text is not None and text[-1:] == "Z" else (text or "NaT") for text in texts]
    if all(_PLAIN.fullmatch(text) or text == "NaT" for text in plain):
        try:
            return np.array(plain, dtype="datetime64[us]")
        except ValueError:
            pass
    return np.array([_time(text) for text in texts], dtype="datetime64[us]")


class _Urls:
    """Splits the URLs of records into prefix and names, and keeps each set of names once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[tuple[str, ...], int]] = {}
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
        if begin and b"\\" not in raw and (match := FILE_URL.fullmatch(raw[begin:end].decode())):
            prefix = match[1].encode()
            rest = raw.replace(b'"' + prefix, b'"')
            if rest not in self._known:
                names = _url_list.decode(rest)
                self._known[rest] = self._names(names), len(names)
            shared, count = self._known[rest]
            if len(raw) - len(rest) == count * len(prefix):  # all URLs begin alike
                return match[1], shared
        return self._split_list(_url_list.decode(raw))

    def _split_list(self, urls: list[str]) -> tuple[str, tuple[str, ...]]:
        if not urls:
            return "", self._share(())
        match = FILE_URL.fullmatch(urls[0])
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
    dates = _times([row.date__obs or row.date_obs for row in good])
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


def _time(text: str | None) -> np.datetime64:
    """Read one time; what cannot be read is a missing one."""
    try:
        return utc_datetime64(text) if text else np.datetime64("NaT", "us")
    except (ValueError, OverflowError):
        return np.datetime64("NaT", "us")


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
    >>> from sunpy_flarecast.replies import read_records
    >>> reply = b'{"data": [{"recnum": 7, "urls": ["http://host/HMI/hmi.sharp_720s/7/bitmap.fits"]}]}'
    >>> records, broken = read_records(reply, "hmi.sharp_720s")
    >>> records.prefix[0], records.names[0]
    ('http://host/HMI/hmi.sharp_720s/7/', ('bitmap.fits',))
    """
    try:
        try:
            return _read(reply, series)
        except msgspec.ValidationError:
            return _read_loosely(reply, series)
    except msgspec.ValidationError as error:
        raise ReplyError(f"JSON that is not a list of records ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReplyError(f"not JSON ({error})") from error


def _read(reply: bytes, series: str) -> tuple[Records, int]:
    if reply.lstrip()[:1] == b"[":
        return _records(_list.decode(reply), series)
    envelope = _envelope.decode(reply)
    if message := _message(envelope):
        # With records beside it or not: they would be part of an answer at best.
        raise ReplyError(message)
    if envelope.data is None:
        raise ReplyError("an object without data")
    return _records(envelope.data, series)


def _loose(raw: msgspec.Raw) -> _Row | None:
    """Read one record; a value that cannot be read is a missing one, but for the URLs, without which there is none."""
    try:
        return _loose_row.decode(raw)
    except msgspec.ValidationError:
        pass
    try:
        values = _fields.decode(raw)
    except msgspec.ValidationError:
        return None
    good: dict[str, Any] = {"urls": values.get("urls", _NULL)}
    for name, decoder in _field_decoders.items():
        if name in values:
            with suppress(msgspec.ValidationError):
                good[name] = decoder.decode(values[name])
    return _Row(**good)


def _read_loosely(reply: bytes, series: str) -> tuple[Records, int]:
    """Read a reply in which something has another type than it should, record by record."""
    bare = reply.lstrip()[:1] == b"["
    raws = _loose_list.decode(reply) if bare else (_loose_envelope.decode(reply).data or [])
    rows = [row for raw in raws if (row := _loose(raw)) is not None]
    if raws and not any(bytes(raw).startswith(b"{") for raw in raws):
        raise ReplyError("a list whose elements are not records")
    records, broken = _records(rows, series)
    return records, broken + len(raws) - len(rows)

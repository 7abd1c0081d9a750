"""Conversion of the service's lists of records to `Records`: two envelopes, three layouts, and invalid values."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import structs

from sunpy_flarecast.errors import ReplyError
from sunpy_flarecast.sharp.catalog import step_of
from sunpy_flarecast.sharp.t_rec import CADENCE
from sunpy_flarecast.sharp.times import read_times
from sunpy_flarecast.sharp.values import printable, read_quality, unsigned

from .error_text import error_message
from .records import Records
from .url_prefix import split_urls

__all__ = ["read_records"]

_NULL: Final = msgspec.Raw(b"null")

_Int = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

#: HARP and record numbers; JSOC's missing value is negative.
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

#: Slots from 1993 to about 9970; others, such as JSOC's missing value, have no calendar date.
_Slot = Annotated[int, msgspec.Meta(ge=0, le=350_000_000)]


class _Row(msgspec.Struct, gc=False):
    """
    The required fields of a record in one of the layouts that services have used.

    Layout A, the oldest, has ``url`` (of one file) and ``date_obs``. Layouts B and C have the others; in B, the file
    names in ``urls`` begin with the record number and a timestamp.
    """

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


class _LooseEnvelope(msgspec.Struct):
    """The object around the list, or an error reply with one of the other fields."""

    data: msgspec.Raw = _NULL
    message: Any = None
    error: Any = None
    errors: Any = None
    detail: Any = None


class _Envelope(_LooseEnvelope):
    data: list[_Row] | None = None  # type: ignore[assignment]


_list = msgspec.json.Decoder(list[_Row])
_envelope = msgspec.json.Decoder(_Envelope)
_loose_list = msgspec.json.Decoder(list[msgspec.Raw])
_loose_envelope = msgspec.json.Decoder(_LooseEnvelope)
_loose_row = msgspec.json.Decoder(_Row, strict=False)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_field_decoders = {
    field.name: msgspec.json.Decoder(field.type, strict=False) for field in structs.fields(_Row) if field.name != "urls"
}


def _column(values: list[Any], dtype: type) -> np.ma.MaskedArray[Any, Any]:
    if None not in values:
        return np.ma.MaskedArray(np.array(values, dtype=dtype), mask=np.zeros(len(values), dtype=bool))
    mask = [value is None for value in values]
    return np.ma.MaskedArray(np.array([value or 0 for value in values], dtype=dtype), mask=mask)


def _unsigned(quality: np.ma.MaskedArray[Any, Any]) -> np.ma.MaskedArray[Any, Any]:
    """Convert quality words that a service sent as signed numbers to unsigned ones."""
    words = quality.data
    if (words < 0).any():
        words[:] = [unsigned(word) for word in words.tolist()]
    return quality


def _records(rows: list[_Row], series: str) -> tuple[Records, int]:
    """Make columns of decoded records, and count those that cannot be read and are left out."""
    good, prefix, names = split_urls([row.urls for row in rows], [row.url for row in rows])
    count = len(rows)
    if not good.all():
        rows = [row for row, whole in zip(rows, good.tolist(), strict=True) if whole]
    all_series = [row.series_name or series for row in rows]
    shared = {name: printable(name) for name in set(all_series)}
    slot = _column([row.t_rec_index for row in rows], np.int64)
    # Replies count T_REC in time steps of the series, which are multiples of the slots of 720 s of this package.
    steps = {name: step_of(name) // CADENCE for name in set(all_series)}
    if set(steps.values()) - {1}:
        slot *= np.array([steps[name] for name in all_series])
    records = Records(
        series=np.fromiter(map(shared.__getitem__, all_series), dtype=object, count=len(rows)),
        recnum=_column([row.recnum for row in rows], np.int64),
        harpnum=_column([row.harpnum for row in rows], np.int64),
        slot=slot,
        quality=_unsigned(_column([row.quality for row in rows], np.int64)),
        wavelength=_column([row.wavelnth for row in rows], np.float64),
        date_obs=read_times([row.date__obs or row.date_obs for row in rows]),
        prefix=prefix,
        names=names,
    )
    return records, count - len(rows)


def read_records(reply: bytes, series: str) -> tuple[Records, int]:
    """
    Parse a list of records in either envelope (a bare list, an object with ``data``) and any of the three layouts.

    Returns the records in the order of the reply, and the number of those that could not be read and are left out.
    ``series`` is assumed for records that do not name one. Raises `ReplyError` if the reply is not JSON, is JSON of
    another form, or is an error reply, whose text is then quoted.
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
    if message := error_message(structs.asdict(envelope)):
        # Even with records, which would be incomplete.
        raise ReplyError(message)
    if envelope.data is None:
        raise ReplyError("an object without data")
    return _records(envelope.data, series)


def _loose(raw: msgspec.Raw) -> _Row | None:
    """Parse one record; values that cannot be read are missing; return None if it is not an object."""
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
    if "quality" not in good and "quality" in values:
        word = read_quality(msgspec.json.decode(values["quality"]))  # hexadecimal, or of 64 bits
        good["quality"] = word if type(word) is int and abs(word) < 2**63 else None
    return _Row(**good)


def _read_loosely(reply: bytes, series: str) -> tuple[Records, int]:
    """Parse a reply in which some values have a wrong type, record by record."""
    bare = reply.lstrip()[:1] == b"["
    if bare:
        raws = _loose_list.decode(reply)
    else:
        envelope = _loose_envelope.decode(reply)
        if message := error_message(structs.asdict(envelope)):
            raise ReplyError(message)
        raws = [] if bytes(envelope.data) == b"null" else _loose_list.decode(envelope.data)
    rows = [row for raw in raws if (row := _loose(raw)) is not None]
    if raws and not any(bytes(raw).startswith(b"{") for raw in raws):
        raise ReplyError("a list whose elements are not records")
    records, broken = _records(rows, series)
    return records, broken + len(raws) - len(rows)

"""Records to JSON, as the service lists them: in chunks, so that a list of any length costs little memory."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from sunpy_flarecast.archive.base import NotHeldError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from sunpy_flarecast.archive.base import Record

__all__ = ["Rows", "list_chunks"]

#: Records encoded at a time: some 0.7 MB of JSON, large enough that handing chunks between threads costs nothing.
_CHUNK: Final = 256

#: The same with all keywords, each of which may have to be read from a file.
_CHUNK_WITH_KEYWORDS: Final = 32

_ENCODER: Final = msgspec.json.Encoder()

#: Stands for the record number in a template; no URL contains it. JSON writes it in six characters.
_MARK: Final = "\0"
_MARK_IN_JSON: Final = b"\\u0000"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A record in the layout of the service; the order of the fields is that of its replies."""

    date__obs: str | None
    download_time: str | None = None
    exptime: float | None = None
    harpnum: int | None
    mask_cadence: float | None = None
    meta: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET
    nbr_update: int | None = 0
    quality: int | None
    recnum: int
    recnum_init: int | None = None
    series_name: str
    t_rec_index: int | None
    time: str | None
    type: str | None = None
    urls: msgspec.Raw
    wavelnth: int | None


class Rows:
    """
    Makes rows of the records of one series.

    Records differ in their URLs by nothing but the record number, so the list of URLs is encoded once for each set
    of segments, and the number put into the bytes.

    Parameters
    ----------
    series : str
        Full name of the series.
    base : str
        URL of the service, as the client reached it, without the slash at its end.
    """

    def __init__(self, series: str, base: str) -> None:
        self._series = series
        self._prefix = f"{base}/HMI/{quote(series)}/{_MARK}"
        self._templates: dict[tuple[str, ...], bytes] = {}

    def row(self, record: Record, meta: Mapping[str, Any] | msgspec.UnsetType = msgspec.UNSET) -> Row:
        """
        Make the row of a record.

        Parameters
        ----------
        record : Record
            A record of the series.
        meta : mapping, optional
            Its keywords, if the row shall have them.
        """
        template = self._templates.get(record.segments)
        if template is None:
            urls = [f"{self._prefix}/{quote(segment)}.fits" for segment in record.segments]
            template = self._templates[record.segments] = _ENCODER.encode(urls)
        return Row(
            date__obs=record.date__obs,
            harpnum=record.harpnum,
            meta=meta,
            quality=record.quality,
            recnum=record.recnum,
            series_name=self._series,
            t_rec_index=record.t_rec_index,
            time=record.time,
            urls=msgspec.Raw(template.replace(_MARK_IN_JSON, b"%d" % record.recnum)),
            wavelnth=record.wavelnth,
        )


def list_chunks(
    records: Iterable[Record],
    rows: Rows,
    *,
    envelope: bool = True,
    keywords: Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]] | None = None,
) -> Generator[bytes, None, None]:
    """
    Encode a list of records piece by piece.

    An archive that fails half-way must leave the JSON unfinished, so that no client takes a part for the whole. Only
    records that went between their listing and the question for their keywords are left out.

    Parameters
    ----------
    records : iterable of Record
        Consumed as the pieces are.
    rows : Rows
        Makes the rows.
    envelope : bool, optional
        Whether the list stands in an object under ``data``, or bare.
    keywords : callable, optional
        Gives the keywords of record numbers; with it, every row has ``meta``.

    Yields
    ------
    bytes
        The first piece comes with the first records, so that an archive which fails at once has sent nothing.

    Examples
    --------
    >>> from sunpy_flarecast.archive.base import Record
    >>> from sunpy_flarecast.archive.api.listing import Rows, list_chunks
    >>> rows = Rows("hmi.sharp_720s", "http://localhost:8001")
    >>> b"".join(list_chunks([Record(recnum=5, segments=("bitmap",))], rows, envelope=False))[-83:]
    b'"urls":["http://localhost:8001/HMI/hmi.sharp_720s/5/bitmap.fits"],"wavelnth":6173}]'
    """
    head, tail = (b'{"data":[', b"]}") if envelope else (b"[", b"]")
    remaining = iter(records)
    size = _CHUNK if keywords is None else _CHUNK_WITH_KEYWORDS
    while chunk := list(islice(remaining, size)):
        if keywords is None:
            encoded = [rows.row(record) for record in chunk]
        else:
            held = _held(keywords, [record.recnum for record in chunk])
            encoded = [rows.row(record, held[record.recnum]) for record in chunk if record.recnum in held]
            if not encoded:
                continue
        yield head + _ENCODER.encode(encoded)[1:-1]
        head = b","
    yield tail if head == b"," else head + tail


def _held(
    keywords: Callable[[Sequence[int]], Mapping[int, Mapping[str, Any]]], recnums: Sequence[int]
) -> Mapping[int, Mapping[str, Any]]:
    """Give the keywords of those records that are still there."""
    try:
        return keywords(recnums)
    except NotHeldError:
        held: dict[int, Mapping[str, Any]] = {}
        for recnum in recnums:
            with suppress(NotHeldError):
                held |= keywords([recnum])
        return held

"""Files read for the index: FITS files (whole? of which record?), their keywords, and tables of keywords."""

from __future__ import annotations

import os
import re
import stat
import warnings
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.structure import CARD, card, has_keywords, read_headers
from sunpy_flarecast.sharp.catalog import find_keyword, find_series, region_number
from sunpy_flarecast.sharp.filenames import other_series
from sunpy_flarecast.sharp.t_rec import t_rec_text, text_slot
from sunpy_flarecast.sharp.values import clean

from .edition import edition_of
from .file_names import Place, place_of, read_name
from .headers import drms_name, keywords_of, plain, read_cards
from .model import FileFacts, Row, Version, is_table, version_of
from .packed import is_packed, unpacked
from .records import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .edition import Edition

__all__ = ["FaultError", "Found", "read_files", "read_table"]

_BINARY: int = getattr(os, "O_BINARY", 0)

_EXAMPLE: Final = "hmi.sharp_720s.6178.20151211_233600_TAI.magnetogram.fits"

#: Cards that identify a record, besides its region, and its segment; and its edition.
_IDENTITY: Final = (b"T_REC   =", b"DRMS_ID =")
_EDITION: Final = (b"RECNUM  =", b"DATE    =")

_FORMATS: Final = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "parquet": "parquet"}

#: Columns that tables of `FLARECASTResponse.keywords` have under other names than DRMS.
_OTHER_NAMES: Final = {"start time": "date__obs", "record": "recnum"}

_NAME: Final = re.compile(r"[a-z_]\w{0,79}", re.ASCII)

_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?", re.ASCII)


class Found(NamedTuple):
    """A file to read: its folder below the root, with slashes, and its name there."""

    folder: str
    name: str


class FaultError(Exception):
    """Why a file cannot be served, as a sentence."""


def read_files(root: str, files: list[Found], *, most: int | None = None) -> list[FileFacts]:
    """Read files in the order of their names, so that only one file of each record has all of its header read."""
    # Those with more than ``most`` keywords are faulty.
    known: dict[tuple[Any, ...], Edition] = {}
    return [_read(root, one, known, most) for one in files]


def _read(root: str, found: Found, known: dict[tuple[Any, ...], Edition], most: int | None) -> FileFacts:
    path = os.path.join(root, *found.folder.split("/"), found.name)
    version = Version(-1, -1, -1)
    facts: dict[str, Any] = {}
    try:
        if os.path.islink(path) and not os.path.exists(path):
            raise FaultError("It is a link to a file that is not there")
        if os.path.islink(path) and not os.path.realpath(path, strict=True).startswith(root.rstrip(os.sep) + os.sep):
            raise FaultError("It is a link to a file outside of the archive")
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block whoever opens it
            raise FaultError("It is not a regular file")
        descriptor = os.open(path, os.O_RDONLY | _BINARY)
        try:
            version = version_of(os.fstat(descriptor))
            if is_table(found.name):
                facts["rows"] = tuple(read_table(path, most))
            else:
                facts = _content(found.name, descriptor, known, most)
        finally:
            os.close(descriptor)
    except OSError as error:
        facts = {"fault": f"It cannot be read: {error.strerror or error}"}
    except TransferError as error:
        facts = {"fault": f"It {error}"}
    except FaultError as error:
        if version.size < 0:
            version = _version_at(path)
        facts = {"fault": str(error)}
    return FileFacts(folder=found.folder, name=found.name, version=version, **facts)


def _version_at(path: str) -> Version:
    try:
        return version_of(os.stat(path))
    except OSError:
        return Version(-1, -1, -1)


def _content(name: str, descriptor: int, known: dict[tuple[Any, ...], Edition], most: int | None) -> dict[str, Any]:
    """Find where a file belongs, by its name or else by its header, and its keywords if no other file gave them."""
    headers = read_headers(unpacked(descriptor) if is_packed(name) else descriptor)
    header = next((one for one in (headers.image, headers.primary) if has_keywords(one)), None)
    place = read_name(name)
    if place is not None and (known_series := find_series(place.series)) and not known_series.segment(place.segment):
        raise FaultError(f"{place.series} has no segment {place.segment}")
    if place is not None and header is None:
        return {"place": place}
    header = header or headers.image
    if most is not None and len(header) > most * CARD:
        raise FaultError(_excess("cards", len(header.rstrip()) // CARD, most))
    # The rest of a long header is not needed to tell whether it is that of the record.
    region = card(header, b"HARPNUM =") or card(header, b"TARPNUM =")
    cards = read_cards(region + b"".join(card(header, key) for key in _IDENTITY))
    if place is None:
        place = _place_in_header(cards)
        if place is None:
            raise FaultError(_homeless(name, cards))
    else:
        _check_identity(place, cards)
    told = b"".join(card(header, key) for key in _EDITION)
    record = (place.series, place.harpnum, place.slot, told, str(cards.get("DRMS_ID")).rpartition(":")[0])
    if record in known:
        return {"place": place, "full": True, "edition": known[record]}
    known[record] = edition_of(cards | read_cards(told))
    return {"place": place, "full": True, "edition": known[record], "keywords": keywords_of(read_cards(header))}


def _excess(what: str, count: int, most: int) -> str:
    return (
        f"It has {count:,} {what}, and a record at most {most:,} keywords (sunpy-flarecast index --max-keywords sets "
        "another limit)"
    )


def _check_identity(place: Place, cards: Mapping[str, Any]) -> None:
    """Do not serve a file under the name of another record or segment."""
    if (whole_number(region_number(cards)), text_slot(str(cards["T_REC"]))) != (place.harpnum, place.slot):
        raise FaultError("Its header is of another HARP or T_REC than its name")
    found = _place_in_header(cards)
    if found not in (None, place):
        raise FaultError(f"Its header is that of {found.series} {found.segment} (DRMS_ID), and its name another one's")


def _homeless(name: str, cards: Mapping[str, Any]) -> str:
    if other := other_series(str(cards.get("DRMS_ID") or name)):
        return f"It is of {other}; only SHARPs and SMARPs, the patches of active regions, are served"
    region = "TARPNUM" if "TARPNUM" in cards else "HARPNUM"
    lacking = [name for name in ("DRMS_ID", region, "T_REC") if cards.get(name) in (None, "")]
    shown = ", ".join(f"{name} = {str(cards[name])[:80]!r}" for name in ("DRMS_ID", region, "T_REC") if name in cards)
    said = f"its header has no {', no '.join(lacking)}" if lacking else f"its header has {shown}, which name no segment"
    give = "Give" if region in cards else "If it is a SHARP or SMARP, give"
    return f"Its name is not one of JSOC's, and {said}. {give} it JSOC's name, such as {_EXAMPLE}"


def _place_in_header(cards: Mapping[str, Any]) -> Place | None:
    series, _, rest = str(cards.get("DRMS_ID") or "").partition(":")
    segment = rest.rpartition(":")[2]
    return place_of(series, whole_number(region_number(cards)), text_slot(str(cards.get("T_REC"))), segment)


def read_table(path: str, most: int | None = None) -> Iterator[Row]:
    """Read a keyword table in the format of its file name's suffix."""
    # Columns have DRMS or FITS names in any letter case, or those that ``sunpy-flarecast keywords -o`` writes;
    # ``T_REC`` (TAI; as DRMS writes it, or ISO 8601) and ``HARPNUM`` or ``TARPNUM`` are required. Values are converted
    # to the catalog's units. A FaultError says why it is not such a table, or that it has more than ``most`` columns.
    table = _astropy_table(path)
    if most is not None and len(table.colnames) > most:
        raise FaultError(_excess("columns", len(table.colnames), most))
    columns: dict[str, list[Any]] = {}
    for name in table.colnames:
        folded = name.strip().casefold()
        drms = _OTHER_NAMES.get(folded) or drms_name(name.strip())
        if _NAME.fullmatch(drms) is not None and drms not in columns:
            columns[drms] = _values(table[name], drms)
    for needed in ("t_rec", "tarpnum" if "tarpnum" in columns else "harpnum"):
        if needed not in columns:
            raise FaultError(f"It has no column {needed.upper()}, which a table of keywords needs")
    names = columns.pop("series", None) or repeat(None, len(table))
    times = columns.pop("t_rec")
    for number, (series, time, *values) in enumerate(zip(names, times, *columns.values(), strict=True), 1):
        keywords = dict(zip(columns, values, strict=True))
        # Tables that this package writes have TARP numbers as HARPNUM, too, and both if they have SHARPs and SMARPs.
        numbers = {name: keywords.pop(name) for name in ("tarpnum", "harpnum") if name in keywords}
        region, own = next((one for one in numbers.items() if one[1] is not None), ("harpnum", None))
        harpnum, slot = whole_number(own), _slot(time)
        place = place_of(str(series or "any"), harpnum, slot, "any")
        if place is None:
            raise FaultError(
                f"Its row {number} names no record: T_REC is {time!r}, {region.upper()} {own!r}. Write "
                "them as 2015.12.11_23:36:00_TAI and 6178"
            )
        known = find_series(place.series)
        keywords |= {known.region_keyword if known else region: place.harpnum, "t_rec": t_rec_text(place.slot)}
        yield Row(None if series is None else place.series, place.harpnum, place.slot, keywords)


def _astropy_table(path: str) -> Any:
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = path.rpartition(".")[2]
            return (_plain_parquet(path) if kind == "parquet" else None) or Table.read(path, format=_FORMATS[kind])
    except ImportError as error:
        raise FaultError(f"It cannot be read without the package {error.name or 'pyarrow'}") from error
    except OSError:
        raise
    except Exception as error:  # whatever the readers of three formats raise
        reason = str(error).strip().partition("\n")[0][:200]
        raise FaultError(f"It cannot be read as a table: {reason}") from error


def _plain_parquet(path: str) -> Any:
    """Read plain columns, with nulls and units in the metadata of fields; None for those that astropy wrote."""
    from astropy.table import MaskedColumn, Table
    from pyarrow.parquet import ParquetFile

    table = ParquetFile(path).read()
    if b"table_meta_yaml" in (table.schema.metadata or {}):
        return None
    columns = {}
    for field in table.schema:
        values = [
            f"{one:%Y-%m-%dT%H:%M:%S.%f}" if isinstance(one, datetime) else one for one in table[field.name].to_pylist()
        ]
        unit = (field.metadata or {}).get(b"unit", b"").decode() or None
        columns[field.name] = MaskedColumn(values, mask=[one is None for one in values], dtype=object, unit=unit)
    return Table(columns)


def _values(column: Any, name: str) -> list[Any]:
    """Give the values of a column as JSON has them."""
    import numpy as np
    from astropy import units as u
    from astropy.time import Time

    if isinstance(column, Time):
        scaled = column.tai if name == "t_rec" else column.utc
        scaled.precision = 6
        texts = np.ma.filled(np.ma.masked_array(scaled.isot, mask=np.broadcast_to(column.mask, column.shape)), "")
        return [text or None for text in texts.tolist()]
    keyword = find_keyword(name)
    factor = 1.0
    unit = getattr(column, "unit", None)
    if unit is not None and str(unit) and keyword is not None and keyword.unit:
        try:
            factor = u.Unit(unit).to(u.Unit(keyword.unit))
        except (u.UnitsError, ValueError, TypeError) as error:
            raise FaultError(
                f"Its column {name.upper()} is in {unit}, which cannot be converted to {keyword.unit}. Convert it first"
            ) from error
    values = np.ma.masked_array(getattr(column, "value", column)).tolist()
    if factor != 1.0:
        values = [value * factor if isinstance(value, (int, float)) else value for value in values]
    if keyword is None or name in ("t_rec", "series"):
        return [plain(value, name) for value in values]
    return [clean(value, keyword) for value in values]


def _slot(time: Any) -> int | None:
    """Read T_REC, in TAI, as DRMS or ISO 8601 writes it."""
    text = str(time)
    iso = _ISO.fullmatch(text)
    return text_slot(f"{iso[1]}.{iso[2]}.{iso[3]}_{iso[4]}_TAI" if iso else text)

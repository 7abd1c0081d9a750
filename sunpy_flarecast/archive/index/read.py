"""Read files for the index: FITS files, with their records and keywords, and keyword tables."""

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

#: Cards that identify record and segment, together with the HARP or TARP number; and those of the edition.
_IDENTITY: Final = (b"T_REC   =", b"DRMS_ID =")
_EDITION: Final = (b"RECNUM  =", b"DATE    =")

_FORMATS: Final = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "parquet": "parquet"}

#: DRMS names of columns that `FLARECASTResponse.keywords` names differently.
_OTHER_NAMES: Final = {"start time": "date__obs", "record": "recnum"}

_NAME: Final = re.compile(r"[a-z_]\w{0,79}", re.ASCII)

_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?", re.ASCII)


class Found(NamedTuple):
    """A file to read: its folder below the root, with slashes, and its name there."""

    folder: str
    name: str


class FaultError(Exception):
    """The reason why a file cannot be served, as a sentence."""


def read_files(root: str, files: list[Found], *, most: int | None = None) -> list[FileFacts]:
    """Read files; only one header of each record is parsed in full."""
    # Files with more than ``most`` keywords are faulty.
    known: dict[tuple[Any, ...], Edition] = {}
    return [_read(root, file, known, most) for file in files]


def _read(root: str, found: Found, known: dict[tuple[Any, ...], Edition], most: int | None) -> FileFacts:
    path = os.path.join(root, *found.folder.split("/"), found.name)
    version = Version(-1, -1, -1)
    facts: dict[str, Any] = {}
    try:
        if os.path.islink(path) and not os.path.exists(path):
            raise FaultError("It is a link to a missing file")
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
    """Determine the place of a file, from its name or else its header, and its keywords unless they are known."""
    headers = read_headers(unpacked(descriptor) if is_packed(name) else descriptor)
    header = next((header for header in (headers.image, headers.primary) if has_keywords(header)), None)
    place = read_name(name)
    if place is not None and (known_series := find_series(place.series)) and not known_series.segment(place.segment):
        raise FaultError(f"{place.series} has no segment {place.segment}")
    if place is not None and header is None:
        return {"place": place}
    header = header or headers.image
    if most is not None and len(header) > most * CARD:
        raise FaultError(_excess("cards", len(header.rstrip()) // CARD, most))
    # A few cards identify the record; parsing all of them takes longer.
    region = card(header, b"HARPNUM =") or card(header, b"TARPNUM =")
    cards = read_cards(region + b"".join(card(header, key) for key in _IDENTITY))
    if place is None:
        place = _place_in_header(cards)
        if place is None:
            raise FaultError(_unplaced(name, cards))
    else:
        _check_identity(place, cards)
    edition = b"".join(card(header, key) for key in _EDITION)
    record = (place.series, place.harpnum, place.slot, edition, str(cards.get("DRMS_ID")).rpartition(":")[0])
    if record in known:
        return {"place": place, "full": True, "edition": known[record]}
    known[record] = edition_of(cards | read_cards(edition))
    return {"place": place, "full": True, "edition": known[record], "keywords": keywords_of(read_cards(header))}


def _excess(noun: str, count: int, most: int) -> str:
    return (
        f"It has {count:,} {noun}, but a record may have at most {most:,} keywords (change the limit with "
        "sunpy-flarecast index --max-keywords)"
    )


def _check_identity(place: Place, cards: Mapping[str, Any]) -> None:
    """Reject a file whose name and header disagree."""
    if (whole_number(region_number(cards)), text_slot(str(cards["T_REC"]))) != (place.harpnum, place.slot):
        raise FaultError("The HARP number or T_REC in its header differs from that in its name")
    found = _place_in_header(cards)
    if found not in (None, place):
        raise FaultError(f"Its header is that of {found.series} {found.segment} (DRMS_ID), which contradicts its name")


def _unplaced(name: str, cards: Mapping[str, Any]) -> str:
    """Explain why neither the name nor the header of a file identifies its segment."""
    if other := other_series(str(cards.get("DRMS_ID") or name)):
        return f"It belongs to {other}; only SHARPs and SMARPs, the patches of active regions, are served"
    region = "TARPNUM" if "TARPNUM" in cards else "HARPNUM"
    lacking = [name for name in ("DRMS_ID", region, "T_REC") if cards.get(name) in (None, "")]
    shown = ", ".join(f"{name} = {str(cards[name])[:80]!r}" for name in ("DRMS_ID", region, "T_REC") if name in cards)
    if lacking:
        problem = f"its header lacks {' and '.join(filter(None, (', '.join(lacking[:-1]), lacking[-1])))}"
    else:
        problem = f"its header has {shown}, which do not identify a segment"
    advice = "Rename it" if region in cards else "If it is a SHARP or SMARP, rename it"
    return f"Its name is not in JSOC's format, and {problem}. {advice}, for example to {_EXAMPLE}"


def _place_in_header(cards: Mapping[str, Any]) -> Place | None:
    series, _, rest = str(cards.get("DRMS_ID") or "").partition(":")
    segment = rest.rpartition(":")[2]
    return place_of(series, whole_number(region_number(cards)), text_slot(str(cards.get("T_REC"))), segment)


def read_table(path: str, most: int | None = None) -> Iterator[Row]:
    """Read a keyword table, in the format given by its suffix."""
    # Columns have DRMS or FITS names in any letter case, or the names that ``sunpy-flarecast keywords -o`` writes;
    # ``T_REC`` (TAI, in the format of DRMS or ISO 8601) and ``HARPNUM`` or ``TARPNUM`` are required. Values are
    # converted to the catalog's units. Raises a FaultError for other tables and for more than ``most`` columns.
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
            raise FaultError(f"It has no column {needed.upper()}, which a keyword table requires")
    names = columns.pop("series", None) or repeat(None, len(table))
    times = columns.pop("t_rec")
    for number, (series, time, *values) in enumerate(zip(names, times, *columns.values(), strict=True), 1):
        keywords = dict(zip(columns, values, strict=True))
        # Tables written by this package may have TARP numbers as HARPNUM; those of SHARPs and SMARPs have both columns.
        numbers = {name: keywords.pop(name) for name in ("tarpnum", "harpnum") if name in keywords}
        region, value = next((item for item in numbers.items() if item[1] is not None), ("harpnum", None))
        harpnum, slot = whole_number(value), _slot(time)
        place = place_of(str(series or "any"), harpnum, slot, "any")
        if place is None:
            raise FaultError(
                f"Its row {number} does not identify a record: T_REC is {time!r} and {region.upper()} is {value!r}. "
                "Write them like 2015.12.11_23:36:00_TAI and 6178"
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
    except Exception as error:  # the readers of three formats raise many types
        reason = str(error).strip().partition("\n")[0][:200]
        raise FaultError(f"It cannot be read as a table: {reason}") from error


def _plain_parquet(path: str) -> Any:
    """Read a Parquet table with nulls, and units in field metadata; return None for a table written by astropy."""
    from astropy.table import MaskedColumn, Table
    from pyarrow.parquet import ParquetFile

    table = ParquetFile(path).read()
    if b"table_meta_yaml" in (table.schema.metadata or {}):
        return None
    columns = {}
    for field in table.schema:
        values = [
            f"{value:%Y-%m-%dT%H:%M:%S.%f}" if isinstance(value, datetime) else value
            for value in table[field.name].to_pylist()
        ]
        unit = (field.metadata or {}).get(b"unit", b"").decode() or None
        columns[field.name] = MaskedColumn(values, mask=[value is None for value in values], dtype=object, unit=unit)
    return Table(columns)


def _values(column: Any, name: str) -> list[Any]:
    """Convert a column to a list of JSON values."""
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
                f"Its column {name.upper()} is in {unit}, which cannot be converted to {keyword.unit}. Correct the unit"
            ) from error
    values = np.ma.masked_array(getattr(column, "value", column)).tolist()
    if factor != 1.0:
        values = [value * factor if isinstance(value, (int, float)) else value for value in values]
    if keyword is None or name in ("t_rec", "series"):
        return [plain(value, name) for value in values]
    return [clean(value, keyword) for value in values]


def _slot(time: Any) -> int | None:
    """Parse T_REC, in TAI, in the format of DRMS or ISO 8601."""
    text = str(time)
    iso = _ISO.fullmatch(text)
    return text_slot(f"{iso[1]}.{iso[2]}.{iso[3]}_{iso[4]}_TAI" if iso else text)

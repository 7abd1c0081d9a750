"""Read files of flare lists: NOAA's GOES XRS reports, CSV, and formats supported by astropy."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, Final

from astropy.io.registry import IORegistryError
from astropy.table import Table

from sunpy_flarecast.errors import QueryError
from sunpy_flarecast.utils.reports import first_line

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_table"]

#: The beginning of a line of a GOES XRS report: data code, station, date.
_REPORT: Final = re.compile(r"31\d{3}\d{6}[ *]", re.ASCII)

#: Its columns, as NOAA's ``xray.fmt.rev`` documents them.
_COLUMNS: Final = {
    "start": slice(13, 17),
    "end": slice(18, 22),
    "peak": slice(23, 27),
    "position": slice(28, 34),
    "class": slice(59, 63),
    "noaa": slice(80, 85),
}

#: GOES started in 1975; smaller years belong to the next century.
_FIRST_YEAR: Final = 75


def read_table(path: Path) -> Any:
    """Read the table in a file: a mapping of its columns; all values of plain text files are text."""
    if path.is_dir():
        raise QueryError(f"Cannot read the flare table {path}: it is a folder. Give the path of a file in it.")
    if not path.is_file():
        raise QueryError(f"Cannot read the flare table {path}: there is no such file. Correct the path.")
    try:
        with path.open("rb") as file:
            is_report = _REPORT.match(file.read(12).decode("latin-1")) is not None
        if is_report:
            return _report(path)
        if path.suffix.casefold() in (".csv", ".tsv"):
            return _csv(path)
        return Table.read(path)
    except QueryError:
        raise
    except UnicodeDecodeError as error:
        raise QueryError(
            f"Cannot read the flare table {path}: it is not UTF-8 text. Save it as a CSV file in UTF-8."
        ) from error
    except (IORegistryError, ValueError, OSError, ImportError, csv.Error) as error:
        raise QueryError(
            f"Cannot read the flare table {path}: {first_line(error)}. Save it as .ecsv or .csv."
        ) from error


def _report(path: Path) -> Table:
    rows: dict[str, list[str]] = {name: [] for name in ("date", *_COLUMNS)}
    for number, line in enumerate(path.read_text("latin-1").splitlines(), 1):
        if not line.strip():
            continue
        if not _REPORT.match(line):
            raise QueryError(
                f"Line {number} of the GOES XRS report {path} does not start with 31777 and a date. Remove it if it "
                "does not belong to the report."
            )
        century = 1900 if int(line[5:7]) >= _FIRST_YEAR else 2000
        rows["date"].append(f"{century + int(line[5:7])}{line[7:11]}")
        for name, place in _COLUMNS.items():
            rows[name].append(line[place].strip())
    rows["class"] = [_class(text) for text in rows["class"]]
    return Table(rows)


def _class(text: str) -> str:
    """Insert the decimal point that the report omits: ``C 32`` is C3.2, and ``X280`` is X28.0."""
    digits = text[1:].strip()
    return f"{text[0]}{int(digits) / 10}" if digits.isdigit() else text


def _csv(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    if any("\0" in line for line in lines):
        raise UnicodeDecodeError("utf-8", b"\0", 0, 1, "a null character")
    if not lines:
        raise QueryError(f"The flare table {path} is empty. Download it again, or use another file.")
    delimiter = max(",;\t|", key=lines[0].count)
    names, *rows = csv.reader(lines, delimiter=delimiter)
    widths = {len(row) for row in rows}
    # pandas writes an index without a name, and some tools even omit its comma in the header.
    if widths == {len(names) + 1}:
        names = ["", *names]
    elif widths - {len(names)}:
        row = next(row for row in rows if len(row) != len(names))
        raise QueryError(
            f"The flare table {path} has a line of {len(row)} fields, but {len(names)} names in its header: "
            f"{delimiter.join(row)[:80]!r}. Correct the line."
        )
    return {name.strip(): [row[place] for row in rows] for place, name in enumerate(names)}

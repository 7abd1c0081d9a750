"""The terminal: its two streams, errors and warnings as messages, and tables of records."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import astropy.units as u
import numpy as np
from erfa import ErfaWarning
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sunpy import log
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast import FLARECASTError, MissingDataWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sunpy_flarecast.fido.response import FLARECASTResponse

__all__ = ["ROWS", "WIDTH", "err", "out", "plain_errors", "show"]

#: Rows shown of a long table, half from its beginning and half from its end.
ROWS: Final = 30

#: Characters that a table of records needs.
WIDTH: Final = 120

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@contextmanager
def plain_errors() -> Iterator[list[Warning]]:
    """Turn errors into one message and exit status 1, and show warnings as messages; gives those of missing data."""
    missing: list[Warning] = []

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if isinstance(message, MissingDataWarning):
            missing.append(message)
        if issubclass(category, UserWarning):
            err.print(f"[yellow]Warning:[/] {escape(str(message))}", soft_wrap=True)

    level = log.level
    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", SunpyUserWarning)  # each is told, and none ends the command half-way
        warnings.simplefilter("ignore", ErfaWarning)  # of years without leap seconds; the search says what it found
        log.setLevel("CRITICAL")  # errors are told below, once
        try:
            yield missing
        except (FLARECASTError, OSError, ValueError, ImportError) as error:
            err.print(f"[red]Error:[/] {escape(str(error))}", soft_wrap=True)
            raise SystemExit(1) from None
        finally:
            log.setLevel(level)


def show(table: FLARECASTResponse) -> None:
    """Print a table of records, the middle left out if it is long."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    columns = ["Start Time", "T_REC", "Series", "HARPNUM", "Quality", "Segments", "Record"]
    columns += table.keyword_columns
    for name in columns:
        scale = {"Start Time": "UTC", "T_REC": "TAI"}.get(name) or str(table[name].info.unit or "")
        number = name not in ("Start Time", "T_REC", "Series")
        shown.add_column(f"{name} ({scale})" if scale else name, justify="right" if number else "left", no_wrap=True)
    whole = len(table) <= ROWS
    chosen = range(len(table)) if whole else (*range(ROWS // 2), *range(len(table) - ROWS // 2, len(table)))
    for place, row in enumerate(chosen):
        if not whole and place == ROWS // 2:
            shown.add_row(*["..."] * len(columns))
        shown.add_row(*(_cell(table[name][row]) for name in columns))
    # A line that a narrow terminal wraps can be read; half a time cannot.
    Console(width=max(out.width, WIDTH), highlight=False).print(shown)
    files = int(np.sum(table["Segments"]))
    out.print(f"{len(table):,} records, {files:,} files")


def _cell(value: Any) -> str:
    if np.any(getattr(value, "mask", False)):
        return "--"
    if hasattr(value, "iso"):
        return str(value.iso[:19])
    return f"{value.value:.6g}" if isinstance(value, u.Quantity) else str(value)

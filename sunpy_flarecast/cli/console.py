"""Output in the terminal: the two streams, errors and warnings as messages, tables, and reports of the index."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from astropy.time import Time
from rich.console import Console
from rich.markup import escape
from sunpy import log
from sunpy.util.exceptions import SunpyUserWarning

from sunpy_flarecast import FLARECASTError, Interrupted, MissingDataWarning, QueryError
from sunpy_flarecast.config import InvalidSettingError
from sunpy_flarecast.utils.reports import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import NoReturn

    from astropy.table import QTable

    from sunpy_flarecast import FetchReport, MirrorReport
    from sunpy_flarecast.archive.index import IndexReport
    from sunpy_flarecast.dataset import BuildReport
    from sunpy_flarecast.table.base import RecordTable

__all__ = ["err", "finish", "kept", "out", "plain_errors", "show", "show_index", "show_records"]

#: Minimum number of lines and columns of a table; wrapped lines are better than truncated times.
_LINES: Final = 34
_WIDTH: Final = 120

#: The columns of a search that are shown, besides those of keywords.
_SHOWN: Final = ("Start Time", "T_REC", "Series", "HARPNUM", "Quality", "Segments", "Record")

#: Extensions of files from which an interrupted search or request can be resumed.
_RESUMED: Final = (".ecsv", ".parquet")

#: Errors in the command line, such as a wrong file name; all others occur while the command runs.
_MISTAKES: Final = (QueryError, InvalidSettingError, FileExistsError, FileNotFoundError, NotADirectoryError)

#: Characters by which text from a service could control the terminal, or change the direction of other text.
_CONTROLS: Final = dict.fromkeys(
    {*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)} - {9, 10},
    "\N{REPLACEMENT CHARACTER}",
)


class _Console(Console):
    """A console that replaces control characters other than its own."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(one.translate(_CONTROLS) if isinstance(one, str) else one for one in objects), **options)


out = _Console(highlight=False)
err = _Console(stderr=True, highlight=False)


@contextmanager
def plain_errors() -> Iterator[list[Warning]]:
    """
    Show errors and warnings as messages, and yield the warnings of missing data.

    The exit status is 2 after an error in the command line, and 1 after any other error.
    """
    missing: list[Warning] = []

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if isinstance(message, MissingDataWarning):
            missing.append(message)
        if issubclass(category, UserWarning):
            err.print(f"[yellow]Warning:[/] {escape(str(message))}", soft_wrap=True)

    level = log.level
    with warnings.catch_warnings():
        warnings.showwarning = show
        warnings.simplefilter("always", SunpyUserWarning)  # all are shown, and none becomes an error
        log.setLevel("CRITICAL")  # errors are shown below, once
        try:
            yield missing
        except (FLARECASTError, OSError, ValueError, ImportError) as error:
            err.print(f"[red]Error:[/] {escape(str(error))}", soft_wrap=True)
            raise SystemExit(2 if isinstance(error, _MISTAKES) else 1) from None
        finally:
            log.setLevel(level)


@contextmanager
def kept(output: Path | None, what: str, write: Callable[[Any, Path], None], rest: str) -> Iterator[None]:
    """After Ctrl-C, write the partial result to a file, and say how to get the rest."""
    try:
        yield
    except Interrupted as error:
        if output is None:
            text = (
                "The partial result was not saved. With -o FILE (.ecsv or .parquet) it is kept, and the "
                f"{what} can be resumed."
            )
            err.print(text, soft_wrap=True)
        else:
            write(error.partial, output)
            resume = f" Resume in Python: {rest.format(repr(str(output)))}." if output.suffix in _RESUMED else ""
            err.print(escape(f"The partial result is in {output}.{resume}"), soft_wrap=True)
        raise


def finish(report: FetchReport | MirrorReport | BuildReport, path: Path | None, *, well: bool) -> NoReturn:
    """Print a report, write it to the file, if any, and exit: with 130 after Ctrl-C, 0 if ``well``, else 1."""
    (out if well else err).print(escape(str(report)), soft_wrap=True)
    if path:
        report.write(path)
    raise SystemExit(130 if report.interrupted else 0 if well else 1)


def show_records(table: RecordTable, *, short: bool = False) -> None:
    """Print the records of a search; in a narrow terminal, T_REC is the only time."""
    names = _SHOWN[1:] if out.is_terminal and out.width < _WIDTH else _SHOWN
    show(table.show(*names, *table.keyword_columns), short=short)


def show(table: QTable, *, short: bool = False) -> None:
    """Print a table: in full to a file or pipe; in a terminal with fewer digits and without its middle rows."""
    short |= out.is_terminal
    shown = table.copy()
    for name in shown.colnames:
        column = shown[name]
        if isinstance(column, Time):
            column.precision = 0 if short else 3
            shown.rename_column(name, f"{name} ({column.scale.upper()})")
        elif short and getattr(column, "dtype", np.dtype(object)).kind == "f":
            column.info.format = ".6g"
    lines = shown.pformat(
        max_lines=max(out.height - 2, _LINES) if short else -1,
        max_width=max(out.width, _WIDTH) if short else -1,
        show_dtype=False,
    )
    _Console(width=max(map(len, lines)), highlight=False, markup=False).print("\n".join(lines))


def show_index(directory: Path, report: IndexReport | None, faults: Sequence[str], most: int | None = None) -> None:
    """Print a report of the index of a directory, and the files that cannot be served, at most ``most``."""
    text = str(msgspec.structs.replace(report, faulty=0, faults=())) if report else ""
    if faults:
        shown = "".join(f"\n  {fault}" for fault in faults[:most])
        text = f"{text}{'; ' * bool(text)}{counted(len(faults), 'file')} cannot be served:{shown}"
    if most is not None and len(faults) > most:
        text += f"\n  ... and {len(faults) - most:,} more: sunpy-flarecast index {directory} lists them"
    if text:
        (err if faults else out).print(escape(text), soft_wrap=True)

"""The second stage of a build: request the keywords of the records in pieces, and keep each piece."""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np
from astropy.table import QTable, vstack

from sunpy_flarecast.errors import Interrupted, MissingDataWarning, ServiceError
from sunpy_flarecast.keywords.files import read_keywords, write_keywords
from sunpy_flarecast.keywords.table import LEADING, keyword_table
from sunpy_flarecast.utils.masked import mask_of
from sunpy_flarecast.utils.progress import progress_bar

from .records import local_copy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sunpy_flarecast.utils.store import Store

    from .records import Rows
    from .settings import BuildRequest

__all__ = ["PIECES", "Pieces", "keyword_pieces"]

#: Path of the pieces.
PIECES: Final = ".build/keywords"

_ADVICE: Final = "Finished work is kept; the same call resumes the build."

#: Records in one piece.
_ROWS: Final = 4096


class Pieces:
    """The keyword tables of all records, piece by piece, in row order, and ``notes`` on them as sentences."""

    def __init__(self, store: Store, names: list[str], notes: list[str]) -> None:
        self._store, self._names, self.notes = store, names, notes

    def __iter__(self) -> Iterator[QTable]:
        return (_read(self._store, name) for name in self._names)


def keyword_pieces(
    request: BuildRequest, rows: Rows, store: Store, *, strict: bool, progress: bool
) -> tuple[Pieces, list[tuple[list[int], str]]]:
    """
    Request the keywords of all records, except those that are already stored.

    Returns the pieces, and the record numbers and reasons of missing keywords. After Ctrl-C (`Interrupted`),
    received keywords are kept. Raises a `ServiceError` if the service has no keywords for two consecutive pieces.
    """
    spans = [slice(begin, min(begin + _ROWS, len(rows))) for begin in range(0, len(rows), _ROWS)]
    names = [_name(rows, span) for span in spans]
    there = set(store.names(PIECES))
    old = _EarlierPieces(store, sorted(there.difference(names)))
    wanted: list[str] = []
    missing: list[tuple[list[int], str]] = []
    valueless = [name for name in request.settings.keywords if name not in request.optional]
    empty = 0
    with progress_bar(shown=progress, total=len(rows), desc="Keywords", unit="record") as bar:
        for name, span in zip(names, spans, strict=True):
            piece = _read(store, name) if name in there else None
            if piece is None or piece.meta["missing"]:
                known = old.of(rows.records.recnum[span]) if piece is None else piece
                piece = _request(request, rows, span, store, name, wanted, known, strict=strict)
            # All pieces have the columns of the first piece, even if the service lacks some keywords later.
            wanted = wanted or [name for name in piece.colnames if name not in LEADING]
            lacking = [(gap["records"], gap["reason"]) for gap in piece.meta["missing"]]
            missing += lacking
            valueless = [name for name in valueless if name not in piece.colnames or mask_of(piece[name]).all()]
            empty = empty + 1 if sum(len(records) for records, _ in lacking) == len(piece) else 0
            if empty > 1:
                raise ServiceError(
                    f"{request.settings.service} returned no keywords for more than {_ROWS:,} consecutive records "
                    f"({lacking[0][1].removesuffix('.')}). {_ADVICE}"
                )
            bar.update(span.stop - span.start)
    for name in old.names:
        store.remove(name)
    notes = []
    if valueless and sum(len(records) for records, _ in missing) < len(rows):
        named = ", ".join(map(str.upper, valueless))
        notes.append(f"No record has a value of {named}. The service may not send every keyword.")
    return Pieces(store, names, notes), missing


def _request(
    request: BuildRequest,
    rows: Rows,
    span: slice,
    store: Store,
    name: str,
    wanted: list[str],
    known: QTable | None,
    *,
    strict: bool,
) -> QTable:
    """Request the keywords of a piece (all, or those of the first piece) and keep it."""
    if known is None and wanted:
        # An empty table allows a piece without any keywords, such as a few records at the end.
        texts = {"Series": np.zeros(0, dtype=str)}
        known = QTable(texts | {name: np.zeros(0, dtype=np.int64) for name in ("Record", *wanted)})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MissingDataWarning)  # reported by the build
            piece = keyword_table(
                rows.table(request.settings.service, span),
                wanted or request.settings.keywords,
                known=known,
                optional=() if wanted else request.optional,
                strict=strict,
                progress=False,
            )
    except Interrupted as error:
        _write(store, name, error.partial)
        raise
    except ServiceError as error:
        raise ServiceError(f"{error} {_ADVICE}", reason=error.reason) from error
    _write(store, name, piece)
    return piece


class _EarlierPieces:
    """Pieces of an earlier search with other records."""

    def __init__(self, store: Store, names: list[str]) -> None:
        self.names = names
        self._store = store
        self._numbers = {name: np.asarray(_read(store, name)["Record"]) for name in names}

    def of(self, numbers: np.ma.MaskedArray[tuple[int], np.dtype[np.int64]]) -> QTable | None:
        """Return the known keywords of some records; None if there are none."""
        parts = []
        for name, theirs in self._numbers.items():
            if (here := np.isin(theirs, numbers)).any():
                piece = _read(self._store, name)
                parts.append(piece[here])
        if not parts:
            return None
        known = vstack(parts, metadata_conflicts="silent")
        known.meta["missing"] = [gap for part in parts for gap in part.meta["missing"]]
        return known


def _name(rows: Rows, span: slice) -> str:
    """Name a piece after its records, so that it is not confused with a piece of another search."""
    numbers = np.ma.filled(rows.records.recnum[span], -1)
    return f"{PIECES}/{span.start:08}-{hashlib.sha256(numbers.tobytes()).hexdigest()[:16]}.parquet"


def _read(store: Store, name: str) -> QTable:
    with local_copy(store, name) as file:
        return read_keywords(file)


def _write(store: Store, name: str, piece: QTable) -> None:
    with local_copy(store, name, write=True) as file:
        write_keywords(piece, file)

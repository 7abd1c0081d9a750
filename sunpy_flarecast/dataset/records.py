"""The first stage of a build: find the records of a query or a table, and keep them until the build has finished."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from zipfile import ZipFile

import numpy as np

from sunpy_flarecast.errors import Interrupted, MissingDataWarning, ServiceError
from sunpy_flarecast.fido.response import FLARECASTResponse
from sunpy_flarecast.rest.records import merge, segment_of
from sunpy_flarecast.rest.service import Service
from sunpy_flarecast.search.missing import described
from sunpy_flarecast.search.search import Found, complete, find
from sunpy_flarecast.utils.reports import counted

from .model import ImageRecord, ShardTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from sunpy_flarecast.rest.records import Records
    from sunpy_flarecast.search.missing import Missing
    from sunpy_flarecast.utils.store import Store

    from .settings import BuildRequest

__all__ = ["SEARCH", "Rows", "in_order", "local_copy", "search"]

#: Path of the search result.
SEARCH: Final = ".build/search.zip"

#: Records in one part of the result.
_PART: Final = 20_000


@dataclass(frozen=True)
class Rows:
    """
    The records of a data set, sorted by HARP number and T_REC.

    ``missing`` lists unanswered parts of the search; ``notes`` are sentences on other problems of the records;
    ``origin`` is that of the search.
    """

    records: Records
    missing: list[Missing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    origin: str = ""

    def __len__(self) -> int:
        return len(self.records)

    @property
    def harps(self) -> npt.NDArray[np.int64]:
        """HARP number of each row."""
        return np.asarray(self.records.harpnum.data)

    @property
    def slots(self) -> npt.NDArray[np.int64]:
        """T_REC of each row as a slot number."""
        return np.asarray(self.records.slot.data)

    def spans(self) -> dict[int, slice]:
        """Rows of each HARP."""
        numbers, first = np.unique(self.harps, return_index=True)
        edges = [*first.tolist(), len(self)]
        return dict(zip(numbers.tolist(), map(slice, edges, edges[1:]), strict=True))

    def table(self, service: str, rows: slice) -> FLARECASTResponse:
        """Return the table of some records, as a search of the service does."""
        return FLARECASTResponse.from_records(self.records[rows], service=service)

    def tasks(self, segments: Sequence[str], size: int) -> Iterator[ShardTask]:
        """Yield the tasks that make the images, each for at most ``size`` records of one HARP."""
        for harp, span in self.spans().items():
            for number, begin in enumerate(range(span.start, span.stop, size)):
                yield ShardTask(harp, number, tuple(self._images(segments, slice(begin, min(begin + size, span.stop)))))

    def _images(self, segments: Sequence[str], rows: slice) -> Iterator[ImageRecord]:
        some = self.records[rows]
        recnums, qualities = np.ma.filled(some.recnum, 0).tolist(), np.ma.filled(some.quality, -1).tolist()
        columns = zip(recnums, some.slot.tolist(), qualities, some.prefix.tolist(), some.names, strict=True)
        for recnum, slot, quality, prefix, names in columns:
            urls = {segment_of(name): prefix.decode() + name for name in names}
            yield ImageRecord(recnum, slot, quality, tuple(urls.get(segment, "") for segment in segments))

    def changed(self, other: Rows) -> list[int]:
        """Return HARPs whose records differ from those of another search; the URLs of files do not matter."""
        mine, others = self.spans(), other.spans()
        harps = sorted(mine.keys() | others.keys())
        return [harp for harp in harps if self._identities(mine.get(harp)) != other._identities(others.get(harp))]

    def _identities(self, span: slice | None) -> list[Any]:
        some = self.records[span or slice(0)]
        return [some.recnum.tolist(), some.slot.tolist(), [tuple(map(segment_of, names)) for names in some.names]]


def search(
    request: BuildRequest, store: Store, forget: Callable[[list[int]], None], *, strict: bool, progress: bool
) -> Rows:
    """
    Find the records of a data set, or the missing parts of an earlier search, and keep them.

    ``forget`` is called with the HARPs whose records have changed, before the new records are kept. After Ctrl-C
    (`Interrupted`), the records found by a new search are kept.
    """
    kept = _read(store)
    if kept is not None and (request.table is not None or not kept.missing):
        return in_order(kept)
    if request.table is not None:
        found = Found(request.table.records(), list(request.table.missing), [], origin=request.table.origin)
    else:
        with Service.of_table(request.settings.service) as service:
            try:
                found = (
                    find(request.queries, service, strict=strict, progress=progress)
                    if kept is None
                    else complete(kept.records, request.queries, kept.missing, service, progress=progress)
                )
            except Interrupted as error:
                if kept is None:
                    _write(error.partial, request, store)
                raise
    if kept is not None and not found.origin:
        found = replace(found, origin=kept.origin)
    for text in found.notes:
        warnings.warn(text, MissingDataWarning, stacklevel=4)
    if strict and found.missing:
        raise ServiceError(f"{described(found.missing)} The same call repeats the missing parts of the search.")
    rows = in_order(found)
    if not len(rows):
        why = (
            f"{described(found.missing)} "
            if found.missing
            else found.why_empty(request.queries)
            if found.listed
            else ""
        )
        raise ServiceError(f"The search found no records for a data set. {' '.join([why, *rows.notes]).strip()}")
    if kept is not None and (changed := rows.changed(in_order(kept))):
        forget(changed)
    _write(found, request, store)
    return rows


def in_order(found: Found) -> Rows:
    """Sort records by HARP number and T_REC; of duplicates keep the newest."""
    records, notes = found.records, []
    placed = ~(np.ma.getmaskarray(records.harpnum) | np.ma.getmaskarray(records.slot))
    if lost := int((~placed).sum()):
        notes.append(f"Left out {counted(lost, 'record')} without a HARP number or T_REC.")
        records = records[placed]
    keys = [np.ma.filled(records.recnum, -1), records.slot.data, records.harpnum.data]
    records = records[np.lexsort(keys)]
    last = np.ones(len(records), dtype=bool)
    last[:-1] = (np.diff(records.harpnum.data) != 0) | (np.diff(records.slot.data) != 0)
    if twice := int((~last).sum()):
        notes.append(f"Left out {counted(twice, 'record')} with the HARP number and T_REC of a newer record.")
        records = records[last]
    return Rows(records, found.missing, notes, found.origin)


@contextmanager
def local_copy(store: Store, path: str, *, write: bool = False) -> Iterator[Path]:
    """Yield a local copy of a file in a store, or with ``write`` a local file that is then copied to the store."""
    with TemporaryDirectory(prefix="sunpy_flarecast-") as folder:
        file = Path(folder) / path.rpartition("/")[2]
        if not write:
            file.write_bytes(store.read(path) or b"")
        yield file
        if write:
            store.write(path, file.read_bytes())


def _read(store: Store) -> Found | None:
    if not store.exists(SEARCH):
        return None
    parts, missing, origin = [], [], ""
    with local_copy(store, SEARCH) as file, ZipFile(file) as bundle:
        for name in bundle.namelist():
            table = FLARECASTResponse.read(bundle.extract(name, file.parent))
            parts.append(table.records())
            missing, origin = list(table.missing), table.origin
    return Found(merge(parts), missing, [], origin=origin)


def _write(found: Found, request: BuildRequest, store: Store) -> None:
    """Keep a search result in parts, because the table of all records needs a lot of memory."""
    with local_copy(store, SEARCH, write=True) as file, ZipFile(file, "w") as bundle:
        for begin in range(0, max(1, len(found.records)), _PART):
            part = file.with_name(f"{begin:08}.parquet")
            FLARECASTResponse.from_records(
                found.records[begin : begin + _PART],
                service=request.settings.service,
                origin=found.origin,
                queries=request.queries,
                missing=found.missing,
            ).write(part)
            bundle.write(part, part.name)
            part.unlink()

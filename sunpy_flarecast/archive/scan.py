"""From a folder of FITS files to shelves of records: which files make a record, and what their headers tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sunpy_flarecast.catalog import find_series
from sunpy_flarecast.trec import text_slot

from .facts import record_of, whole_number
from .headers import card, is_full, keywords_of, read_header
from .shelf import FIRST_MADE, Held, Shelf, made_recnum
from .tree import Place, fault_of, fits_files, place_of, read_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from astropy.io.fits import Header

    #: The files of the records of a series: by slot and HARP number, by segment.
    _Groups = dict[tuple[int, int], dict[str, Path]]

__all__ = ["Scan"]

#: Keywords of what lists tell of a record, and their FITS names.
_FACTS: Final = {"date__obs": "DATE-OBS", "quality": "QUALITY", "wavelnth": "WAVELNTH"}


class Scan:
    """
    One reading of a folder.

    Parameters
    ----------
    root : `pathlib.Path`
        The folder, resolved.

    Attributes
    ----------
    shelves : dict
        The records by the full name of their series.
    skipped : list of tuple
        Files that cannot be served, each with the reason.
    """

    def __init__(self, root: Path) -> None:
        self.skipped: list[tuple[Path, str]] = []
        self._root = root
        shelves = {series: self._stock(series, groups) for series, groups in sorted(self._grouped().items())}
        self.shelves = {series: shelf for series, shelf in shelves.items() if len(shelf)}

    def _skip(self, path: Path, reason: str) -> None:
        self.skipped.append((path, reason))

    def _grouped(self) -> dict[str, _Groups]:
        """Group the files by series, record and segment."""
        series: dict[str, _Groups] = {}
        for path in fits_files(self._root, self._skip):
            place = self._place(path)
            if place is None:
                continue
            files = series.setdefault(place.series, {}).setdefault((place.slot, place.harpnum), {})
            first = files.setdefault(place.segment, path)
            if first is not path:
                self._skip(path, f"Segment {place.segment} of this record is served from {first} already")
        return series

    def _place(self, path: Path) -> Place | None:
        """Find where a file belongs, by its name or else by its header."""
        fault = fault_of(path, self._root)
        if fault is None:
            place = read_name(path.name)
            if place is not None:
                return place
            try:
                place = _place_in_header(read_header(path))
            except (OSError, ValueError) as error:
                fault = f"Its header cannot be read: {error}"
            else:
                if place is not None:
                    return place
                fault = "Neither its name nor its header (DRMS_ID, HARPNUM, T_REC) tells where it belongs"
        self._skip(path, fault)
        return None

    def _stock(self, series: str, groups: _Groups) -> Shelf:
        """Make the records of a series."""
        known = find_series(series)
        rank = {segment.name: number for number, segment in enumerate(known.segments)} if known else {}
        tuples: dict[tuple[str, ...], tuple[str, ...]] = {}
        names: Mapping[str, object] = {}
        taken: set[int] = set()
        shelf: list[Held] = []
        for (slot, harpnum), files in sorted(groups.items()):
            source, header = self._full_header(files, harpnum, slot)
            if not files:
                continue
            if header is not None and not names:
                names = keywords_of(header)
            ordered = tuple(sorted(files, key=lambda name: (rank.get(name, len(rank)), name)))
            segments = tuples.setdefault(ordered, ordered)
            recnum = None if header is None else _recnum_in_header(header)
            if recnum is None or recnum in taken:
                recnum = made_recnum(harpnum, slot)
            taken.add(recnum)
            facts = {} if header is None else {name: card(header, fits) for name, fits in _FACTS.items()}
            record = msgspec.structs.replace(record_of(recnum, facts, segments), harpnum=harpnum, t_rec_index=slot)
            paths = tuple(str(files[name].relative_to(self._root)) for name in segments)
            shelf.append(Held(record, paths, None if source is None else segments.index(source)))
        return Shelf(shelf, tuple(names))

    def _full_header(self, files: dict[str, Path], harpnum: int, slot: int) -> tuple[str | None, Header | None]:
        """Find the file of a record that has its keywords, and drop those found broken on the way."""
        for segment, path in list(files.items()):
            try:
                header = read_header(path)
            except (OSError, ValueError) as error:
                fault = f"Its header cannot be read: {error}"
            else:
                if not is_full(header):
                    continue
                if (whole_number(card(header, "HARPNUM")), text_slot(str(card(header, "T_REC")))) == (harpnum, slot):
                    return segment, header
                fault = "Its header is of another HARP or T_REC than its name"
            del files[segment]
            self._skip(path, fault)
        return None, None


def _place_in_header(header: Header) -> Place | None:
    series, _, rest = str(card(header, "DRMS_ID") or "").partition(":")
    segment = rest.rpartition(":")[2]
    slot = text_slot(str(card(header, "T_REC")))
    return place_of(series, whole_number(card(header, "HARPNUM")), slot, segment)


def _recnum_in_header(header: Header) -> int | None:
    recnum = whole_number(card(header, "RECNUM"))
    return recnum if recnum is not None and 0 < recnum < FIRST_MADE else None

"""The ledger of a mirror in each of its folders: the records of the files, and pending export requests."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from sunpy_flarecast.utils.atomic_file import atomic_write, remove_abandoned

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .source import Offer

__all__ = ["LEDGER", "Ledger", "write_changed"]

LEDGER: Final = ".mirror.json"


def write_changed(path: Path, text: str) -> None:
    """Write a file atomically, unless it has this content already."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == text.encode():
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, "w") as file:
        file.write(text)


class _Notes(msgspec.Struct):
    """The layout of the file."""

    records: dict[str, int] = {}  # record numbers of the files, by HARP number and T_REC
    old: list[str] = []  # files of earlier versions of their records, which had other numbers
    tabled: dict[str, int] = {}  # like records, for records with keywords in the table of the folder
    staging: dict[str, list[str]] = {}  # pending exports of files that were not online, with the names of the files


class Ledger:
    """The ledger of a folder, which need not exist; it survives a killed process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER
        self._notes = self._read()
        #: Files of earlier versions of their records.
        self.old: set[str] = set(self._notes.old)
        #: Numbers of the records with keywords in the table, by key.
        self.tabled: dict[str, int] = dict(self._notes.tabled)
        #: Pending exports, with the names of their files.
        self.staging: dict[str, list[str]] = self._notes.staging
        remove_abandoned([str(self._path)])

    def _read(self) -> _Notes:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Notes)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _Notes()

    def expect(self, offers: Iterable[Offer]) -> None:
        """
        Keep the numbers of the expected records; files of records whose number has changed become old.

        A reprocessed record has the same HARP number and T_REC, but a new number.
        """
        changed: set[str] = set()
        for offer in offers:
            if offer.recnum is not None:
                if self._notes.records.get(offer.key, offer.recnum) != offer.recnum:
                    changed.add(offer.name("*").removesuffix("*.fits"))
                self._notes.records[offer.key] = offer.recnum
        if changed:
            there = [file.name for file in self._path.parent.glob("*.fits")]
            self.old |= {name for name in there if f"{name.rsplit('.', 2)[0]}." in changed}
            # Pending exports are of the earlier versions.
            for number, names in list(self.staging.items()):
                if any(f"{name.rsplit('.', 2)[0]}." in changed for name in names):
                    del self.staging[number]
        self.keep()

    def settle(self) -> None:
        """Remove pending exports whose files have all been fetched."""
        done = [number for number, names in self.staging.items() if self._all_fetched(names)]
        for number in done:
            del self.staging[number]
        if done:
            self.keep()

    def _all_fetched(self, names: Iterable[str]) -> bool:
        return all(name not in self.old and (self._path.parent / name).is_file() for name in names)

    def keep(self) -> None:
        """Write the ledger to disk."""
        kept = _Notes(
            records=dict(sorted(self._notes.records.items())),
            old=sorted(self.old),
            tabled=dict(sorted(self.tabled.items())),
            staging=dict(sorted(self.staging.items())),
        )
        write_changed(self._path, msgspec.json.format(msgspec.json.encode(kept), indent=1).decode() + "\n")

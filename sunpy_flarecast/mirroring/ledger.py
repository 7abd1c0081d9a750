"""What a mirror notes in each of its folders: which records the files are of, and what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sunpy_flarecast.utils.whole import forget, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .source import Offer

__all__ = ["LEDGER", "Ledger"]

#: Name of the file.
LEDGER: Final = ".mirror.json"


class _Notes(msgspec.Struct):
    """
    The file's layout.

    Parameters
    ----------
    records : dict
        By HARP number and T_REC: the number of the record that the files are of.
    old : list of str
        Files of earlier versions of their records, which had other numbers.
    tabled : dict
        As ``records``, of those whose keywords are in the table of the folder.
    staging : dict
        Requests for files that were not online, and the names of the files.
    """

    records: dict[str, int] = {}
    old: list[str] = []
    tabled: dict[str, int] = {}
    staging: dict[str, list[str]] = {}


class Ledger:
    """
    The notes of a folder; what a process that was killed has noted holds for the next.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER
        self._notes = self._read()
        #: Files of earlier versions of their records.
        self.old: set[str] = set(self._notes.old)
        #: Numbers of the records whose keywords are in the table, by their keys.
        self.tabled: dict[str, int] = dict(self._notes.tabled)
        forget(self._path)

    def _read(self) -> _Notes:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Notes)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            return _Notes()

    @property
    def staging(self) -> dict[str, list[str]]:
        """Requests under way, and the names of the files that they are for."""
        return self._notes.staging

    def expect(self, offers: Iterable[Offer]) -> None:
        """
        Note whose files are going to come; those that are there of records whose numbers have changed are old.

        A record that is made anew has the same HARP number and T_REC, but another number.
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
            # Exports under way are of the records as they were.
            for number, names in list(self.staging.items()):
                if any(f"{name.rsplit('.', 2)[0]}." in changed for name in names):
                    del self.staging[number]
        self.keep()

    def settle(self) -> None:
        """Forget the requests whose files have all come."""
        done = [number for number, names in self.staging.items() if self._all_there(names)]
        for number in done:
            del self.staging[number]
        if done:
            self.keep()

    def _all_there(self, names: Iterable[str]) -> bool:
        return all(name not in self.old and (self._path.parent / name).is_file() for name in names)

    def keep(self) -> None:
        """Write the notes to the disk."""
        kept = _Notes(
            records=dict(sorted(self._notes.records.items())),
            old=sorted(self.old),
            tabled=dict(sorted(self.tabled.items())),
            staging=dict(sorted(self._notes.staging.items())),
        )
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(kept), indent=1).decode() + "\n")

"""Exports of files that JSOC does not have online; they outlive the process that requested them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sunpy import log

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import ServiceError
from sunpy_flarecast.sharp.t_rec import text_slot

from .jsoc_client import call_drms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .source import Wanted

__all__ = ["BATCH", "NOT_ONLINE", "NO_FILE", "Staging"]

#: Records per request.
BATCH: Final = 200

#: Interval between two requests for the state of an export, in units of ``conf.retry_wait``; drms waits 5 s.
_STATE_WAIT: Final = 10

#: Name of a record in exports: series, HARP number, T_REC, and optionally the segment.
_RECORD: Final = re.compile(r"\s*[\w.]+\[(\d+)\]\[([^\]]+)\](?:\{(\w+)\})?\s*", re.ASCII)

#: Why a file cannot be fetched without an export.
NO_FILE: Final = "JSOC has the record online, but no such file"
NOT_ONLINE: Final = "not online at JSOC"

#: Advice for such files.
_ADVICE: Final = "available through an export, which requires an address registered at JSOC (--email)"


class Staging:
    """Exports of one mirror with a registered address; each is awaited for at most ``wait`` seconds."""

    def __init__(self, client: Any, email: str | None, wait: float) -> None:
        self._client = client
        self._email = email
        self._wait = wait
        # An export that took too long; no other export is requested after it.
        self._pending = ""

    def stage(
        self, wanted: Mapping[str, Wanted], notes: dict[str, list[str]], keep: Callable[[], None]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Request exports of files, and wait for them; see `Source.stage`."""
        reasons = {name: file.offer.lacking[file.segment] for name, file in wanted.items()}
        left = {name: file for name, file in wanted.items() if reasons[name] != NO_FILE}
        if self._email is None:
            return {}, reasons | dict.fromkeys(left, f"{NOT_ONLINE}, but {_ADVICE}")
        urls: dict[str, str] = {}
        for number, names in list(notes.items()):
            # Exports of an earlier process are not requested again unless they failed.
            mine = [name for name in names if name in left]
            if not mine or not self._collect(number, None, {name: left[name] for name in mine}, urls, reasons):
                del notes[number]
                keep()
            else:
                left = {name: file for name, file in left.items() if name not in mine}
        for record_set, names in _batches(left):
            if self._pending:
                reasons |= dict.fromkeys(names, f"{NOT_ONLINE}, which is busy with the export {self._pending}")
                continue
            try:
                export = self._request(record_set)
            except ServiceError as error:
                reasons |= dict.fromkeys(names, f"{NOT_ONLINE}; {error.reason}")
                continue
            number = str(export.id or "")
            if number:
                notes[number] = sorted(names)
                keep()
            if not self._collect(number, export, {name: left[name] for name in names}, urls, reasons) and number:
                del notes[number]
                keep()
        return urls, {name: reason for name, reason in reasons.items() if name not in urls}

    def _request(self, record_set: str) -> Any:
        log.info(f"Files of {record_set} are not online; an export is requested.")
        return call_drms(
            f"an export of {record_set}",
            lambda: self._client.export(record_set, method="url_quick", protocol="as-is", email=self._email),
        )

    def _collect(
        self, number: str, export: Any, wanted: Mapping[str, Wanted], urls: dict[str, str], reasons: dict[str, str]
    ) -> bool:
        """Wait for an export, and collect its files; return whether the export may still be used."""
        subject = f"the export {number}" if number else "an export"
        try:
            if export is None:
                export = call_drms(subject, lambda: self._client.export_from_id(number))
            ended = call_drms(subject, lambda: export.wait(timeout=self._wait, sleep=_STATE_WAIT * conf.retry_wait))
            table = call_drms(subject, lambda: export.urls) if ended else None
        except ServiceError as error:
            reasons |= dict.fromkeys(wanted, f"{NOT_ONLINE}; {error.reason}")
            return type(error.__cause__).__name__ != "DrmsExportError"
        if table is None:
            self._pending = number
            reasons |= dict.fromkeys(wanted, f"{NOT_ONLINE}, which is still busy with the export {number}")
            return True
        given = _urls(zip(table["record"], table["filename"], table["url"], strict=True))
        for name, file in wanted.items():
            url = given.get((file.offer.harpnum, file.offer.slot, file.segment))
            if url is None:
                reasons[name] = f"{NOT_ONLINE}, and missing from the export"
            else:
                urls[name] = url
        return True


def _batches(left: Mapping[str, Wanted]) -> list[tuple[str, list[str]]]:
    """Group files into record sets, each with the names of its files."""
    segments: dict[int, list[str]] = {}
    names: dict[int, list[str]] = {}
    series: dict[int, str] = {}
    for name, file in left.items():
        if file.offer.recnum is not None:
            segments.setdefault(file.offer.recnum, []).append(file.segment)
            names.setdefault(file.offer.recnum, []).append(name)
            series[file.offer.recnum] = file.offer.series
    alike: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for recnum, of_record in segments.items():
        alike.setdefault((series[recnum], tuple(of_record)), []).append(recnum)
    found: list[tuple[str, list[str]]] = []
    for (of, some), recnums in alike.items():
        for begin in range(0, len(recnums), BATCH):
            chosen = recnums[begin : begin + BATCH]
            record_set = f"{of}[:{','.join(f'#{recnum}' for recnum in chosen)}]{{{','.join(some)}}}"
            found.append((record_set, [name for recnum in chosen for name in names[recnum]]))
    return found


def _urls(rows: Any) -> dict[tuple[int | None, int, str], str]:
    """Return the URLs of an export by HARP number, slot and segment."""
    found: dict[tuple[int | None, int, str], str] = {}
    for record, filename, url in rows:
        match = _RECORD.fullmatch(str(record))
        slot = text_slot(match[2]) if match else None
        if match and slot is not None:
            # If the record's name has no segment, the file name ends with it.
            segment = match[3] or str(filename).rpartition("/")[2].removesuffix(".fits").rpartition(".")[2]
            found[int(match[1]), slot, segment] = str(url)
    return found

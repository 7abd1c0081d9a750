"""Fill one folder of a mirror, which holds a day of a series, with files and keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING

import parfive

from sunpy_flarecast.download.plan import Place, Plan
from sunpy_flarecast.download.queue import enqueue, parfive_silent
from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.fits.on_disk import is_whole
from sunpy_flarecast.sharp.t_rec import t_rec_text, text_slot

from .keyword_table import KeywordTable
from .ledger import Ledger
from .source import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from .report import MirrorReport
    from .source import Offer, Source

__all__ = ["fill"]


def fill(
    folder: Path,
    offers: Sequence[Offer],
    source: Source,
    report: MirrorReport,
    *,
    connections: int,
    done: Callable[[bool], None] | None = None,
) -> bool:
    """
    Fill a folder with the files of its records, and return whether the mirror can continue (not with a full disk).

    Another process can resume after any step: the expected records are written first, the table of keywords last.
    ``done`` is called after each file, with True if it was fetched and False if it failed.
    """
    try:
        ledger = Ledger(folder)
        ledger.expect(offers)
        urls = {offer.name(segment): url for offer in offers for segment, url in offer.files.items()}
        urls |= _stage(folder, offers, source, ledger, report)
        goes_on = True
        for old in (False, True):  # files of earlier versions of their records are replaced
            some = {folder / name: url for name, url in urls.items() if (name in ledger.old) == old}
            if some and goes_on:
                goes_on = _fetch(some, source, ledger, report, overwrite=old, connections=connections, done=done)
        ledger.settle()
        if goes_on:
            _write_keywords(folder, offers, source, ledger, report)
    except OSError as error:
        raise TransferError(
            f"{folder} cannot be written to ({error.strerror or error}). Fix the permissions or free some space, and "
            "run the same command again; complete files are kept."
        ) from error
    return goes_on


def _stage(
    folder: Path, offers: Sequence[Offer], source: Source, ledger: Ledger, report: MirrorReport
) -> dict[str, str]:
    """Let the source make missing files available, and return their URLs."""
    wanted = {
        name: Wanted(offer, segment)
        for offer in offers
        for segment in offer.lacking
        if (name := offer.name(segment)) in ledger.old or not is_whole(folder / name)
    }
    report.already_there += sum(len(offer.lacking) for offer in offers) - len(wanted)
    if not wanted:
        return {}
    urls, reasons = source.stage(wanted, ledger.staging, ledger.keep)
    for name, reason in reasons.items():
        report.lack("file", reason, name)
    return urls


def _fetch(
    urls: Mapping[Path, str],
    source: Source,
    ledger: Ledger,
    report: MirrorReport,
    *,
    overwrite: bool,
    connections: int,
    done: Callable[[bool], None] | None,
) -> bool:
    """Fetch files unchanged from the source; return whether more files can be fetched."""
    config = parfive.SessionConfig(done_callbacks=[lambda path, url, error: done(error is None)] if done else [])
    downloader = parfive.Downloader(max_conn=connections, progress=False, overwrite=overwrite, config=config)
    places = [Place(url, str(path)) for path, url in urls.items()]
    queued = enqueue(downloader, Plan(places, []), complete_headers=False, service=source.service)
    with parfive_silent(downloader):
        results = downloader.download() if queued.waiting else parfive.Results()
    context = queued.context
    there = {*map(str, queued.data), *context.found}
    came = {str(path) for path in results} - there
    failed = queued.failures(results)
    report.already_there += sum(str(path) in there for path in urls)
    for path in urls:
        if str(path) in came:
            report.fetched += 1
            ledger.old.discard(path.name)
        if error := failed.get(str(path)):
            report.lack("file", error.reason, path.name)
    if overwrite:
        ledger.keep()
    report.interrupted = report.interrupted or context.interrupted
    return not (context.interrupted or context.halted)


def _write_keywords(
    folder: Path, offers: Sequence[Offer], source: Source, ledger: Ledger, report: MirrorReport
) -> None:
    """Add keywords to the folder's table for records whose files have none."""
    table = KeywordTable(folder)
    tabled = ledger.tabled if table.exists() else {}
    lacking = [
        offer for offer in offers if tabled.get(offer.key, -1) != offer.recnum and _needs_row(folder, offer, ledger.old)
    ]
    if not lacking:
        return
    of_key = {offer.key: offer for offer in lacking}
    rows: list[dict[str, object]] = []
    for values, reasons in source.keywords(lacking):
        for key, keywords in values.items():
            offer = of_key[key]
            known = {
                "series": offer.series,
                "recnum": offer.recnum,
                "harpnum": offer.harpnum,
                "t_rec": t_rec_text(offer.slot),
            }
            if text_slot(str(keywords.get("t_rec"))) == offer.slot:
                del known["t_rec"]  # keep the source's own notation
            row = {**keywords, **{name: value for name, value in known.items() if value is not None}}
            if row.get("harpnum") is None:
                report.lack("keywords", "they lack HARPNUM", f"{offer.series}.{key}")
            else:
                rows.append(row)
        for key, reason in reasons.items():
            report.lack("keywords", reason, f"{of_key[key].series}.{key}")
    if rows:
        ledger.tabled = table.add(rows)
        ledger.keep()


def _needs_row(folder: Path, offer: Offer, old: Collection[str]) -> bool:
    """Return whether a record has current files, and none of its files has keywords."""
    names = [offer.name(segment) for segment in (*offer.files, *offer.lacking)]
    there = [name for name in names if (folder / name).is_file()]
    return any(name not in old for name in there) and all(is_bare(folder / name) for name in there)

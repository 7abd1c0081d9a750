"""One folder of a mirror, which holds a day of a series: its files, their keywords, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.fits.structure import is_whole
from sunpy_flarecast.sharp.t_rec import t_rec_text, text_slot

from .keyword_table import KeywordTable
from .ledger import Ledger
from .source import Wanted
from .transfers import bring

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
    Fill a folder.

    The order of steps is what makes it go on after any of them: what is going to come is noted first, and the table of
    keywords is written last.

    Parameters
    ----------
    folder : `pathlib.Path`
        The folder; it need not exist.
    offers : sequence of Offer
        The records that belong there.
    source : Source
        Where they come from.
    report : MirrorReport
        Told of what came, and of what is missing.
    connections : int
        Transfers at a time.
    done : callable, optional
        Told of each file.

    Returns
    -------
    bool
        Whether the mirror can go on.

    Raises
    ------
    TransferError
        If the folder cannot be written to.
    """
    try:
        ledger = Ledger(folder)
        ledger.expect(offers)
        urls = {one.name(segment): url for one in offers for segment, url in one.files.items()}
        urls |= _staged(folder, offers, source, ledger, report)
        going = _bring(folder, urls, ledger, report, connections=connections, done=done)
        ledger.settle()
        if going:
            _write_keywords(folder, offers, source, ledger, report)
    except OSError as error:
        raise TransferError(
            f"{folder} cannot be written to ({error.strerror or error}). Mend the folder or free the disk, and start "
            "the same command again; what is there is kept."
        ) from error
    return going


def _staged(
    folder: Path, offers: Sequence[Offer], source: Source, ledger: Ledger, report: MirrorReport
) -> dict[str, str]:
    """Have those files made available that are neither here nor at hand there."""
    wanted = {
        name: Wanted(one, segment)
        for one in offers
        for segment in one.lacking
        if (name := one.name(segment)) in ledger.old or not is_whole(folder / name)
    }
    report.already_there += sum(len(one.lacking) for one in offers) - len(wanted)
    if not wanted:
        return {}
    urls, reasons = source.stage(wanted, ledger.staging, ledger.keep)
    for name, reason in reasons.items():
        report.lack("file", reason, name)
    return urls


def _bring(
    folder: Path,
    urls: Mapping[str, str],
    ledger: Ledger,
    report: MirrorReport,
    *,
    connections: int,
    done: Callable[[bool], None] | None,
) -> bool:
    """Bring the files; those of earlier versions of their records are replaced."""
    for old in (False, True):
        some = {folder / name: url for name, url in urls.items() if (name in ledger.old) == old}
        if not some:
            continue
        brought = bring(some, overwrite=old, connections=connections, done=done)
        report.fetched += len(brought.fetched)
        report.already_there += len(brought.there)
        report.interrupted = report.interrupted or brought.interrupted
        for path, reason in brought.failed.items():
            report.lack("file", reason.replace(str(path), "it").replace(some[path], "there"), path.name)
        if old:
            ledger.old -= {path.name for path in brought.fetched}
            ledger.keep()
        if brought.halted or brought.interrupted:
            return False
    return True


def _write_keywords(
    folder: Path, offers: Sequence[Offer], source: Source, ledger: Ledger, report: MirrorReport
) -> None:
    """Ask for the keywords of records whose files are bare, unless the table of the folder has them."""
    table = KeywordTable(folder)
    tabled = ledger.tabled if table.exists() else {}
    lacking = [one for one in offers if tabled.get(one.key, -1) != one.recnum and _needs_row(folder, one, ledger.old)]
    if not lacking:
        return
    of_key = {one.key: one for one in lacking}
    rows: list[dict[str, object]] = []
    for values, reasons in source.keywords(lacking):
        for key, keywords in values.items():
            one = of_key[key]
            told = {"series": one.series, "recnum": one.recnum, "harpnum": one.harpnum, "t_rec": t_rec_text(one.slot)}
            if text_slot(str(keywords.get("t_rec"))) == one.slot:
                del told["t_rec"]  # however it is written
            row = {**keywords, **{name: value for name, value in told.items() if value is not None}}
            if row.get("harpnum") is None:
                report.lack("keywords", "they do not tell its HARPNUM", f"{one.series}.{key}")
            else:
                rows.append(row)
        for key, reason in reasons.items():
            report.lack("keywords", reason, f"{of_key[key].series}.{key}")
    if rows:
        ledger.tabled = table.add(rows)
        ledger.keep()


def _needs_row(folder: Path, offer: Offer, old: Collection[str]) -> bool:
    """Tell whether a record has files, not just those of its earlier version, and none of them has keywords."""
    names = [offer.name(segment) for segment in (*offer.files, *offer.lacking)]
    there = [name for name in names if (folder / name).is_file()]
    return any(name not in old for name in there) and all(is_bare(folder / name) for name in there)

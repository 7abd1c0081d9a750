"""Make passes over the files of a fetch until none is missing or nothing improves, and report the outcome."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import parfive
from sunpy import log

from sunpy_flarecast.config import conf
from sunpy_flarecast.errors import Interrupted, TransferError
from sunpy_flarecast.utils.reports import counted

from .complete_folder import complete_again
from .connections import StoppedError
from .plan import Plan, check_writable
from .queue import enqueue, parfive_silent
from .report import FetchFailure, FetchReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Self

    from .connections import Connections
    from .plan import Place
    from .record_keywords import Mode
    from .report import Bare

__all__ = ["INTERRUPTED", "Pass", "fetch_once", "fetch_places", "interruption"]

#: Longest pause between two passes, in seconds.
_LONGEST_PAUSE: Final = 300.0

#: Why files are missing that an interrupted fetch had not come to.
INTERRUPTED: Final = TransferError("the fetch was interrupted")


@dataclass(slots=True)
class Pass:
    """The outcome of one pass over files."""

    #: Paths of files on disk by planned path.
    arrived: dict[str, str] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    #: Why files are missing, by planned path.
    errors: dict[str, TransferError] = field(default_factory=dict)
    bare: list[Bare] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    reprocessed: list[str] = field(default_factory=list)
    unidentified: list[str] = field(default_factory=list)
    #: Why files were skipped, if the service could not be reached.
    away: str = ""
    #: Whether another pass would be useless, for example because the disk is full.
    halted: bool = False
    interrupted: bool = False

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Join passes over consecutive parts of the files."""
        whole = cls()
        for part in parts:
            whole.arrived |= part.arrived
            whole.errors |= part.errors
            for name in ("fetched", "there", "bare", "damaged", "reprocessed", "unidentified"):
                getattr(whole, name).extend(getattr(part, name))
            whole.away = whole.away or part.away
            whole.halted |= part.halted
            whole.interrupted |= part.interrupted
        return whole


def fetch_once(
    places: list[Place],
    bare: list[Bare],
    *,
    overwrite: bool | Literal["unique"] = False,
    max_conn: int = 5,
    progress: bool = True,
    complete_headers: Mode | None = None,
    template: str = "",
    connections: Connections | None = None,
) -> Pass:
    """
    Try to fetch every file, with the retries of `~sunpy_flarecast.download.retry.persist`.

    ``bare`` are files of earlier passes whose keywords are requested again. Works in any thread.
    """
    downloader = parfive.Downloader(max_conn=max_conn, progress=progress, overwrite=overwrite)
    with parfive_silent(downloader):
        queued = enqueue(downloader, Plan(places, []), complete_headers=complete_headers, connections=connections)
        queued.silent = True
        if queued.waiting and template:
            check_writable(template)
        results = downloader.download() if queued.waiting else parfive.Results()
    context = queued.context
    if isinstance(context.halted, StoppedError):
        raise context.halted
    errors = queued.failures(results)
    if bare and not context.interrupted and not context.halted:
        with context.several_connections() as number:
            bare = complete_again(bare, progress=progress, parallel=number)
    return Pass(
        arrived={path: path for path in queued.data} | queued.arrived,
        fetched=[file for file in map(str, results) if file not in context.found],
        there=[*queued.data, *sorted(context.found)],
        errors=errors,
        bare=[*bare, *queued.bare],
        damaged=queued.damaged,
        reprocessed=[path for path in queued.reprocessed if path not in context.found],
        unidentified=list(context.unidentified),
        away=context.away,
        halted=context.halted is not None,
        interrupted=context.interrupted,
    )


def fetch_places(
    places: Sequence[Place],
    *,
    passes: int = 5,
    overwrite: bool | Literal["unique"] = False,
    max_conn: int = 5,
    progress: bool = True,
    complete_headers: Mode | None = None,
    template: str = "",
    bare: Sequence[Bare] = (),
    connections: Connections | None = None,
    each: Callable[[list[Place], list[Bare]], Pass] | None = None,
) -> FetchReport:
    """
    Fetch files in passes until all are complete or a pass brings no improvement.

    A pass that ended early because the service could not be reached is followed by another pass, up to ``passes``.
    Works in any thread, without a table, so tasks of a cluster can call it. The paths of all places must differ. The
    folder of ``template`` is checked for write access. ``bare`` are files on disk that lack keywords, which are
    requested as well. ``connections`` are shared with other processes and limit ``max_conn``. ``each`` makes one pass
    over places and files without keywords, by default `fetch_once` in this process. An interrupted fetch also returns a
    report.
    """
    if each is None:
        each = partial(
            fetch_once,
            overwrite=overwrite,
            max_conn=max_conn,
            progress=progress,
            complete_headers=complete_headers,
            template=template,
            connections=connections,
        )
    left = list(places)
    total = Pass(bare=list(bare))
    away = ""
    unsettled = len(left) + len(bare)
    for number in range(1, passes + 1):
        try:
            done = each(left, total.bare)
            total.arrived |= done.arrived
            total.errors, total.bare = done.errors, done.bare
            total.fetched += done.fetched
            total.there += done.there
            total.unidentified += done.unidentified
            if number == 1:
                total.damaged, total.reprocessed = done.damaged, done.reprocessed
            there = set(done.there)
            total.reprocessed = [path for path in total.reprocessed if path not in there]
            total.interrupted, away = done.interrupted, done.away
            missing_before, left = len(left), [place for place in left if place.path in done.errors]
            again = [file for file in total.bare if not file.lasting]
            before, unsettled = unsettled, len(left) + len(again)
            stuck = number > 1 and unsettled >= before and not away
            if not unsettled or done.interrupted or done.halted or stuck:
                break
            if number < passes:
                wait = min(conf.retry_wait * 2.0 ** (conf.max_retries + number), _LONGEST_PAUSE)
                log.info(
                    f"Pass {number} of at most {passes} left {len(left):,} of {missing_before:,} files missing"
                    f"{f' and {len(again):,} without keywords' if again else ''}; retrying in {wait:.0f} s."
                )
                time.sleep(wait)
        except KeyboardInterrupt:
            total.interrupted = True
            break
    errors = ((place, total.errors.get(place.path, INTERRUPTED)) for place in left)
    failed = [FetchFailure(place.path, place.url, str(error), error.reason) for place, error in errors]
    files = [total.arrived[place.path] for place in places if place.path in total.arrived]
    rank = {path: number for number, path in enumerate(files)}
    ordered = partial(sorted, key=lambda path: rank.get(path, len(rank)))
    return FetchReport(
        ordered(total.fetched),
        ordered(total.there),
        failed,
        interrupted=total.interrupted,
        damaged=total.damaged,
        bare=total.bare,
        files=files,
        reprocessed=total.reprocessed,
        unidentified=total.unidentified,
        unreachable=away,
    )


def interruption(report: FetchReport) -> Interrupted:
    """Return the exception for an interrupted fetch, with its report."""
    return Interrupted(
        f"The fetch was interrupted: {counted(len(report.fetched), 'file')} fetched, {len(report.failed):,} missing. "
        "The same call fetches the rest; `partial` of this exception is the report.",
        report,
    )

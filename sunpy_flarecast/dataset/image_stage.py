"""The fifth stage of a build: tasks that make shards of images, in this process or in a cluster, and finish HARPs."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sunpy_flarecast.download.connections import shared_connections
from sunpy_flarecast.errors import ClusterError, ServiceError
from sunpy_flarecast.rest.carried_settings import carried
from sunpy_flarecast.utils.cluster import run
from sunpy_flarecast.utils.progress import progress_bar

from .arrays import ROOT, group_path
from .chunk import NONE
from .files import files_of
from .model import ImageFacts, Settings, ShardFacts, ShardTask, Status
from .shard import facts_path, finish_harp, make_shard

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from sunpy_flarecast.utils.store import Store

    from .shard import Written

__all__ = ["FACTS", "Outcome", "facts_of", "finish_harps", "finished_shards", "forget_harps", "make_images"]

#: Where the facts of shards are.
FACTS: Final = ".build/shards"

#: The name of a file in a reason, without which equal reasons are counted together.
_NAME: Final = re.compile(r"\S+\.fits ")

#: After so many shards in a row without any file, the service is taken to be away.
_HOPELESS: Final = 4


@dataclass
class Outcome:
    """What became of images: how many are there or not listed, why others are missing, and which HARPs were padded."""

    segments: tuple[str, ...]
    there: int = 0
    unlisted: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    padded: list[int] = field(default_factory=list)

    def shards(self, tasks: Iterable[ShardTask], store: Store) -> Iterator[tuple[ShardTask, ShardFacts]]:
        """Give all shards of finished HARPs with their facts, and count their images."""
        for task in tasks:
            facts = facts_of(store, task) if self.segments else _without_images(task)
            if facts is None:
                raise ClusterError(f"The images of HARP {task.harp} are gone; run the build again.")
            for image in facts.images:
                self.there += image.status.count(Status.THERE)
                self.unlisted.update(
                    name for name, one in zip(self.segments, image.status, strict=True) if one == Status.NOT_LISTED
                )
                self.failed.update(_NAME.sub("", reason.partition(": ")[2]) for reason in image.reasons)  # "Br: why"
                if image.shape not in ((0, 0), facts.shape) and task.harp not in self.padded[-1:]:
                    self.padded.append(task.harp)
            yield task, facts


@dataclass(frozen=True)
class _Make:
    """Make a shard, and write its facts when it is whole; picklable."""

    settings: Settings
    store: Store
    options: dict[str, Any]

    def __call__(self, task: ShardTask) -> ShardFacts:
        before = facts_of(self.store, task)
        with files_of(task, self.settings, **self.options) as files:
            if before is not None:
                if sum(isinstance(one, Path) for row in files for one in row) <= _fetched(before):
                    return before  # nothing new came, and what was there must not be lost
                self.store.remove(facts_path(task.harp, task.number))
            facts = make_shard(task, self.settings, self.store, files)
        self.store.write(facts_path(task.harp, task.number), msgspec.json.encode(facts))
        return facts


@dataclass(frozen=True)
class _Finish:
    """Finish the group of a HARP; picklable."""

    settings: Settings
    store: Store

    def __call__(self, tasks: tuple[ShardTask, ...]) -> Written:
        facts = [facts for task in tasks if (facts := facts_of(self.store, task)) is not None]
        facts, written = finish_harp(tasks, facts, self.settings, self.store)
        for one in facts:
            written |= one.files
        return written


def make_images(
    tasks: Iterable[ShardTask],
    finished: Container[tuple[int, int]],
    total: int,
    settings: Settings,
    store: Store,
    *,
    files: str,
    keep_files: str,
    max_conn: int,
    client: Any,
    progress: bool,
) -> None:
    """
    Make the shards of ``total`` records that are not ``finished``: missing, or lacking files that may be available now.

    A `ServiceError` says that no file of several shards in a row could be fetched.
    """
    lost: list[str] = []
    empty = 0
    connections = shared_connections(client, max_conn) if client is not None else nullcontext()
    bar_of = progress_bar(shown=progress, total=total, desc="Images", unit="record")
    with connections as shared, bar_of as bar:
        options = {"files": files, "keep_files": keep_files, "max_conn": max_conn, "connections": shared}

        def pending() -> Iterator[ShardTask]:
            for task in tasks:
                if (task.harp, task.number) not in finished:
                    yield task
                else:
                    bar.update(len(task.records))
                    bar.initial = bar.n  # so that the estimate is that of what is made now

        for done in run(carried(_Make(settings, store, options)), pending(), client=client, name="images"):
            bar.update(len(done.task.records))
            if done.value is None:
                lost.append(done.lost)
                continue
            statuses = {one for image in done.value.images for one in image.status} - {Status.NOT_LISTED}
            empty = empty + 1 if statuses == {Status.NOT_FETCHED} else 0
            if empty == _HOPELESS:
                reason = next(reason for image in done.value.images for reason in image.reasons).partition(": ")[2]
                raise ServiceError(
                    f"No file of the last {_HOPELESS} shards could be fetched from {settings.service} "
                    f"({reason.removesuffix('.')}). What is finished is kept; the same call does the rest.",
                    reason=reason,
                )
    if lost:
        raise ClusterError(f"{len(lost):,} of the shards could not be made. {lost[0]} What is finished is kept.")


def finish_harps(
    tasks: Iterable[ShardTask], settings: Settings, store: Store, *, client: Any, progress: bool
) -> Iterator[Written]:
    """Write what HARPs have beside their shards; give size and SHA-256 of all files of each by path."""
    groups = (tuple(group) for _, group in groupby(tasks, key=lambda task: task.harp))
    with progress_bar(shown=progress, desc="HARPs finished", unit="HARP") as bar:
        for done in run(_Finish(settings, store), groups, client=client, name="harps"):
            if done.value is None:
                raise ClusterError(f"{done.lost} What is finished is kept; the same call does the rest.")
            yield done.value
            bar.update()


def facts_of(store: Store, task: ShardTask) -> ShardFacts | None:
    """Return the facts of a shard, if it is there; one with damaged facts, or those of other records, is made again."""
    data = store.read(facts_path(task.harp, task.number))
    try:
        facts = None if data is None else msgspec.json.decode(data, type=ShardFacts)
    except msgspec.MsgspecError:
        return None
    return facts if facts is None or facts.records in ("", task.identity) else None


def _without_images(task: ShardTask) -> ShardFacts:
    """Make the facts of records in a data set without images."""
    return ShardFacts(task.harp, task.number, (0, 0), NONE, [ImageFacts((0, 0), (), ())] * len(task.records), {}, {})


def _fetched(facts: ShardFacts) -> int:
    """Count the files that a shard was made from."""
    return sum(one in (Status.THERE, Status.UNREADABLE) for image in facts.images for one in image.status)


def finished_shards(tasks: Iterable[ShardTask], store: Store) -> set[tuple[int, int]]:
    """
    Return HARP and number of the shards that lack nothing.

    The facts of shards whose files are gone are removed, and so are HARPs that have no records now.
    """
    there = set(store.names(ROOT))
    left = set(store.names(FACTS))
    finished = set()
    for task in tasks:
        path = facts_path(task.harp, task.number)
        if path in left and (facts := facts_of(store, task)) is not None:
            if not facts.files.keys() <= there:
                store.remove(path)
            elif facts.complete:
                finished.add((task.harp, task.number))
        left.discard(path)
    forget_harps(store, {int(path.rpartition("/")[2].partition("-")[0]) for path in left})
    return finished


def forget_harps(store: Store, harps: Iterable[int]) -> None:
    """Remove the images of HARPs whose records have changed."""
    prefixes = tuple(f"{facts_path(harp, 0).rpartition('-')[0]}-" for harp in harps)
    for path in store.names(FACTS):
        if path.startswith(prefixes):
            store.remove(path)
    for harp in harps:
        store.remove(group_path(harp))

"""The fifth stage of a build: make shards of images and finish HARPs, in this process or in a cluster."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sunpy_flarecast.download.connections import StoppedError, shared_connections
from sunpy_flarecast.errors import ClusterError, ServiceError
from sunpy_flarecast.rest.carried_settings import carried
from sunpy_flarecast.utils.cluster import run
from sunpy_flarecast.utils.progress import progress_bar
from sunpy_flarecast.utils.reports import counted

from .arrays import ROOT, group_path
from .chunk import NONE
from .files import files_of
from .model import ImageFacts, Settings, ShardFacts, ShardTask, Status
from .shard import facts_path, finish_harp, make_shard

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from sunpy_flarecast.utils.store import Store

    from .shard import Written

__all__ = [
    "FACTS",
    "Outcome",
    "facts_of",
    "finish_harps",
    "finished_shards",
    "forget_harps",
    "images_in",
    "make_images",
    "origin_in",
]

#: Path of the facts of shards.
FACTS: Final = ".build/shards"

#: HARP and number of a shard.
ShardKey = tuple[int, int]

#: The name of a file in a reason; it is removed to count equal reasons together.
_NAME: Final = re.compile(r"\S+\.fits ")

#: After this many consecutive shards without any file, the service is considered unreachable.
_EMPTY_SHARDS: Final = 4

_ADVICE: Final = "Finished work is kept; the same call resumes the build."


@dataclass
class Outcome:
    """Numbers of available and unlisted images, reasons why others are missing, padded HARPs, and origins of files."""

    segments: tuple[str, ...]
    there: int = 0
    unlisted: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    padded: list[int] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)

    def shards(self, tasks: Iterable[ShardTask], store: Store) -> Iterator[tuple[ShardTask, ShardFacts]]:
        """Yield all shards of finished HARPs with their facts, and count their images."""
        for task in tasks:
            facts = facts_of(store, task) if self.segments else _without_images(task)
            if facts is None:
                raise ClusterError(f"The images of HARP {task.harp} were removed during the build. Run it again.")
            self.origins.add(origin_in(facts))
            for image in facts.images:
                self.there += image.status.count(Status.THERE)
                self.unlisted.update(
                    name
                    for name, status in zip(self.segments, image.status, strict=True)
                    if status == Status.NOT_LISTED
                )
                self.failed.update(_NAME.sub("", reason.partition(": ")[2]) for reason in image.reasons)  # "Br: why"
                if image.shape not in ((0, 0), facts.shape) and task.harp not in self.padded[-1:]:
                    self.padded.append(task.harp)
            yield task, facts


@dataclass(frozen=True)
class _Make:
    """Make a shard and then write its facts; picklable."""

    settings: Settings
    store: Store
    options: dict[str, Any]

    def __call__(self, task: ShardTask) -> ShardFacts:
        before = facts_of(self.store, task)
        try:
            return self._made(task, before)
        except StoppedError:
            return before or _without_images(task)  # nobody waits for it

    def _made(self, task: ShardTask, before: ShardFacts | None) -> ShardFacts:
        with files_of(task, self.settings, **self.options) as files:
            if before is not None:
                if sum(isinstance(file, Path) for row in files for file in row) <= _fetched(before):
                    return before  # no new files; keep what the shard already has
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
        found = [facts for task in tasks if (facts := facts_of(self.store, task)) is not None]
        shards, written = finish_harp(tasks, found, self.settings, self.store)
        for shard in shards:
            written |= shard.files
        return written


def make_images(
    tasks: Iterable[ShardTask],
    finished: Container[ShardKey],
    total: int,
    settings: Settings,
    store: Store,
    *,
    files: str,
    keep_files: str,
    max_conn: int,
    client: Any,
    progress: bool,
) -> Iterator[ShardFacts]:
    """
    Make the shards that are not ``finished``; ``total`` is the number of records in all shards.

    Yields the facts of each such shard. Raises a `ServiceError` if no file of several consecutive
    shards could be fetched.
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
                    bar.initial = bar.n  # the estimate of the remaining time ignores finished shards

        for done in run(carried(_Make(settings, store, options)), pending(), client=client, name="images"):
            bar.update(len(done.task.records))
            if done.value is None:
                lost.append(done.lost)
                continue
            yield done.value
            statuses = {status for image in done.value.images for status in image.status} - {Status.NOT_LISTED}
            empty = empty + 1 if statuses == {Status.NOT_FETCHED} else 0
            if empty == _EMPTY_SHARDS:
                reason = next(reason for image in done.value.images for reason in image.reasons).partition(": ")[2]
                raise ServiceError(
                    f"No file of the last {_EMPTY_SHARDS} shards could be fetched from {settings.service} "
                    f"({reason.removesuffix('.')}). {_ADVICE}",
                    reason=reason,
                )
    if lost:
        raise ClusterError(f"{counted(len(lost), 'shard')} could not be made. {lost[0]} {_ADVICE}")


def finish_harps(
    tasks: Iterable[ShardTask], settings: Settings, store: Store, *, client: Any, progress: bool
) -> Iterator[Written]:
    """Write the groups of HARPs; yield the size and SHA-256 of all files of each HARP by path."""
    groups = (tuple(group) for _, group in groupby(tasks, key=lambda task: task.harp))
    with progress_bar(shown=progress, desc="HARPs finished", unit="HARP") as bar:
        for done in run(_Finish(settings, store), groups, client=client, name="harps"):
            if done.value is None:
                raise ClusterError(f"{done.lost} {_ADVICE}")
            yield done.value
            bar.update()


def facts_of(store: Store, task: ShardTask) -> ShardFacts | None:
    """Return the facts of a shard; None if they are missing, damaged or of other records, so that it is made again."""
    data = store.read(facts_path(task.harp, task.number))
    try:
        facts = None if data is None else msgspec.json.decode(data, type=ShardFacts)
    except msgspec.MsgspecError:
        return None
    return facts if facts is None or facts.records in ("", task.identity) else None


def _without_images(task: ShardTask) -> ShardFacts:
    """Return the facts of records in a data set without images."""
    return ShardFacts(task.harp, task.number, (0, 0), NONE, [ImageFacts((0, 0), (), ())] * len(task.records), {}, {})


def images_in(facts: ShardFacts) -> int:
    """Count the images of a shard."""
    return sum(image.status.count(Status.THERE) for image in facts.images)


def origin_in(facts: ShardFacts) -> str:
    """Return the keyword ORIGIN of the files of a shard, empty if they have none."""
    return str(facts.header.get("ORIGIN", ""))


def _fetched(facts: ShardFacts) -> int:
    """Count the files that a shard was made from."""
    return sum(status in (Status.THERE, Status.UNREADABLE) for image in facts.images for status in image.status)


def finished_shards(tasks: Iterable[ShardTask], store: Store) -> tuple[set[ShardKey], dict[ShardKey, int], set[str]]:
    """
    Return the complete shards, the number of images in each shard of earlier calls, and the origins of their files.

    Facts of shards with missing files are removed, and so are HARPs that have fewer shards than before.
    """
    there = set(store.names(ROOT))
    left = set(store.names(FACTS))
    finished = set()
    images = {}
    origins = set()
    for task in tasks:
        path = facts_path(task.harp, task.number)
        if path in left and (facts := facts_of(store, task)) is not None:
            if not facts.files.keys() <= there:
                store.remove(path)
            else:
                images[task.harp, task.number] = images_in(facts)
                origins.add(origin_in(facts))
                if facts.complete:
                    finished.add((task.harp, task.number))
        left.discard(path)
    changed = {int(path.rpartition("/")[2].partition("-")[0]) for path in left}
    forget_harps(store, changed)
    finished = {(harp, number) for harp, number in finished if harp not in changed}
    images = {(harp, number): count for (harp, number), count in images.items() if harp not in changed}
    return finished, images, origins


def forget_harps(store: Store, harps: Iterable[int]) -> None:
    """Remove the images of HARPs whose records have changed."""
    prefixes = tuple(f"{facts_path(harp, 0).rpartition('-')[0]}-" for harp in harps)
    for path in store.names(FACTS):
        if path.startswith(prefixes):
            store.remove(path)
    for harp in harps:
        store.remove(group_path(harp))

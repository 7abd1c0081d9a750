"""Processes that fill one folder together and are stopped, continued and killed at random moments."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from barefolder import SERIES, fill, without_history
from indexed import contents
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, Series, TransferError, conf, fetch, mirror
from sunpy_flarecast.archive import DirectoryArchive, running
from sunpy_flarecast.archive.index import BESIDE, BusyIndexError, build_index, index_path
from sunpy_flarecast.download.complete_folder import complete_folder
from sunpy_flarecast.mirroring.keyword_table import TABLE
from sunpy_flarecast.mirroring.ledger import LEDGER

if TYPE_CHECKING:
    from collections.abc import Callable

RANGE = ("2015-12-11", "2015-12-11T12:00")

#: Number of concurrent processes.
_TOGETHER = 4


def fetched(url: str, root: str, *, overwrite: bool = False) -> None:
    """Fetch all files to the paths of a mirror."""
    with conf.set_temp("url", url):
        table = FLARECASTClient().search(a.Time(*RANGE), Series(SERIES), progress=False)
        path = f"{root}/{{series}}/{{t_rec:%Y/%m/%d}}/{{file}}"
        report = fetch(table, path=path, progress=False, overwrite=overwrite, passes=2)
        assert report.complete, str(report)
        assert not report.bare, str(report)


def replaced(url: str, root: str) -> None:
    fetched(url, root, overwrite=True)


def completed(url: str, root: str) -> None:
    with conf.set_temp("url", url):
        result = complete_folder(root, progress=False)
    assert not result.bare, str(result)


def mirrored(url: str, root: str) -> None:
    report = mirror(*RANGE, root, series=SERIES, service=url, index=False, progress=False)
    assert report.complete, str(report)


def indexed(url: str, root: str) -> None:
    del url
    report = build_index(root)
    assert not report.faulty, str(report)


WORK: tuple[Callable[[str, str], None], ...] = (
    fetched,
    fetched,
    replaced,
    completed,
    mirrored,
    mirrored,
    indexed,
    indexed,
)


def work(number: int, url: str, root: str, problems: str) -> None:
    """Do one piece of work in a separate process, and write failures to a file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            WORK[number](url, root)
    except BusyIndexError:
        pass
    except BaseException as error:  # noqa: BLE001 (the parent process reports it)
        if isinstance(error, TransferError) and "Another mirror is filling" in str(error):
            return
        with Path(problems).open("a") as file:
            file.write(f"{WORK[number].__name__}: {''.join(traceback.format_exception(error))}\n")


def stress(seed: int, pieces: int, workspace: Path) -> list[str]:
    """
    Do a number of pieces of work and disturb them; then do each once more undisturbed.

    Returns
    -------
    list of str
        Faults of the folder at the end, and failures in processes that were not killed.
    """
    chance = random.Random(seed)
    served, root, clean, problems = (workspace / name for name in ("served", "root", "clean", "problems"))
    served.mkdir()
    root.mkdir()
    fill(served, 10, segments=("Bp", "Br"), side=120)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with running(DirectoryArchive(served)) as url:
        alive: list[Any] = []
        begun = 0
        while begun < pieces or alive:
            alive = [process for process in alive if process.is_alive()]
            if begun < pieces and len(alive) < _TOGETHER:
                task = chance.randrange(len(WORK))
                alive.append(context.Process(target=work, args=(task, url, str(root), str(problems)), daemon=True))
                alive[-1].start()
                begun += 1
            elif alive:
                # When all have started, no process is stopped any more, so that they end.
                signals = [signal.SIGSTOP] * 4 + [signal.SIGCONT] * 5 + [signal.SIGKILL] * 2
                number = chance.choice(signals) if begun < pieces else signal.SIGCONT
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(alive).pid, number)
            time.sleep(chance.uniform(0, 0.1))
        for work_on in (mirrored, fetched, completed, indexed):
            work_on(url, str(root))
        fetched(url, str(clean))
    found = problems.read_text().split("\n\n") if problems.exists() else []
    return [*(text for text in found if text.strip()), *_differing(root, clean, workspace)]


def _differing(root: Path, clean: Path, workspace: Path) -> list[str]:
    """Compare the folder with an undisturbed fetch and an undisturbed index."""
    files, whole = (
        {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
        for folder in (root, clean)
    )
    wrong = [
        f"{name}: {'differs' if name in files else 'is missing'}"
        for name, file in whole.items()
        if name not in files or without_history(files[name].read_bytes()) != without_history(file.read_bytes())
    ]
    known = (LEDGER, TABLE, ".mirror.lock")
    left = [name for name in files if name not in whole and not Path(name).name.startswith((BESIDE, *known))]
    build_index(root, index=workspace / "undisturbed")
    index = [] if contents(index_path(root)) == contents(workspace / "undisturbed") else ["the index differs"]
    return [*wrong, *(f"{name}: is left over" for name in left), *index]

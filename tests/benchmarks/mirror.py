"""
Kill mirrors at any moment, and measure their memory: ``python tests/benchmarks/mirror.py``.

The sources are in this process, over loopback: a small JSOC (``tests/helpers/jsoc.py``), and a FLARECAST service of
bare files with a table of keywords. ``killed``: the command is killed (SIGKILL) ``--kills`` times for each source,
after a number of requests or at a random moment (``--seed``), in a new folder after every two kills; after the first
kill a record is reprocessed at JSOC. (A mirror that ended before it was killed does not count, and starts again.) At
the end, the files and everything that an archive of them serves must equal those of an undisturbed mirror.
``memory``: the peak memory of mirrors of few and of many days.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from common import judged, keep, machine, say
from faults import Layer
from jsoc import JSOC, JSOCRecord, jsoc_record

from sunpy_flarecast import conf, mirror
from sunpy_flarecast.archive import DirectoryArchive, create_app, running
from sunpy_flarecast.archive.index import BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

SERIES = "hmi.sharp_cea_720s"

#: T_REC 2015-12-11T00:00:00 TAI.
FIRST = 1005480

START = datetime(2015, 12, 11, tzinfo=UTC)


def sky(days: int, harps: int, width: int) -> list[JSOCRecord]:
    """Return records every two hours with three segments."""
    return [
        jsoc_record(
            SERIES, 6000 + harp, FIRST + 10 * step, 1_000_000 * (harp + 1) + step, "Bp", "Bt", "Br", width=width
        )
        for step in range(12 * days)
        for harp in range(harps)
    ]


def command(folder: Path, days: int, *source: str) -> list[str]:
    end = (
        f"2015-12-{11 + days}"
        if days <= 20
        else str(datetime.fromtimestamp(START.timestamp() + days * 86400, UTC).date())
    )
    arguments = ["2015-12-10T23:00", end, str(folder), "--series", SERIES, "--no-progress"]
    return [sys.executable, "-m", "sunpy_flarecast", "mirror", *arguments, *source]


def contents(folder: Path) -> tuple[dict[str, bytes], Any]:
    """Return all files of a folder, and everything that an archive of it serves."""
    files = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(BESIDE)
    }
    archive = DirectoryArchive(folder)
    records = list(archive.records(SERIES, datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)))
    keywords = archive.keywords_of(SERIES, [record.recnum for record in records])
    stored = [archive.segment(SERIES, record.recnum, name) for record in records for name in record.segments]
    return files, (records, keywords, [(file.path.name, file.size) for file in stored])


def killed(kills: int, seed: int, source: list[str], layer: Layer, server: JSOC | None, workspace: Path) -> bool:
    chance = random.Random(seed)
    folder = workspace / "undisturbed"
    begin = time.monotonic()
    layer.clear()
    subprocess.run(command(folder, 2, *source), check=True, stdout=subprocess.DEVNULL)
    seconds, requests = time.monotonic() - begin, len(layer.requests)
    say(f"undisturbed: {requests} requests in {seconds:.1f} s")
    done, well = 0, True
    while done < kills:
        folder = workspace / f"killed-{done}"
        goal = min(done + 2, kills)
        while done < goal:
            layer.clear()
            after = None if done % 2 else chance.randrange(1, requests)
            moment = chance.uniform(0.2, 1.0) * seconds
            with subprocess.Popen(
                command(folder, 2, *source), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as child:
                end = time.monotonic() + moment
                while child.poll() is None and (len(layer.requests) < after if after else time.monotonic() < end):
                    time.sleep(0.002)
                child.kill()
            if child.returncode != -signal.SIGKILL:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            done += 1
            there = sum(1 for _ in folder.rglob("*.fits"))
            say(f"kill {done}: after {f'{after} requests' if after else f'{moment:.2f} s'}, {there} files there")
            if server is not None and done % 2:
                server.records[chance.randrange(len(server.records))].recnum += 500
        subprocess.run(command(folder, 2, *source), check=True, stdout=subprocess.DEVNULL)
        whole = workspace / "undisturbed"
        if server is not None:
            shutil.rmtree(whole)
            subprocess.run(command(whole, 2, *source), check=True, stdout=subprocess.DEVNULL)
        same = contents(folder) == contents(whole)
        well = well and same
        say(f"after {done} kills: {'the same' if same else 'DIFFERENT'} tree and archive")
        shutil.rmtree(folder)
    return well


def memory(source: list[str], days: int, workspace: Path) -> tuple[float, float, int]:
    """Return the peak memory of a mirror in MB, its CPU seconds, and the number of its files."""
    folder = workspace / f"days-{days}"
    child = subprocess.Popen(command(folder, days, "--no-index", *source), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"the mirror ended with status {child.returncode}")
    files = sum(1 for _ in folder.rglob("*.fits"))
    shutil.rmtree(folder)
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, files


@contextmanager
def service(workspace: Path, records: list[JSOCRecord]) -> Iterator[tuple[str, Layer]]:
    """Serve the same files as a FLARECAST service."""
    with running(JSOC(records)) as url:
        mirror("2015-12-10T23:00", "2015-12-13", workspace / "served", series=SERIES, jsoc=url, progress=False)
    layer = Layer(create_app(DirectoryArchive(workspace / "served")))
    with running(layer) as url:
        yield url, layer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="number of kills for each source")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--case", choices=["killed", "memory"], action="append")
    parser.add_argument("--days", type=int, default=60, help="days of the longer mirror")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    figures: dict[str, Any] = machine("sunpy", "parfive", "drms")
    cases = options.case or ["killed", "memory"]
    met = True
    with tempfile.TemporaryDirectory() as workspace, conf.set_temp("retry_wait", 0.05):
        if "killed" in cases:
            server = JSOC(sky(2, 2, 120))
            layer = Layer(server)
            with running(layer) as url:
                well = killed(options.kills, options.seed, ["--jsoc-url", url], layer, server, Path(workspace, "jsoc"))
            figures["killed, JSOC"] = well
            with service(Path(workspace), sky(2, 2, 120)) as (url, layer):
                well = (
                    killed(options.kills, options.seed, ["--from", url], layer, None, Path(workspace, "service"))
                    and well
                )
            figures["killed, FLARECAST"] = well
            say(f"killed {options.kills} times each: {judged(well)}")
            met = met and well
        if "memory" in cases:
            with running(JSOC(sky(options.days, 12, 20))) as url:
                sizes = {days: memory(["--jsoc-url", url], days, Path(workspace)) for days in (2, options.days)}
            for days, (size, seconds, files) in sizes.items():
                say(f"{days} days, {files} files: {size:.0f} MB, {seconds:.1f} s of processor time")
            figures["memory"] = sizes
            flat = sizes[options.days][0] < sizes[2][0] + 20
            say(f"flat memory: {judged(flat)}")
            met = met and flat
    keep(figures, options.json)
    raise SystemExit(not met)


if __name__ == "__main__":
    main()

"""
Speed and memory of building a data set: ``python tests/benchmarks/dataset.py``.

All cases but the last use a service that this script runs in a separate process: eight HARPs at a time, images that
differ only in their headers, and keywords. Ratios are of CPU time of the client and its workers where marked CPU, and
of elapsed time otherwise; the latter require an idle machine.

``one core``: making shards compared with fetching the same files and decoding them with astropy, for patches of
400 × 700 pixels. ``workers``: making shards with two workers compared with one, and with one compared with none.
``memory``: peak resident memory of a worker that makes a shard of 256 such records with three segments. ``tables``:
peak resident memory of a build of ``--rows`` records, three windows and three thresholds, with existing images.
``simulated``: a build of ``--records`` records with bitmaps of 2 × 2 pixels by two workers: memory, and CPU time per
record by tenths. ``month``: a month of the demo (1,000 records with three segments) with the command, and the cost of
files and keywords of the demo.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import psutil
from astropy.io import fits
from astropy.table import Table
from common import free_port, judged, keep, machine, process, say
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, Segment, Series, conf, fetch
from sunpy_flarecast.archive import DemoArchive, Record
from sunpy_flarecast.archive.api.responses import Rows as Replies
from sunpy_flarecast.archive.api.responses import list_chunks
from sunpy_flarecast.archive.demo.fits_writer import fits_bytes, record_cards
from sunpy_flarecast.archive.demo.images import storage
from sunpy_flarecast.dataset import SWAN
from sunpy_flarecast.dataset.image_stage import finish_harps, make_images
from sunpy_flarecast.dataset.model import WCS_NUMBERS, Encoding, ImageFacts, Settings, ShardFacts
from sunpy_flarecast.dataset.records import in_order
from sunpy_flarecast.dataset.shard import facts_path
from sunpy_flarecast.fits.cards import write_card
from sunpy_flarecast.search.search import Found
from sunpy_flarecast.sharp.t_rec import t_rec_text
from sunpy_flarecast.utils.cluster import WORKER_ENVIRONMENT, in_cluster
from sunpy_flarecast.utils.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

SERIES, SEGMENTS = "hmi.sharp_cea_720s", ("Br", "Bt", "Bp")

#: An uncompressed segment, which is read five times faster.
PLAIN = "bitmap"

#: The service: simultaneous HARPs, time steps of each, T_REC (as slot) and DATE-OBS of the first step.
HARPS, STEPS = 8, 1024
SLOT = 920401
FIRST = datetime(2014, 1, 1, 0, 9, 33, 800000, UTC)
STEP = timedelta(minutes=12)

#: Sets of a build.
SPLIT = ("--split", "train=0.7", "--split", "validation=0.15", "--split", "test=0.15")

CASES = ("one core", "workers", "memory", "tables", "simulated", "month")

#: Rows and columns of a realistic patch.
PATCH = (400, 700)

#: Targets: speed of shards against fetching and decoding; two workers against one; overhead of the scheduler; MB of a
#: worker besides its shard, and of a client; ms of CPU of the demo for a file and for the keywords of a record.
SPEED, TWO, OVERHEAD, WORKER, CLIENT, FILE, KEYWORDS = 0.7, 1.7, 0.05, 300, 300, 80 / 3, 99 / 3

#: Modules that a build imports.
IMPORTS = "import sunpy_flarecast.dataset.building, distributed, xarray, zarr, pyarrow.parquet, astropy.io.fits"


# --- The service ------------------------------------------------------------------------------------------------------


def record(number: int) -> Record:
    step, place = divmod(number, HARPS)
    return Record(
        recnum=number + 1,
        harpnum=1 + HARPS * (step // STEPS) + place,
        t_rec_index=SLOT + step,
        date__obs=f"{FIRST + step * STEP:%Y-%m-%dT%H:%M:%S.%fZ}",
        quality=0,
        segments=(*SEGMENTS, PLAIN),
    )


class Service:
    """Replies for any record; files differ only in the cards that name their record."""

    def __init__(self, port: int, shape: tuple[int, int]) -> None:
        self._replies = Replies(SERIES, f"http://127.0.0.1:{port}")
        demo = DemoArchive()
        example = next(demo.records(SERIES, FIRST, FIRST + timedelta(days=1)))
        self._keywords = demo.keywords(SERIES, example.recnum)
        y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
        chance = np.random.default_rng(1)
        field = 1.5e5 * (np.exp(-20 * ((x - 0.2) ** 2 + y**2)) - np.exp(-20 * ((x + 0.2) ** 2 + y**2)))
        self._files = {}
        for name in (*SEGMENTS, PLAIN):
            pixels = np.rint(field + chance.normal(0, 5e3, shape)).astype(np.int32)
            pixels = pixels.astype(np.uint8) if name == PLAIN else pixels
            file = fits_bytes(pixels, storage(name), record_cards(self._keywords), "2014-01-01T00:00:00")
            at = [file.index(f"{card:8}=".encode()) for card in ("HARPNUM", "T_REC", "RECNUM")]
            self._files[name] = file, at

    def reply(self, path: str) -> bytes:
        url = urllib.parse.urlsplit(path)
        parameters = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
        *_, where, last = url.path.split("/")
        if last.endswith(".fits"):
            return self._file(record(int(where) - 1), last[:-5])
        if where == "meta":
            return msgspec.json.encode(
                {
                    number: {"recnum": int(number), "meta": self._meta(int(number), parameters)}
                    for number in last.split(",")
                }
            )
        start, end = (datetime.fromisoformat(parameters[name]).replace(tzinfo=UTC) for name in ("start", "end"))
        steps = range(max(0, -((FIRST - start) // STEP)), (end - FIRST) // STEP + 1)
        return b"".join(list_chunks(map(record, range(steps.start * HARPS, steps.stop * HARPS)), self._replies))

    def _meta(self, number: int, parameters: dict[str, str]) -> dict[str, Any]:
        found = record(number - 1)
        known = self._keywords | {
            "recnum": number,
            "harpnum": found.harpnum,
            "noaa_ars": str(11000 + (found.harpnum or 0)),
        }
        names = parameters["fields"].lower().split(",") if "fields" in parameters else known
        return {name: known.get(name) for name in names}

    def _file(self, record: Record, segment: str) -> bytes:
        file, at = self._files[segment]
        made, values = bytearray(file), (record.harpnum, t_rec_text(record.t_rec_index or 0), record.recnum)
        for place, name, value in zip(at, ("HARPNUM", "T_REC", "RECNUM"), values, strict=True):
            made[place : place + 80] = write_card(name, value, "").encode()
        return bytes(made)


def serve(port: int, shape: tuple[int, int]) -> None:
    service = Service(port, shape)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                body = service.reply((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        writer.close()

    async def main() -> None:
        await (await asyncio.start_server(handle, "127.0.0.1", port)).serve_forever()

    asyncio.run(main())


@contextlib.contextmanager
def serving(shape: tuple[int, int]) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, __file__, "--serve", str(port), *map(str, shape)]
    with process(command, port) as url, conf.set_temp("url", url):
        yield url


def end_of(records: int) -> str:
    """Return the end of a search that finds a number of records from the first on."""
    return f"{FIRST + (records / HARPS - 0.5) * STEP:%Y-%m-%dT%H:%M:%S}"


# --- Shards -----------------------------------------------------------------------------------------------------------


def found(steps: int, harps: int, *segments: str) -> Any:
    """Search the first time steps of some HARPs."""
    query = a.Time("2014-01-01", end_of(HARPS * steps)), Series(SERIES), Segment(*segments)
    table = FLARECASTClient().search(*query, progress=False)
    return table[table["HARPNUM"] <= harps]


def shards(table: Any, segments: tuple[str, ...], out: Path, client: Any = None) -> tuple[float, float]:
    """Make the shards of a table; return elapsed and CPU seconds."""
    rows = in_order(Found(table.records(), [], []))
    settings, store = Settings(service=conf.url, series=SERIES, segments=segments), Store(out)
    options = {"client": client, "progress": False}
    sources = {"files": "", "keep_files": "", "max_conn": 5}

    def spent() -> float:
        return time.process_time() + sum(client.run(time.process_time).values() if client else ())

    begin, before = time.perf_counter(), spent()
    list(make_images(rows.tasks(segments, 256), (), len(rows), settings, store, **sources, **options))
    for _ in finish_harps(rows.tasks(segments, 256), settings, store, **options):
        pass
    return time.perf_counter() - begin, spent() - before


def one_core(runs: int, workspace: Path) -> dict[str, Any]:
    with serving(PATCH):
        table = found(64, 1, *SEGMENTS)

        def alone(folder: Path) -> tuple[float, float]:
            begin, before = time.perf_counter(), time.process_time()
            for file in fetch(table, path=folder, progress=False).files:
                fits.getdata(file, 1)
            return time.perf_counter() - begin, time.process_time() - before

        times = [
            (alone(workspace / f"files-{run}"), shards(table, SEGMENTS, workspace / f"one-{run}"))
            for run in range(runs + 1)
        ]
    ratio = [float(np.median([files[kind] / made[kind] for files, made in times[1:]])) for kind in (0, 1)]
    say(f"  {ratio[0]:.2f} of the speed of fetching and decoding, {ratio[1]:.2f} by CPU, wanted {SPEED}")
    return {"ratio": ratio[0], "CPU ratio": ratio[1]}


def workers(runs: int, workspace: Path) -> dict[str, Any]:
    times: dict[int, list[tuple[float, float]]] = {}
    with serving(PATCH):
        table = found(512, 2, "Br")  # four tasks
        for count in (0, 1, 2):
            with in_cluster() if not count else cluster(count) as client:
                shards(found(8, count or 1, "Br"), ("Br",), workspace / f"warm-{count}", client)
                times[count] = [shards(table, ("Br",), workspace / f"{count}-{run}", client) for run in range(runs)]
    wall, cpu = ({count: min(run[kind] for run in some) for count, some in times.items()} for kind in (0, 1))
    two, over, by_cpu = wall[1] / wall[2], wall[1] / wall[0] - 1, cpu[1] / cpu[0] - 1
    say(f"  two workers {two:.2f} times as fast as one, wanted {TWO}")
    say(f"  a scheduler with one worker against no scheduler: {over:+.1%}, {by_cpu:+.1%} by CPU, wanted {OVERHEAD:.0%}")
    return {"two": two, "overhead": over, "CPU overhead": by_cpu}


@contextlib.contextmanager
def cluster(count: int) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster

    options = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    # As in the processes that a build starts.
    settings = {
        "distributed.worker.profile.enabled": False,
        "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    }
    with (
        dask.config.set(settings),
        LocalCluster(**options) as some,
        Client(some) as client,
    ):
        yield client


# --- Builds -----------------------------------------------------------------------------------------------------------


def build(out: Path, end: str, *more: str, segments: tuple[str, ...] = ("Br",)) -> list[tuple[float, ...]]:
    """
    Run the command, and sample it twice a second.

    Returns samples of finished shards and CPU seconds, peak memory in MB of the client and of any other process, and
    elapsed seconds.
    """
    chosen = [part for name in segments for part in ("--segment", name)]
    query = ["2014-01-01", end, "--series", SERIES, *chosen, "--out", str(out), "--url", conf.url, "--no-progress"]
    samples: list[tuple[float, ...]] = []
    spent: dict[int, float] = {}
    peaks: dict[int, float] = {}
    begin = time.monotonic()
    with subprocess.Popen([sys.executable, "-m", "sunpy_flarecast", "dataset", "build", *query, *more]) as child:
        tree = psutil.Process(child.pid)
        while child.poll() is None:
            with contextlib.suppress(psutil.Error, OSError, IndexError):  # of a process that has just ended
                for process in [tree, *tree.children(recursive=True)]:
                    used = process.cpu_times()
                    spent[process.pid] = used.user + used.system
                    peaks[process.pid] = largest(process.pid)
            there = sum(1 for _ in (out / ".build/shards").glob("*.json"))
            others = [size for pid, size in peaks.items() if pid != child.pid]
            elapsed = time.monotonic() - begin
            samples.append((there, sum(spent.values()), peaks.get(child.pid, 0), max(others, default=0), elapsed))
            time.sleep(0.5)
    if child.returncode:
        raise RuntimeError(f"the build ended with status {child.returncode}")
    return samples


def largest(process: int | str) -> float:
    """Return the peak resident memory of a process in MB (Linux)."""
    return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def memory(workspace: Path) -> dict[str, Any]:
    with serving(PATCH):
        *_, last = build(workspace / "memory", end_of(HARPS * 256), "--workers", "2", segments=SEGMENTS)
    shard = max(path.stat().st_size for path in (workspace / "memory/images.zarr").rglob("c/*/0/0/0")) / 1e6
    more = last[3] - shard
    say(f"  a worker: {last[3]:.0f} MB with a shard of {shard:.0f} MB, wanted {WORKER} more: {judged(more <= WORKER)}")
    return {"worker MB": last[3], "shard MB": shard, "client MB": last[2]}


def labels(workspace: Path, records: int) -> list[str]:
    """Write a list of flares, and return the options for labels and sets."""
    chance = np.random.default_rng(2)
    harps = HARPS * (records // (HARPS * STEPS) + 1)
    count = 20 * harps
    peaks = np.sort(chance.integers(0, records // HARPS * 12, count)).astype("timedelta64[m]")
    times = np.datetime64("2014-01-01T00:00") + peaks
    minutes = np.timedelta64(9, "m")
    sizes = [f"{chance.choice(['C', 'C', 'M', 'X'])}{chance.uniform(1, 9.9):.1f}" for _ in range(count)]
    noaa = 11001 + chance.integers(0, harps, count)
    Table({"start": times - minutes, "peak": times, "end": times + minutes, "class": sizes, "noaa": noaa}).write(
        workspace / "flares.csv", overwrite=True
    )
    options = ["--flares", str(workspace / "flares.csv")]
    options += [part for hours in (12, 24, 48) for part in ("--window", f"{hours} h")]
    options += [part for size in ("C1.0", "M1.0", "M5.0") for part in ("--threshold", size)]
    return [*options, *SPLIT]


def tables(rows: int, workspace: Path) -> dict[str, Any]:
    out, encode = Store(workspace / "tables"), msgspec.json.Encoder().encode
    wcs = (1.0,) * len(WCS_NUMBERS)
    image = ImageFacts((2, 2), (0,), ("0" * 64,), "2014-01-01T00:00:00", "2014.01.01_00:00:00_TAI", wcs)
    encoding = Encoding("int32", 0.01, 0.0, -(2**31))
    for number, harp in product(range(0, rows, 256 * HARPS), range(HARPS)):
        life, step = divmod(number // HARPS, STEPS)
        images = [image] * min(256, (rows - number) // HARPS)
        facts = ShardFacts(1 + HARPS * life + harp, step // 256, (2, 2), encoding, images, {}, {})
        out.write(facts_path(facts.harp, facts.number), encode(facts))
    with serving((2, 2)):
        samples = build(workspace / "tables", end_of(rows), *labels(workspace, rows))
    code = f"{IMPORTS}; import dataset; print(dataset.largest('self'))"
    imports = subprocess.check_output([sys.executable, "-c", code], cwd=Path(__file__).parent, text=True)
    result = {"rows": rows, "imports MB": float(imports), "MB": samples[-1][2]}
    grown = result["MB"] - result["imports MB"]
    say(f"  {rows:,} records: {result['MB']:.0f} MB, {grown:.0f} more than imports, wanted {CLIENT}")
    return result


def simulated(records: int, workspace: Path) -> dict[str, Any]:
    with serving((2, 2)):
        options = ["--workers", "2", *labels(workspace, records)]
        samples = build(workspace / "simulated", end_of(records), *options, segments=(PLAIN,))
    tasks = samples[-1][0]

    @cache
    def spent(share: float) -> float:
        return next(sample[1] for sample in samples if sample[0] >= share * tasks)

    tenths = [(spent(share + 0.1) - spent(share)) / records * 1e4 for share in (0.1, 0.8)]
    result = {"records": records, "tasks": tasks, "CPU ms a record": tenths, "hours": samples[-1][4] / 3600}
    result |= {"client MB": samples[-1][2], "worker MB": samples[-1][3]}
    say(f"  {records:,} records, {tasks:,.0f} tasks: {tenths[0]:.2f} ms of CPU a record, at last {tenths[1]:.2f}")
    say(f"  client {samples[-1][2]:.0f} MB, a worker {samples[-1][3]:.0f} MB at most")
    return result


def month(workspace: Path) -> dict[str, Any]:
    demo, day = DemoArchive(), datetime(2014, 1, 1, tzinfo=UTC)
    demo.flares(day, day + timedelta(days=32)).write(workspace / "demo.csv")
    numbers = [record.recnum for record in demo.records(SERIES, day, day + timedelta(days=31))]
    begin = time.process_time()
    for number, name in product(numbers[100::1000], SEGMENTS):
        demo.segment(SERIES, number, name)
    middle = time.process_time()
    demo.keywords_of(SERIES, numbers[500::1000], SWAN)
    files = (middle - begin) / len(numbers[100::1000]) / len(SEGMENTS) * 1e3
    keywords = (time.process_time() - middle) / len(numbers[500::1000]) * 1e3
    for name, spent, target in (("a file", files, FILE), ("the keywords of a record", keywords, KEYWORDS)):
        say(f"  the demo: {spent:.0f} ms of CPU for {name}, wanted {target:.0f}: {judged(spent <= target)}")
    port = free_port()
    command = [sys.executable, "-m", "sunpy_flarecast", "serve", "--demo", "--port", str(port), "--workers", "2"]
    options = ["--sample", "6 h", "--flares", str(workspace / "demo.csv"), "--workers", "2", *SPLIT]
    with process(command, port) as url, conf.set_temp("url", url):
        *_, last = build(workspace / "month", "2014-02-01", *options, segments=SEGMENTS)
    say(f"  the month: {last[4] / 60:.1f} minutes, {last[1] / 60:.1f} of CPU without the service")
    return {"CPU ms a file": files, "CPU ms a record's keywords": keywords, "minutes": last[4] / 60}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append", help="run only this case; may be repeated")
    parser.add_argument("--runs", type=int, default=3, help="runs of the first two cases")
    parser.add_argument("--rows", type=int, default=350_000, help="records of the case tables; a multiple of 8")
    parser.add_argument("--records", type=int, default=1_000_000, help="of the simulated build; a multiple of 8")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--serve", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        port, *shape = options.serve
        serve(port, (shape[0], shape[1]))
        return
    results: dict[str, Any] = {"machine": machine("distributed", "zarr", "pyarrow"), "load": os.getloadavg()}
    say(f"load {results['load'][0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        workspace = Path(name)
        candidates = (
            partial(one_core, options.runs),
            partial(workers, options.runs),
            memory,
            partial(tables, options.rows),
            partial(simulated, options.records),
            month,
        )
        for case, candidate in zip(CASES, candidates, strict=True):
            if not options.case or case in options.case:
                say(case)
                results[case] = candidate(workspace)
    keep(results, options.json)


if __name__ == "__main__":
    main()

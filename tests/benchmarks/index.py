"""
Speed of indexing and of searches with an index: ``python tests/benchmarks/index.py``.

``large``: an index of ``--records`` records with 31 segments, 8 at each T_REC, written by the index's own functions
and without files: time of a service for a day and for all of it, and its memory. (The target is the CPU time of the
service, since the waiting time of a client depends on the load of the machine.) ``real``: CPU time to index copies of
the real files in ``--data`` with other HARP numbers and T_RECs: with all segments, with one segment per record, and a
second time. ``killed``: indexing by two processes is killed (SIGKILL) ``--kills`` times at random moments, while files
are added and removed; the final index must equal that of an undisturbed run. ``--keep`` names a folder in which the
large index is kept for the next time.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import urllib3
from common import free_port, judged, keep, machine, process, say
from indexed import contents, header_of, name_of, tiny

from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.archive.index import build_index, index_path
from sunpy_flarecast.archive.index.file_names import Place
from sunpy_flarecast.archive.index.model import FileFacts, Version
from sunpy_flarecast.archive.index.write import Writer
from sunpy_flarecast.sharp.catalog import find_series
from sunpy_flarecast.sharp.filenames import file_name, read_name
from sunpy_flarecast.sharp.t_rec import slot_text, slot_time, t_rec_text

if TYPE_CHECKING:
    from collections.abc import Callable

CCD = "hmi.sharp_720s"
FIRST = 1005481
HARPS = 8

#: Targets: a day in milliseconds; a year in MB/s; memory in MB; and files per second.
DAY_MS, YEAR_RATE, MEMORY, READ, SEEN = 20.0, 50.0, 150.0, 500.0, 20_000.0

SERVER = (
    "import sys\n"
    "from sunpy_flarecast.archive import DirectoryArchive, serve\n"
    "serve(DirectoryArchive(sys.argv[1], update=False), port=int(sys.argv[2]), ready=lambda url: None)\n"
)
INDEXING = (
    "import sys\n"
    "from sunpy_flarecast.archive.index import build_index\n"
    "print('begun', flush=True)\n"
    "build_index(sys.argv[1], jobs=2)\n"
)


def processor_time() -> float:
    """Return the CPU time of this process and its finished children."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Call a function; return its result and CPU time."""
    begin = processor_time()
    return work(), processor_time() - begin


def processor_time_of(number: int) -> float:
    """Return the CPU time of a process in seconds."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(number: int, what: str) -> float:
    """Return the memory of a process in MB: ``VmRSS`` is current, ``VmHWM`` is the peak."""
    text = Path(f"/proc/{number}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", text)[1]) / 1024


def write_large(
    root: Path,
    records: int,
    segments: tuple[str, ...] = (),
    passage: int | None = None,
    names: tuple[str, ...] | None = None,
) -> None:
    """Write an index of records without files: new HARPs after each ``passage`` of steps, and chosen keywords."""
    demo = DemoArchive()
    day = datetime(2015, 12, 11, tzinfo=UTC)
    example = next(iter(demo.records(CCD, day, day + timedelta(hours=1)))).recnum
    keywords = {name: value for name, value in demo.keywords(CCD, example).items() if names is None or name in names}
    segments = segments or tuple(sorted(segment.name for segment in find_series(CCD).segments))
    root.mkdir(exist_ok=True)
    with Writer(root, index_path(root)) as writer:
        for step in range(-(-records // HARPS)):
            slot = FIRST + step
            date = f"{slot_time(slot).utc.isot}Z"
            facts = []
            for harp in range(min(HARPS, records - step * HARPS)):
                number = step * HARPS + harp
                harpnum = 6000 + harp + (step // passage * HARPS if passage else 0)
                own = {"harpnum": harpnum, "t_rec": t_rec_text(slot), "recnum": 1 + number, "date__obs": date}
                changing = keywords | own | {"usflux": 1e22 + number * 1e17}
                facts += [
                    FileFacts(
                        folder=f"{CCD}/{date[:10].replace('-', '/')}",
                        name=file_name(CCD, segment, harpnum=harpnum, slot=slot),
                        version=Version(400_000 + number, 10**18 + slot, 10**18),
                        place=Place(CCD, harpnum, slot, segment),
                        full=True,
                        keywords=changing if segment == segments[0] else None,
                    )
                    for segment in segments
                ]
            writer.add(facts)
        writer.store_run(0.0)


def large(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Measure a service with a large index."""
    root = (args.keep or work) / f"large-{args.records}"
    figures: dict[str, Any] = {"records": args.records}
    if not index_path(root).exists():
        _, seconds = timed(lambda: write_large(root, args.records))
        figures["written, files/s"] = round(args.records * 31 / seconds)
    figures["size, MB"] = round(index_path(root).stat().st_size / 1e6)
    port = free_port()
    command = [sys.executable, "-c", SERVER, str(root), str(port)]
    with process(command, port) as url:
        number = int(
            subprocess.run(["pgrep", "-f", f"{root} {port}"], capture_output=True, text=True).stdout.split()[0]
        )
        pool = urllib3.PoolManager(retries=False)
        last = FIRST + args.records // HARPS
        start = slot_time(FIRST).datetime

        def listed(begin: datetime, end: datetime) -> tuple[int, float]:
            query = f"start={begin:%Y-%m-%dT%H:%M:%SZ}&end={end:%Y-%m-%dT%H:%M:%SZ}"
            before = time.perf_counter()
            reply = pool.request("GET", f"{url}/HMI/{CCD}?{query}", preload_content=False)
            assert reply.status == 200, reply.data
            size = sum(map(len, reply.stream(1 << 20)))
            return size, time.perf_counter() - before

        days = max(1, (last - FIRST) // 120 - 1)
        chance = random.Random(args.seed)
        first = [start + timedelta(days=chance.randrange(days)) for _ in range(40)]
        listed(first[0], first[0] + timedelta(days=1))
        at_rest = memory_of(number, "VmRSS")
        begin = processor_time_of(number)
        of_days = sorted(listed(day, day + timedelta(days=1))[1] for day in first)
        used = (processor_time_of(number) - begin) / len(first)
        rates = [
            size / seconds / 1e6 for size, seconds in (listed(start, start + timedelta(days=366)) for _ in range(3))
        ]
        most = memory_of(number, "VmHWM")
    figures |= {
        "day, ms (processor)": round(used * 1e3, 1),
        "day, ms (median)": round(of_days[len(of_days) // 2] * 1e3, 1),
        "day, ms (least)": round(of_days[0] * 1e3, 1),
        "year, MB/s": round(max(rates), 1),
        "memory at rest, MB": round(at_rest),
        "memory more at most, MB": round(most - at_rest),
    }
    say(f"large: {figures}")
    say(f"  a day in under {DAY_MS:.0f} ms of the server's time: {judged(figures['day, ms (processor)'] < DAY_MS)}")
    say(f"  a year at {YEAR_RATE:.0f} MB/s or more: {judged(figures['year, MB/s'] >= YEAR_RATE)}")
    say(f"  at most {MEMORY:.0f} MB more memory: {judged(figures['memory more at most, MB'] <= MEMORY)}")
    return figures


def copy_real(data: Path, root: Path, records: int, segments: tuple[str, ...]) -> None:
    """Copy real files of one record with other HARP numbers and T_RECs."""
    for path in sorted(data.glob("hmi.sharp_cea_720s.377.*.fits")):
        named = read_name(path.name)
        if segments and named.segment not in segments:
            continue
        content = path.read_bytes()
        for number in range(records):
            slot = FIRST + number // HARPS
            harp = 100 + number % HARPS
            own = content.replace(b"HARPNUM =                  377", b"HARPNUM =%21d" % harp)
            own = own.replace(b"2011.02.15_02:00:00_TAI", t_rec_text(slot).encode())
            own = own.replace(b"RECNUM  =              3464220", b"RECNUM  =%21d" % (1 + number))
            copy = root / slot_text(slot)[:8] / file_name(named.series, named.segment, harpnum=harp, slot=slot)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(own)


def real(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Measure the number of real files indexed per CPU second."""
    figures: dict[str, Any] = {}
    for case, records, segments in (("all segments", 200, ()), ("one segment", 1000, ("conf_disambig",))):
        root = work / case
        copy_real(args.data, root, records, segments)
        report, seconds = timed(lambda root=root: build_index(root))
        assert (report.records, report.faulty) == (records, 0), report
        figures[f"{case}, files/s"] = round(report.files / seconds)
    root = work / "many"
    for step in range(20_000):
        tiny(root / f"{step // 1000:02}" / name_of(1, step, "Br"))
    build_index(root)
    again, seconds = timed(lambda: build_index(root))
    assert again.unchanged == again.files == 20_000
    figures["rerun, files/s"] = round(again.files / seconds)
    say(f"real: {figures}")
    read = min(rate for name, rate in figures.items() if name.endswith("segment, files/s") or "segments, files" in name)
    say(f"  {READ:.0f} files/s a core or more: {judged(read >= READ)}")
    say(f"  {SEEN:.0f} files/s or more without changes: {judged(figures['rerun, files/s'] >= SEEN)}")
    return figures


def killed(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Kill indexing repeatedly, and compare the result with an undisturbed run."""
    root = work / "killed"
    chance = random.Random(args.seed)
    for step in range(3000):
        for segment in ("Bp", "Br"):
            cards = header_of(1, step, RECNUM=1 + step // 2) if segment == "Br" else {}
            tiny(root / f"{step // 50:03}" / name_of(1, step, segment), **cards)
    begin = time.monotonic()
    build_index(root, index=work / "undisturbed", jobs=2)
    whole = time.monotonic() - begin
    kills = finished = changes = 0
    same = True

    def compare() -> bool:
        (work / "undisturbed").unlink()
        build_index(root, index=work / "undisturbed")
        return contents(index_path(root)) == contents(work / "undisturbed")

    # Ignore warnings about semaphores of killed processes.
    command = [sys.executable, "-c", INDEXING, str(root)]
    while kills < args.kills:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            child.stdout.readline()
            try:
                child.wait(chance.uniform(0, whole / 3))
            except subprocess.TimeoutExpired:
                child.kill()
                kills += 1
            else:
                # Indexing finished before it could be killed: compare the result and start over.
                finished += 1
                same = same and compare()
                for path in work.glob("killed/.flarecast-index*"):
                    path.unlink()
        for step in range(changes, changes + 20):
            tiny(root / "later" / name_of(2, step, "Br"), **header_of(2, step, RECNUM=1 + step))
            (root / f"{step // 50:03}" / name_of(1, step, "Bp")).unlink()
        changes += 20
    build_index(root, jobs=2)
    same = same and compare()
    say(f"killed: {kills} runs were killed before their end, {finished} came to their end between")
    say(f"  the same index as an undisturbed run makes: {judged(same)}")
    return {"killed": kills, "same": same}


CASES = {"large": large, "real": real, "killed": killed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data" / "sharp_fits")
    parser.add_argument("--keep", type=Path, help="folder for the large index")
    parser.add_argument("--output", type=Path, help="write the figures to this file, as JSON")
    args = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine("sunpy", "astropy", "fastapi", "uvicorn")}
    with tempfile.TemporaryDirectory() as work:
        for case in args.cases or CASES:
            figures[case] = CASES[case](args, Path(work))
            shutil.rmtree(work, ignore_errors=True)
            Path(work).mkdir()
    keep(figures, args.output)


if __name__ == "__main__":
    main()

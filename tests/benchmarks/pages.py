"""
Cost of the pages of a service: ``python tests/benchmarks/pages.py``.

``large``: CPU time of the service for each page of an index of ``--records`` records (as in ``index.py``, one segment
per record, the plotted keywords, eight HARPs at a time with 1,500 records each), the first time and again; and its
memory over a crawl of ``--pages`` pages. ``quicklooks``: 30 thumbnails of the demo, the first time and again.
``--keep`` names a folder in which the index is kept for the next time.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3
from common import free_port, judged, keep, machine, process, say
from index import CCD, FIRST, HARPS, memory_of, processor_time_of, write_large

from sunpy_flarecast.archive import DemoArchive, running
from sunpy_flarecast.archive.index import index_path
from sunpy_flarecast.archive.web.steps import KEYWORDS, page_of

if TYPE_CHECKING:
    from collections.abc import Callable

CEA = "hmi.sharp_cea_720s"
NAMES = (*KEYWORDS, "usflux", "r_value", "totpot", "shrgt45", "date__obs", "t_rec", "quality", "wavelnth")
PASSAGE = 1500

#: Targets: a page in milliseconds of CPU time; growth of memory by the crawl in MB; thumbnails in seconds.
PAGE_MS, MEMORY, COLD, WARM = 100.0, 20.0, 2.0, 0.1

#: Writes its process ID to a file; its children draw the pictures.
SERVER = (
    "import os, sys\n"
    "from pathlib import Path\n"
    "from sunpy_flarecast.archive import DirectoryArchive, serve\n"
    "Path(sys.argv[3]).write_text(str(os.getpid()))\n"
    "serve(DirectoryArchive(sys.argv[1], update=False), port=int(sys.argv[2]), ready=lambda url: None)\n"
)


def paths_of(records: int, chance: random.Random) -> dict[str, str]:
    """Choose a page of each kind."""
    step = chance.randrange(records // HARPS)
    harp, number = 6000 + step // PASSAGE * HARPS, 1 + step * HARPS
    return {
        "first page": "",
        "day": page_of(CCD, FIRST + step),
        "HARP": f"harp/{harp}?series={CCD}",
        "record": f"record/{CCD}/{number}",
        "search by HARP": f"search?series={CCD}&harp={harp}",
        "search by condition": f"search?series={CCD}&condition=USFLUX+>+1e22&cadence=6h",
    }


def large(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Measure the pages of a large index, and the memory over a crawl."""
    root = (args.keep or work) / f"large-{args.records}"
    if not index_path(root).exists():
        write_large(root, args.records, ("magnetogram",), PASSAGE, NAMES)
    port, number_file, pool = free_port(), work / "pid", urllib3.PoolManager(retries=False)
    chance = random.Random(args.seed)
    figures: dict[str, Any] = {"records": args.records}
    with process([sys.executable, "-c", SERVER, str(root), str(port), str(number_file)], port) as url:
        number = int(number_file.read_text())

        def cost(path: str, times: int) -> float:
            begin = processor_time_of(number)
            for _ in range(times):
                reply = pool.request("GET", f"{url}/{path}", headers={"Accept": "text/html"})
                assert reply.status == 200, reply.data[:500]
            return (processor_time_of(number) - begin) / times * 1e3

        for name, path in paths_of(args.records, chance).items():
            first = cost(path, 1)
            figures[name] = {"first, ms": round(first), "again, ms": round(warm := cost(path, 10), 1)}
            say(f"  {name}: {first:.0f} ms, again {warm:.1f} ms: {judged(warm <= PAGE_MS)}")
        memory, costs = [], []
        for _ in range(10):
            for _ in range(args.pages // 50):
                chosen = list(paths_of(args.records, chance).values())[1:6]
                costs += [cost(path, 1) for path in chosen]
            memory.append(round(memory_of(number, "VmRSS")))
    more = memory[-1] - memory[len(memory) // 2 - 1]
    figures |= {"crawl, ms a page": round(statistics.mean(costs), 1), "memory over the crawl, MB": memory}
    say(f"  {len(costs)} random pages: {statistics.mean(costs):.0f} ms each, memory {memory} MB")
    say(f"  at most {MEMORY:.0f} MB more in its second half: {judged(more <= MEMORY)}")
    return figures


def quicklooks(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Measure a page of 30 thumbnails."""
    demo, day = DemoArchive(), datetime(2014, 10, 23, tzinfo=UTC)
    records = list(islice(demo.records(CEA, day, day + timedelta(days=1)), 30))
    pool = urllib3.PoolManager(maxsize=6, block=True, retries=False)

    def seconds(fetch: Callable[[str], bytes], urls: list[str]) -> float:
        begin = time.perf_counter()
        with ThreadPoolExecutor(6) as browser:  # a browser opens six connections to a host
            assert all(reply.status == 200 for reply in browser.map(fetch, urls))
        return time.perf_counter() - begin

    with running(demo) as url:
        pool.request("GET", f"{url}/day/2014-10-23")  # starts the drawing processes, like a visit
        urls = [f"{url}/quicklook/{CEA}/{record.recnum}/Br.png?width=160" for record in records]
        seconds(lambda address: pool.request("GET", address), [address.replace("Br", "Bp") for address in urls[:2]])
        cold, warm = (seconds(lambda address: pool.request("GET", address), urls) for _ in range(2))
    say(f"  30 thumbnails: {cold:.2f} s: {judged(cold <= COLD)}; again {warm * 1e3:.0f} ms: {judged(warm <= WARM)}")
    return {"cold, s": round(cold, 2), "warm, ms": round(warm * 1e3)}


CASES = {"large": large, "quicklooks": quicklooks}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the index")
    parser.add_argument("--output", type=Path, help="write the figures to this file, as JSON")
    args = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine("fastapi", "uvicorn")}
    with tempfile.TemporaryDirectory() as work:
        for case in args.cases or CASES:
            figures[case] = CASES[case](args, Path(work))
    keep(figures, args.output)


if __name__ == "__main__":
    main()

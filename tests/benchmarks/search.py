"""
Speed and memory of searches compared with alternatives: ``python tests/benchmarks/search.py``.

Replies are like those of the demo archive, with 8 HARPs per time step and 31 URLs per record, served over loopback by a
separate process. Alternatives, each with requests and ``.json()``: lists per column and ``parse_time`` (like sunpy's
SOAR client), a list of dicts into `QueryResponseTable` (like its SOLARNET client, with times or, as there, text), and
pandas (like its JSOC client; if installed). The floor is the minimum: the required fields decoded by msgspec, as arrays
and `Time` objects, without a table. All are run once to warm up, then in turn, ``--runs`` times; medians are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import requests
from astropy.table import QTable
from astropy.time import Time
from common import alternating, free_port, judged, keep, machine, process, say
from sunpy.net import attrs as a
from sunpy.net.base_client import QueryResponseTable
from sunpy.time import parse_time

from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, Series, conf
from sunpy_flarecast.archive import DemoArchive, serve
from sunpy_flarecast.archive.api.responses import Rows, list_chunks
from sunpy_flarecast.archive.base import Record
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.rest.records import merge
from sunpy_flarecast.search.selection import choose_files
from sunpy_flarecast.sharp.catalog import find_series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERIES = "hmi.sharp_720s"

#: Content of the replies: HARPs per time step, and T_REC (as slot) and DATE-OBS of the first step.
HARPS = 8
SLOT = 920401
FIRST = np.datetime64("2014-01-01T00:09:33.799999", "us")
STEP = np.timedelta64(720_000_000, "us")

CASES = ("bytes to table", "over HTTP", "a year", "latency", "handling", "import", "archive")

#: Records of the first two cases, and lengths of the third.
COUNT = 30_000
DAYS = (92, 183, 365)


# --- Replies ----------------------------------------------------------------------------------------------------------


def reply(first: int, last: int, base: str) -> bytes:
    """Return the reply with the records of some time steps."""
    segments = tuple(segment.name for segment in find_series(SERIES).segments)
    records = []
    for step in range(first, last):
        date = f"{FIRST + step * STEP}Z"
        for harp in range(HARPS):
            number = step * HARPS + harp
            records.append(
                Record(
                    recnum=5_605_571 + number,
                    harpnum=3500 + step // 1200 + harp,
                    t_rec_index=SLOT + step,
                    date__obs=date,
                    time=date,
                    quality=0,
                    segments=segments,
                )
            )
    return b"".join(list_chunks(records, Rows(SERIES, base)))


def serve_replies(port: int, latency: float) -> None:
    """Serve the records of any range; the last few replies are cached."""
    kept = lru_cache(maxsize=64)(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parameters = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            start, end = (np.datetime64(parameters[name][0].removesuffix("Z"), "us") for name in ("start", "end"))
            first, last = -((FIRST - start) // STEP), (end - FIRST) // STEP + 1
            body = kept(max(0, int(first)), max(0, int(last)), f"http://127.0.0.1:{port}")
            time.sleep(latency)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    Server(("127.0.0.1", port), Handler).serve_forever()


@contextlib.contextmanager
def server(kind: str, latency: float = 0.0) -> Iterator[str]:
    """Run this script's server, or the demo archive, in a separate process; yields the URL."""
    port = free_port()
    command = [sys.executable, __file__, "--serve", kind, "--port", str(port), "--latency", str(latency)]
    with process(command, port) as url:
        yield url


def time_of(step: float) -> str:
    """Return the time just before the DATE-OBS of a time step."""
    return str(FIRST + np.timedelta64(round((step - 0.25) * 720), "s"))[:19]


# --- Alternatives -----------------------------------------------------------------------------------------------------


class _Needed(msgspec.Struct, gc=False):
    date__obs: str
    harpnum: int
    quality: int
    recnum: int
    series_name: str
    t_rec_index: int
    urls: msgspec.Raw
    wavelnth: float


class _Reply(msgspec.Struct):
    data: list[_Needed]


def floor(body: bytes) -> int:
    """Decode the reply, and make arrays and times."""
    rows = msgspec.json.decode(body, type=_Reply).data
    for name in ("harpnum", "quality", "recnum", "series_name", "wavelnth"):
        np.array([getattr(row, name) for row in rows])
    dates = np.array([row.date__obs.removesuffix("Z") for row in rows], dtype="datetime64[us]")
    slots = np.array([row.t_rec_index for row in rows])
    # Through numbers: Time would convert dates to text and parse it, which takes longer than all the rest.
    days = dates.astype("datetime64[D]")
    Time(days.astype(float) + 40587, (dates - days) / np.timedelta64(1, "D"), format="mjd", scale="utc")
    return len(Time(48988 + slots // 120, slots % 120 / 120, format="mjd", scale="tai"))


def ours(body: bytes) -> int:
    """Make the table like a search."""
    records, _ = read_records(body, SERIES)
    records, _ = choose_files(merge([records]), ())
    return len(FLARECASTResponse.from_records(records))


def as_soar(body: bytes) -> int:
    """Make one list per column."""
    data = json.loads(body)["data"]
    columns: dict[str, list[Any]] = {name: [] for name in data[0]}
    for record in data:
        for name in columns:
            columns[name].append(record[name])
    for name in ("date__obs", "time"):
        columns[name] = parse_time(columns[name]).iso
    lists = np.empty(len(data), dtype=object)
    lists[:] = columns.pop("urls")
    table = QTable({**columns, "urls": lists})
    table.sort("date__obs")
    return len(QueryResponseTable(table))


def as_solarnet(body: bytes) -> int:
    """Make one dict per record; times remain text."""
    return len(_dicts(body))


def as_dicts_and_times(body: bytes) -> int:
    """Make one dict per record, and convert times, so that the table has the same content as the others."""
    table = _dicts(body)
    for name in ("DATE__OBS", "TIME"):
        table[name] = parse_time(table[name])
    return len(table)


def _dicts(body: bytes) -> QueryResponseTable:
    rows = [{key.upper(): value for key, value in record.items()} for record in json.loads(body)["data"]]
    return QueryResponseTable(rows)


def as_jsoc(body: bytes) -> int:
    """Make a DataFrame, then a table."""
    import pandas as pd

    return len(QueryResponseTable.from_pandas(pd.DataFrame(json.loads(body)["data"])))


WAYS: dict[str, Callable[[bytes], int]] = {
    "ours": ours,
    "floor": floor,
    "SOAR": as_soar,
    "SOLARNET": as_solarnet,
    "and times": as_dicts_and_times,
    **({"pandas": as_jsoc} if find_spec("pandas") else {}),
}


# --- Cases ------------------------------------------------------------------------------------------------------------


def compared(seconds: dict[str, list[float]], targets: dict[str, float]) -> dict[str, Any]:
    """Print medians and their ratios to ours; a target below 1 is for the floor, which is faster."""
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        ratio = median / medians["ours"]
        verdict = f"   target {targets[name]:.2f}: {judged(ratio >= targets[name])}" if name in targets else ""
        say(f"  {name:10} {median:8.3f} s   {ratio:6.2f} x ours{verdict}")
    return {"seconds": medians, "targets": targets, "all": seconds}


def bytes_to_table(runs: int) -> dict[str, Any]:
    """Compare the alternatives from one reply to a table."""
    body = reply(0, COUNT // HARPS, "http://127.0.0.1:8001")
    say(f"\n{COUNT:,} records, {len(body) / 1e6:.0f} MB, reply bytes to finished table (medians of {runs})")
    candidates = {name: lambda candidate=candidate: candidate(body) for name, candidate in WAYS.items()}
    return compared(alternating(candidates, runs), {"floor": 1 / 2.5, "SOAR": 5.0, "SOLARNET": 12.0, "and times": 12.0})


def over_http(runs: int) -> dict[str, Any]:
    """Compare a search with a single window with requests followed by the alternatives."""
    start, end = time_of(0), time_of(COUNT / HARPS)
    say(f"\n{COUNT:,} records over HTTP as one window, the whole of client.search (medians of {runs})")
    with server("replies") as url, conf.set_temp("url", url), conf.set_temp("window", 100.0):

        def search() -> None:
            table = FLARECASTClient().search(a.Time(start, end), Series(SERIES))
            assert len(table) == COUNT

        def fetched(candidate: Callable[[bytes], int]) -> None:
            parameters = {"start": f"{start}Z", "end": f"{end}Z", "meta": "false"}
            count = candidate(requests.get(f"{url}/HMI/{SERIES}", params=parameters, timeout=600).content)
            assert count == COUNT

        others = {
            name: lambda candidate=candidate: fetched(candidate) for name, candidate in WAYS.items() if name != "ours"
        }
        seconds = alternating({"ours": search, **others}, runs)
    return compared(seconds, {"floor": 1 / 1.5})


def a_year(runs: int) -> dict[str, Any]:
    """Measure memory and time of searches of several lengths, each in a separate process, in windows of a day."""
    say("\nmany records in windows of a day: largest memory above import, and time")
    results: dict[str, Any] = {}
    with server("replies") as url:
        for days in DAYS:
            command = [sys.executable, __file__, "--memory", url, "--days", str(days)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            results[str(days)] = found = json.loads(done.stdout)
            target = f"   target 400: {judged(found['MB'] <= 400)}" if days == DAYS[-1] else ""
            say(f"  {found['records']:8,} records {found['MB']:6.0f} MB{target}   {found['seconds']:7.2f} s")
    per_record = [found["seconds"] / found["records"] for found in results.values()]
    growth = per_record[-1] / per_record[0]
    say(f"  time a record, longest to shortest: {growth:.2f}   target 1.25: {judged(growth <= 1.25)}")
    return results


def memory_child(url: str, days: int) -> None:
    """Search, and print the growth of the peak memory."""
    client = FLARECASTClient()
    with conf.set_temp("url", url), conf.set_temp("window", 1.0):
        client.search(a.Time(time_of(0), time_of(3)), Series(SERIES))
        before, begin = largest_memory(), time.perf_counter()
        table = client.search(a.Time(time_of(0), time_of(120 * days)), Series(SERIES))
        seconds = time.perf_counter() - begin
    assert len(table) == days * 120 * HARPS
    print(json.dumps({"records": len(table), "MB": largest_memory() - before, "seconds": seconds}))  # noqa: T201


def largest_memory() -> float:
    """Return the peak memory of this process in MB."""
    with contextlib.suppress(OSError):
        # getrusage() would also count the parent process.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return float(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def latency(runs: int) -> dict[str, Any]:
    """Compare parallel with sequential requests if the service has a high latency."""
    say(f"\n30 windows at 100 ms a request (medians of {runs})")
    start, end = time_of(0), time_of(360)
    with server("replies", 0.1) as url, conf.set_temp("url", url), conf.set_temp("window", 0.1):

        def search(parallel: int) -> None:
            with conf.set_temp("parallel_requests", parallel):
                assert len(FLARECASTClient().search(a.Time(start, end), Series(SERIES))) == 360 * HARPS

        seconds = alternating({"ours": lambda: search(4), "sequential": lambda: search(1)}, runs)
    return compared(seconds, {"sequential": 3.5})


def handling(runs: int) -> dict[str, Any]:
    """Measure operations on a table of 350,000 rows."""
    records, _ = read_records(reply(0, 1000, "http://127.0.0.1:8001"), SERIES)
    table = FLARECASTResponse.from_records(records[np.arange(350_000) % len(records)])
    every_third = np.arange(len(table)) % 3 == 0
    say(f"\n{len(table):,} rows (medians of {runs}; target: less than 1 s)")
    candidates: dict[str, Callable[[], Any]] = {
        "repr": lambda: repr(table),
        "_repr_html_": table._repr_html_,
        "show": table.show,
        "show, one": lambda: table.show("HARPNUM"),
        "slice": lambda: table[100:300_000],
        "mask": lambda: table[every_third],
        "copy": table.copy,
        "row": lambda: table[1234]["T_REC"],
        "len": lambda: len(table),
    }
    medians = {name: statistics.median(values) for name, values in alternating(candidates, runs).items()}
    for name, seconds in medians.items():
        say(f"  {name:12} {seconds:8.4f} s   {judged(seconds < 1)}")
    return {"seconds": medians}


def importing(runs: int) -> dict[str, Any]:
    """Measure how much longer ``import sunpy_flarecast`` takes than ``import sunpy.net``."""
    code = (
        "import sunpy.net, time as t; begin = t.perf_counter(); import sunpy_flarecast; print(t.perf_counter() - begin)"
    )
    values = []
    with tempfile.TemporaryDirectory() as compiled:
        # Compiled once, as after an installation.
        known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment = {**known, "PYTHONPYCACHEPREFIX": compiled}
        for run in range(runs + 1):
            done = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
            )
            if run:
                values.append(1000 * float(done.stdout))
    median = statistics.median(values)
    say(f"\nimport after sunpy.net (median of {runs}): {median:.0f} ms   target 50: {judged(median <= 50)}")
    return {"ms": median, "all": values}


def archive(runs: int) -> dict[str, Any]:
    """Measure the time in which the demo archive lists a day, a new day each time."""
    values = []
    with server("demo") as url:
        for run in range(runs + 1):
            parameters = {"start": f"2014-10-{20 + run}T00:00:00Z", "end": f"2014-10-{20 + run}T23:59:59Z"}
            begin = time.perf_counter()
            body = requests.get(f"{url}/HMI/{SERIES}", params=parameters, timeout=600).content
            if run:
                values.append(len(body) / 1e6 / (time.perf_counter() - begin))
    median = statistics.median(values)
    say(f"\nthe demo archive lists a day (median of {runs}): {median:.0f} MB/s   target 20: {judged(median >= 20)}")
    return {"MB/s": median, "all": values}


def main() -> None:
    cases = dict(zip(CASES, (bytes_to_table, over_http, a_year, latency, handling, importing, archive), strict=True))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--case", action="append", choices=cases, help="run only this case; may be repeated")
    parser.add_argument("--serve", choices=("replies", "demo"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--latency", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--days", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve == "replies":
        serve_replies(options.port, options.latency)
    elif options.serve == "demo":
        serve(DemoArchive(), port=options.port)
    elif options.memory:
        memory_child(options.memory, options.days)
    else:
        figures = machine("sunpy", "astropy", "numpy", "msgspec", "requests")
        for case in options.case or cases:
            figures[case] = cases[case](options.runs)
        keep(figures, options.json)


if __name__ == "__main__":
    main()

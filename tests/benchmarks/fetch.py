"""
Speed of fetches compared with alternatives: ``python tests/benchmarks/fetch.py``.

Server: nginx if installed, otherwise a small server of this script, which is always used for the case with latency.
Alternatives: parfive through ``enqueue_file`` with its defaults (like other Fido clients), the documented script of the
service (one file after the other with requests), and curl, aria2c and wget if installed. Each is run once to warm up,
then all of them in turn, ``--runs`` times; medians are compared. Progress bars are on.

The files have no keywords. Separate cases measure the completion of headers, compared with the same fetch without
completion; there, all records have different numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import parfive
import requests
from astropy.io import fits
from common import free_port, judged, keep, machine, process, say
from sunpy.net import Fido
from sunpy.net.fido_factory import UnifiedResponse

from sunpy_flarecast import FLARECASTClient, FLARECASTResponse
from sunpy_flarecast.archive import DemoArchive
from sunpy_flarecast.fits.complete import is_bare
from sunpy_flarecast.rest.list_reply import read_records
from sunpy_flarecast.sharp.t_rec import slot_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERIES = "hmi.sharp_cea_720s"

#: Cases: number of files, their size, connections, latency in seconds, and smallest target ratios (peer / ours).
CASES: dict[str, tuple[int, int, int, float, dict[str, float]]] = {
    "2,000 files of 100 kB": (2000, 100_000, 5, 0.0, {"parfive": 3.0, "script": 2.5, "curl": 0.65}),
    "400 files of 4 MB": (400, 4_000_000, 5, 0.0, {"parfive": 5.0, "script": 4.0, "curl": 0.9}),
    "500 files of 100 kB, 50 ms a request": (500, 100_000, 20, 0.05, {"parfive": 2.5, "curl": 1 / 1.1}),
    "2,000 files that are there": (2000, 100_000, 5, 0.0, {"parfive": 20.0}),
}


#: Cases of header completion: number of records, segments per record, and largest ratio to the plain fetch.
COMPLETION: dict[str, tuple[int, int, float]] = {
    "headers of 64 records with 31 segments": (64, 31, 1.3),
    "headers of 2,000 records with 1 segment": (2000, 1, 2.2),
}

#: Size of their files; SHARP files have 60 to 600 kB.
COMPLETION_SIZE = 100_000


def make_files(folder: Path, count: int, size: int) -> None:
    """Write different FITS files of about the given size."""
    side = int((size - 5760) ** 0.5 / 2)
    chance = np.random.default_rng(1)
    for number in range(count):
        buffer = io.BytesIO()
        data = chance.integers(-1000, 1000, (side, side), dtype=np.int32)
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data)]).writeto(buffer)
        path = folder / "HMI" / SERIES / str(number) / "Br.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())


def make_records(folder: Path, records: int, segments: int) -> None:
    """Write FITS files with checksums and without keywords, and the replies with their keywords."""
    side = int((COMPLETION_SIZE - 5760) ** 0.5 / 2)
    chance = np.random.default_rng(1)
    archive = DemoArchive()
    day = datetime(2015, 12, 11, tzinfo=UTC)
    some = [record.recnum for record in archive.records(SERIES, day, day + timedelta(hours=1))]
    keywords, others = (archive.keywords(SERIES, recnum) for recnum in (some[0], some[-1]))
    buffer = io.BytesIO()
    for number in range(records):
        # Values that differ between two records differ between all records, with all digits.
        meta = {
            name: value * chance.uniform(0.9, 1.1) if isinstance(value, float) and value != others[name] else value
            for name, value in keywords.items()
        }
        slot = 1005481 + number
        meta |= {"recnum": number, "harpnum": 377, "t_rec": str(slot_time(slot).iso), "t_obs": str(slot_time(slot).iso)}
        reply = folder / "HMI" / SERIES / "meta" / str(number)
        reply.parent.mkdir(parents=True, exist_ok=True)
        reply.write_text(json.dumps({str(number): {"recnum": number, "meta": meta, "urls": []}}))
        for segment in range(segments):
            buffer.seek(0)
            buffer.truncate()
            data = chance.integers(-1000, 1000, (side, side), dtype=np.int32)
            fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data)]).writeto(buffer, checksum=True)
            path = folder / "HMI" / SERIES / str(number) / f"segment{segment}.fits"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(buffer.getvalue())


def completion(case: str, runs: int, work: Path) -> dict[str, Any]:
    """Compare fetches with and without completion."""
    records, segments, target = COMPLETION[case]
    root, out = work / "root", work / "out"
    make_records(root, records, segments)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with server(root, 0.0) as (kind, url):
        rows = ",".join(
            f'{{"recnum": {number}, "harpnum": 377, "t_rec_index": {1005481 + number}, "urls": ['
            + ",".join(f'"{url}/HMI/{SERIES}/{number}/segment{segment}.fits"' for segment in range(segments))
            + "]}"
            for number in range(records)
        )
        found, _ = read_records(f"[{rows}]".encode(), SERIES)
        table = FLARECASTResponse.from_records(found, client=FLARECASTClient(), service=url)
        for run in range(runs + 1):
            for headers in (False, True):
                os.sync()
                begin = time.perf_counter()
                with Path(os.devnull).open("w") as sink, contextlib.redirect_stderr(sink):
                    got = Fido.fetch(UnifiedResponse(table), path=out, complete_headers="auto" if headers else False)
                took = time.perf_counter() - begin
                assert len(got) == records * segments
                assert is_bare(got[0]) != headers
                if run:  # the first run warms up
                    seconds[headers].append(took)
                shutil.rmtree(out)
    shutil.rmtree(root)
    plain, completed = (statistics.median(seconds[headers]) for headers in (False, True))
    return {"server": kind, "plain": plain, "completed": completed, "ratio": completed / plain, "target": target}


@contextlib.contextmanager
def server(folder: Path, latency: float) -> Iterator[tuple[str, str]]:
    """Serve a folder; yields the server's name and URL."""
    port = free_port()
    if not latency and shutil.which("nginx"):
        name = "nginx"
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/log;"
            f"user {os.environ.get('USER') or 'root'}; events {{ worker_connections 512; }}"
            f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;"
            f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
        )
        command = [shutil.which("nginx") or "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    else:
        name = "this script's server"
        command = [sys.executable, __file__, "--serve", str(folder), "--port", str(port), "--latency", str(latency)]
    with process(command, port) as url:
        yield name, url


def serve(folder: Path, port: int, latency: float) -> None:
    """Serve files after a fixed latency."""

    @cache
    def read(path: str) -> bytes:
        return (folder / path.lstrip("/")).read_bytes()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                await asyncio.sleep(latency)
                body = read(path)
                status, extra = "200 OK", ""
                for line in head.split("\r\n"):
                    if line.lower().startswith("range: bytes="):
                        first, _, last = line.split("=")[1].partition("-")
                        end = int(last) + 1 if last else len(body)
                        extra = f"Content-Range: bytes {first}-{min(end, len(body)) - 1}/{len(body)}\r\n"
                        status, body = "206 Partial Content", body[int(first) : end]
                writer.write(
                    f"HTTP/1.1 {status}\r\nAccept-Ranges: bytes\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode()
                )
                if method != "HEAD":
                    writer.write(body)
                await writer.drain()
        writer.close()

    async def main() -> None:
        await (await asyncio.start_server(handle, "127.0.0.1", port)).serve_forever()

    asyncio.run(main())


def table_of(urls: list[str]) -> FLARECASTResponse:
    """Make the table that a search would return."""
    rows = ",".join(
        f'{{"recnum": {number}, "harpnum": 377, "t_rec_index": {1005481 + number}, "urls": ["{url}"]}}'
        for number, url in enumerate(urls)
    )
    records, _ = read_records(f"[{rows}]".encode(), SERIES)
    return FLARECASTResponse.from_records(records, client=FLARECASTClient(), service=urls[0].split("/HMI/")[0])


def ours(table: FLARECASTResponse, folder: Path, connections: int) -> int:
    """Fetch like a user with the table of a search."""
    return len(Fido.fetch(UnifiedResponse(table), path=folder, max_conn=connections, complete_headers=False))


def by_parfive(urls: list[str], folder: Path, connections: int) -> int:
    """Fetch like other Fido clients."""
    downloader = parfive.Downloader(max_conn=connections)
    for number, url in enumerate(urls):
        downloader.enqueue_file(url, path=folder, filename=f"{number}.fits")
    return len(downloader.download())


def by_script(urls: list[str], folder: Path, connections: int) -> int:
    """Fetch like the script in the service's documentation."""
    for number, url in enumerate(urls):
        answer = requests.get(url, stream=True, timeout=60)
        with (folder / f"{number}.fits").open("wb") as file:
            for chunk in answer.iter_content(chunk_size=1024):
                file.write(chunk)
    return len(urls)


def by_curl(urls: list[str], folder: Path, connections: int) -> int:
    lines = (f'url = "{url}"\noutput = "{folder}/{number}.fits"' for number, url in enumerate(urls))
    return _by_command(["curl", "-s", "--parallel", "--parallel-max", str(connections), "-K", "-"], lines, len(urls))


def by_aria2c(urls: list[str], folder: Path, connections: int) -> int:
    lines = (f"{url}\n  out={number}.fits" for number, url in enumerate(urls))
    return _by_command(["aria2c", "-q", "-d", str(folder), "-j", str(connections), "-i", "-"], lines, len(urls))


def by_wget(urls: list[str], folder: Path, connections: int) -> int:
    """Fetch with wget, which fetches one file after the other and names them itself."""
    return _by_command(["wget", "-q", "-x", "-P", str(folder), "-i", "-"], iter(urls), len(urls))


def _by_command(command: list[str], lines: Iterator[str], count: int) -> int:
    subprocess.run(command, input="\n".join(lines), text=True, check=True, stdout=subprocess.DEVNULL)
    return count


PEERS: dict[str, Callable[[Any, Path, int], int]] = {
    "ours": ours,
    "parfive": by_parfive,
    "script": by_script,
    "curl": by_curl,
    "aria2c": by_aria2c,
    "wget": by_wget,
}


def measure(case: str, runs: int, work: Path) -> dict[str, Any]:
    """Run one case with all peers in turn."""
    count, size, connections, latency, targets = CASES[case]
    there = "there" in case
    root = work / "root"
    make_files(root, count, size)
    names = [name for name in PEERS if name in ("ours", "parfive", "script") or shutil.which(name)]
    if there:
        names = ["ours", "parfive"]
    elif latency:
        names = [name for name in names if name not in ("script", "wget")]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with server(root, latency) as (kind, url):
        urls = [f"{url}/HMI/{SERIES}/{number}/Br.fits" for number in range(count)]
        for run in range(runs + 1):
            for name in names:
                folder = work / f"out-{name}"
                folder.mkdir(exist_ok=True)
                what = table_of(urls) if name == "ours" else urls
                os.sync()
                begin = time.perf_counter()
                with Path(os.devnull).open("w") as sink, contextlib.redirect_stderr(sink):
                    got = PEERS[name](what, folder, connections)
                took = time.perf_counter() - begin
                assert got == count, (name, got)
                if run:  # the first run warms up, or creates the files
                    seconds[name].append(took)
                if not there:
                    shutil.rmtree(folder)
    shutil.rmtree(root)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {name: medians[name] / medians["ours"] for name in names}
    return {"server": kind, "seconds": medians, "ratios": ratios, "targets": targets, "all": seconds}


def memory(count: int, work: Path) -> float:
    """Measure the memory of a fetch of many files above import, in MB, in a separate process."""
    root = work / "root"
    make_files(root, count, 8000)
    with server(root, 0.0) as (_, url):
        command = [sys.executable, __file__, "--memory", url, "--count", str(count), "--work", str(work / "out")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    shutil.rmtree(root)
    return float(done.stdout)


def memory_child(url: str, count: int, work: Path) -> None:
    """Fetch, and print the growth of the peak memory in MB."""
    urls = [f"{url}/HMI/{SERIES}/{number}/Br.fits" for number in range(count)]
    ours(table_of(urls[:10]), work / "first", 5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours(table_of(urls), work / "all", 5)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    every = [*CASES, *COMPLETION, "memory"]
    parser.add_argument("--case", action="append", choices=every, help="run only this case; may be repeated")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--latency", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, options.latency)
        return
    if options.memory:
        memory_child(options.memory, options.count, options.work)
        return
    figures = machine("sunpy", "parfive", "aiohttp", "astropy")
    cases = options.case or every
    for case in cases:
        with tempfile.TemporaryDirectory() as work:
            if case == "memory":
                figures["memory"] = memory(20_000, Path(work))
                say(f"\nmemory above import, 20,000 queued files: {figures['memory']:.0f} MB (target: at most 60)")
                continue
            if case in COMPLETION:
                result = figures[case] = completion(case, options.runs, Path(work))
                say(f"\n{case} (5 connections, {result['server']}, medians of {options.runs})")
                verdict = judged(result["ratio"] <= result["target"])
                say(f"  plain {result['plain']:.3f} s, completed {result['completed']:.3f} s")
                say(f"  {result['ratio']:.2f} times as long; target {result['target']}: {verdict}")
                continue
            result = figures[case] = measure(case, options.runs, Path(work))
        say(f"\n{case} ({CASES[case][2]} connections, {result['server']}, medians of {options.runs})")
        for name, seconds in sorted(result["seconds"].items(), key=lambda item: item[1]):
            target = result["targets"].get(name)
            ratio = result["ratios"][name]
            verdict = "" if target is None else f"   target {target:.2f}: {judged(ratio >= target)}"
            say(f"  {name:8} {seconds:8.3f} s   {ratio:6.2f} x ours{verdict}")
    keep(figures, options.json)


if __name__ == "__main__":
    main()

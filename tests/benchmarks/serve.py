"""
Speed of the service for files and lists: ``python tests/benchmarks/serve.py``.

Files of 4 MB over loopback with the same connections: from the service alone and, if nginx is installed, from the
service behind nginx, which sends the files (``--x-accel``), and from nginx alone. Then a list of a year of synthetic
records, plain and gzip-compressed: MB/s, and the memory of the server. All servers are separate processes; runs
alternate.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
import zlib
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import requests
from astropy.io import fits
from common import free_port, judged, keep, machine, process, say

from sunpy_flarecast.archive import DemoArchive, DirectoryArchive, Settings, serve
from sunpy_flarecast.sharp.filenames import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

SERIES = "hmi.sharp_720s"

FILES, SIZE, CONNECTIONS, REQUESTS = 50, 4_000_000, 5, 500

#: Smallest target ratios of the throughput to that of nginx alone.
RATIOS = {"service": 0.3, "service behind nginx": 0.9}

#: Path under which nginx has the files for the service.
LOCATION = "/flarecast-files"

#: Smallest throughput of a plain list (MB/s), and largest growth of memory (MB).
LIST_RATE, LIST_MEMORY = 50, 150


def make_files(folder: Path) -> list[str]:
    """Write different FITS files of about the given size; return their names."""
    side = int((SIZE - 5760) ** 0.5 / 2)
    chance = np.random.default_rng(1)
    names = [file_name(SERIES, "magnetogram", harpnum=6178, slot=1005481 + number) for number in range(FILES)]
    for name in names:
        data = chance.integers(-1000, 1000, (side, side), dtype=np.int32)
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data)]).writeto(folder / name)
    return names


def nginx(folder: Path, work: Path, port: int, front: int, service: int) -> list[str]:
    """Return the command of an nginx with one worker that serves a folder and is a proxy of its service."""
    (work / "nginx.conf").write_text(
        f"""
        worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/error.log;
        events {{ worker_connections 512; }}
        http {{
          access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
          client_body_temp_path {work}; proxy_temp_path {work}; fastcgi_temp_path {work}; uwsgi_temp_path {work};
          scgi_temp_path {work};
          upstream flarecast {{ server 127.0.0.1:{service}; keepalive 32; }}
          server {{ listen 127.0.0.1:{port}; root {folder}; }}
          server {{
            listen 127.0.0.1:{front};
            location / {{
              proxy_pass http://flarecast; proxy_http_version 1.1; proxy_set_header Connection "";
              proxy_set_header Host $http_host;
            }}
            location {LOCATION}/ {{ internal; alias {folder}/; disable_symlinks on from={folder}/; }}
          }}
        }}
        """
    )
    return [shutil.which("nginx") or "nginx", "-c", str(work / "nginx.conf")]


def fetch(urls: list[str]) -> float:
    """Fetch all files over some connections with the least CPU time; return MB/s."""
    port = urlsplit(urls[0]).port
    paths = cycle(urlsplit(url).path for url in urls)
    numbers = iter(range(REQUESTS))
    lock = threading.Lock()
    received: list[int] = []

    def work() -> None:
        buffer = memoryview(bytearray(1 << 20))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            while True:
                with lock:
                    if next(numbers, None) is None:
                        return
                    path = next(paths)
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(4096)
                assert b" 200 " in head[:20], head
                head, _, body = head.partition(b"\r\n\r\n")
                size = int(head.lower().partition(b"content-length:")[2].split()[0])
                left = size - len(body)
                while left:
                    left -= connection.recv_into(buffer, min(left, len(buffer)))
                received.append(size)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(received) / (time.perf_counter() - begin) / 1e6


def figures_of(port: int) -> Iterator[tuple[float, float]]:
    """Provide CPU seconds and memory in MB of the processes that listen at a port, repeatedly (Linux)."""
    inodes = {
        line.split()[9] for line in Path("/proc/net/tcp").read_text().splitlines() if f":{port:04X} 00000000" in line
    }
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(folder.readlink()) in {f"socket:[{inode}]" for inode in inodes}:
                found.append(folder.parents[1])
        except OSError:
            continue
    while True:
        stats = [(folder / "stat").read_text().rpartition(")")[2].split() for folder in set(found)]
        ticks = sum(int(stat[11]) + int(stat[12]) for stat in stats)
        pages = sum(int(stat[21]) for stat in stats)
        yield ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def files(
    url: str, accelerated: str, front: str | None, peer: str | None, names: list[str], runs: int
) -> dict[str, Any]:
    """Compare the servers of files."""
    records = requests.get(f"{url}/HMI/{SERIES}?start=2015-12-01&end=2015-12-31", timeout=60).json()["data"]
    ours = [record["urls"][0] for record in records]
    candidates = {"service": ours}
    if front is not None and peer is not None:
        candidates["service behind nginx"] = [address.replace(url, front) for address in ours]
        candidates["nginx"] = [f"{peer}/{name}" for name in names]
    assert {len(urls) for urls in candidates.values()} == {FILES}
    ports = {name: [urlsplit(urls[0]).port or 0] for name, urls in candidates.items()}
    ports.get("service behind nginx", []).append(urlsplit(accelerated).port or 0)
    figures = {name: [figures_of(port) for port in ports[name]] for name in candidates}
    rates: dict[str, list[float]] = {name: [] for name in candidates}
    costs: dict[str, list[float]] = {name: [] for name in candidates}
    for run in range(runs + 1):
        for name, urls in candidates.items():
            before = sum(next(figure)[0] for figure in figures[name])
            rate = fetch(urls)
            if run:  # the first run warms up
                rates[name].append(rate)
                costs[name].append((sum(next(figure)[0] for figure in figures[name]) - before) / REQUESTS * 1e3)
    result: dict[str, Any] = {}
    for name in candidates:
        result[name] = {"MB/s": statistics.median(rates[name]), "CPU ms a file": statistics.median(costs[name])}
        say(f"  {name}: {result[name]['MB/s']:.0f} MB/s, {result[name]['CPU ms a file']:.2f} ms of CPU a file")
    for name in candidates.keys() & RATIOS.keys() if peer is not None else ():
        pairs = zip(rates[name], rates["nginx"], strict=True)
        ratio = result[name]["ratio"] = statistics.median(mine / theirs for mine, theirs in pairs)
        say(f"  {name} / nginx: {ratio:.2f}, wanted {RATIOS[name]}: {judged(ratio >= RATIOS[name])}")
    return result


def year(url: str, encoding: str) -> dict[str, Any]:
    """Stream a year of records."""
    watch = figures_of(urlsplit(url).port or 0)
    before, most, size = next(watch)[1], 0.0, 0
    unpack = zlib.decompressobj(31)
    begin = time.perf_counter()
    with requests.get(
        f"{url}/HMI/{SERIES}?start=2015-01-01&end=2016-01-01",
        headers={"Accept-Encoding": encoding},
        stream=True,
        timeout=60,
    ) as answer:
        for number, piece in enumerate(answer.raw.stream(1 << 20, decode_content=False)):
            size += len(piece if encoding == "identity" else unpack.decompress(piece))
            if number % 16 == 0:
                most = max(most, next(watch)[1])
    rate, more = size / (time.perf_counter() - begin) / 1e6, max(most, next(watch)[1]) - before
    met = more <= LIST_MEMORY and (rate >= LIST_RATE or encoding != "identity")
    say(f"  {encoding}: {size / 1e6:.0f} MB, {rate:.0f} MB/s, {more:.0f} MB more than before: {judged(met)}")
    return {"MB": size / 1e6, "MB/s": rate, "more memory, MB": more}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs of each server")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--serve", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    parser.add_argument("--accelerated", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        folder, port = options.serve
        settings = Settings(x_accel=LOCATION if options.accelerated else None)
        serve(DirectoryArchive(folder) if folder else DemoArchive(), port=int(port), settings=settings)
        return
    results: dict[str, Any] = {"machine": machine("uvicorn", "starlette", "fastapi")}
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name, "files")
        folder.mkdir()
        folder.parent.chmod(0o755)  # nginx changes its user
        names = make_files(folder)
        alone, behind, peer, front = (free_port() for _ in range(4))
        say(f"{REQUESTS} files of {SIZE / 1e6:g} MB, {CONNECTIONS} connections")
        command = [sys.executable, __file__, "--serve", str(folder)]
        url = running.enter_context(process([*command, str(alone)], alone))
        accelerated = running.enter_context(process([*command, str(behind), "--accelerated"], behind))
        urls: list[str | None] = [None, None]
        if shutil.which("nginx"):
            running.enter_context(process(nginx(folder, Path(name), peer, front, behind), peer))
            urls = [f"http://127.0.0.1:{port}" for port in (front, peer)]
        results["files"] = files(url, accelerated, *urls, names, options.runs)
    port = free_port()
    with process([sys.executable, __file__, "--serve", "", str(port)], port) as url:
        say("A year of records")
        results["year"] = {encoding: year(url, encoding) for encoding in ("identity", "gzip")}
    keep(results, options.json)


if __name__ == "__main__":
    main()

"""
Soak test with many simultaneous clients: no errors, no wrong bytes, and no growth of memory.

    python tests/benchmarks/soak.py [--clients 200] [--seconds 60] [--workers 2] [--json FILE]

A folder of generated FITS files is served by ``sunpy-flarecast serve`` in separate processes. Each client lists records
and fetches files in its own order; every list and every file is verified. The exit status is 0 only if the targets are
met. The memory (PSS, Linux) is the sum over all processes of the service.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import numpy as np
from astropy.io import fits
from common import judged, keep, machine, say

from sunpy_flarecast.sharp.filenames import file_name
from sunpy_flarecast.sharp.t_rec import t_rec_text

if TYPE_CHECKING:
    from collections.abc import Iterator

SERIES = "hmi.sharp_cea_720s"
SEGMENTS = ("magnetogram", "Br")

#: The first T_REC, 2015.12.11_00:00:00_TAI.
FIRST = 1005480

#: Largest growth of memory from the first quarter of the run to its end.
GROWTH = 0.10


@dataclass
class Outcome:
    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    bytes: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Relative growth of memory since the first quarter."""
        if len(self.memory) < 8:
            return 0.0
        sizes = [size for _, size in self.memory]
        quarter = len(sizes) // 4
        before, after = max(sizes[:quarter]), float(np.median(sizes[-quarter:]))
        return after / before - 1

    @property
    def good(self) -> bool:
        """Whether there was no error and no wrong byte."""
        return not self.errors and not self.wrong and all(self.requests[kind] for kind in ("list", "file"))


def write_files(folder: Path, records: int, largest: int, begin: int = 0) -> dict[str, bytes]:
    """Write numbered files of many sizes; return the digest of each by name."""
    digests = {}
    numbers = np.random.default_rng(7)
    for number in range(begin, begin + records):
        for place, segment in enumerate(SEGMENTS):
            name = file_name(SERIES, segment, harpnum=6178, slot=FIRST + number)
            rows = 1 + largest * ((7 * number + place) % records) // records // 4000
            header = fits.Header({"HARPNUM": 6178, "T_REC": t_rec_text(FIRST + number), "QUALITY": 0, "NOAA_AR": 12470})
            header["DATE-OBS"] = f"2015-12-{11 + number // 120:02}T{number % 120 // 5:02}:{number % 5 * 12:02}:00.00"
            data = numbers.integers(0, 9999, (rows, 1000), dtype=np.int32)
            fits.PrimaryHDU(data, header).writeto(folder / name)
            digests[name] = hashlib.sha256((folder / name).read_bytes()).digest()
    return digests


@contextmanager
def served(folder: Path, workers: int, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve a folder in separate processes; yields the URL and the parent process."""
    command = [sys.executable, "-m", "sunpy_flarecast", "serve", str(folder), "--port", "0", "--workers", str(workers)]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                if found := re.match(r"Serving at (\S+)", line):
                    yield found[1], process
                    break
            else:
                raise RuntimeError("the service did not start")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


async def soak(
    url: str, digests: dict[str, bytes], *, clients: int, seconds: float, rounds: int = 0, process: int = 0
) -> Outcome:
    """
    Let clients list and fetch for some seconds or rounds.

    ``process`` is the process whose memory is measured, including its children.
    """
    outcome = Outcome()
    end = time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        watching = asyncio.create_task(_watch(process, outcome)) if process else None
        work = [_client(session, url, digests, outcome, number, end, rounds) for number in range(clients)]
        await asyncio.gather(*work)
        if watching:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    return outcome


async def _client(
    session: aiohttp.ClientSession,
    url: str,
    digests: dict[str, bytes],
    outcome: Outcome,
    number: int,
    end: float,
    rounds: int,
) -> None:
    choose = random.Random(number)
    whole = f"{url}/HMI/{SERIES}?start=2015-12-01T00:00:00Z&end=2015-12-31T00:00:00Z"
    done = 0
    while done < rounds if rounds else time.monotonic() < end:
        done += 1
        try:
            async with session.get(whole) as answer:
                answer.raise_for_status()
                rows = (await answer.json())["data"]
            outcome.requests["list"] += 1
            urls = [file for row in rows for file in row["urls"]]
            if len(urls) != len(digests) or len(set(urls)) != len(urls):
                outcome.wrong.append(f"a list of {len(urls)} files in place of {len(digests)}")
            for file in choose.sample(urls, min(8, len(urls))):
                async with session.get(file) as answer:
                    answer.raise_for_status()
                    # Read in pieces, since two hundred whole files would fill the client's memory.
                    digest = hashlib.sha256()
                    async for piece in answer.content.iter_chunked(1 << 18):
                        digest.update(piece)
                        outcome.bytes += len(piece)
                    name = answer.headers["Content-Disposition"].partition("filename=")[2].strip('"')
                outcome.requests["file"] += 1
                if digests.get(name) != digest.digest():
                    outcome.wrong.append(file)
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            outcome.errors[f"{type(error).__name__}: {error}"] += 1


async def _watch(process: int, outcome: Outcome) -> None:
    begin = time.monotonic()
    while True:
        outcome.memory.append((time.monotonic() - begin, memory_of(process)))
        await asyncio.sleep(1.0)


def memory_of(process: int) -> float:
    """Return the memory of a process and its children in MB (Linux; 0 elsewhere)."""
    total = 0
    with suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        for number in (process, *children):
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{number}/smaps_rollup").read_text(), re.MULTILINE)
            total += int(found[1]) if found else 0
    return total / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--largest", type=int, default=4_000_000, help="bytes of the largest file")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    figures: dict[str, Any] = machine("fastapi", "uvicorn", "aiohttp")
    with tempfile.TemporaryDirectory() as folder:
        digests = write_files(Path(folder), chosen.records, chosen.largest)
        with served(Path(folder), chosen.workers) as (url, process):
            outcome = asyncio.run(
                soak(url, digests, clients=chosen.clients, seconds=chosen.seconds, process=process.pid)
            )
    sizes = [size for _, size in outcome.memory] or [0.0]
    requests, megabytes = sum(outcome.requests.values()), outcome.bytes / 1e6
    say(f"{chosen.clients} clients, {chosen.workers} workers, {chosen.seconds:g} s: {requests:,} requests")
    say(f"  {outcome.requests['list']:,} lists, {outcome.requests['file']:,} files, {megabytes:,.0f} MB")
    say(f"  errors: {sum(outcome.errors.values())}, wrong: {len(outcome.wrong)}: {judged(outcome.good)}")
    for text, count in outcome.errors.most_common(5):
        say(f"    {count} times {text}")
    for text in outcome.wrong[:5]:
        say(f"    wrong: {text}")
    flat = outcome.growth <= GROWTH
    say(f"  memory: {sizes[0]:.0f} MB at first, {max(sizes):.0f} MB at most, {sizes[-1]:.0f} MB at the end; ")
    say(f"  grown by {outcome.growth:.0%} since the first quarter: {judged(flat)}")
    figures |= {
        "clients": chosen.clients,
        "workers": chosen.workers,
        "seconds": chosen.seconds,
        "requests": dict(outcome.requests),
        "megabytes": megabytes,
        "errors": dict(outcome.errors),
        "wrong": len(outcome.wrong),
        "memory": outcome.memory,
    }
    keep(figures, chosen.json)
    sys.exit(0 if outcome.good and flat else 1)


if __name__ == "__main__":
    main()

"""
Check that the service conforms to its OpenAPI document: ``python tests/benchmarks/conformance.py``.

Requires schemathesis 4 (``pip install "schemathesis>=4"``; ``--st`` is the path of its command ``st``). A small archive
is served, and every operation of the document is called with valid and invalid parameters and methods, at least
``--cases`` times in total. Any status 5xx, and any undocumented status, header, type or schema is a failure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import requests
from astropy.io import fits
from common import say

from sunpy_flarecast.archive import DirectoryArchive, running
from sunpy_flarecast.sharp.filenames import file_name

#: The series of the examples in the document, and record numbers with their T_REC.
SERIES = ("hmi.sharp_720s", "hmi.sharp_cea_720s")
RECORDS = {5605571: (1005598, "2015.12.11_23:36:00_TAI"), 5605572: (1005599, "2015.12.11_23:48:00_TAI")}

#: The checks of each reply. ``positive_data_acceptance`` and the like are left out: a text that matches a schema need
#: not be a valid time, nor the name of a series of the archive.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)


def make_archive(folder: Path) -> DirectoryArchive:
    """Write the files that the examples of the document request."""
    for series, (recnum, (slot, t_rec)) in product(SERIES, RECORDS.items()):
        keywords = {"HARPNUM": 6178, "T_REC": t_rec, "DATE-OBS": "2015-12-11T23:34:08.80", "RECNUM": recnum}
        header = fits.Header({**keywords, "QUALITY": 0, "AREA": 3507.3125, "CMASK": 6423, "DISTCOEF": "some text"})
        for segment in ("magnetogram", "bitmap"):
            path = folder / file_name(series, segment, harpnum=6178, slot=slot)
            fits.PrimaryHDU(np.zeros((4, 4), dtype=np.int32), header).writeto(path)
    return DirectoryArchive(folder)


def conforms(st: str, cases: int, seed: int) -> bool:
    """Test all operations, and return what was tested and how often."""
    with tempfile.TemporaryDirectory() as name, running(make_archive(Path(name))) as url:
        paths = set(requests.get(f"{url}/openapi.json", timeout=60).json()["paths"])
        events = Path(name) / "events.ndjson"
        command = [
            *(st, "run", f"{url}/openapi.json", "--url", url, "--seed", str(seed), "--continue-on-failure"),
            *("--checks", ",".join(CHECKS), "--max-examples", str(-(-cases // len(paths))), "--workers", "2"),
            *("--report", "ndjson", "--report-ndjson-path", str(events), "--warnings", "off", "--no-color"),
        ]
        result = subprocess.run(command, cwd=name, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        tried, statuses = counted(events)
    total = sum(tried.values())
    say("\n".join(result.stdout.splitlines()[-12 if result.returncode == 0 else -200 :]))
    for path in sorted(paths):
        say(f"{tried[path]:6} {path}")
    say(f"{total} cases; statuses {dict(sorted(statuses.items()))}")
    return result.returncode == 0 and total >= cases and paths <= set(tried)


def counted(events: Path) -> tuple[Counter[str], Counter[int]]:
    """Count the cases of each path, and the statuses."""
    tried: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    for line in events.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        interactions = recorder.get("interactions", {})
        for name, case in recorder.get("cases", {}).items():
            answer = (interactions.get(name) or {}).get("response")
            if answer is not None:
                tried[case["value"]["path"]] += 1
                statuses[answer["status_code"]] += 1
    return tried, statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--st", default="st", help="path of the schemathesis command")
    parser.add_argument("--cases", type=int, default=2000, help="minimum number of cases")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random parameters")
    options = parser.parse_args()
    if not conforms(options.st, options.cases, options.seed):
        sys.exit("The service does not conform to its document, or not enough was tried")
    say("The service conforms to its document")


if __name__ == "__main__":
    main()

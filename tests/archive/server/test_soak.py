"""A short run of tests/benchmarks/soak.py: several clients of a folder served from the command line."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
def test_many_clients_receive_correct_files(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    spec = importlib.util.find_spec("soak")
    soak = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = soak
    spec.loader.exec_module(soak)
    digests = soak.write_files(tmp_path, records=12, largest=200_000)
    with soak.served(tmp_path, 1, "--reindex", "1s") as (url, process):
        outcome = asyncio.run(soak.soak(url, digests, clients=16, seconds=0, rounds=2))
        more = digests | soak.write_files(tmp_path, records=1, largest=200_000, begin=12)
        for _ in range(2000):  # until the service has indexed the new files
            if not asyncio.run(soak.soak(url, more, clients=1, seconds=0, rounds=1)).wrong:
                break
        else:
            pytest.fail("new files were not indexed")
    assert process.returncode == 0
    assert outcome.errors == {}
    assert outcome.wrong == []
    assert outcome.requests == {"list": 32, "file": 256}

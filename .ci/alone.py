"""
Check what an environment can do in which this package was installed with one extra, or none.

``python .ci/alone.py core|archive|cli|... URL``, with a demo service at the URL. What the extra is for has to work, and
what others are for has to be refused in one sentence that names the extra.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sunpy.net import Fido
from sunpy.net import attrs as a

import sunpy_flarecast as flarecast

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = ("2014-10-23T12:00", "2014-10-23T12:11")


def main(extra: str, url: str) -> None:
    """Exit with what is not as it should be."""
    subprocess.run([sys.executable, "-W", "error", "-c", "import sunpy_flarecast"], check=True)
    with tempfile.TemporaryDirectory() as folder, flarecast.conf.set_temp("url", url):
        path = Path(folder)
        series, segment = a.flarecast.Series.hmi_sharp_720s, a.flarecast.Segment.magnetogram
        table = Fido.search(a.Time(*TIMES), series, segment)["flarecast"][:1]
        files = Fido.fetch(table, path=path / "{file}", progress=False)
        assert len(files) == 1, files.errors
        assert len(table.keywords("usflux", progress=False)) == 1
        table.write(path / "search.ecsv")
        parts: dict[str, list[Callable[[], Any]]] = {
            "plot": [
                lambda: flarecast.load(files[0]),
                table.plot_disk,
                table.plot_coverage,
                lambda: import_module("sunpy_flarecast.plot").save,
            ],
            "timeseries": [lambda: table.timeseries("usflux", progress=False)],
            "cache": [cached],
            "parquet": [lambda: table.write(path / "search.parquet", overwrite=True)],
            "dataset": [lambda: built(path / "set", table)],
            "archive": [
                lambda: import_module("sunpy_flarecast.archive").running,
                lambda: import_module("sunpy_flarecast.archive").create_app,
            ],
            "cli": [lambda: command("search", *TIMES, "--url", url)],
            "jsoc": [lambda: refused_by_jsoc(path / "mirrored")],
        }
        for part, calls in parts.items():
            for call in calls:
                told = outcome(call)
                if part == extra:
                    assert told is None, f"{extra}: {told}"
                else:
                    # An extra may bring what another one is for, too.
                    assert told is None or (len(told.splitlines()) == 1 and "pip install" in told), told
        if extra == "core":
            # But for drms, which sunpy's own extra brings.
            assert all(outcome(call) for part, calls in parts.items() if part != "jsoc" for call in calls)
    print(f"{extra} alone works")


def outcome(call: Callable[[], Any]) -> str | None:
    """Give the sentence of a refusal; any other exception is an error."""
    try:
        call()
    except (ImportError, flarecast.QueryError) as error:
        return str(error)
    return None


def built(folder: Path, table: Any) -> None:
    """Build a data set of one record, and open it."""
    dataset = import_module("sunpy_flarecast.dataset")
    dataset.build(folder, table, keywords=["usflux"], progress=False)
    assert dataset.check(folder).ok
    assert len(dataset.open(folder).records) == 1


def cached() -> None:
    """Search with a cache that is switched on."""
    with flarecast.conf.set_temp("cache", True):
        flarecast.FLARECASTClient().search(a.Time(*TIMES), a.flarecast.Series.hmi_sharp_720s)


def refused_by_jsoc(folder: Path) -> None:
    """Ask a port for a mirror of JSOC at which nobody listens, so that drms is used, and does not get far."""
    try:
        flarecast.mirror(*TIMES, folder, series="hmi.sharp_720s", jsoc="http://127.0.0.1:9", progress=False)
    except flarecast.ServiceError:
        return
    raise AssertionError("A mirror of nothing succeeded.")


def command(*arguments: str) -> None:
    """Run the command line, whose refusals are messages."""
    line = [sys.executable, "-m", "sunpy_flarecast", *arguments]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImportError(done.stderr.strip())


if __name__ == "__main__":
    main(*sys.argv[1:])

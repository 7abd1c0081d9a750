"""
Check an environment in which this package was installed with one extra, or none.

``python .ci/alone.py core|archive|cli|... URL``, with a demo service at the URL. Features of the extra must work, and
those of other extras must raise an error of one line with the install command.
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
    """Fail unless the features of the extra work and all others are refused."""
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
                refusal = outcome(call)
                if part == extra:
                    assert refusal is None, f"{extra}: {refusal}"
                else:
                    # An extra may include the dependencies of another.
                    assert refusal is None or (len(refusal.splitlines()) == 1 and "pip install" in refusal), refusal
        if extra == "core":
            # Except drms, which an extra of sunpy includes.
            assert all(outcome(call) for part, calls in parts.items() if part != "jsoc" for call in calls)
    print(f"{extra} alone works")


def outcome(call: Callable[[], Any]) -> str | None:
    """Return the message of a refusal, or None; other exceptions are raised."""
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
    """Search with the cache enabled."""
    with flarecast.conf.set_temp("cache", True):
        flarecast.FLARECASTClient().search(a.Time(*TIMES), a.flarecast.Series.hmi_sharp_720s)


def refused_by_jsoc(folder: Path) -> None:
    """Mirror from a closed port, so that drms is imported and its connection fails."""
    try:
        flarecast.mirror(*TIMES, folder, series="hmi.sharp_720s", jsoc="http://127.0.0.1:9", progress=False)
    except flarecast.ServiceError:
        return
    raise AssertionError("A mirror without a source succeeded.")


def command(*arguments: str) -> None:
    """Run a command; its error message becomes an ImportError."""
    line = [sys.executable, "-m", "sunpy_flarecast", *arguments]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImportError(done.stderr.strip())


if __name__ == "__main__":
    main(*sys.argv[1:])

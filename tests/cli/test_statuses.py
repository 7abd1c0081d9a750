"""Exit statuses: every command has the same status for the same error (see ``docs/reference/cli.md``)."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner
from faults import Layer, answer

from sunpy_flarecast import FLARECASTClient, conf
from sunpy_flarecast.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

RANGE = ("2015-12-11", "2015-12-11T00:20")
SERIES = ("--series", "hmi.sharp_cea_720s")
OUT, QUIET = "OUT", "--no-progress"  # OUT stands for a path that the command writes to

#: Commands that make requests, with their required arguments.
COMMANDS = {
    "search": ("search", *RANGE, *SERIES, QUIET),
    "search -o": ("search", *RANGE, *SERIES, QUIET, "-o", f"{OUT}.csv"),
    "keywords": ("keywords", *RANGE, *SERIES, QUIET, "-o", f"{OUT}.csv"),
    "fetch": ("fetch", *RANGE, *SERIES, QUIET, "--report", f"{OUT}.json"),
    "plot disk": ("plot", "disk", *RANGE, *SERIES, QUIET, "-o", f"{OUT}.png"),
    "plot coverage": ("plot", "coverage", *RANGE, *SERIES, QUIET, "-o", f"{OUT}.png"),
    "plot keywords": ("plot", "keywords", *RANGE, *SERIES, QUIET, "-o", f"{OUT}.png"),
    "mirror": ("mirror", *RANGE, OUT, *SERIES, QUIET, "--no-index"),
}
#: Commands that write a file or a folder, and request nothing.
OTHERS = {
    "openapi": ("openapi", "-o", f"{OUT}.json"),
    "demo": ("demo", "-o", OUT, QUIET),
    "plot record": ("plot", "record", ".", "-o", f"{OUT}.png"),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command in an empty folder, with some arguments replaced and others appended."""
    monkeypatch.chdir(tmp_path)

    def run(words: tuple[str, ...], *more: str, **replaced: str) -> tuple[int, str]:
        new = {"START": RANGE[0], "SERIES": SERIES[1], OUT: "out", **replaced}
        known = {RANGE[0]: new["START"], SERIES[1]: new["SERIES"]}
        arguments = [known.get(word, word.replace(OUT, new[OUT])) for word in words]
        shown = CliRunner().invoke(cli, [*arguments, *more])
        assert "Traceback" not in shown.output
        return shown.exit_code, " ".join(shown.stderr.split())

    return run


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_invalid_arguments_exit_with_2(
    demo: tuple[str, Layer], run: Any, words: tuple[str, ...], tmp_path: Path
) -> None:
    for more, replaced, part in (
        ((), {"START": "yesterday"}, "'yesterday' is not a time"),
        ((), {"START": "2015-12-12"}, "is before START"),
        (("--segment", "Brr"), {}, "Did you mean 'Br'"),
        (("--harp", "x"), {}, "is not a HARP number"),
        (("--sample", "6"), {}, "is not a length of time"),
        (("--where", "usflx > 5"), {}, "Did you mean 'usflux'"),
        (("--noaa", "2443"), {}, "write --noaa 12443"),
        (("--url", "localhost"), {}, "is not a valid http:// or https:// URL"),
        (("--goood",), {}, "No such option"),
    ):
        status, output = run(words, *more, **replaced)
        assert (status, part in output) == (2, True), output
    assert demo[1].requests == []
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] in ([], ["out"])


@pytest.mark.parametrize("words", [*list(COMMANDS.values())[1:], *OTHERS.values()], ids=[*list(COMMANDS)[1:], *OTHERS])
def test_a_path_that_cannot_be_written_exits_with_2(
    demo: tuple[str, Layer], run: Any, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    status, output = run(words, OUT="file/out")
    assert (status, "file" in output) == (2, True), output
    assert demo[1].requests == []


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_failures_at_run_time_exit_with_1(demo: tuple[str, Layer], run: Any, words: tuple[str, ...]) -> None:
    with conf.set_temp("max_retries", 0):
        status, output = run(words, SERIES="hmi.nonsense_720s")
        assert (status, "404" in output) == (1, True), output
        status, output = run(words, "--url", "http://127.0.0.1:9")
        assert (status, "cannot be reached" in output) == (1, True), output
        demo[1].faults["/HMI/"] = answer(b"", status=401)
        status, output = run(words)
        assert (status, "Set conf.token" in output) == (1, True), output


@pytest.mark.parametrize("error", [ValueError("odd"), PermissionError(13, "odd")], ids=["value", "permission"])
@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "mirror"])
def test_errors_of_any_type_at_run_time_exit_with_1(
    run: Any, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    def search(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(FLARECASTClient, "search", search)
    status, output = run(COMMANDS[name])
    assert (status, "odd" in output) == (1, True), output


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "mirror"])
def test_an_empty_result_exits_with_1(demo: tuple[str, Layer], run: Any, name: str) -> None:
    status, output = run(COMMANDS[name], "--harp", "999999")
    assert (status, "Nothing was found" in output) == (1, True), output


def test_other_mistakes_exit_with_2(demo: tuple[str, Layer], run: Any, tmp_path: Path) -> None:
    (tmp_path / "there.csv").touch()
    for words, part in (
        ((*COMMANDS["search"], "-o", "there.csv"), "already exists"),
        ((*COMMANDS["search"], "-o", "there.xyz"), "there.xyz"),
        ((*COMMANDS["keywords"][:-2], "-o", "there.csv"), "already exists"),
        ((*COMMANDS["keywords"], "--keyword", "usflx"), "Did you mean 'usflux'"),
        ((*COMMANDS["plot keywords"], "--keyword", "usflx"), "Did you mean 'usflux'"),
        ((*COMMANDS["plot disk"], "--color", "usflx"), "usflux"),
        ((*COMMANDS["fetch"], "--path", "{harp}/{file}"), "{harp}"),
        (("plot", "record", "nowhere.fits", "-o", "out.png"), "There is no file 'nowhere.fits'"),
        (("complete", "nowhere"), "does not exist"),
        (("index", "nowhere"), "does not exist"),
        (("serve", "nowhere"), "does not exist"),
        (("serve", "--demo", "--port", "0", "--public-url", "nowhere"), "nowhere"),
        (("nonsense",), "No such command"),
    ):
        status, output = run(words)
        assert (status, part in output) == (2, True), output


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
@pytest.mark.parametrize("name", [*COMMANDS, "complete"])
# Python loses an interrupt that arrives during the callback of a weak reference.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_exits_with_130(demo: tuple[str, Layer], run: Any, name: str, tmp_path: Path) -> None:
    if name == "complete":
        fits.PrimaryHDU(np.ones((4, 4), dtype=np.int16)).writeto(
            tmp_path / "hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits"
        )
    busy = answer(b"busy", status=503)

    requests = count()

    async def interrupting(scope: dict[str, Any], send: Any) -> None:
        if next(requests) % 5 == 0:  # repeated only if the first was lost; at most four requests are pending then
            os.kill(os.getpid(), signal.SIGINT)
        await busy(scope, send)

    demo[1].faults["/HMI/"] = interrupting
    status, output = run(COMMANDS.get(name, ("complete", ".")))
    assert status == 130, output
    assert output.endswith(("Interrupted.", "The same command resumes it.", "the same command resumes it."))

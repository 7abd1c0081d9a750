"""Transfers in parfive's queue from a faulty server: a file appears complete or not at all."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import parfive
import pytest
from faults import Layer, answer
from sunpy.net import Fido
from sunpy.net import attrs as a

from sunpy_flarecast import FLARECASTClient, FLARECASTResponse, Segment, Series, TransferError, conf
from sunpy_flarecast.download.plan import Place, Plan
from sunpy_flarecast.download.queue import enqueue
from sunpy_flarecast.fits.on_disk import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def table(many: tuple[str, Layer]) -> FLARECASTResponse:
    """Return the first ten of the 500 records."""
    found = FLARECASTClient().search(
        a.Time("2015-12-11", "2015-12-11T02:05"), Series("hmi.sharp_cea_720s"), Segment("Br")
    )
    assert len(found) == 10
    many[1].clear()
    return found


@pytest.fixture
def original(many: tuple[str, Layer], table: FLARECASTResponse, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the content of the first record's file."""
    [name] = Fido.fetch(table[:1], path=tmp_path_factory.mktemp("original"), progress=False)
    many[1].clear()
    return Path(name).read_bytes()


def fetch(table: FLARECASTResponse, path: Path, **settings: Any) -> parfive.Results:
    return Fido.fetch(table, path=path, progress=False, **settings)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


FIRST = "hmi.sharp_cea_720s.6178.20151211_001200_TAI.Br.fits"


# --- Parfive's side of the contract -----------------------------------------------------------------------------------


def test_transfers_use_the_slots_progress_and_results_of_the_queue(
    many: tuple[str, Layer],
    table: FLARECASTResponse,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    downloader = parfive.Downloader(max_conn=2, progress=True)
    assert downloader.http_queue == []
    table.client.fetch(table, path=tmp_path, downloader=downloader, wait=False)
    assert downloader.queued_downloads == 10
    results = downloader.download()
    assert len(results) == 10
    assert results.errors == []
    assert "10/10" in capsys.readouterr().err
    if hasattr(results, "urls"):  # since parfive 2.2
        assert len(results.urls) == 10
        assert all(url.startswith(many[0]) for url in results.urls)


@pytest.mark.skipif(os.name == "nt", reason="parfive handles no signals there")
def test_signals_are_handled_as_before_after_a_fetch(table: FLARECASTResponse, tmp_path: Path) -> None:
    before = [signal.default_int_handler, signal.SIG_DFL]
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)
    fetch(table[:1], tmp_path)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    table.client.fetch(table[1:2], path=tmp_path, progress=False)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_files_in_the_same_download(many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path) -> None:
    downloader = parfive.Downloader(progress=False)
    downloader.enqueue_file(f"{many[0]}/openapi.json", path=tmp_path)
    table.client.fetch(table, path=tmp_path, downloader=downloader, wait=False)
    assert len(downloader.download()) == 11


def test_without_the_queue_parfives_own_interface_is_used(
    many: tuple[str, Layer], tmp_path: Path, original: bytes
) -> None:
    class Plain:
        """A downloader with only the documented interface."""

        def __init__(self) -> None:
            self._real = parfive.Downloader(progress=False)
            self.config = self._real.config
            self.enqueue_file = self._real.enqueue_file
            self.download = self._real.download

    downloader: Any = Plain()
    url = f"{many[0]}/HMI/hmi.sharp_cea_720s/{recnum(many[0])}/Br.fits"
    enqueue(downloader, Plan([Place(url, str(tmp_path / "one.fits"))], []))
    assert list(downloader.download()) == [str(tmp_path / "one.fits")]
    assert (tmp_path / "one.fits").read_bytes() == original


def recnum(url: str) -> int:
    with conf.set_temp("url", url):
        found = FLARECASTClient().search(
            a.Time("2015-12-11", "2015-12-11T00:13"), Series("hmi.sharp_cea_720s"), Segment("Br")
        )
    return int(found["Record"][0])


# --- Failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        (
            lambda file: answer(b'{"message": "the tape is away"}', status=404),
            "answered 404 Not Found: the tape is away",
        ),
        (lambda file: answer(b"busy", status=503, kind="text/plain"), "answered 503"),
        (
            lambda file: answer(b"<html><title>Log in</title>", kind="text/html"),
            'not a FITS file but a web page titled "Log in"',
        ),
        (lambda file: answer(b'{"error": "no"}'), "not a FITS file but no"),
        (lambda file: answer(b""), "is empty"),
        (lambda file: answer(file[:-100]), "ends at byte"),
        (lambda file: answer(file[:2000]), "ends within the header"),
        (lambda file: answer(file + b"more"), "has no FITS header|ends within the header"),
        (lambda file: answer(file[:-100], length=len(file), drop=True), "ended early"),
        (lambda file: answer(file, status=206), "answered 206"),
    ],
)
def test_an_incomplete_file_is_an_error_and_leaves_nothing(
    many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path, original: bytes,
    fault: Callable[[bytes], Any], part: str,
) -> None:  # fmt: skip
    many[1].faults["Br.fits"] = fault(original)
    results = fetch(table[:1], tmp_path)
    assert list(results) == []
    [error] = results.errors
    assert error.url.startswith(many[0])
    assert isinstance(error.exception, TransferError)
    text = str(error.exception)
    assert any(piece in text for piece in part.split("|"))
    assert FIRST in text
    assert error.url in text
    assert names(tmp_path) == []


def test_a_failure_is_retried_by_parfive(
    many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path, original: bytes
) -> None:
    layer = many[1]
    layer.faults["Br.fits"] = answer(b"", status=500)
    failed = fetch(table, tmp_path)
    assert len(failed.errors) == 10
    layer.clear()
    # An incomplete file that a killed program left under the final name must not count as complete.
    (tmp_path / FIRST).write_bytes(original[:3000])
    results = Fido.fetch(failed, progress=False)
    assert results.errors == []
    assert len(results) == 10
    assert all(is_whole(name) for name in results)
    assert (tmp_path / FIRST).read_bytes() == original
    assert len(names(tmp_path)) == 10


def test_a_retry_that_fails_again_is_an_error_again(
    many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path
) -> None:
    many[1].faults["Br.fits"] = answer(b"<html><title>Log in</title>", kind="text/html")
    failed = fetch(table[:2], tmp_path)
    again = Fido.fetch(failed, progress=False)
    assert list(again) == []
    assert ['titled "Log in"' in str(error.exception) for error in again.errors] == [True, True]
    assert names(tmp_path) == []


def test_a_retry_does_not_overwrite_verified_files(
    many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path, original: bytes
) -> None:
    # parfive would replace the file by any reply of the service.
    many[1].faults["Br.fits"] = answer(b"", status=404)
    failed = fetch(table[:1], tmp_path)
    many[1].clear()
    (tmp_path / FIRST).write_bytes(original)
    again = Fido.fetch(failed, progress=False, overwrite=True)
    assert list(again) == []
    assert "Leave overwrite out" in str(again.errors[0].exception)
    assert (tmp_path / FIRST).read_bytes() == original


def test_callbacks_are_called_for_every_file(many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path) -> None:
    calls: list[tuple[str, str, Exception | None]] = []
    session = parfive.SessionConfig(done_callbacks=[lambda *arguments: calls.append(arguments)])
    downloader = parfive.Downloader(progress=False, config=session)
    table[:2].client.fetch(table[:2], path=tmp_path, downloader=downloader)
    assert sorted(Path(path).name for path, _, _ in calls) == names(tmp_path)
    assert {error for _, _, error in calls} == {None}


def test_an_unreachable_service(table: FLARECASTResponse, tmp_path: Path) -> None:
    table.service = "http://127.0.0.1:9"
    [error] = fetch(table[:1], tmp_path).errors
    assert "no connection to the service at 127.0.0.1:9 (Connection refused; " in str(error.exception)
    assert names(tmp_path) == []


def test_a_stalled_transfer_ends(many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path) -> None:
    import asyncio

    async def stall(scope: dict[str, Any], send: Any) -> None:
        headers = [(b"content-length", b"100000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"SIMPLE  =", "more_body": True})
        await asyncio.Event().wait()

    many[1].faults["Br.fits"] = stall
    with conf.set_temp("read_timeout", 0.3):
        [error] = fetch(table[:1], tmp_path).errors
    assert "sent nothing for 0.3 s (conf.read_timeout)" in str(error.exception)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_created_is_an_error(table: FLARECASTResponse, tmp_path: Path) -> None:
    (tmp_path / "6178").write_text("a file where a folder should be")
    results = fetch(table[:2], tmp_path / "{harpnum}" / "{file}")
    assert ["cannot be written" in str(error.exception) for error in results.errors] == [True, True]


# --- Existing files ---------------------------------------------------------------------------------------------------


def test_an_incomplete_file_is_fetched_again(table: FLARECASTResponse, tmp_path: Path, original: bytes) -> None:
    (tmp_path / FIRST).write_bytes(original[:-1])
    assert list(fetch(table[:1], tmp_path)) == [str(tmp_path / FIRST)]
    assert (tmp_path / FIRST).read_bytes() == original


def test_overwrite_replaces_only_by_complete_files(
    many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path, original: bytes
) -> None:
    old = original[:-2880] + b"\1" * 2880  # complete, but with other pixels
    assert old != original
    (tmp_path / FIRST).write_bytes(old)
    many[1].faults["Br.fits"] = answer(original[:-100])
    assert len(fetch(table[:1], tmp_path, overwrite=True).errors) == 1
    assert (tmp_path / FIRST).read_bytes() == old
    many[1].clear()
    assert list(fetch(table[:1], tmp_path, overwrite=True)) == [str(tmp_path / FIRST)]
    assert many[1].count("Br.fits") == {"GET": 1}
    assert (tmp_path / FIRST).read_bytes() == original
    assert names(tmp_path) == [FIRST]


def test_unique_keeps_both(table: FLARECASTResponse, tmp_path: Path, original: bytes) -> None:
    got = [Path(name).name for _ in range(3) for name in fetch(table[:1], tmp_path, overwrite="unique")]
    stem = FIRST.removesuffix(".fits")
    assert got == [FIRST, f"{stem}_1.fits", f"{stem}_2.fits"]
    assert all((tmp_path / name).read_bytes() == original for name in got)
    assert names(tmp_path) == sorted(got)


# --- Killed processes -------------------------------------------------------------------------------------------------

# One process imports everything and searches; the killed fetches are forks of it, which start at once.
FETCHES = """
import os, sys
from sunpy.net import Fido, attrs as a
import sunpy_flarecast
sunpy_flarecast.conf.url = sys.argv[1]
sunpy_flarecast.conf.complete_headers = False
found = Fido.search(a.Time("2015-12-11", "2015-12-16"), a.flarecast.Series("hmi.sharp_cea_720s"))
for _ in sys.stdin:
    fetch = os.fork()
    if not fetch:
        Fido.fetch(found, path=sys.argv[2], progress=False)
        os._exit(0)
    print(fetch, flush=True)
    print(os.WTERMSIG(os.waitpid(fetch, 0)[1]), flush=True)
"""


def test_a_fetch_killed_at_any_moment_is_resumed_by_the_next(many: tuple[str, Layer], tmp_path: Path) -> None:
    url, layer = many
    chance = random.Random(20151211)
    reached = []
    command = [sys.executable, "-c", FETCHES, url, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as fetches:
        assert fetches.stdin is not None
        assert fetches.stdout is not None
        for _ in range(20):
            fetches.stdin.write("go\n")
            fetch = int(fetches.stdout.readline())
            # The moment is determined by the requests, not by the clock.
            layer.wait_for(len(layer.requests) + chance.randrange(3, 25))
            os.kill(fetch, signal.SIGKILL)
            assert int(fetches.stdout.readline()) == signal.SIGKILL
            finished = list(tmp_path.glob("hmi*.fits"))
            assert all(map(is_whole, finished))
            reached.append(len(finished))
        fetches.stdin.close()
    assert reached == sorted(reached)
    assert 0 < reached[-1] < 500
    found = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-16"), Series("hmi.sharp_cea_720s"))
    results = Fido.fetch(found, path=tmp_path, progress=False)
    assert results.errors == []
    assert len(results) == 500
    assert all(map(is_whole, results))
    assert len(names(tmp_path)) == 500  # and no temporary file

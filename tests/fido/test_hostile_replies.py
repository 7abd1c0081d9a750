"""
Searches, keywords and fetches of which one request gets arbitrary bytes as its reply.

For any bytes: only the documented errors and warnings are raised, without control characters; the results of all other
requests are complete and unchanged; no file is incomplete or outside its folder. If only the transport is wrong, the
result of the affected request is correct as well, or reported as missing.

``FUZZ_EXAMPLES=2000 python -m pytest tests/fido/test_hostile_replies.py`` runs that many random examples per test; the
default is a few examples, always the same.
"""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sunpy
from barefolder import HARPS, SERIES, fill, recnum_of, without_history
from hostile import Hostile, Reply, contents, odd_files, replies, serving
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sunpy.net import attrs as a
from sunpy.util.exceptions import SunpyUserWarning

import sunpy_flarecast
from sunpy_flarecast import FLARECASTClient, FLARECASTError, FLARECASTResponse, MissingDataWarning, conf
from sunpy_flarecast.archive import DirectoryArchive, running
from sunpy_flarecast.fits.on_disk import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

HOURS = 3

#: The record whose keywords or file cannot be fetched.
LOST = recnum_of(6180, 1)

_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))

_SETTINGS: dict[str, Any] = {
    "window": 1 / 24,
    "parallel_requests": 1,
    "max_retries": 1,
    "retry_wait": 0.0,
    "retry_after_max": 0.0,
    "reply_size": 2.0,
}

#: Shorter time limits for endless replies.
_BOUNDS = {"read_timeout": 1.0, "reply_timeout": 1.0}


def fuzzed(examples: int) -> Any:
    """Set the number of examples."""
    return settings(
        max_examples=_EXAMPLES or examples,
        derandomize=not _EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if _EXAMPLES else [])],
    )


class Reference:
    """The server, and the results of requests to it without faults."""

    def __init__(self, server: Hostile, table: FLARECASTResponse, files: dict[str, bytes]) -> None:
        self.server = server
        self.table = table
        self.rows = _rows(table)
        self.files = files
        #: The list of the records of the first hour.
        self.window = next(path for path, body in server.kept.items() if f'"recnum":{LOST - 10}' in _compact(body))
        self.keywords = _keywords(table)


def _compact(body: bytes) -> str:
    return body.decode("latin-1").replace(" ", "")


def _search() -> FLARECASTResponse:
    return FLARECASTClient().search(a.Time("2015-12-11", "2015-12-11T03:00"), sunpy_flarecast.Series(SERIES))


def _rows(table: FLARECASTResponse) -> dict[int, str]:
    """Return the rows as text, by record number."""
    urls = {}
    for file in table.files():
        urls.setdefault(file.row, []).append((file.url.partition("/HMI/")[2], file.name))
    shown = [str([table[place][name] for name in table.colnames[:-2]]) for place in range(len(table))]
    return {number: f"{shown[place]} {urls.get(place)}" for place, number in enumerate(table["Record"].tolist())}


def _files(folder: Path) -> dict[str, bytes]:
    """Read all files, without the time at which keywords were added."""
    return {
        str(file.relative_to(folder)): without_history(file.read_bytes())
        for file in folder.rglob("*")
        if not file.is_dir()
    }


def _keywords(table: FLARECASTResponse) -> dict[int, tuple[Any, ...]]:
    of = table.keywords("usflux", "noaa_ars", progress=False)
    return {
        number: (str(of["usflux"][row]), str(of["noaa_ars"][row])) for row, number in enumerate(of["Record"].tolist())
    }


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    folder = tmp_path_factory.mktemp("served")
    fill(folder, HOURS, every=5)
    with ExitStack() as stack:
        service = stack.enter_context(running(DirectoryArchive(folder)))
        server = stack.enter_context(serving(Hostile(service)))
        stack.enter_context(conf.set_temp("url", server.url))
        for name, value in _SETTINGS.items():
            stack.enter_context(conf.set_temp(name, value))
        table = _search()
        assert len(table) == len(HARPS) * HOURS
        with tempfile.TemporaryDirectory() as place:
            assert sunpy_flarecast.fetch(table, path=place, progress=False).complete
            files = _files(Path(place))
        yield Reference(server, table, files)


@dataclass
class Output:
    """Errors, warnings and texts of a call."""

    errors: list[FLARECASTError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


@contextmanager
def hostile(reference: Reference, part: str, reply: Reply) -> Iterator[Output]:
    """Send a reply to requests whose path contains a text; yields the output of the block."""
    output = Output()
    reference.server.hostile, reference.server.reply = lambda path: part in path, reply
    try:
        with ExitStack() as stack:
            for name, value in _BOUNDS.items() if reply.slow else ():
                stack.enter_context(conf.set_temp(name, value))
            caught = stack.enter_context(warnings.catch_warnings(record=True))
            records = stack.enter_context(sunpy.log.log_to_list())
            warnings.simplefilter("always")
            try:
                yield output
            except FLARECASTError as error:
                output.errors.append(error)
    finally:
        reference.server.hostile = lambda path: False
    # Loops that parfive left open in other tests may be collected at any time.
    caught = [one for one in caught if not issubclass(one.category, ResourceWarning)]
    for one in caught:
        assert issubclass(one.category, SunpyUserWarning), one
        output.warnings += [str(one.message)] * issubclass(one.category, MissingDataWarning)
    output.texts += [str(one.message) for one in caught] + [record.getMessage() for record in records]
    output.texts += [text for error in output.errors for text in (str(error), getattr(error, "reason", ""))]
    for text in output.texts:
        assert text.replace("\n", "").isprintable(), text


def _assert_complete_or_reported(came: dict[Any, Any], whole: dict[Any, Any], reported: bool) -> None:
    assert came.items() <= whole.items()
    assert came == whole or reported


# --- Lists ------------------------------------------------------------------------------------------------------------


def _others(reference: Reference) -> dict[int, str]:
    return {
        number: row for number, row in reference.rows.items() if number not in {recnum_of(harp, 0) for harp in HARPS}
    }


@fuzzed(30)
@given(data=st.data())
def test_list_replies_with_arbitrary_transport(reference: Reference, data: st.DataObject) -> None:
    reply = data.draw(replies(reference.server.good(reference.window)))
    with hostile(reference, reference.window, reply) as output:
        table = _search()
        output.texts += [str(table), *(error.reason for error in (one.error for one in table.missing))]
    assert not output.errors
    came = _rows(table)
    assert _others(reference).items() <= came.items()
    _assert_complete_or_reported(came, reference.rows, bool(table.missing and output.warnings))


@fuzzed(30)
@given(data=st.data())
def test_list_replies_with_arbitrary_content(reference: Reference, data: st.DataObject) -> None:
    body = data.draw(contents(reference.server.good(reference.window)))
    template = data.draw(st.sampled_from(["{file}", "{series}/{harpnum}/{record}/{segment}/{file}"]))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with hostile(reference, reference.window, Reply(head + body)) as output:
        table = _search()
        output.texts += [str(table), table.pformat(max_width=-1)[0], *(one.error.reason for one in table.missing)]
    assert not output.errors
    assert _others(reference).items() <= _rows(table).items()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "deep", "down", "here")
        with hostile(reference, "no request", Reply(b"")) as output:
            report = sunpy_flarecast.fetch(table, path=folder / template, passes=1, progress=False)
            output.texts += [str(report), *(one.reason for one in report.failed)]
        if not output.errors:
            there = [file for file in Path(place).rglob("*") if not file.is_dir()]
            assert sorted(map(str, there)) == sorted(report.files)
            assert all(map(is_whole, there))
            whole = {without_history(file.read_bytes()) for file in there}
            assert {reference.files[file.name] for file in reference.table.files() if file.row >= len(HARPS)} <= whole
        with hostile(reference, "no request", Reply(b"")) as output:
            file = Path(place, "search.ecsv")
            table.write(file)
            assert _rows(FLARECASTResponse.read(file)) == _rows(table)
        assert not output.errors


# --- Keywords ---------------------------------------------------------------------------------------------------------


@fuzzed(30)
@given(data=st.data())
def test_keyword_replies_with_arbitrary_transport(reference: Reference, data: st.DataObject) -> None:
    good = reference.server.good(f"/HMI/{SERIES}/meta/{LOST}?fields=usflux,noaa_ars")
    _check_keywords(reference, data.draw(replies(good)), same=False)


@fuzzed(30)
@given(data=st.data())
def test_keyword_replies_with_arbitrary_content(reference: Reference, data: st.DataObject) -> None:
    body = data.draw(contents(reference.server.good(f"/HMI/{SERIES}/meta/{LOST}?fields=usflux,noaa_ars")))
    _check_keywords(reference, Reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body), same=True)


def _check_keywords(reference: Reference, reply: Reply, *, same: bool) -> None:
    reference.server.requests.clear()
    came: dict[int, tuple[Any, ...]] = {}
    with hostile(reference, str(LOST), reply) as output:
        came = _keywords(reference.table)
        output.texts += [str(one) for values in came.values() for one in values]
    assert not output.errors
    asked = re.findall(rf"/meta/([\d,]*{LOST}[\d,]*)", "\n".join(reference.server.requests))
    lost = {int(number) for numbers in asked for number in numbers.split(",")}
    for number, values in reference.keywords.items():
        if came[number] != values:
            assert number in lost
            assert (number == LOST and same) or output.warnings


# --- Files ------------------------------------------------------------------------------------------------------------


def _check_files(reference: Reference, part: str, reply: Reply, *, same: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "deep", "down", "here")
        with hostile(reference, part, reply) as output:
            report = sunpy_flarecast.fetch(reference.table, path=folder, passes=1, progress=False)
            output.texts += [str(report), *(one.reason for one in [*report.failed, *report.bare])]
        assert not output.errors
        came = _files(Path(place))
        assert {f"deep/down/here/{Path(name).name}" for name in report.files} == set(came)
        came = {Path(name).name: content for name, content in came.items()}
        lost = next(file.name for file in reference.table.files() if f"/{LOST}/" in file.url)
        assert len(report.fetched) + len(report.failed) == len(reference.files)
        for name, content in reference.files.items():
            if came.get(name) != content:
                assert name == lost
                assert is_whole(folder / name) if name in came else report.failed
                assert same or report.failed or report.bare
        # A later fetch from the working service completes the folder.
        with suppress(FileNotFoundError):
            (folder / lost).unlink()
        with hostile(reference, "no request", Reply(b"")) as output:
            assert sunpy_flarecast.fetch(reference.table, path=folder, passes=1, progress=False).complete
        assert _files(folder) == reference.files


@fuzzed(30)
@given(data=st.data())
def test_file_replies_with_arbitrary_transport(reference: Reference, data: st.DataObject) -> None:
    good = reference.server.good(f"/HMI/{SERIES}/{LOST}/Br.fits")
    _check_files(reference, f"/{LOST}/", data.draw(replies(good, endless=False)), same=False)


@fuzzed(25)
@given(data=st.data())
def test_file_replies_with_arbitrary_content(reference: Reference, data: st.DataObject) -> None:
    body = data.draw(odd_files(reference.server.good(f"/HMI/{SERIES}/{LOST}/Br.fits")))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    _check_files(reference, f"/{LOST}/", Reply(head + body), same=True)


@fuzzed(25)
@given(data=st.data())
def test_keywords_for_a_file_with_arbitrary_transport(reference: Reference, data: st.DataObject) -> None:
    good = reference.server.good(f"/HMI/{SERIES}/meta/{LOST}")
    _check_files(reference, f"/meta/{LOST}", data.draw(replies(good, endless=False)), same=False)


@fuzzed(25)
@given(data=st.data())
def test_keywords_for_a_file_with_arbitrary_content(reference: Reference, data: st.DataObject) -> None:
    body = data.draw(contents(reference.server.good(f"/HMI/{SERIES}/meta/{LOST}")))
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    _check_files(reference, f"/meta/{LOST}", Reply(head + body), same=True)

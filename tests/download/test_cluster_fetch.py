"""Fetches by the workers of a cluster: same report and requests as on one machine, with shared connections."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from click.testing import CliRunner
from distributed import Client, Semaphore, Variable
from faults import answer
from sunpy.net import attrs as a

from sunpy_flarecast import FetchReport, FLARECASTClient, FLARECASTResponse, QueryError, Series, conf, fetch
from sunpy_flarecast.archive import running
from sunpy_flarecast.cli import cli
from sunpy_flarecast.download.connections import Connections, Leases, StoppedError, shared_connections
from sunpy_flarecast.download.context import Pace
from sunpy_flarecast.download.places import Pass, fetch_places
from sunpy_flarecast.download.plan import Place
from sunpy_flarecast.errors import TransferError
from sunpy_flarecast.fits.on_disk import is_whole

if TYPE_CHECKING:
    from pathlib import Path

    from faults import Layer

pytestmark = pytest.mark.usefixtures("_few_quick_retries")


@pytest.fixture
def _few_quick_retries() -> Any:
    with conf.set_temp("retry_wait", 0.001), conf.set_temp("max_retries", 1):
        yield


@pytest.fixture
def table(many: tuple[str, Layer]) -> FLARECASTResponse:
    table = FLARECASTClient().search(a.Time("2015-12-11", "2015-12-16"), Series("hmi.sharp_cea_720s"))
    many[1].clear()
    return table


def comparable_report(folder: Path, report: FetchReport) -> dict[str, Any]:
    """Return a report without the parts that differ between folders."""
    return {
        name: str(getattr(report, name)).replace(str(folder), "")
        for name in ("fetched", "already_there", "failed", "files", "unidentified", "bare", "missing", "unreachable")
    }


def test_report_and_requests_equal_those_of_one_machine(
    many: tuple[str, Layer], table: FLARECASTResponse, cluster: Client, tmp_path: Path
) -> None:
    _, layer = many
    reports, requests = [], []
    for folder, options in ((tmp_path / "here", {}), (tmp_path / "there", {"client": cluster})):
        fetch(table[::50], path=folder, progress=False)
        layer.clear()
        gone, late = (f"/{table['Record'][number]}/" for number in (3, 333))
        layer.faults[gone] = answer(b"gone", status=404)
        layer.faults[late] = answer(b"busy", status=503)
        layer.times[late] = 2  # the number of attempts per pass
        reports.append(comparable_report(folder, fetch(table, path=folder, progress=False, **options)))
        requests.append(sorted(layer.requests))
    assert reports[0] == reports[1]
    assert reports[0]["failed"].count("FetchFailure") == 1
    assert requests[0] == requests[1]
    assert len(requests[0]) == 490 + 2 + 2  # the missing file in three passes, the other in two, twice in the first


def test_never_more_connections_than_max_conn(
    many: tuple[str, Layer], table: FLARECASTResponse, cluster: Client, tmp_path: Path
) -> None:
    counting = Counting(many[1])
    with running(counting) as table.service:
        report = fetch(table, path=tmp_path, progress=False, client=cluster, max_conn=3)
    assert len(report.fetched) == 500
    assert counting.most == 3


class Counting:
    """An ASGI layer that counts concurrent requests."""

    def __init__(self, app: Any) -> None:
        self.app, self.now, self.most = app, 0, 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.now += 1
        self.most = max(self.most, self.now)

        async def counted(message: dict[str, Any]) -> None:
            # The client may send its next request when it has the whole body, before the application returns.
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self.now -= 1
            await send(message)

        await self.app(scope, receive, counted)


@pytest.mark.parametrize("spread", [False, True])
def test_files_are_not_tried_one_by_one_when_the_service_is_unreachable(
    table: FLARECASTResponse, cluster: Client, tmp_path: Path, spread: bool
) -> None:
    table.service = "http://127.0.0.1:1"
    report = fetch(table, path=tmp_path, progress=False, passes=2, client=cluster if spread else None)
    assert (report.fetched, len(report.failed)) == ([], 500)
    assert report.unreachable.startswith("skipped because the service can no longer be reached (no conn")
    tried = sum(", 2 times" in failure.reason for failure in report.failed)
    assert 20 <= tried < 100
    assert sum("skipped because" in failure.reason for failure in report.failed) == 500 - tried
    assert len(str(report).splitlines()) <= 4


def test_an_unreachable_service_is_retried_in_every_pass() -> None:
    place = Place("http://h/a.fits", "a.fits")
    lost = Pass(errors={"a.fits": TransferError("not requested")}, away="not requested")
    passes = [lost, lost, lost, Pass(arrived={"a.fits": "a.fits"}, fetched=["a.fits"])]
    report = fetch_places([place], passes=9, each=lambda *_: passes.pop(0))
    assert (report.files, report.failed, report.unreachable) == (["a.fits"], [], "")
    stuck = [replace(lost, away=""), replace(lost, away="")]
    assert fetch_places([place], passes=9, each=lambda *_: stuck.pop(0)).failed[0].reason == "not requested"


def take_leases_and_die(connections: Connections) -> int:
    leases = connections.leases()
    with leases.several(connections.most):
        os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def take_leases(connections: Connections) -> int:
    with connections.leases().several(connections.most) as number:
        return number


def test_leases_of_a_dead_worker_are_released(cluster: Client) -> None:
    with shared_connections(cluster, 2) as connections:
        cluster.cluster.scheduler.allowed_failures, before = 0, cluster.cluster.scheduler.allowed_failures
        try:
            assert cluster.submit(take_leases_and_die, connections, pure=False).exception() is not None
        finally:
            cluster.cluster.scheduler.allowed_failures = before
        assert cluster.submit(take_leases, connections, pure=False).result() in (1, 2)


def pass_on(connections: Connections) -> None:
    """Use one connection for two transfers: the second waits for the lease of the first."""

    async def transfers() -> None:
        begun = asyncio.Event()

        async def first() -> None:
            async with leases.connection(aiohttp.ClientSession, lambda: False):
                begun.set()
                while not leases._waiting:  # the other transfer also requests a lease
                    await asyncio.sleep(0)

        async def second() -> None:
            await begun.wait()
            async with leases.connection(aiohttp.ClientSession, lambda: False):
                pass

        await asyncio.gather(first(), second())

    leases = connections.leases()
    loop = asyncio.new_event_loop()  # ends like the loop of a downloader
    loop.run_until_complete(transfers())
    loop.close()


def test_a_lease_that_arrives_after_the_last_transfer_is_returned(cluster: Client) -> None:
    with shared_connections(cluster, 1) as connections:
        for _ in range(3):
            cluster.submit(pass_on, connections, pure=False).result()
        assert cluster.submit(take_leases, connections, pure=False).result(timeout=30) == 1


def pause(connections: Connections, seconds: float) -> float:
    return connections.leases().exchange("http://host", seconds)


def test_a_pause_applies_once_to_all_workers(cluster: Client) -> None:
    with shared_connections(cluster, 2) as connections:
        assert pause(connections, 0) == 0
        assert cluster.submit(pause, connections, 5000, pure=False).result() == 0
        leases = connections.leases()
        assert 4000 < leases.exchange("http://host", 0) <= 5000
        assert leases.exchange("http://host", 0) == 0  # already known
        assert leases.exchange("http://other", 0) == 0
        assert cluster.submit(pause, connections, 10, pure=False).result() > 4000


def test_a_task_of_an_interrupted_fetch_stops_without_another_pass(
    many: tuple[str, Layer], cluster: Client, tmp_path: Path
) -> None:
    places = [Place(f"{many[0]}/HMI/{number}/Br.fits", str(tmp_path / f"{number}.fits")) for number in range(3)]
    with pytest.raises(KeyboardInterrupt), shared_connections(cluster, 2) as connections:  # noqa: PT012
        abandoned = partial(fetch_places, places, connections=connections, progress=False)
        raise KeyboardInterrupt
    with pytest.raises(StoppedError, match="the fetch was interrupted"):
        cluster.submit(abandoned, pure=False).result(timeout=30)


def test_a_task_of_a_worker_that_ends_stops_without_another_pass(cluster: Client) -> None:
    client = Client(cluster.scheduler.address, loop=cluster.loop, set_as_default=False)
    with shared_connections(client, 1) as connections:
        semaphore = Semaphore(1, connections.name, scheduler_rpc=client.scheduler, loop=client.loop)
        leases = Leases(semaphore, Variable(connections.name, client=client))
        client.close()  # as a worker does first when its cluster is closed after Ctrl-C
    with pytest.raises(StoppedError):
        leases.exchange("http://host", 0)

    async def connected() -> None:
        async with leases.connection(aiohttp.ClientSession, lambda: False):
            pass

    with pytest.raises(StoppedError):
        asyncio.run(connected())


def test_a_gate_follows_the_pauses_of_others() -> None:
    pauses = [0.0, 0.2]
    heard: list[float] = []

    def exchange(seconds: float) -> float:
        heard.append(seconds)
        return pauses.pop(0) if pauses else 0.0

    async def main() -> None:
        pace = Pace(exchange=exchange)
        loop = asyncio.get_running_loop()
        await pace.passed()
        await pace.passed()  # does not exchange again at once
        assert heard == [0.0]
        pace.pause(0.01)
        begin = loop.time()
        await pace.passed()
        assert loop.time() - begin >= 0.19
        assert 0 < heard[1] <= 0.01

    asyncio.run(main())


def test_invalid_options_are_refused_before_any_request(
    many: tuple[str, Layer], table: FLARECASTResponse, tmp_path: Path
) -> None:
    with pytest.raises(QueryError, match="workers=0"):
        fetch(table, path=tmp_path, workers=0)
    with pytest.raises(QueryError, match="cannot be used"):
        fetch(table, path=tmp_path, client=object())
    assert many[1].requests == []


def test_the_command_takes_the_address_of_a_scheduler(many: tuple[str, Layer], cluster: Client, tmp_path: Path) -> None:
    command = ["fetch", "2015-12-11", "2015-12-11T02:05", "--series", "hmi.sharp_cea_720s", "--path", str(tmp_path)]
    done = CliRunner().invoke(cli, [*command, "--no-progress", "--scheduler", cluster.scheduler.address])
    assert (done.exit_code, "10 files fetched" in done.output) == (0, True), done.output
    assert sum(map(is_whole, tmp_path.iterdir())) == 10
    done = CliRunner().invoke(cli, [*command, "--scheduler", "nowhere", "--workers", "2"])
    assert (done.exit_code, "--workers and --scheduler cannot be combined" in done.output) == (2, True), done.output
    done = CliRunner().invoke(cli, [*command, "--scheduler", "nowhere"])
    assert done.exit_code == 1
    assert "cannot be reached" in done.output

"""Tasks in this process and in a Dask cluster: order, limits, dying workers, and a lost scheduler."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import pytest
from distributed import Client, LocalCluster

from sunpy_flarecast import ClusterError, QueryError, conf
from sunpy_flarecast.rest.carried_settings import carried
from sunpy_flarecast.utils.cluster import WORKER_ENVIRONMENT, Done, in_cluster, run, scheduler_client

if TYPE_CHECKING:
    from collections.abc import Iterator

OVER = threading.Event()


def double(number: int) -> int:
    return 2 * number


#: A script that starts workers, and says when a worker runs a task, and when it was interrupted.
INTERRUPTED = """
import time
from sunpy_flarecast.utils.cluster import in_cluster, run


def wait(number):
    print("working", flush=True)
    time.sleep(30)


if __name__ == "__main__":
    try:
        with in_cluster(workers=2) as client:
            list(run(wait, range(1), client=client))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def inverse(number: int) -> float:
    return 1 / number


def kill_once(mark: str) -> str:
    """Kill the worker, unless another worker was killed before."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return mark
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def kill(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def wait(number: int) -> int:
    assert not number or OVER.wait(timeout=60)
    return number


def settings(_: int) -> tuple[str, str, float]:
    return conf.url, conf.token, conf.window


def test_tasks_run_sequentially_without_a_cluster() -> None:
    begun: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(3):
            begun.append(number)
            yield number

    done = run(double, tasks())
    assert next(done) == Done(0, 0)
    assert begun == [0]
    assert [result.value for result in done] == [2, 4]


def test_results_come_as_they_finish_and_few_tasks_are_pending(cluster: Client) -> None:
    under_way = most = 0

    def tasks() -> Iterator[int]:
        nonlocal under_way, most
        for number in range(40):
            under_way += 1
            most = max(most, under_way)
            yield number

    values = {}
    for done in run(double, tasks(), client=cluster, in_flight=5):
        under_way -= 1
        values[done.task] = done.value
    assert values == {number: 2 * number for number in range(40)}
    assert most <= 10  # including results that have not been read
    cluster.nthreads()  # a round trip, after which the scheduler has released the results
    assert not cluster.futures


def test_an_exception_in_a_task_ends_all_tasks(cluster: Client) -> None:
    with pytest.raises(ZeroDivisionError):
        list(run(inverse, [1, 0, 2], client=cluster))
    cluster.nthreads()  # a round trip, after which the scheduler has released the results
    assert not cluster.futures


def test_workers_use_the_settings_of_the_client_and_show_no_token(cluster: Client) -> None:
    with conf.set_temp("url", "http://me:pass@service:1"), conf.set_temp("token", "abc"), conf.set_temp("window", 0.25):
        function = carried(settings)
    assert repr(function) == "carried(settings)"
    assert [done.value for done in run(function, [1], client=cluster)] == [("http://me:pass@service:1", "abc", 0.25)]
    assert next(run(settings, [1], client=cluster)).value[2] == conf.window
    assert settings(0)[1] == function(0)[1] == ""  # here the current settings apply


def test_a_task_whose_worker_is_killed_runs_again(cluster: Client, tmp_path: Path) -> None:
    marks = [str(tmp_path / "killed"), str(tmp_path), str(tmp_path)]
    assert sorted(done.value or "" for done in run(kill_once, marks, client=cluster)) == sorted(marks)


def test_a_task_that_kills_its_workers_is_lost_and_the_others_are_not(cluster: Client) -> None:
    scheduler = cluster.cluster.scheduler
    before, scheduler.allowed_failures = scheduler.allowed_failures, 0
    try:
        found = {done.task: done for done in run(kill, range(4), client=cluster)}
    finally:
        scheduler.allowed_failures = before
    assert sorted(found) == [0, 1, 2, 3]
    assert "lack of memory" in found.pop(1).lost
    assert all(done.value == number for number, done in found.items())


def test_a_lost_scheduler_gives_a_one_line_error() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}),
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as short,
        Client(short.scheduler_address, set_as_default=False) as client,
    ):
        done = run(wait, [0, 1], client=client)
        assert next(done) == Done(0, 0)
        short.sync(short.scheduler.close)
        try:
            with pytest.raises(ClusterError, match=r"was lost\. Finished work is kept; the same call with a new cl"):
                next(done)
        finally:
            OVER.set()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "two"])
def test_an_invalid_number_of_workers_is_refused(workers: object) -> None:
    with pytest.raises(QueryError, match="must be a positive integer"), in_cluster(None, workers):
        pass


def test_an_invalid_client_is_refused(cluster: Client) -> None:
    with (
        pytest.raises(QueryError, match=r"Pass dask\.distributed\.Client\('tcp://host:8786'\)"),
        in_cluster("tcp://host:8786"),
    ):
        pass
    with pytest.raises(QueryError, match=r"client=int\(\.\.\.\) cannot be used"), in_cluster(8786):
        pass
    with pytest.raises(QueryError, match=r"client=\.\.\. and workers=2 cannot be combined"), in_cluster(cluster, 2):
        pass
    with pytest.raises(ClusterError, match="cannot be reached"), scheduler_client("nothing"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
def test_ctrl_c_in_a_terminal_leaves_one_message(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches all processes of a terminal
    assert process.communicate(timeout=60)[0] == "interrupted\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc")
def test_workers_start_without_ctrl_c_and_another_one_does_not_keep_them_from_ending() -> None:
    def blocked() -> list[bool]:
        found = [Path(f"/proc/{pid}/status").read_text() for pid in (os.getppid(), os.getpid())]
        return [bool(int(text.partition("SigBlk:")[2].split()[0], 16) & 1 << signal.SIGINT - 1) for text in found]

    def interrupted(client: Any) -> None:
        del client.close
        signal.raise_signal(signal.SIGINT)
        client.close()

    def interrupt_closing() -> None:
        with in_cluster(workers=2) as client:
            assert list(client.run(blocked).values()) == [[True, True]] * 2
            client.close = partial(interrupted, client)
            clients.append(client)
            raise KeyboardInterrupt

    clients: list[Client] = []
    with pytest.raises(KeyboardInterrupt):
        interrupt_closing()
    [client] = clients
    assert (client.status, client.cluster.status.name) == ("closed", "closed")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_workers_keep_the_memory_of_images(cluster: Client) -> None:
    names = (*WORKER_ENVIRONMENT, "MALLOC_TRIM_THRESHOLD_")
    for found in cluster.run(lambda: [os.environ.get(name) for name in names]).values():
        assert found == ["1", "1", "1", None]

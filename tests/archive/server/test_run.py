"""Run the service from a thread, and in the foreground of another program."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import threading

import pytest
import requests
from processes import END, LONG, begin_transfer, read_rest, serving, url_of, wait_until_stopped

from sunpy_flarecast import archive as public
from sunpy_flarecast.archive import DemoArchive, Settings, create_app, running, serve
from sunpy_flarecast.utils.optional_deps import install_command

RANGE = {"start": "2015-12-11T00:00:00Z", "end": "2015-12-12T00:00:00Z"}


def assert_no_threads_since(before):
    for thread in set(threading.enumerate()) - before:
        thread.join(20)  # threads that ran the archive's methods end by themselves
        assert not thread.is_alive()


async def failing(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no"})


class TestRunning:
    def test_starts_and_stops_repeatedly(self, memory, many):
        before = set(threading.enumerate())
        for _ in range(3):
            with running(memory(many)) as url:
                assert type(url) is str
                assert requests.get(f"{url}/HMI/720", params=RANGE, timeout=20).status_code == 200
            with pytest.raises(requests.ConnectionError):
                requests.get(url, timeout=20)
        assert_no_threads_since(before)

    def test_two_services_at_once(self, memory, many):
        with running(memory(many)) as first, running(memory([])) as second:
            assert first != second
            assert requests.get(f"{second}/HMI/720", params=RANGE, timeout=20).json() == {"data": []}

    def test_stops_while_connections_are_open(self, memory, many):
        with requests.Session() as session, running(memory(many), grace=1) as url:
            reply = session.get(f"{url}/HMI/720", params=RANGE, timeout=20, stream=True)
            assert next(reply.iter_content(10))

    def test_an_error_in_the_block_is_raised(self, memory):
        before = set(threading.enumerate())
        with pytest.raises(KeyError), running(memory([])):
            raise KeyError
        assert_no_threads_since(before)

    def test_an_application(self, memory):
        app = create_app(memory([]))
        paths = []

        async def counting(scope, receive, send):
            if scope["type"] == "http":
                paths.append(scope["path"])
            await app(scope, receive, send)

        with running(counting) as url:
            requests.get(f"{url}/HMI/720", params=RANGE, timeout=20)
        assert paths == ["/HMI/720"]

    def test_an_application_that_does_not_start(self):
        before = set(threading.enumerate())
        with pytest.raises(RuntimeError, match="did not start"), running(failing):
            pass
        assert_no_threads_since(before)

    def test_from_a_running_event_loop(self, memory):
        async def cell():
            with running(memory([])) as url:
                return await asyncio.to_thread(requests.get, f"{url}/HMI/720", params=RANGE, timeout=20)

        assert asyncio.run(cell()).json() == {"data": []}

    @pytest.mark.parametrize(("end", "status"), [("", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)])
    def test_a_service_left_open_ends_with_the_program(self, end, status):
        """The block is not left before the program ends, with or without an error."""
        program = (
            "import contextlib, requests\n"
            "from sunpy_flarecast.archive import DemoArchive, running\n"
            "service = contextlib.ExitStack()\n"
            "url = service.enter_context(running(DemoArchive()))\n"
            "print(requests.get(f'{url}/HMI', timeout=60).status_code)\n" + end
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout) == (status, "200\n")
        assert done.stderr.count("Traceback") == (status == 1)

    def test_the_grace_period_ends(self, caplog):
        """Transfers that take longer are aborted."""
        with running(DemoArchive(), grace=0) as url:
            client = begin_transfer(url, LONG)
        assert not read_rest(client).endswith(END)
        assert "Traceback" not in caplog.text

    def test_listening_on_every_address(self, memory):
        with pytest.warns(UserWarning, match="can read the archive"), running(memory([]), host="0.0.0.0") as url:
            assert url.startswith("http://127.0.0.1:")

    def test_ipv6(self, memory):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("needs IPv6")
        with running(memory([]), host="::1") as url:
            assert url.startswith("http://[::1]:")
            assert requests.get(f"{url}/HMI/720", params=RANGE, timeout=20).status_code == 200


class TestServe:
    def test_port_in_use(self, memory):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"^Cannot listen on port {port} of 127.0.0.1: Address already in use"):
                serve(memory([]), port=port)
            with pytest.raises(OSError, match="Choose another address or port"), running(memory([]), port=port):
                pass

    @pytest.mark.parametrize(
        ("host", "port", "message"),
        [
            ("127.0.0.1", 65536, "port must be 0-65535"),
            ("127.0.0.1", -1, "port must be 0-65535"),
            ("host.invalid", 0, "Cannot listen on port 0 of host.invalid: "),
            ("192.0.2.1", 0, "Cannot listen on port 0 of 192.0.2.1: "),
        ],
    )
    def test_invalid_addresses(self, memory, host, port, message):
        with pytest.raises(OSError, match=message):
            serve(memory([]), host, port)

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
    def test_after_ctrl_c_the_program_continues(self, tmp_path):
        program = (
            "import signal, sys\n"
            "from sunpy_flarecast.archive import DirectoryArchive, serve\n"
            "before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)\n"
            "serve(DirectoryArchive(sys.argv[1]), port=0, ready=lambda url: print(url, flush=True))\n"
            "assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))\n"
            "print('closed', flush=True)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            url = process.stdout.readline().strip()
            assert requests.get(f"{url}/openapi.json", timeout=20).status_code == 200
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=30)
        assert (process.returncode, output, errors) == (0, "closed\n", "")

    def test_an_application_that_does_not_start(self):
        with pytest.raises(RuntimeError, match="did not start"):
            serve(failing, port=0)

    def test_settings_of_an_application(self, memory):
        """They would have no effect: for example, no token would be required."""
        app, settings = create_app(memory([])), Settings(token_hashes=frozenset({"0" * 64}))
        with pytest.raises(TypeError, match="An application has its own settings"):
            serve(app, port=0, settings=settings)
        with pytest.raises(TypeError, match="An application has its own settings"), running(app, settings=settings):
            pass

    def test_a_script_without_main_guard_in_a_process_of_the_index(self, tmp_path):
        """The process reports the missing line in one sentence."""
        script = tmp_path / "script.py"
        script.write_text(
            "import multiprocessing, sys\n"
            "from sunpy_flarecast.archive import DemoArchive, serve\n"
            "if __name__ == '__main__':\n"
            "    reader = multiprocessing.get_context('spawn').Process(target=print)\n"
            "    reader.start(), reader.join()\n"
            "    sys.exit(reader.exitcode)\n"
            "serve(DemoArchive(), port=0)\n"
        )
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
        assert done.returncode == 1
        assert done.stderr == "in a script, call serve() only under: if __name__ == '__main__'\n"

    def test_the_log_names_the_url(self, caplog):
        with pytest.raises(RuntimeError), caplog.at_level("INFO", logger="sunpy"):
            serve(failing, port=0)
        assert "Serving SHARP files at http://127.0.0.1:" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent differently there")
class TestCommand:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_running_transfers_finish_unless_ctrl_c_is_repeated(self, number):
        with serving("--demo", "--grace", "3600") as process:
            url = url_of(process)
            finished, aborted = begin_transfer(url, LONG), begin_transfer(url, LONG)
            process.send_signal(number)
            wait_until_stopped(url)
            assert read_rest(finished).endswith(END)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
            assert not read_rest(aborted).endswith(END)
        assert (process.returncode, output, errors) == (0, "Stopped.\n", "")

    def test_a_port_in_use_is_reported_before_the_archive_is_read(self, tmp_path):
        """Also before the web server is imported, which takes a second."""
        code = "import sys; sys.modules['uvicorn'] = None; import sunpy_flarecast.__main__ as m; m.main()"
        (tmp_path / "hmi.sharp_720s.377.20110215_020000_TAI.bitmap.fits").touch()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            command = [sys.executable, "-c", code, "serve", str(tmp_path), "--port", port]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        taken = f"Cannot listen on port {port} of 127.0.0.1: Address already in use. Choose another address or port."
        assert done.stderr == f"Error: {taken}\n"
        assert len(list(tmp_path.iterdir())) == 1  # no index


class TestPublicNames:
    def test_every_name_can_be_imported(self):
        assert set(public.__all__) <= set(dir(public))
        for name in set(public.__all__) - {"DemoArchive"}:
            assert getattr(public, name).__name__ == name

    def test_unknown_name(self):
        with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
            _ = public.Nothing

    def test_importing_the_package_loads_no_web_server(self):
        """Importing the package does not import a web server; a missing one is reported in one sentence."""
        program = (
            "import sys, sunpy_flarecast.archive as archive\n"
            "archive.DirectoryArchive, archive.Record\n"
            "extra = 'fastapi', 'prometheus_fastapi_instrumentator', 'swagger_ui_bundle', 'uvicorn'\n"
            "assert not set(extra) & set(sys.modules)\n"
            "for missing in extra:\n"
            "    sys.modules[missing] = None\n"
            "    try:\n"
            "        archive.running\n"
            "    except ImportError as error:\n"
            "        print(error)\n"
            "    del sys.modules[missing]\n"
        )
        result = subprocess.run([sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True)
        assert result.stdout.splitlines() == [
            f"running needs the package {missing!r}, which is not installed. Install it with: "
            f"{install_command('archive')}"
            for missing in ("fastapi", "prometheus_fastapi_instrumentator", "swagger_ui_bundle", "uvicorn")
        ]

    def test_the_application_does_not_import_the_client(self):
        """It imports only a few of the package's folders."""
        program = (
            "import sys, sunpy_flarecast\n"
            "before = set(sys.modules)\n"
            "import sunpy_flarecast.archive.app\n"
            "ours = {name.split('.')[1] for name in set(sys.modules) - before if name.startswith('sunpy_flarecast.')}\n"
            "assert ours <= {'archive', 'fits', 'plot', 'sharp', 'utils'}, ours\n"  # plot for its geometry
            "assert not {'aiohttp', 'matplotlib'} & (set(sys.modules) - before)\n"
        )
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

"""The examples for nginx and systemd in docs/howto/serving.md."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from functools import partial

import pytest
import requests
from certificates import self_signed
from nginx import PAGE, block, free_port, nginx

from sunpy_flarecast.archive import DemoArchive, Settings, running
from sunpy_flarecast.cli import cli

TOKEN = "token-behind-nginx"
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()


def replaced(text, *pairs):
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
def front(tmp_path):
    """Run nginx as documented in front of a service that requires a token; return its URL and certificate."""
    certificate, key = self_signed(tmp_path)
    port = free_port()
    public = f"https://127.0.0.1:{port}/flarecast"
    settings = Settings(token_hashes=frozenset({HASH}), metrics_from=(), public_url=public)
    options = {"trusted_proxies": ("127.0.0.1",), "access_log": tmp_path / "log", "grace": 0}
    with running(DemoArchive(), settings=settings, **options) as url:
        documented = replaced(
            block("nginx"),
            ("127.0.0.1:8001", url.removeprefix("http://")),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/ssl/certs/sharps.example.org.pem", str(certificate)),
            ("/etc/ssl/private/sharps.example.org.key", str(key)),
        )
        with nginx(tmp_path, documented):
            yield public, certificate


def test_a_client_behind_nginx(front, tmp_path):
    url, certificate = front
    headers = {"Authorization": f"Bearer {TOKEN}"}
    get = partial(requests.get, verify=str(certificate), timeout=20)
    assert get(f"{url}/HMI").status_code == 401
    assert get(f"{url}/metrics", headers=headers).status_code == 403
    assert get(f"{url}/ui").status_code == 200
    assert get(url, headers=headers, allow_redirects=False).headers["location"].endswith("/flarecast/")
    listed = get(f"{url}/HMI/720?start=2015-12-11T00:00:00Z&end=2015-12-11T00:30:00Z", headers=headers).json()
    assert all(file.startswith(f"{url}/HMI/") for row in listed["data"] for file in row["urls"])
    folder = tmp_path / "files"
    query = ["2015-12-11T00:00", "2015-12-11T00:30", "--segment", "magnetogram"]
    fetched = subprocess.run(
        [sys.executable, "-m", "sunpy_flarecast", "fetch", *query, "--path", str(folder / "{file}")],
        env={
            **os.environ,
            "FLARECAST_URL": url,
            "FLARECAST_TOKEN": TOKEN,
            "REQUESTS_CA_BUNDLE": str(certificate),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert fetched.returncode == 0, fetched.stderr
    files = list(folder.glob("*.magnetogram.fits"))
    assert files
    assert TOKEN not in fetched.stdout + fetched.stderr


def test_the_systemd_unit_is_valid(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd")
    path = tmp_path / "flarecast.service"
    path.write_text(replaced(block("systemd"), ("/opt/flarecast/bin/sunpy-flarecast", sys.executable)))
    checked = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=60)
    if "Failed to" in checked.stderr and "flarecast.service" not in checked.stderr:
        pytest.skip("systemd does not run here")
    faults = [line for line in checked.stderr.splitlines() if "flarecast.service" in line]
    assert (checked.returncode, faults) == (0, [])


def test_the_options_are_documented():
    """Those of the demo are not needed for operation."""
    options = [
        {*parameter.opts, *parameter.secondary_opts}
        for parameter in cli.commands["serve"].params
        if parameter.name not in ("directory", "demo", "headers")
    ]
    unit, table = block("systemd"), PAGE.partition("| option |")[2].partition("\n\n")[0]
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", unit + table + PAGE.partition("```sh")[2].partition("```")[0]))
    assert used <= set.union(*options)
    assert [names for names in options if not names & used] == []


def test_logged_lines_have_the_documented_keys(tmp_path):
    import msgspec

    shown = msgspec.json.decode(block("json"))
    with running(DemoArchive(), access_log=tmp_path / "log") as url:
        requests.get(f"{url}/ui", timeout=20)
    written = msgspec.json.decode((tmp_path / "log").read_bytes())
    assert list(written) == list(shown)

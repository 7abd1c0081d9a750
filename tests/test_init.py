"""Importing the package: quick, quiet, and without network."""

from __future__ import annotations

import subprocess
import sys

import sunpy_flarecast

#: Only what this package adds to sunpy's own imports is its own doing.
SCRIPT = """
import socket, sys

import parfive
import sunpy.net

def blocked(*_, **__):
    raise AssertionError("importing must not use the network")

socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = blocked
before = set(sys.modules)

import sunpy_flarecast

print(" ".join(sorted(set(sys.modules) - before)))
"""


def test_importing_is_quiet_and_uses_no_network_and_no_extras() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.returncode == 0
    added = done.stdout.split()
    assert "sunpy_flarecast.fido.client" in added
    extras = ("fastapi", "uvicorn", "starlette", "sqlite3", "click", "rich", "matplotlib", "sunpy.map")
    for name in (
        *extras,
        "sunpy_flarecast.archive",
        "sunpy_flarecast.cli",
        "sunpy_flarecast.mirroring",
        "sunpy_flarecast.plot",
    ):
        assert not [module for module in added if module == name or module.startswith(f"{name}.")]


def test_importing_alone_is_quiet_and_loads_no_extras() -> None:
    script = "import sunpy_flarecast, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"sunpy.map", "matplotlib", "fastapi", "uvicorn"}.isdisjoint(done.stdout.split())


def test_the_public_face() -> None:
    assert len(set(sunpy_flarecast.__all__)) == len(sunpy_flarecast.__all__)
    assert {"FLARECASTClient", "Series", "Segment", "HARPNUM", "conf", "__version__"} < set(sunpy_flarecast.__all__)
    for name in sunpy_flarecast.__all__:
        assert getattr(sunpy_flarecast, name) is not None

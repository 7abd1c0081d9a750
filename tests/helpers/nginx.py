"""A real nginx with the configuration in docs/howto/serving.md."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "serving.md").read_text(encoding="utf-8")

#: The configuration around the documented part; nginx writes only into the folder.
_CONFIGURATION = """
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
worker_processes 1;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


def block(language: str, holding: str = "") -> str:
    """Return the first code block of the page in a language that contains some text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(text for text in blocks if holding in text)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def nginx(folder: Path, documented: str) -> Iterator[None]:
    """Run nginx; skip the test if it is not installed."""
    if shutil.which("nginx") is None:
        pytest.skip("needs nginx")
    user = "user root;" if hasattr(os, "getuid") and os.getuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(_CONFIGURATION.format(folder=folder, user=user, documented=documented))
    command = ["nginx", "-c", str(path), "-p", str(folder), "-e", str(folder / "error.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # returns when it listens
    try:
        yield
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, capture_output=True, timeout=60)

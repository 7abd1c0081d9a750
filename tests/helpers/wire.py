"""Ordinary requests, and raw bytes that no HTTP library would send."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import requests


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=20, **options)


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def received(connection: socket.socket) -> bytes:
    """Read until the connection is closed."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def raw(url: str, request: bytes) -> tuple[int, bytes]:
    """Send bytes; return status and body."""
    with connect(url) as connection:
        connection.sendall(request)
        answer = received(connection)
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]

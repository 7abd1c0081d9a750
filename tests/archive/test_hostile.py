"""Paths that try to leave the archive: none returns a file, whatever its spelling."""

from __future__ import annotations

import json
import os
import socket
from itertools import product

import numpy as np
import pytest
from astropy.io import fits
from wire import connect, get, received

from sunpy_flarecast.archive import DirectoryArchive, running
from sunpy_flarecast.sharp.filenames import file_name

SECRET = b"only for the owner of this machine"

SERIES, HARPNUM, SLOT = "hmi.sharp_720s", 6178, 1005598

#: Ways to disguise "..", a slash, and the name of a file outside the archive.
DOTS = [
    b"..",
    b"%2e%2e",
    b"%2E.",
    b".%2e",
    b"%252e%252e",
    b"%c0%ae%c0%ae",
    b"%e0%80%ae%e0%80%ae",
    b"%u002e%u002e",
    b"..;",
    b"...",
    b"....//..",
    b".%00.",
    b"..%00",
    b"%uff0e%uff0e",
    b"\xef\xbc\x8e\xef\xbc\x8e",
    b"..%0d%0a",
]
SLASHES = [b"/", b"%2f", b"%5c", b"\\", b"%252f", b"%255c", b"%c0%af", b"%e0%80%af", b"//", b"%u2215", b"%00/"]

#: Routes that end with a text of the client.
ROUTES = [b"/HMI/720/5/", b"/HMI/720/", b"/ui/"]

ABSOLUTE = [
    b"/etc/passwd",
    b"%2fetc%2fpasswd",
    b"file:///etc/passwd",
    b"file:%2f%2f%2fetc%2fpasswd",
    b"C:\\secret.fits",
    b"C:%5csecret",
    b"C:/secret",
    b"\\\\?\\C:\\secret",
    b"%5c%5cserver%5cshare%5csecret",
    b"//server/share/secret",
    b"~/secret",
    b"~root/.ssh/id_rsa",
    b"$HOME/secret",
    b"%24HOME%2fsecret",
    b"%25HOME%25/secret",
    b"/proc/self/environ",
    b"/dev/stdin",
    b"/dev/zero",
    b"outside",
    b"outside.fits",
    b"link",
    b"folder/secret",
    b".flarecast-index.sqlite",
]

#: Names of devices on Windows, and names with a meaning for a file system or a shell.
NAMES = [
    *(b"CON NUL AUX PRN COM1 COM9 LPT1 CONIN$ CONOUT$ CLOCK$ con.fits nul.txt aux.".split()),
    b"secret::$DATA",
    b"secret:stream",
    b"secret%00",
    b"secret%00.fits",
    b"secret%20",
    b"secret.",
    b"secret~1",
    b"*",
    b"?",
    b"%3f",
    b"|ls",
    b"%7cls",
    b"`ls`",
    b"$(ls)",
    b"%0asecret",
    b"%0d%0aSet-Cookie:%20a=b",
    b"\x7f",
    b"%ff",
    b"%fe%ff",
    b"%ed%a0%80",
    b"%f8%80%80%80%af",
    b"%c3%28",
    b"%C3%A9",
    b"\xc3\xa9",
    b"%ef%bb%bf",
    b"%e2%80%ae",
    b"a" * 10000,
    b"a%2fb",
    b".",
    b"%2e",
    b".hidden",
    b"-rf",
    b"--help",
    b"%",
    b"%2",
    b"%zz",
    b"%00",
    b" ",
    b"%20",
    b"+",
    b";a=b",
]


def disguised_paths():
    for route, dots, slash in product(ROUTES, DOTS, SLASHES):
        yield route + (dots + slash) * 6 + b"outside" + slash + b"secret.fits"
    for route, name in product(ROUTES, [*ABSOLUTE, *NAMES]):
        yield route + name + (b"" if name.endswith(b".fits") else b".fits")
        yield route + name
    for part in [
        b"..",
        b"%2e%2e",
        b"%00",
        b"5%2fmagnetogram",
        b"0x5",
        b"5%00",
        b"-5",
        b"5.0",
        b"5e0",
        b" 5",
        b"\xd9\xa5",
        b"%D9%A5",
    ]:
        yield b"/HMI/720/" + part + b"/magnetogram.fits"
        yield b"/HMI/" + part + b"/5/magnetogram.fits"
    yield from [
        b"/..",
        b"/../..",
        b"//",
        b"//etc/passwd",
        b"/./",
        b"/HMI/",
        b"/HMI//",
        b"/HMI/./720",
        b"/HMI/720/../../etc/passwd",
        b"/HMI/720/5//magnetogram.fits",
        b"/ui/../app.py",
        b"/ui/index.html",
        b"/ui//",
        b"/docs",
        b"/redoc",
        b"/static/a",
        b"http://localhost/../etc/passwd",
        b"http://localhost//etc/passwd",
        b"file:///etc/passwd",
        b"*",
        b"etc/passwd",
        b"/HMI/720/5/magnetogram.fits/",
        b"/HMI/720/5/magnetogram.fits/..",
        b"/HMI/720/5/magnetogram.fits%00.png",
        b"/HMI/720/5/magnetogram.fits.",
        b"/HMI/720/5/magnetogram.FITS",
        b"/HMI/720/5/magnetogram",
        b"/HMI/720/5/.fits",
    ]


def request(path):
    return b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Serve a folder with one file, and with links to files outside."""
    base = tmp_path_factory.mktemp("hostile")
    root, outside = base / "root", base / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.fits").write_bytes(SECRET)
    (base / "secret.fits").write_bytes(SECRET)
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(root / file_name(SERIES, "magnetogram", harpnum=HARPNUM, slot=SLOT))
    try:
        (root / file_name(SERIES, "bitmap", harpnum=HARPNUM, slot=SLOT)).symlink_to(outside / "secret.fits")
        (root / "folder").symlink_to(outside)
    except OSError:
        pytest.skip("links cannot be created")
    with pytest.warns(UserWarning, match="link to a f"):
        archive = DirectoryArchive(root)
    with running(archive) as url:
        yield url


def test_no_disguised_path_returns_a_file(url):
    paths = list(dict.fromkeys(disguised_paths()))
    assert len(paths) > 700
    wrong = []
    connection = connect(url)
    for path in paths:
        connection.sendall(request(path))
        head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
        status, lines = int(head.split(b" ", 2)[1]), head.lower().split(b"\r\n")
        for length in (line for line in lines if line.startswith(b"content-length:")):
            while len(body) < int(length.partition(b":")[2]):
                body += connection.recv(1 << 16)
        if b"connection: close" in lines:
            body += received(connection)
        # uvicorn replies in plain text to invalid HTTP.
        valid = b"content-type: application/json" not in lines or set(json.loads(body)) == {"message"}
        if not 400 <= status < 500 or SECRET in body or not valid or len(body) > 1000:
            wrong.append((path, status, body[:80]))
        if b"connection: close" in lines:
            connection.close()
            connection = connect(url)
    connection.close()
    assert wrong == []


def test_only_files_inside_are_served(url):
    (record,) = get(f"{url}/HMI/720?start=2015-12-01&end=2015-12-31").json()["data"]
    assert [path.rpartition("/")[2] for path in record["urls"]] == ["magnetogram.fits"]
    assert get(record["urls"][0]).content.startswith(b"SIMPLE  =")
    assert get(record["urls"][0].replace("magnetogram", "bitmap")).status_code == 404


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_a_file_that_became_a_link_is_not_served(tmp_path, write):
    (tmp_path / "secret.fits").write_bytes(SECRET)
    path = write(tmp_path / "root" / file_name(SERIES, "magnetogram", harpnum=HARPNUM, slot=SLOT))
    with running(DirectoryArchive(path.parent)) as url:
        (record,) = get(f"{url}/HMI/720?start=2015-12-01&end=2015-12-31").json()["data"]
        path.unlink()
        path.symlink_to(tmp_path / "secret.fits")
        reply = get(record["urls"][0])
    assert (reply.status_code, SECRET in reply.content) == (404, False)


def test_a_request_of_an_unknown_http_version(url):
    with connect(url) as connection:
        connection.sendall(b"GET /HMI HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [held["series"] for held in json.loads(answer.partition(b"\r\n\r\n")[2])["data"]] == [SERIES]


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n Folded: y\r\n\r\n\0",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 40_000,
    ],
)
def test_invalid_requests(url, bytes_sent):
    with connect(url) as connection:
        try:
            connection.sendall(bytes_sent)
            connection.shutdown(socket.SHUT_WR)
            answer = received(connection)
        except OSError:  # the service closed the connection before reading all
            return
    assert answer == b"" or 400 <= int(answer.split(b" ", 2)[1]) < 500

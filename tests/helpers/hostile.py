"""Malicious replies as raw bytes: a server that sends them, and hypothesis strategies for them."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import struct
import threading
import urllib.request
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import DrawFn, SearchStrategy


#: Number of bytes that are sent one by one, a hundred per second.
_TRICKLED = 120


@dataclass(frozen=True)
class Reply:
    """
    The bytes that are sent, and how the connection continues.

    The connection is closed ("close") or reset ("reset"), stays open in silence ("silence"), receives the first bytes
    one by one ("trickle"), or receives ``endless`` repeatedly.
    """

    raw: bytes
    end: str = "close"
    endless: bytes = b""

    @property
    def slow(self) -> bool:
        """Whether the reply lasts until a limit of the client ends it."""
        return self.end in ("silence", "trickle", "endless")


class Hostile:
    """
    A server that forwards requests to a real service, and replies to some with raw bytes.

    ``hostile`` decides by the path of a request whether ``reply`` is sent.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self.url = ""
        self.hostile: Callable[[str], bool] = lambda path: False
        self.reply = Reply(b"")
        self.requests: list[str] = []
        self.stop = threading.Event()
        #: Bodies of the service's replies by requested path.
        self.kept: dict[str, bytes] = {}

    def good(self, path: str) -> bytes:
        """Return the body of the service's own reply."""
        if path not in self.kept:
            with urllib.request.urlopen(self.service + path) as answer:
                self.kept[path] = answer.read()
        return self.kept[path]

    def answer(self, connection: socket.socket, head: bytes) -> None:
        path = head.split(b" ", 2)[1].decode()
        self.requests.append(path)
        if not self.hostile(path):
            body = self.good(path)
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return
        reply = self.reply
        if reply.end == "trickle":
            for byte in reply.raw[:_TRICKLED]:
                connection.sendall(bytes([byte]))
                if self.stop.wait(0.01):
                    return
            connection.sendall(reply.raw[_TRICKLED:])
            return
        connection.sendall(reply.raw)
        while reply.end == "endless":
            connection.sendall(reply.endless * (1 + 4096 // len(reply.endless)))
        if reply.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reply.end == "silence":
            connection.recv(1)  # until the client closes


@contextmanager
def serving(hostile: Hostile) -> Iterator[Hostile]:
    """Serve from threads; sets ``hostile.url``."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            with suppress(OSError):
                while b"\r\n\r\n" not in head:
                    if not (piece := self.request.recv(65536)):
                        return
                    head += piece
                hostile.answer(self.request, head)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        hostile.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield hostile
        finally:
            hostile.stop.set()
            server.shutdown()
            thread.join()


# --- Transport of replies ---------------------------------------------------------------------------------------------

#: Text that would control a terminal, or end a line of a header or log.
CONTROLS = ("\x1b[2J", "\x9b31m", "\u202eoof", "\u2066", "\0", "\a\b", "\r\n", "\u2028", "\x7f", "\ufeff", "\u0300")

_MANY_DIGITS = "9" * 5000

#: Nothing here leaves this machine; port 9 is unused.
_LOCATIONS = (
    *(
        "/",
        "//",
        "///",
        "",
        "#",
        "?",
        "/HMI/",
        "http://",
        "http://[::1",
        "http://[::1]:x/",
        "http:///x",
        "http://127.0.0.1:9/",
    ),
    *(
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "ftp://127.0.0.1:9/",
        "file:///etc/passwd",
        "javascript:1",
        "\\\\x",
    ),
    *(
        "/\udcff\udcfe",
        "/%zz",
        "/%",
        "/..%2f..",
        "/ x",
        "/\x1b[2J",
        "/" + "x" * 9000,
        "mailto:x",
        "http://127.0.0.1:9\\@x/",
    ),
)

_HEADERS = {
    "Retry-After": (
        *(
            "0",
            "-1",
            "1e9",
            "inf",
            "nan",
            "²",
            _MANY_DIGITS,
            "",
            "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
            "\x1b",
        ),
        *("Fri, 31 Dec 9999 23:59:59 -9999", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Foo 2015", "0; x", "12 12 12"),
    ),
    "Location": _LOCATIONS,
    "Content-Range": (
        "bytes 0-0/0",
        f"bytes {_MANY_DIGITS}-1/2",
        "bytes 5-/9",
        "bytes */*",
        "lines 0-1/2",
        "bytes 0-8639/8640",
    ),
    "ETag": ('"\x7f"', 'W/"', '""', "\udcff", f'"{"x" * 9000}"', '"a', '"\x1b[2J"', 'W/"a", "b"'),
    "Last-Modified": ("", "x", "\x7f", "Thu, 01 Jan 1970 00:00:00 GMT", "\udcff"),
    "Set-Cookie": (
        *(
            "a=b",
            "a=b; Domain=127.0.0.1; Path=/",
            "\0=\udcff",
            "=;;;;",
            f"a={'x' * 9000}",
            "a=b; Max-Age=" + _MANY_DIGITS,
            "a=b; Version=x",
        ),
        *(
            "a=b; Expires=Fri, 31 Dec 99999999 23:59:59 GMT",
            'a="\\',
            "a=b; Port=x",
            "a=b; Domain=.",
            "a\x1b=b",
            "é=ü",
            "a=b; Expires=-1",
        ),
    ),
    "Content-Type": (
        "",
        "text/html; charset=\udcff",
        "application/json; charset=utf-7",
        "x/y; charset=nosuch",
        "multipart/x; boundary=",
    ),
    "Content-Disposition": ("attachment; filename=../../../x.fits", "attachment; filename=\udcff", "x"),
    "Cache-Control": ("no-store", "max-age=-1", "\udcff"),
    "Connection": ("keep-alive", "close", "upgrade", "\udcff", ""),
    "Keep-Alive": ("timeout=-1", "timeout=x, max=" + _MANY_DIGITS),
    "Upgrade": ("h2c", "websocket"),
    "Trailer": ("Content-Length",),
    "Date": ("x", ""),
    "Link": ("<>; rel", "<", "<http://[::1>; rel=next"),
    "WWW-Authenticate": ("Basic", 'Digest realm="\\', "Negotiate \udcff", ""),
    "Proxy-Authenticate": ("Basic",),
}

_PIECES = st.one_of(st.sampled_from(CONTROLS), st.text(max_size=8))
_WORDS = st.lists(_PIECES, max_size=3).map("".join)


def _encoded(text: str) -> bytes:
    """Encode text without line ends; ``\\udcff`` in it is the byte 255."""
    return text.replace("\r", "").replace("\n", "").encode("utf-8", "surrogateescape")


_STATUS = st.one_of(
    st.just(200),
    st.sampled_from(
        [100, 101, 102, 199, 200, 201, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401]
    ),
    st.sampled_from(
        [403, 404, 405, 407, 408, 410, 413, 416, 418, 425, 429, 431, 451, 500, 502, 503, 504, 511, 599, 600, 999]
    ),
)

_LINES = st.one_of(
    st.builds(lambda status, phrase: b"HTTP/1.1 %d " % status + _encoded(phrase), _STATUS, _WORDS),
    st.just(b"HTTP/1.1 200 OK"),
    st.sampled_from(
        [
            b"HTTP/1.0 200 OK",
            b"HTTP/0.9 200 OK",
            b"HTTP/9.9 200 OK",
            b"HTTP/1.1 2000 OK",
            b"HTTP/1.1 -20 OK",
            b"HTTP/1.1 200",
            b"ICY 200 OK",
            b"",
            b" ",
            b"HTTP/1.1",
            b"HTTP/1.1 " + b"9" * 5000,
            b"HTTP/1.1 200 " + b"x" * 70000,
            b"HTTP/1.1 2\xb20 OK",
        ]
    ),
    st.binary(max_size=20),
)

_KNOWN = st.sampled_from(sorted(_HEADERS)).flatmap(
    lambda name: st.sampled_from(_HEADERS[name]).map(lambda value: f"{name}: {value}")
)
_ODD = st.sampled_from(
    [
        b"no colon",
        b" folded: x",
        b": x",
        b"a" * 70000,
        b"a: " + b"x" * 70000,
        b"a\x00b: c",
        b"\xff\xfe: \xff",
        b"a:b\rc: d",
        b"a : b",
        b"\r\n".join(b"x-%d: y" % number for number in range(200)),
    ]
)
_FIELDS = st.lists(
    st.one_of(_KNOWN.map(_encoded), _KNOWN.map(_encoded), _ODD, _WORDS.map(lambda text: b"X-Odd: " + _encoded(text))),
    max_size=3,
)

#: One or ten megabytes of zeros, compressed.
BOMB = gzip.compress(bytes(10_000_000))


def _deflated(body: bytes) -> bytes:
    return zlib.compress(body)


@st.composite
def _packed(draw: DrawFn, body: bytes) -> tuple[list[bytes], bytes]:
    """Compress a body according to its Content-Encoding, or differently."""
    kind = draw(st.sampled_from(["", "", "", "", "right", "deflate", "lie", "cut", "twice", "bomb", "much", "name"]))
    packed = gzip.compress(body)
    match kind:
        case "right":
            return [b"Content-Encoding: gzip"], packed
        case "deflate":
            return [b"Content-Encoding: deflate"], _deflated(body)
        case "lie":
            name = draw(st.sampled_from([b"gzip", b"deflate", b"br", b"zstd"]))
            return [b"Content-Encoding: " + name], body
        case "cut":
            return [b"Content-Encoding: gzip"], packed[: draw(st.integers(0, len(packed)))]
        case "twice":
            return [b"Content-Encoding: gzip, gzip"], gzip.compress(packed)
        case "bomb":
            return [b"Content-Encoding: gzip"], BOMB
        case "much":
            return [b"Content-Encoding: " + b", ".join([b"gzip"] * 50)], packed
        case "name":
            return [b"Content-Encoding: " + draw(st.sampled_from([b"x", b"identity", b"", b"\xff", b"gzip;q=0"]))], body
    return [], body


@st.composite
def _framed(draw: DrawFn, body: bytes) -> tuple[list[bytes], bytes]:
    """Delimit a body by its length, by chunks, or by the end of the connection; or inconsistently."""
    length = b"Content-Length: %d"
    kind = draw(
        st.sampled_from(["right", "right", "open", "short", "long", "number", "two", "chunks", "chunk", "both"])
    )
    match kind:
        case "right":
            return [length % len(body)], body
        case "short":
            return [length % draw(st.integers(0, len(body)))], body
        case "long":
            return [length % (len(body) + draw(st.integers(1, 1 << 40)))], body
        case "number":
            numbers = [
                b"-1",
                b"abc",
                b"1e3",
                b"+5",
                b" 5 ",
                b"0x10",
                b"9" * 30,
                b"9" * 5000,
                b"",
                b"\xb2",
                b"5, 5",
                b"5, 6",
            ]
            return [b"Content-Length: " + draw(st.sampled_from(numbers))], body
        case "two":
            return [length % len(body), length % (len(body) // 2)], body
        case "open":
            return [], body
    pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]
    if kind == "chunk":
        odd = [
            b"-5\r\n",
            b"f" * 16 + b"\r\n",
            b"G\r\n",
            b"5;x=\0\r\n",
            b"\r\n",
            b"f" * 60000,
            b"0\r\nContent-Length: 5\r\n",
            b"",
            b"0\r\n",
            b"5\n",
        ]
        chunks[draw(st.integers(0, len(chunks) - 1))] = draw(st.sampled_from(odd))
    coding = draw(
        st.sampled_from([b"chunked", b"chunked", b"gzip, chunked", b"chunked, chunked", b"identity", b"Chunked\xff"])
    )
    fields = [b"Transfer-Encoding: " + coding] + ([length % len(body)] if kind == "both" else [])
    return fields, b"".join(chunks)


@st.composite
def replies(draw: DrawFn, body: bytes, *, endless: bool = True) -> Reply:
    """Generate replies that send a body in any way."""
    packing, packed = draw(_packed(body))
    framing, content = draw(_framed(packed))
    fields = [*draw(_FIELDS), *packing, *framing]
    raw = b"\r\n".join([draw(_LINES), *fields, b"", content])
    if draw(st.integers(0, 3)) == 0:
        raw = raw[: draw(st.integers(0, len(raw)))]
    ends = ["close"] * 50 + ["reset"] * 10 + ["silence", "trickle"] + ["endless"] * endless
    end = draw(st.sampled_from(ends))
    filler = [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 199 x\r\n\r\n",
        b"X-A: b\r\n",
        b"5\r\n     \r\n",
        b" ",
        b"\0",
        b"\r\n",
        b"[",
    ]
    return Reply(raw, end, draw(st.sampled_from(filler)) if end == "endless" else b"")


# --- Contents of replies ----------------------------------------------------------------------------------------------

_TOKENS = (
    *(
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        _MANY_DIGITS,
        "-" + _MANY_DIGITS,
        "0.1e-99999",
        "-0",
        '"\\ud800"',
        '"\\u0000"',
        "[]",
        "{}",
    ),
    *(
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551616",
        "2147483648",
        "-2147483648",
    ),
    *(
        '"/../../../../escape"',
        '"http://127.0.0.1:9/HMI/a/../../b.fits"',
        '"http://127.0.0.1:9/HMI/%2e%2e/x.fits"',
        '""',
        '" "',
    ),
    *(
        '"file:///etc/passwd"',
        '"http://[::1/HMI/x"',
        '"http://127.0.0.1:9/HMI/hmi.sharp_cea_720s/7/..%2f..%2fx.fits"',
        "[" * 500 + "]" * 500,
    ),
    *(
        '"-4712.01.01_11:59:28_TAI"',
        '"MISSING"',
        '"nan"',
        '"0x400"',
        '"99999-99-99T99:99:99Z"',
        '"2015-12-11T00:00:60Z"',
        "true",
        "null",
    ),
)

_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=3)),
    max_leaves=6,
)

_MARK = "@here@"


def _written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


@st.composite
def contents(draw: DrawFn, good: bytes) -> bytes:
    """Change the content of a JSON reply, from a single value to all of it."""
    kind = draw(st.sampled_from(["value"] * 6 + ["byte", "cut", "deep", "other", "message", "coding", "twice"]))
    match kind:
        case "byte":
            at = draw(st.integers(0, len(good) - 1))
            return good[:at] + draw(st.binary(max_size=3)) + good[at + draw(st.integers(0, 3)) :]
        case "cut":
            return good[: draw(st.integers(0, len(good)))]
        case "deep":
            opened = draw(st.sampled_from([b"[", b'{"a":', b'[{"urls":', b'{"data":', b'{"message":']))
            return opened * draw(st.sampled_from([50, 1000, 20_000]))
        case "other":
            return draw(st.one_of(_VALUES.map(_written), st.binary(max_size=30)))
        case "message":
            key = draw(st.sampled_from(["message", "error", "errors", "detail"]))
            return _written({key: draw(_VALUES), "data": draw(st.one_of(st.none(), _VALUES))})
        case "coding":
            return draw(
                st.sampled_from(
                    [b"\xef\xbb\xbf" + good, good.decode().encode("utf-16"), good.replace(b'"', b'"\xff', 1)]
                )
            )
        case "twice":
            return good + good
    return draw(_changed(json.loads(good)))


@st.composite
def _changed(draw: DrawFn, value: Any) -> bytes:
    """Replace a value or a name."""
    place = value
    while True:
        if isinstance(place, dict):
            key: Any = draw(st.sampled_from(sorted(place)))
        else:
            key = draw(st.integers(0, len(place) - 1))
        inner = place[key]
        if not isinstance(inner, (dict, list)) or not inner or draw(st.integers(0, 3)) == 0:
            break
        place = inner
    if isinstance(place, dict) and draw(st.integers(0, 4)) == 0:
        place[draw(_WORDS)] = place.pop(key)
        return _written(value)
    place[key] = _MARK
    new = draw(st.one_of(st.sampled_from(_TOKENS).map(str.encode), _VALUES.map(_written)))
    return _written(value).replace(_written(_MARK), new)


def odd_files(good: bytes) -> SearchStrategy[bytes]:
    """Change a FITS file: cards, bytes, or its end."""
    cards = len(good) // 80

    def card(at: int, text: bytes) -> bytes:
        return good[: at * 80] + text.ljust(80)[:80] + good[at * 80 + 80 :]

    odd = (
        *(
            b"NAXIS   = " + b"9" * 20,
            b"NAXIS1  =                   -1",
            b"NAXIS2  = 99999999999999999999",
            b"BITPIX  =                    7",
        ),
        *(
            b"PCOUNT  =            999999999",
            b"GCOUNT  =                    0",
            b"END",
            b"SIMPLE  =                    F",
            b"\xff" * 80,
        ),
        *(
            b"XTENSION= 'BINTABLE'",
            b"HARPNUM = 'x'",
            b"CONTINUE  'x&'",
            b"HISTORY \x1b[2J",
            b"T_REC   = '2015.12.11_00:00:00_TAI'",
            b"",
        ),
        *(
            b"NAXIS   =                  999",
            b"GROUPS  =                    T",
            b"TFIELDS = 'x'",
            b"DATASUM = '9999999999'",
            b"CHECKSUM= 5",
        ),
    )
    return st.one_of(
        st.builds(card, st.integers(0, cards - 1), st.sampled_from(odd)),
        st.builds(
            lambda at, text: good[:at] + text + good[at + len(text) :], st.integers(0, len(good)), st.binary(max_size=4)
        ),
        st.integers(0, len(good)).map(lambda end: good[:end]),
        st.binary(max_size=100).map(lambda more: good + more),
        st.just(good + good[: len(good) // 2880 * 2880]),
        st.sampled_from(
            [b"", b"SIMPLE  =", b"<html><title>\x1b[2J\xe2\x80\xae</title>", b"\x89HDF\r\n\x1a\n", gzip.compress(good)]
        ),
    )

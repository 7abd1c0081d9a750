"""A protocol class for uvicorn: the kernel sends the files, and clients that are too slow are dropped."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final, cast

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

__all__ = ["ZERO_COPY", "FileProtocol"]

#: The ASGI extension "Zero Copy Send", by which an application gives a file in place of its bytes.
ZERO_COPY: Final = "http.response.zerocopysend"

#: Bytes sent at a time to a client of which nothing is known, and to one that takes them within a second. (What is
#: between, a tunnel, say, may take some at once and the rest slowly, so that the second piece is not much longer.)
_FIRST_PIECE: Final = 512 * 1024
_MOST: Final = 4 * 1024 * 1024

#: For SO_LINGER: what was not taken yet is thrown away when a socket is closed.
_AT_ONCE: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class _Length:
    """Stands for bytes of which h11 need know nothing but their number (see "sendfile" in its documentation)."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length


class _Deadline:
    """Calls a function after some time, unless it is called off before."""

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
        self._loop = loop
        self._call = call
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Set it, or leave it if it is set already."""
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._over)

    def call_off(self) -> None:
        """Call nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._timer = None
        self._call()


class FileProtocol(H11Protocol):
    """
    HTTP/1.1 over h11, as uvicorn speaks it, with three things more.

    - Applications are offered the ASGI extension ``http.response.zerocopysend``; what they send by it goes through
      `asyncio.loop.sendfile`. It is not offered over TLS, nor on event loops other than asyncio's own, where nothing
      would be gained.
    - A client that does not finish its request, or takes nothing of the answer, is dropped after some time.
    - Requests that are no HTTP are answered in JSON, as all errors of the service are.

    Give it to uvicorn as ``uvicorn.Config(app, http=FileProtocol)``.

    Attributes
    ----------
    head_timeout : float
        Seconds in which the head of a request must have arrived, from its first byte, or from the beginning of the
        connection.
    send_timeout : float
        Seconds in which a client must take some of what it asked for: what was written but not sent (up to 1 MB),
        or, of a file, half a megabyte on average of 4 MB.

    Examples
    --------
    >>> import uvicorn
    >>> from sunpy_flarecast.archive import DemoArchive, create_app
    >>> from sunpy_flarecast.archive.server.http_protocol import FileProtocol
    >>> uvicorn.Config(create_app(DemoArchive()), http=FileProtocol, log_config=None).http.__name__
    'FileProtocol'
    """

    head_timeout: ClassVar[float] = 30.0
    send_timeout: ClassVar[float] = 60.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._application: Any = self.app
        self.app = cast("Any", self._offering)
        self._head = _Deadline(self.loop, self._head_is_late)
        self._taking = _Deadline(self.loop, self._drop)

    # What asyncio and uvicorn call

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, but not for ever."""
        super().connection_made(transport)
        self._head.set(self.head_timeout)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; the time for its head runs from the first one."""
        super().data_received(data)
        if self._is_answering():
            self._head.call_off()
        else:
            self._head.set(self.head_timeout)

    def on_response_complete(self) -> None:
        """Go on to the next request, or see to it that the last bytes are taken."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._taking.set(self.send_timeout)
        elif not self._is_answering() and (self.conn.trailing_data[0] or self.conn.their_state is h11.SEND_BODY):
            # A part of the next request came with this one, or not all of its body did.
            self._head.set(self.head_timeout)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is not used any more."""
        super().timeout_keep_alive_handler()
        self._taking.set(self.send_timeout)

    def pause_writing(self) -> None:
        """Wait until the client has taken what was written, but not for ever."""
        super().pause_writing()
        self._taking.set(self.send_timeout)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._taking.call_off()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._head.call_off()
        super().connection_lost(exc)
        self._taking.call_off()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request."""
        # Called where h11 has raised, which knows the status better than the name of this method.
        status = getattr(sys.exception(), "error_status_hint", 400)
        what = "Its head is too long" if status == 431 else msg.rstrip(".")
        self._refuse(status, f"The request cannot be read. {what}.")

    # Clients that are slow

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _head_is_late(self) -> None:
        if self.transport.is_closing() or self._is_answering():
            return
        if self.conn.trailing_data[0]:
            self._refuse(408, f"The request did not arrive within {self.head_timeout:g} s")
        else:
            self.transport.close()

    def _drop(self) -> None:
        """Close the connection, and free what the system holds for it, which otherwise it keeps for minutes."""
        with suppress(OSError):  # if it is closed already
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _refuse(self, status: int, message: str) -> None:
        """Answer a request that never became one, and close the connection."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = msgspec.json.encode({"message": message})
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            for event in (h11.Response(status_code=status, headers=headers), h11.Data(body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._taking.set(self.send_timeout)

    # Files

    async def _offering(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and offer it to send files."""
        if self.scheme == "http" and isinstance(self.loop, asyncio.BaseEventLoop):
            scope["extensions"] = {**scope.get("extensions", {}), ZERO_COPY: {}}
        else:
            await self._application(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] != ZERO_COPY:
                await send(message)
                return
            offset = message.get("offset") or 0
            try:
                await self._send_file(message["file"], offset, message["count"])
            except (ConnectionError, TimeoutError):
                # uvicorn must have learned of it before the application returns, or would report an error.
                self._drop()
                while (await receive())["type"] != "http.disconnect":
                    pass
                raise
            await send({"type": "http.response.body", "more_body": message.get("more_body", False)})

        await self._application(scope, receive, sending)

    async def _send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """Send a part of a file; fails, and so breaks off the answer, if the file ends before it."""
        if count == 0 or self.scope["method"] == "HEAD":
            return
        if self.transport.is_closing():
            raise ConnectionResetError("The client is gone")
        body = cast("bytes", _Length(count))
        for part in self.conn.send_with_data_passthrough(h11.Data(body)) or ():
            if part is not body:
                self.transport.write(part)
                continue
            piece, stop = _FIRST_PIECE, offset + count
            while offset < stop:
                begin = self.loop.time()
                piece = min(piece, stop - offset)
                async with asyncio.timeout(self.send_timeout * max(piece / _FIRST_PIECE, 1)):
                    sent = await self._send_piece(file, offset, piece)
                if not sent:
                    raise OSError(f"{getattr(file, 'name', 'A file')} was cut short while it was being sent")
                offset += sent
                piece = _MOST if self.loop.time() - begin < 1 else _FIRST_PIECE

    async def _send_piece(self, file: BinaryIO, offset: int, count: int) -> int:
        try:
            return await self.loop.sendfile(self.transport, file, offset, count)
        except RuntimeError as error:
            if self.transport.is_closing():
                raise ConnectionResetError("The client is gone") from error
            raise

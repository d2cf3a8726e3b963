"""The other end of a line in plain sockets: what has left is seen without a turn of the loop."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Iterator

import pytest

from gateway.transport import RestPool

REQUEST = b"POST /order?signature=s HTTP/1.1\r\n"


@contextlib.contextmanager
def listener() -> Iterator[socket.socket]:
    """Of plain sockets: nothing here needs a turn of the loop to be seen."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        opened.settimeout(60)
        yield opened


def unread_bytes(peer: socket.socket) -> int:
    """What the kernel holds for this side."""
    (count,) = struct.unpack("i", fcntl.ioctl(peer.fileno(), termios.FIONREAD, b"\0" * 4))
    return int(count)


@contextlib.contextmanager
def first_step(pool: RestPool) -> Iterator[None]:
    """A request run up to its first wait, with no turn of the loop; canceled in the end."""
    request = pool.request("POST", "/order?signature=s")
    request.send(None)
    try:
        yield
    finally:
        with pytest.raises(asyncio.CancelledError):
            request.throw(asyncio.CancelledError())

"""Crowds for the FIX bench, each a program of its own that prints `up` and ends with stdin:
`idle PORT SESSIONS [tls]` logs sessions on and leaves them, `strangers PORT CONNECTIONS` never log
on and renew what is cut, `drip PORT` sends one byte of a message after the other.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from typing import cast

import uvloop

from gateway.benchmarks._fix_server import GATEWAY, client_name
from gateway.transport.fix_session import format_time
from gateway.transport.fix_session.message import encode

_AT_ONCE = 200
_OF_ONE_ADDRESS = 500
_SECONDS_MAX = 30
_DRIP_SECONDS = 0.0005


def _logon(number: int) -> bytes:
    return encode([
        (8, b"FIX.4.4"), (35, b"A"), (34, b"1"), (49, client_name(number).encode()),
        (52, format_time(time.time_ns())), (56, GATEWAY.encode()), (98, b"0"), (108, b"3600"),
    ])  # fmt: skip


class _Idle(asyncio.Protocol):
    """Says Logon, counts the answer."""

    def __init__(self, number: int, answered: asyncio.Future[None]) -> None:
        self._number, self._answered = number, answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(_logon(self._number))

    def data_received(self, data: bytes) -> None:
        if not self._answered.done():
            self._answered.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answered.done():
            self._answered.set_exception(ConnectionError("no Logon"))


class _Stranger(asyncio.Protocol):
    """Comes again when it is cut, as long as it is wanted."""

    def __init__(self, port: int, number: int) -> None:
        self._port, self._number = port, number

    def connection_lost(self, error: Exception | None) -> None:
        loop = asyncio.get_running_loop()
        again = _connect_stranger
        loop.call_later(0.5, lambda: loop.create_task(again(self._port, self._number)))


async def _connect_stranger(port: int, number: int) -> None:
    """Of many addresses, none of them the trader's: one address has a bound of its own."""
    loop = asyncio.get_running_loop()
    address = f"127.0.1.{1 + number // _OF_ONE_ADDRESS}"
    try:
        await loop.create_connection(
            lambda: _Stranger(port, number), "127.0.0.1", port, local_addr=(address, 0)
        )
    except OSError:
        await asyncio.sleep(0.5)


async def _idle(port: int, sessions: int, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    for first in range(1, sessions + 1, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, sessions + 1))
        answers = [loop.create_future() for _ in numbers]
        for number, answer in zip(numbers, answers, strict=True):
            await loop.create_connection(
                lambda number=number, answer=answer: _Idle(number, answer),
                "127.0.0.1", port, ssl=context,
            )  # fmt: skip
        async with asyncio.timeout(_SECONDS_MAX):
            await asyncio.gather(*answers)


async def _strangers(port: int, connections: int) -> None:
    for first in range(0, connections, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, connections))
        await asyncio.gather(*(_connect_stranger(port, number) for number in numbers))


async def _drip(port: int) -> None:
    """A whole Logon of nobody's, again and again, byte by byte."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            for byte in _logon(0)[:-1] * 50:
                writer.write(bytes((byte,)))
                await asyncio.sleep(_DRIP_SECONDS)
        except OSError:
            await asyncio.sleep(_DRIP_SECONDS)


async def _run(kind: str, port: int, rest: list[str]) -> None:
    context = None
    if rest[1:] == ["tls"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if kind == "idle":
        await _idle(port, int(rest[0]), context)
    elif kind == "strangers":
        await _strangers(port, int(rest[0]))
    dripping = asyncio.get_running_loop().create_task(_drip(port)) if kind == "drip" else None
    print("up", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    if dripping is not None:
        dripping.cancel()


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))

"""The moment of the write: bytes leave within the call and before anything else can happen, what
may have left is unknown, and one timer watches all answers."""

import asyncio
import socket
import time
from random import Random
from typing import Any

import pytest
from raw_peer import REQUEST, first_step, listener, unread_bytes
from scripted_server import ANSWER, ScriptedServer, Visit, answer_all

from gateway.api import OutcomeUnknown, VenueUnavailable
from gateway.testing import until
from gateway.transport import RestPool

pytestmark = pytest.mark.asyncio


def pool_to(port: int, **settings: Any) -> RestPool:
    settings = {"connections": 1} | settings
    return RestPool(f"http://127.0.0.1:{port}", now_ns=time.time_ns, random=Random(1), **settings)


async def test_the_bytes_leave_before_the_loop_gets_a_turn() -> None:
    with listener() as opened:
        pool = pool_to(opened.getsockname()[1])
        await pool.open()
        peer, _ = opened.accept()
        with peer, first_step(pool):
            assert unread_bytes(peer) > len(REQUEST)
            assert peer.recv(65_536).startswith(REQUEST)
        await pool.close()


async def test_a_line_that_dies_just_before_the_write_never_receives_the_order() -> None:
    """Its end is in the kernel; no turn of the loop lies between that and the request."""
    with listener() as opened:
        pool = pool_to(opened.getsockname()[1], connections=2)
        await pool.open()
        peers = [opened.accept()[0] for _ in range(2)]
        for peer in peers:
            peer.shutdown(socket.SHUT_WR)
        request = asyncio.ensure_future(pool.request("POST", "/order?signature=s"))
        third, _ = await asyncio.to_thread(opened.accept)
        with third:
            data = await asyncio.to_thread(third.recv, 65_536)
            assert data.startswith(REQUEST) and data.count(REQUEST) == 1
            third.sendall(ANSWER)
            assert (await request).status == 200
        assert [unread_bytes(peer) for peer in peers] == [0, 0]
        for peer in peers:
            peer.close()
        await pool.close()


async def test_when_every_line_is_dead_and_none_can_be_had_nothing_was_sent() -> None:
    with listener() as opened:
        pool = pool_to(opened.getsockname()[1])
        await pool.open()
        peer, _ = opened.accept()
    with peer:
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(VenueUnavailable, match="nothing was sent"):
            await pool.request("POST", "/order?signature=s")
        assert unread_bytes(peer) == 0
        assert pool.row()["not_sent"] == 1 and pool.row()["unknown"] == 0
    await pool.close()


class Failing:
    """A transport that may or may not have written before it raised."""

    def __init__(self, inner: asyncio.Transport, *, is_written: bool) -> None:
        self._inner, self._is_written = inner, is_written

    def write(self, data: bytes) -> None:
        if self._is_written:
            self._inner.write(data)
        raise OSError("the line broke while it was written to")


@pytest.mark.parametrize("is_written", [False, True])
async def test_a_write_that_raises_is_unknown_and_ends_the_connection(is_written: bool) -> None:
    async with ScriptedServer(answer_all) as server:
        pool = pool_to(server.port)
        await pool.open()
        connection = pool._idle[0]
        connection._transport = Failing(connection._transport, is_written=is_written)  # type: ignore[assignment]
        with pytest.raises(OutcomeUnknown, match="while it was written") as failure:
            await pool.request("POST", "/order?signature=secret")
        assert "secret" not in str(failure.value)
        assert pool.row()["unknown"] == 1 and pool.row()["not_sent"] == 0
        assert (await pool.request("POST", "/next")).status == 200
        assert len(server.visits) == 2 and connection is not pool._idle[0]
        await pool.close()


async def test_each_request_ends_by_its_own_time_under_one_timer() -> None:
    async with ScriptedServer(lambda visit: visit.reader.read()) as server:
        pool = pool_to(server.port, connections=3)
        await pool.open()
        ended: list[int] = []

        async def ask(timeout_ms: int) -> None:
            began = time.monotonic()
            with pytest.raises(OutcomeUnknown, match="TimeoutError"):
                await pool.request("POST", "/order", timeout_ms=timeout_ms)
            assert time.monotonic() - began >= timeout_ms / 1_000 - 0.005
            ended.append(timeout_ms)

        async with asyncio.timeout(300):
            await asyncio.gather(ask(150), ask(290), ask(20))
        assert sorted(ended) == [20, 150, 290]
        await pool.close()


async def test_a_short_time_behind_a_long_one_is_kept() -> None:
    async with ScriptedServer(lambda visit: visit.reader.read()) as server:
        pool = pool_to(server.port, connections=2)
        await pool.open()
        patient = asyncio.create_task(pool.request("POST", "/order", timeout_ms=15_000))
        await until(lambda: pool.row()["busy"] == 1)
        with pytest.raises(OutcomeUnknown, match="TimeoutError"):
            await pool.request("POST", "/order", timeout_ms=20)
        assert not patient.done()
        await pool.close()
        with pytest.raises(OutcomeUnknown):
            await patient


async def test_a_timer_of_an_answered_request_does_not_end_the_next_one() -> None:
    async def slow(visit: Visit) -> None:
        await visit.request()
        await visit.say(ANSWER)
        await visit.request()
        await asyncio.sleep(0.7)
        await visit.say(ANSWER)
        await visit.request()
        await visit.reader.read()

    async with ScriptedServer(slow) as server, asyncio.timeout(300):
        pool = pool_to(server.port)
        await pool.open()
        assert (await pool.request("POST", "/1", timeout_ms=500)).status == 200
        assert (await pool.request("POST", "/2", timeout_ms=10_000)).status == 200
        with pytest.raises(OutcomeUnknown, match="TimeoutError"):
            await pool.request("POST", "/3", timeout_ms=100)
        await pool.close()


async def test_a_body_that_stops_in_the_middle_ends_by_its_time() -> None:
    async def half(visit: Visit) -> None:
        await visit.request()
        await visit.say(ANSWER[:-1])
        await visit.reader.read()

    async with ScriptedServer(half, answer_all) as server, asyncio.timeout(300):
        pool = pool_to(server.port)
        await pool.open()
        with pytest.raises(OutcomeUnknown, match="TimeoutError"):
            await pool.request("POST", "/order", timeout_ms=100)
        await until(server.visits[0].reader.at_eof)
        assert (await pool.request("POST", "/next")).status == 200
        await pool.close()

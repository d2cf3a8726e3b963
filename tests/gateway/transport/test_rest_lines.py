"""Who gets a line, and when none may be used any more: requests that wait are served by lane and
asked again before they leave; what is late, cut or closed ends and sends nothing."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from raw_peer import listener
from scripted_server import ANSWER, Conduct, ScriptedServer, Visit, answer_all

from gateway.api import OutcomeUnknown, VenueRateLimited, VenueUnavailable
from gateway.testing import until
from gateway.transport import LANES, RestPool, rest
from gateway.transport.http_connection import HttpConnection

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def pool_at(*conducts: Conduct, **settings: Any) -> AsyncIterator[tuple[RestPool, Any]]:
    async with ScriptedServer(*conducts) as server, asyncio.timeout(300):
        settings = {"connections": 1, "timeout_ms": 10_000} | settings
        pool = RestPool(server.url, now_ns=time.time_ns, random=Random(1), **settings)
        await pool.open()
        try:
            yield pool, server
        finally:
            await pool.close()


def paths(server: ScriptedServer) -> list[str]:
    return [each.split()[1].decode() for each in server.requests]


def gate_before_first() -> tuple[asyncio.Event, Conduct]:
    """The first answer waits for the event; the others come at once."""
    opened = asyncio.Event()

    async def conduct(visit: Visit) -> None:
        await visit.request()
        await opened.wait()
        await visit.say(ANSWER)
        await answer_all(visit)

    return opened, conduct


async def waiting(pool: RestPool, count: int) -> None:
    await until(lambda: pool._waiters == count)


async def test_lines_are_given_by_lane_and_within_a_lane_in_order() -> None:
    opened, conduct = gate_before_first()
    async with pool_at(conduct) as (pool, server):
        calls = [asyncio.create_task(pool.request("POST", "/first", lane="new"))]
        await until(lambda: pool.row()["busy"] == 1)
        for number, lane in enumerate((*reversed(LANES), *LANES)):
            path = f"/{lane}{number}"
            calls.append(asyncio.create_task(pool.request("POST", path, lane=lane)))
            await waiting(pool, number + 1)
        opened.set()
        await asyncio.gather(*calls)
        assert paths(server) == [
            "/first", "/kill4", "/kill5", "/cancel3", "/cancel6", "/query2", "/query7",
            "/new1", "/new8", "/market0", "/market9",
        ]  # fmt: skip
        assert pool.row()["opened"] == 1 and pool._waiters == 0


async def test_a_desk_whose_orders_follow_each_other_does_not_keep_a_cancel_waiting() -> None:
    opened, conduct = gate_before_first()
    async with pool_at(conduct) as (pool, server):

        async def chain() -> None:
            for number in range(5):
                await pool.request("POST", f"/new{number}", lane="new")

        orders = asyncio.create_task(chain())
        await until(lambda: pool.row()["busy"] == 1)
        cancel = asyncio.create_task(pool.request("DELETE", "/cancel", lane="cancel"))
        await waiting(pool, 1)
        opened.set()
        await asyncio.gather(orders, cancel)
        assert paths(server)[:3] == ["/new0", "/cancel", "/new1"]


async def test_a_canceled_waiter_passes_its_line_on(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, conduct = gate_before_first()
    async with pool_at(conduct) as (pool, server):
        first = asyncio.create_task(pool.request("POST", "/first"))
        await until(lambda: pool.row()["busy"] == 1)
        given = asyncio.create_task(pool.request("POST", "/given", lane="kill"))
        await waiting(pool, 1)
        behind = asyncio.create_task(pool.request("POST", "/behind", lane="new"))
        await waiting(pool, 2)
        real = pool._offer

        def offer_and_cancel(connection: HttpConnection) -> None:
            real(connection)  # it is in the hand of one who does not know it yet
            given.cancel()

        monkeypatch.setattr(pool, "_offer", offer_and_cancel)
        opened.set()
        await asyncio.gather(first, behind)
        with pytest.raises(asyncio.CancelledError):
            await given
        assert pool._waiters == 0
        assert paths(server)[-1] == "/behind" and pool.row()["idle"] == 1


async def test_what_waited_for_a_line_is_asked_again_and_the_line_stays() -> None:
    def refuse() -> None:
        raise VenueRateLimited("banned meanwhile", 1_000)

    opened, conduct = gate_before_first()
    async with pool_at(conduct) as (pool, server):
        # With a line that is free it was asked just before, by who sends it.
        first = asyncio.create_task(pool.request("POST", "/first", may_leave=refuse))
        await until(lambda: pool.row()["busy"] == 1)
        second = asyncio.create_task(pool.request("POST", "/second", may_leave=refuse))
        await waiting(pool, 1)
        opened.set()
        assert (await first).status == 200
        with pytest.raises(VenueRateLimited, match="banned meanwhile"):
            await second
        assert (await pool.request("POST", "/third")).status == 200
        assert paths(server) == ["/first", "/third"]
        row = pool.row()
        assert row["not_sent"] == 1 and row["opened"] == 1 and row["busy"] == 0


async def test_when_a_line_dies_those_who_wait_get_a_new_one() -> None:
    cut = asyncio.Event()

    async def dies(visit: Visit) -> None:
        await visit.request()
        await cut.wait()
        visit.reset()

    async with pool_at(dies, answer_all) as (pool, server):
        first = asyncio.create_task(pool.request("POST", "/first"))
        await until(lambda: pool.row()["busy"] == 1)
        others = [asyncio.create_task(pool.request("POST", f"/{each}")) for each in range(3)]
        await waiting(pool, 3)
        cut.set()
        with pytest.raises(OutcomeUnknown):
            await first
        assert [each.status for each in await asyncio.gather(*others)] == [200] * 3
        assert paths(server) == ["/first", "/0", "/1", "/2"]


async def test_a_closed_pool_sends_nothing_over_a_line_that_comes_up_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, held = rest.connect, asyncio.Event()

    async def late(*values: Any) -> Any:
        connection = await real(*values)
        await asyncio.shield(held.wait())
        return connection

    async with pool_at(answer_all) as (pool, server):
        monkeypatch.setattr(rest, "connect", late)
        pool._idle[0].close()
        first = asyncio.create_task(pool.request("POST", "/first"))
        await waiting(pool, 1)
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        held.set()
        await closing
        with pytest.raises(VenueUnavailable, match="closed"):
            await first
        with pytest.raises(VenueUnavailable, match="closed"):
            await pool.request("POST", "/second")
        assert server.requests == [] and pool.row()["idle"] == 0


async def test_a_line_that_is_offered_to_a_closed_pool_is_cut() -> None:
    async with pool_at(answer_all) as (pool, server):
        await pool.close()
        await pool._connect()
        assert pool.row()["idle"] == 0
        await until(server.visits[-1].reader.at_eof)


async def test_a_request_in_the_middle_of_its_answer_ends_with_the_pool() -> None:
    said = asyncio.Event()

    async def half(visit: Visit) -> None:
        await visit.request()
        await visit.say(ANSWER[:-1])
        said.set()
        await visit.reader.read()

    async with pool_at(half) as (pool, _):
        request = asyncio.create_task(pool.request("POST", "/order"))
        await said.wait()
        await until(lambda: all(each._payload is not None for each in pool._busy))
        await pool.close()
        async with asyncio.timeout(300):
            with pytest.raises(OutcomeUnknown):
                await request


async def test_a_time_out_that_meets_the_head_of_an_answer_is_not_lost() -> None:
    """The loop was busy over the time-out, and half an answer lies in the kernel: its head is read
    in the turn in which the timer fires, and the rest never comes."""
    half_said = threading.Event()

    def answer_half(opened: socket.socket) -> None:
        peer, _ = opened.accept()
        with peer:
            peer.settimeout(60)
            peer.recv(65_536)
            peer.sendall(ANSWER[:-1])
            half_said.set()
            peer.recv(65_536)

    with listener() as opened:
        peer = threading.Thread(target=answer_half, args=(opened,))
        peer.start()
        url = f"http://127.0.0.1:{opened.getsockname()[1]}"
        pool = RestPool(url, connections=1, timeout_ms=100, now_ns=time.time_ns, random=Random(1))
        await pool.open()
        request = asyncio.create_task(pool.request("POST", "/order"))
        await asyncio.sleep(0)
        assert half_said.wait(60)
        time.sleep(0.12)  # noqa: ASYNC251 the loop is busy
        done, _ = await asyncio.wait({request}, timeout=30)
        request.cancel()
        await pool.close()
        peer.join(20)
        assert done, "nobody ends the wait"
        with pytest.raises(OutcomeUnknown, match="TimeoutError"):
            await request


async def test_a_line_with_a_part_of_the_request_still_here_is_not_used_again() -> None:
    async def early(visit: Visit) -> None:
        await visit.reader.readuntil(b"\r\n\r\n")
        await visit.say(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async with ScriptedServer(early, answer_all) as server, asyncio.timeout(300):
        pool = RestPool(server.url, connections=1, now_ns=time.time_ns, random=Random(1))
        await pool.open()
        answer = await pool.request("POST", "/batch", body="x" * 20_000_000)
        assert answer.status == 413 and pool.row()["idle"] == 0
        assert (await pool.request("POST", "/order")).status == 200
        assert server.visits[1].requests[0].startswith(b"POST /order ")
        await pool.close()
        for visit in server.visits:
            visit.writer.transport.abort()
            visit.ended.set()

"""The pool sends once, sends what was signed, and says what is known when it fails."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from scripted_server import ANSWER, Conduct, ScriptedServer, Visit, answer_all

from gateway.api import OutcomeUnknown, VenueRateLimited, VenueUnavailable
from gateway.testing import until
from gateway.transport import RestAnswer, RestPool, check_status, outcome_of

pytestmark = pytest.mark.asyncio
CHANGES = ("POST", "PUT", "DELETE", "GET")


@asynccontextmanager
async def pool_at(*conducts: Conduct, **settings: Any) -> AsyncIterator[tuple[RestPool, Any]]:
    """A server with these conducts and an open pool of one connection."""
    async with ScriptedServer(*conducts) as server:
        settings = {"connections": 1, "timeout_ms": 5_000} | settings
        pool = RestPool(server.url, now_ns=time.time_ns, random=Random(1), **settings)
        await pool.open()
        try:
            yield pool, server
        finally:
            await pool.close()


async def test_what_is_given_is_what_is_sent() -> None:
    async with pool_at(answer_all, headers={"X-KEY": "k"}) as (pool, server):
        path = "/v1/order?symbol=%E4%BD%A0&side=BUY&b=1&a=2&x=%2f+~&signature=ab%20"
        answer = await pool.request("DELETE", path, headers={"X-Sign": "s"}, body='{"ä":1}')
        assert (answer.status, answer.data, answer.headers["x-kept"]) == (200, b"ok", "yes")
        assert answer.sent_ns <= answer.received_ns
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [
            b"DELETE " + path.encode() + b" HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}".encode(),
            b"X-KEY: k",
            b"X-Sign: s",
            b"Content-Length: 8",
        ]
        assert body == '{"ä":1}'.encode()


async def test_connections_are_opened_before_they_are_needed_and_kept() -> None:
    async with pool_at(answer_all, connections=3) as (pool, server):
        await until(lambda: len(server.visits) == 3)
        for _ in range(20):
            await asyncio.gather(*(pool.request("GET", "/a") for _ in range(3)))
        assert len(server.visits) == 3 and len(server.requests) == 60
        assert pool.row() | {"lost": 0} == {
            "requests": 60, "answers": 60, "not_sent": 0, "unknown": 0, "opened": 3, "lost": 0,
            "connect_failed": 0, "idle": 3, "busy": 0,
        }  # fmt: skip


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("cut_at", [0, 1, 9, 17, len(ANSWER) - 1])
async def test_a_cut_within_the_answer_is_unknown_and_nothing_is_sent_again(
    method: str, cut_at: int
) -> None:
    async def cut(visit: Visit) -> None:
        await visit.request()
        if method == "PUT":  # an orderly end and a reset are the same to an order
            await visit.say(ANSWER[:cut_at])
            return visit.finish()
        visit.writer.write(ANSWER[:cut_at])
        visit.reset()

    async def kept_then_cut(visit: Visit) -> None:
        await visit.request()
        await visit.say(ANSWER)
        await cut(visit)

    async with pool_at(kept_then_cut, answer_all) as (pool, server):
        assert (await pool.request(method, "/warm")).status == 200
        with pytest.raises(OutcomeUnknown) as failure:
            await pool.request(method, "/order?signature=secret")
        assert outcome_of(failure.value) == "unknown" and "secret" not in str(failure.value)
        assert (await pool.request(method, "/next")).status == 200
        targets = [each.split()[1] for each in server.requests]
        assert targets == [b"/warm", b"/order?signature=secret", b"/next"]


@pytest.mark.parametrize("method", CHANGES)
@pytest.mark.parametrize("read_first", [0, 1, 100, 70_000])
async def test_a_cut_within_the_request_is_unknown_and_nothing_is_sent_again(
    method: str, read_first: int
) -> None:
    async def cut(visit: Visit) -> None:
        if read_first:
            visit.received += await visit.reader.readexactly(read_first)
        else:
            await visit.reader.read(1)
        visit.reset()

    body = "x" * 4_000_000  # more than the socket buffers hold, so a part is still to be sent
    async with pool_at(cut, answer_all) as (pool, server):
        with pytest.raises(OutcomeUnknown):
            await pool.request(method, "/order", body=body)
        assert (await pool.request("GET", "/next")).status == 200
        assert [each.split()[1] for each in server.requests] == [b"/next"]


async def test_silence_is_unknown_after_the_time_out_and_ends_the_connection() -> None:
    async def silent(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with pool_at(silent, answer_all) as (pool, server):
        with pytest.raises(OutcomeUnknown, match="POST /order: TimeoutError"):
            await pool.request("POST", "/order", timeout_ms=50)
        await until(server.visits[0].reader.at_eof)
        assert (await pool.request("POST", "/next")).status == 200
        assert len(server.visits) == 2


async def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    async def late(visit: Visit) -> None:
        await visit.request()
        await asyncio.sleep(0.2)
        await visit.say(ANSWER.replace(b"ok", b"no"))
        await answer_all(visit)

    async with pool_at(late, answer_all) as (pool, _):
        with pytest.raises(OutcomeUnknown):
            await pool.request("POST", "/order", timeout_ms=50)
        for _ in range(30):
            assert (await pool.request("POST", "/next")).data == b"ok"
            await asyncio.sleep(0.01)


async def test_an_answer_nobody_asked_for_ends_the_connection() -> None:
    async def talkative(visit: Visit) -> None:
        await visit.request()
        await visit.say(ANSWER)
        await visit.say(ANSWER.replace(b"ok", b"no"))
        await answer_all(visit)

    async with pool_at(talkative, answer_all) as (pool, server):
        await pool.request("POST", "/order")
        await until(lambda: len(server.visits) == 2)
        assert (await pool.request("POST", "/next")).data == b"ok"


async def test_one_stray_byte_ends_the_connection() -> None:
    """It could be the begin of an answer that meets the wrong request."""

    async def stray(visit: Visit) -> None:
        await visit.request()
        await visit.say(ANSWER)
        await visit.say(b"H")
        await answer_all(visit)

    async with pool_at(stray, answer_all) as (pool, server):
        await pool.request("POST", "/order")
        await until(lambda: len(server.visits) == 2)
        assert (await pool.request("POST", "/next")).data == b"ok"
        assert len(server.visits[1].requests) == 1


@pytest.mark.parametrize("end", ["finish", "reset"])
async def test_a_connection_known_dead_never_receives_an_order(end: str) -> None:
    """The close is in the kernel; the event loop has had no chance to see it."""

    async def leave(visit: Visit) -> None:
        await visit.request()
        await visit.say(ANSWER)
        await leaving.wait()
        getattr(visit, end)()
        left.set()
        await visit.reader.read()

    leaving, left = asyncio.Event(), asyncio.Event()
    async with pool_at(leave, answer_all) as (pool, server):
        await pool.request("POST", "/warm")
        leaving.set()
        await left.wait()
        for _ in range(50):
            assert (await pool.request("POST", "/order")).status == 200
        assert [len(visit.requests) for visit in server.visits] == [1, 50]


async def test_no_connection_is_proof_that_nothing_was_sent() -> None:
    async with pool_at(answer_all) as (pool, server):
        await pool.request("GET", "/")
        server._server.close()
        server.visits[0].reset()
        await until(lambda: pool.row()["lost"])
        with pytest.raises(VenueUnavailable, match="nothing was sent") as failure:
            await pool.request("POST", "/order")
        assert outcome_of(failure.value) == "not_sent"
        assert [each.split()[1] for each in server.requests] == [b"/"]


async def test_a_pool_that_cannot_open_says_so_and_can_be_opened_later() -> None:
    async with ScriptedServer(answer_all) as server:
        url = server.url
    pool = RestPool(url, connections=2, now_ns=time.time_ns, random=Random(1))
    with pytest.raises(VenueUnavailable):
        await pool.open()
    with pytest.raises(VenueUnavailable, match="closed"):
        await pool.request("GET", "/")


async def test_a_full_pool_makes_requests_wait_and_those_that_wait_too_long_were_not_sent() -> None:
    async def slow(visit: Visit) -> None:
        while True:
            await visit.request()
            await release.wait()
            await visit.say(ANSWER)

    release = asyncio.Event()
    async with pool_at(slow, connections=1) as (pool, server):
        first = asyncio.create_task(pool.request("POST", "/1"))
        await until(lambda: server.requests)
        second = asyncio.create_task(pool.request("POST", "/2"))
        with pytest.raises(VenueUnavailable, match="nothing was sent"):
            await pool.request("POST", "/3", timeout_ms=50)
        release.set()
        assert (await first).status == (await second).status == 200
        assert [each.split()[1] for each in server.requests] == [b"/1", b"/2"]


async def test_a_canceled_request_gives_up_its_connection() -> None:
    async with pool_at(lambda visit: visit.reader.read(), answer_all) as (pool, server):
        task = asyncio.create_task(pool.request("POST", "/order"))
        await until(lambda: pool.row()["busy"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await pool.request("POST", "/next")).status == 200
        assert len(server.visits) == 2 and pool.row()["unknown"] == 1


async def test_lost_and_long_idle_connections_are_replaced_before_they_are_needed() -> None:
    async with pool_at(answer_all, connections=2, idle_max_s=0.2) as (pool, server):
        await until(lambda: len(server.visits) >= 4)
        for visit in server.visits:
            visit.reset()
        await until(lambda: len(server.visits) >= 8 and pool.row()["idle"] == 2)
        assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>502</html>\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"y" * 2_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"ff\r\n%b\r\n" % (b"y" * 255) * 9,
    ],
)
async def test_an_unreadable_or_endless_answer_is_unknown(answer: bytes) -> None:
    async def babble(visit: Visit) -> None:
        await visit.request()
        await visit.say(answer)
        await visit.reader.read()

    async with pool_at(babble, answer_all, body_bytes_max=1_000) as (pool, _):
        with pytest.raises(OutcomeUnknown):
            await pool.request("POST", "/order", timeout_ms=2_000)
        assert (await pool.request("POST", "/next")).status == 200


async def test_answers_in_pieces_chunks_and_until_the_end_are_read_whole() -> None:
    async def pieces(visit: Visit) -> None:
        await visit.request()
        for at in range(len(ANSWER)):
            await visit.say(ANSWER[at : at + 1])
            await asyncio.sleep(0)
        await visit.request()
        await visit.say(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n")
        await visit.say(b"1\r\nk\r\n0\r\n\r\n")
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\n\r\nok")

    async with pool_at(pieces, answer_all) as (pool, server):
        for _ in range(4):
            assert (await pool.request("GET", "/")).data == b"ok"
        assert len(server.visits) == 2


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def away(visit: Visit) -> None:
        await visit.request()
        head = b"HTTP/1.1 307 Away\r\nLocation: /other\r\nSet-Cookie: a=b\r\n"
        await visit.say(head + b"Content-Length: 0\r\n\r\n")
        await answer_all(visit)

    async with pool_at(away) as (pool, server):
        assert (await pool.request("POST", "/order", body="{}")).status == 307
        await pool.request("GET", "/next")
        assert [each.split()[1] for each in server.requests] == [b"/order", b"/next"]
        assert b"ookie" not in server.requests[1]


@pytest.mark.parametrize("path", ["", "order", "/a b", "/a\r\nX: y", "/ä", "/a#b", "/a\0"])
async def test_a_path_that_http_cannot_carry_is_refused(path: str) -> None:
    async with pool_at(answer_all) as (pool, server):
        with pytest.raises(ValueError):
            await pool.request("GET", path)
        for headers in ({"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "ä"}, {"a b": "c"}):
            with pytest.raises(ValueError, match="headers") as failure:
                await pool.request("GET", "/", headers=headers)
            assert "Y: b" not in str(failure.value)
        with pytest.raises(ValueError, match="method"):
            await pool.request("get", "/")
        assert server.requests == []


async def test_statuses_are_judged() -> None:
    def answer(status: int, **headers: str) -> RestAnswer:
        return RestAnswer(status, headers, b"", 0, 0)

    check_status(answer(200))
    check_status(answer(400))
    for status in (500, 502, 503, 504, 520):
        with pytest.raises(OutcomeUnknown):
            check_status(answer(status))
    for status in (429, 418):
        with pytest.raises(VenueRateLimited) as failure:
            check_status(RestAnswer(status, {"Retry-After": "7"}, b"", 0, 0))
        assert failure.value.retry_after_ms == 7_000 and outcome_of(failure.value) == "not_sent"
    for text in ("", "soon", "-1", "1e3", "٣", "9" * 400):
        with pytest.raises(VenueRateLimited) as failure:
            check_status(RestAnswer(429, {"Retry-After": text}, b"", 0, 0))
        assert failure.value.retry_after_ms == 0
    assert outcome_of(RuntimeError("a fault of ours")) == "unknown"

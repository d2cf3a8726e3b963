"""A line that is kept: what it says when it falls, how it comes back, what never leaves twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from gateway.api import OutcomeUnknown, VenueProtocolError, VenueUnavailable
from gateway.testing import until
from gateway.transport import PendingReplies, Send, SocketPool, SocketSettings, SocketShard

pytestmark = pytest.mark.asyncio
Conduct = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One accepted WebSocket."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.request, self.socket = request, socket
        self.heard: list[str] = []
        self.pings = 0

    async def next(self) -> str | None:
        """The next text; pings are answered."""
        async for message in self.socket:
            if message.type is WSMsgType.PING:
                self.pings += 1
                await self.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self.heard.append(message.data)
                return str(message.data)
        return None

    def reset(self) -> None:
        assert self.request.transport is not None
        self.request.transport.abort()


async def listen(visit: Visit) -> None:
    while await visit.next() is not None:
        pass


class Venue:
    """A WebSocket server on loopback; conducts are used up one per connection, the last stays."""

    def __init__(self, *conducts: Conduct) -> None:
        self._conducts = list(conducts or (listen,))
        self.visits: list[Visit] = []
        self.is_refusing = False

    async def __aenter__(self) -> "Venue":
        app = web.Application()
        app.router.add_get("/ws", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/ws"
        return self

    async def __aexit__(self, *_: object) -> None:
        for visit in self.visits:
            if visit.request.transport is not None:
                visit.reset()
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.is_refusing:
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        visit = Visit(request, socket)
        self.visits.append(visit)
        await (self._conducts.pop(0) if len(self._conducts) > 1 else self._conducts[0])(visit)
        return socket


class Adapter:
    """Hears what a shard says."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.frames: list[bytes] = []

    def shard(self, url: Any, *, name: str = "s", **given: Any) -> SocketShard:
        rules = {"backoff_first_s": 0.01, "backoff_max_s": 0.05, "ping_every_ms": 0}
        names = SocketSettings.__dataclass_fields__
        rules |= {key: given.pop(key) for key in list(given) if key in names}
        return SocketShard(
            name,
            url,
            SocketSettings(**rules),
            random=Random(1),
            on_frame=given.pop("on_frame", lambda _, data: self.frames.append(data)),
            on_up=lambda _: self.events.append("up"),
            on_down=lambda _, reason: self.events.append(reason),
            **given,
        )


def frames_of(word: str) -> Callable[[Sequence[str]], Sequence[str]]:
    return lambda keys: [f"{word} {' '.join(keys)}"]


async def test_frames_come_in_order_as_bytes_and_pings_are_answered() -> None:
    async def talk(visit: Visit) -> None:
        await visit.socket.send_str("ä")
        await visit.socket.ping(b"are you there")
        await visit.socket.send_bytes(b"\x00\x01")
        message = await visit.socket.receive()
        assert message.type is WSMsgType.PONG and message.data == b"are you there"
        await visit.socket.send_str("pong seen")
        await listen(visit)

    async with Venue(talk) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url)
        await shard.start(10_000)
        await until(lambda: len(adapter.frames) == 3)
        assert adapter.frames == ["ä".encode(), b"\x00\x01", b"pong seen"]
        await shard.stop()
        assert adapter.events == ["up", "stopped"] and shard.counts.frames == 3


async def test_it_logs_in_first_then_subscribes_then_is_up_again_and_again() -> None:
    async def door(visit: Visit) -> None:
        assert await visit.next() == "login"
        await visit.socket.send_str("welcome")
        await listen(visit)

    async with Venue(door) as venue:
        adapter, welcome = Adapter(), asyncio.Event()

        async def login(send: Send) -> None:
            welcome.clear()
            await send("login")
            await welcome.wait()

        shard = adapter.shard(
            venue.url,
            login=login,
            on_frame=lambda _, data: welcome.set(),
            subscribe_frames=frames_of("+"),
            unsubscribe_frames=frames_of("-"),
        )
        await shard.subscribe("a", "b")
        with pytest.raises(VenueUnavailable):
            await shard.send("too early")
        await shard.start(10_000)
        await shard.subscribe("b", "c")
        await shard.unsubscribe("a", "never")
        await until(lambda: len(venue.visits[0].heard) == 4)
        assert venue.visits[0].heard == ["login", "+ a b", "+ c", "- a"]
        venue.visits[0].reset()
        await until(lambda: adapter.events.count("up") == 2)
        await until(lambda: len(venue.visits[1].heard) == 2)
        assert venue.visits[1].heard == ["login", "+ b c"] and shard.keys == ("b", "c")
        assert [each == "up" for each in adapter.events] == [True, False, True]
        await shard.stop()


@pytest.mark.parametrize("is_wrong", [True, False])
async def test_a_login_that_fails_or_hangs_is_no_up(is_wrong: bool) -> None:
    async with Venue() as venue:
        adapter = Adapter()

        async def login(send: Send) -> None:
            if is_wrong:
                raise VenueProtocolError("the key is unknown")
            await asyncio.Event().wait()

        shard = adapter.shard(venue.url, login=login, login_timeout_ms=50)
        with pytest.raises(VenueUnavailable, match="unknown" if is_wrong else "TimeoutError"):
            await shard.start(1_000)
        assert adapter.events == [] and shard.counts.attempts > 1


async def close_with_reason(visit: Visit) -> None:
    await visit.socket.close(code=4000, message=b"service upgrade")


async def cut(visit: Visit) -> None:
    visit.reset()


async def broken_frame(visit: Visit) -> None:
    assert visit.request.transport is not None
    visit.request.transport.write(b"\xff\xff\xff\xff\xff")  # type: ignore[attr-defined]
    await listen(visit)


async def huge_frame(visit: Visit) -> None:
    await visit.socket.send_str("x" * 5_000)
    await listen(visit)


async def bad_text(visit: Visit) -> None:
    assert visit.request.transport is not None
    visit.request.transport.write(b"\x88\x03\x03\xe8\xff")  # type: ignore[attr-defined]
    await listen(visit)


@pytest.mark.parametrize(
    ("conduct", "reason"),
    [
        (close_with_reason, "closed by the venue: 4000 service upgrade"),
        (cut, ""),
        (broken_frame, "a broken frame"),
        (huge_frame, "a broken frame"),
        (bad_text, "a broken frame"),
    ],
)
async def test_however_a_line_falls_it_is_said_once_and_dialled_again(
    conduct: Conduct, reason: str
) -> None:
    async def first(visit: Visit) -> None:
        assert await visit.next() == "go"
        await conduct(visit)

    async with Venue(first, listen) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url, frame_bytes_max=4_000)
        await shard.start(10_000)
        await shard.send("go")
        await until(lambda: len(adapter.events) == 3)
        assert adapter.events[0] == adapter.events[2] == "up"
        assert reason in adapter.events[1] and adapter.events[1] != "up"
        await shard.send("again")
        await until(lambda: venue.visits[1].heard == ["again"])
        assert adapter.frames == []
        await shard.stop()


@pytest.mark.parametrize(
    "error", [VenueProtocolError("HTML instead of JSON"), KeyError("a fault of ours")]
)
async def test_a_frame_the_adapter_cannot_read_ends_the_line_for_a_fact_may_be_lost(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def talk(visit: Visit) -> None:
        await visit.next()
        await visit.socket.send_str("<html>")
        await listen(visit)

    def refuse(_: SocketShard, data: bytes) -> None:
        raise error

    async with Venue(talk, listen) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url, on_frame=refuse)
        await shard.start(10_000)
        await shard.send("go")
        await until(lambda: len(adapter.events) == 3)
        assert adapter.events == ["up", f"{type(error).__name__}: {error}", "up"]
        await shard.stop()
    assert ("ends by a fault" in caplog.text) == isinstance(error, KeyError)


async def mute(visit: Visit) -> None:
    """Reads and answers nothing, not even pings."""
    async for _ in visit.socket:
        pass


async def chatter(visit: Visit) -> None:
    """Does not answer pings and has plenty to say."""
    while not visit.socket.closed:
        await visit.socket.send_str("news")
        await asyncio.sleep(0.01)


async def pongs(visit: Visit) -> None:
    """The text form: a pong for every ping and a ping of its own."""
    await visit.socket.send_str("ping")
    while (text := await visit.next()) is not None:
        if text == "ping":
            await visit.socket.send_str("pong")


async def test_a_line_that_does_not_answer_pings_is_dead() -> None:
    async with Venue(mute) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url, ping_every_ms=50, pong_max_ms=50)
        await shard.start(10_000)
        await until(lambda: len(venue.visits) >= 3)
        assert adapter.events[1] == "no answer to a ping for 50 ms"
        await shard.stop()


async def test_data_keeps_a_line_whose_venue_answers_no_pings() -> None:
    async with Venue(chatter) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url, ping_every_ms=30, pong_max_ms=5_000)
        await shard.start(10_000)
        await until(lambda: shard.counts.frames >= 30)
        assert adapter.events == ["up"] and len(venue.visits) == 1
        await shard.stop()


async def test_answered_pings_keep_a_silent_line() -> None:
    async with Venue(listen) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url, ping_every_ms=30, pong_max_ms=5_000)
        await shard.start(10_000)
        await until(lambda: venue.visits[0].pings >= 5)
        assert adapter.events == ["up"] and len(venue.visits) == 1
        await shard.stop()


async def test_pings_in_the_venues_own_words_stay_out_of_the_frames() -> None:
    async with Venue(pongs) as venue:
        adapter = Adapter()
        shard = adapter.shard(
            venue.url, ping_every_ms=30, pong_max_ms=5_000, text_ping="ping", text_pong="pong"
        )
        await shard.start(10_000)
        await until(lambda: venue.visits[0].heard.count("ping") >= 5)
        assert "pong" in venue.visits[0].heard and adapter.frames == []
        assert adapter.events == ["up"]
        await shard.stop()


async def test_a_stream_without_data_is_dead_though_it_answers_pings() -> None:
    async with Venue(listen) as venue:
        adapter = Adapter()
        shard = adapter.shard(
            venue.url, ping_every_ms=20, pong_max_ms=5_000, data_silence_max_ms=100
        )
        await shard.start(10_000)
        await until(lambda: len(adapter.events) >= 3)
        assert adapter.events[1] == "no data for 100 ms"
        await shard.stop()


async def test_a_stream_that_has_data_is_alive() -> None:
    async with Venue(chatter) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url, data_silence_max_ms=1_500)
        await shard.start(10_000)
        await asyncio.sleep(1.8)
        assert adapter.events == ["up"]
        await shard.stop()


async def test_an_old_line_is_left_before_the_venue_cuts_it() -> None:
    async with Venue(chatter) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url, age_max_ms=100)
        await shard.start(10_000)
        await until(lambda: len(adapter.events) >= 3)
        assert adapter.events[:3] == ["up", "100 ms old", "up"]
        await shard.stop()


async def test_the_caller_may_drop_a_line_and_the_address_may_change() -> None:
    async with Venue(listen) as venue:
        adapter, asked = Adapter(), []

        async def address() -> str:
            asked.append(len(asked))
            if len(asked) == 2:
                raise VenueUnavailable("no key now")
            return f"{venue.url}?key=%2F{len(asked)}"

        shard = adapter.shard(address)
        await shard.start(10_000)
        shard.drop("the key expired")
        shard.drop("twice")
        await until(lambda: len(adapter.events) == 3)
        assert adapter.events == ["up", "the key expired", "up"]
        told = [visit.request.raw_path for visit in venue.visits]
        assert told == ["/ws?key=%2F1", "/ws?key=%2F3"]
        await shard.stop()


async def test_nothing_is_sent_to_a_line_that_is_known_dead() -> None:
    """The close is in the kernel; the event loop has had no chance to see it."""

    async def leave(visit: Visit) -> None:
        await leaving.wait()
        assert visit.request.transport is not None
        visit.request.transport.write_eof()  # type: ignore[attr-defined]
        left.set()
        await listen(visit)

    leaving, left = asyncio.Event(), asyncio.Event()
    async with Venue(leave, listen) as venue:
        adapter = Adapter()
        shard = adapter.shard(venue.url)
        await shard.start(10_000)
        leaving.set()
        async with asyncio.timeout(300):
            await left.wait()
        with pytest.raises(VenueUnavailable):
            await shard.send("order")
        await until(lambda: adapter.events[-1] == "up" and len(adapter.events) == 3)
        await shard.stop()


async def test_a_venue_that_refuses_is_asked_again_with_back_off() -> None:
    async with Venue(listen) as venue:
        venue.is_refusing = True
        adapter = Adapter()
        shard = adapter.shard(venue.url)
        with pytest.raises(VenueUnavailable, match="no connection: WSServerHandshakeError: 503"):
            await shard.start(300)
        venue.is_refusing = False
        await shard.start(10_000)
        assert shard.row()["is_up"] and shard.row()["ups"] == 1
        await shard.stop()


# -- pool -----------------------------------------------------------------------------------------


def pool_at(venue: Venue, adapter: Adapter, events: list[Any], **rules: Any) -> SocketPool:
    def make(name: str, on_up: Any, on_down: Any) -> SocketShard:
        shard = adapter.shard(venue.url, name=name, subscribe_frames=frames_of("+"))
        shard._on_up, shard._on_down = on_up, on_down
        return shard

    return SocketPool(
        make,
        on_gap_opened=lambda keys, reason: events.append(("open", sorted(keys))),
        on_gap_closed=lambda keys: events.append(("closed", sorted(keys))),
        **{"shards": 2, "subscriptions_max": 3, **rules},
    )


async def test_subscriptions_are_spread_and_bounded() -> None:
    async with Venue(listen) as venue:
        pool = pool_at(venue, Adapter(), [])
        await pool.start(10_000)
        await pool.subscribe("a", "b", "c", "d", "a")
        assert sorted(each["subscriptions"] for each in pool.row()["shards"]) == [2, 2]
        await pool.subscribe("e", "f", "a")
        with pytest.raises(VenueUnavailable, match="no line has room for g"):
            await pool.subscribe("g")
        await pool.unsubscribe("a")
        await pool.subscribe("g")
        assert pool.shard_of("a") is None and pool.shard_of("g") is not None
        await pool.stop()


async def test_a_line_that_comes_back_closes_its_gap_and_others_have_none() -> None:
    async with Venue(listen) as venue:
        events: list[Any] = []
        pool = pool_at(venue, Adapter(), events)
        await pool.start(10_000)
        await pool.subscribe("a", "b", "c")
        await until(lambda: sum(len(visit.heard) for visit in venue.visits) == 2)
        lost = next(visit for visit in venue.visits if visit.heard == ["+ a c"])
        lost.reset()
        await until(lambda: len(events) == 2)
        assert events == [("open", ["a", "c"]), ("closed", ["a", "c"])]
        await pool.stop()


async def test_what_a_dead_line_had_moves_to_the_others() -> None:
    async with Venue(listen) as venue:
        events: list[Any] = []
        pool = pool_at(venue, Adapter(), events, subscriptions_max=9, move_after_ms=50)
        await pool.start(10_000)
        await pool.subscribe("a", "b", "c", "d")
        shard = pool.shard_of("a")
        assert shard is not None
        venue.is_refusing = True
        shard.drop("gone")
        await until(lambda: pool.row()["keys_in_gap"] == 0 and len(events) > 1)
        other = pool.shard_of("a")
        assert other is not None and other is not shard and shard.keys == ()
        assert events == [("open", ["a", "c"]), ("closed", ["a"]), ("closed", ["c"])]
        await until(
            lambda: venue.visits[1].heard[-1] == "+ c" or venue.visits[0].heard[-1] == "+ c"
        )
        await pool.stop()


async def test_a_pool_that_cannot_start_leaves() -> None:
    async with Venue(listen) as venue:
        venue.is_refusing = True
        pool = pool_at(venue, Adapter(), [])
        with pytest.raises(VenueUnavailable):
            await pool.start(100)


# -- questions and answers -------------------------------------------------------------------------


async def test_answers_find_their_questions_and_a_fallen_line_leaves_them_unknown() -> None:
    async def reply(visit: Visit) -> None:
        first, second = await visit.next(), await visit.next()
        await visit.socket.send_str(str(second))
        await visit.socket.send_str(str(first))
        await visit.next()
        visit.reset()

    async with Venue(reply, listen) as venue:
        pending: PendingReplies[str] = PendingReplies()
        adapter = Adapter()
        shard = adapter.shard(
            venue.url, on_frame=lambda _, data: pending.answer(data.decode(), data.decode())
        )
        shard._on_down = lambda _, reason: pending.lose_all(reason)
        with pytest.raises(VenueUnavailable):
            await pending.ask(shard, "0", "0", 1_000)
        await shard.start(10_000)
        asked = [asyncio.create_task(pending.ask(shard, key, key, 10_000)) for key in "12"]
        assert await asyncio.gather(*asked) == ["1", "2"]
        with pytest.raises(OutcomeUnknown, match="the line fell"):
            await pending.ask(shard, "3", "3", 10_000)
        await until(lambda: shard.is_up)
        with pytest.raises(OutcomeUnknown, match="no answer in 20 ms"):
            await pending.ask(shard, "4", "4", 20)
        assert len(pending) == 0 and not pending.answer("4", "late")
        await shard.stop()


async def test_an_id_is_asked_once_and_an_error_is_an_answer() -> None:
    async with Venue(listen) as venue:
        pending: PendingReplies[str] = PendingReplies(waiting_max=1)
        shard = Adapter().shard(venue.url)
        await shard.start(10_000)
        task = asyncio.create_task(pending.ask(shard, "1", "1", 10_000))
        await until(lambda: len(pending) == 1)
        with pytest.raises(ValueError, match="waits already"):
            await pending.ask(shard, "1", "1", 10_000)
        with pytest.raises(VenueUnavailable):
            await pending.ask(shard, "2", "2", 10_000)
        assert pending.fail("1", aiohttp.ClientError("told")) and not pending.fail("2", KeyError())
        with pytest.raises(aiohttp.ClientError, match="told"):
            await task
        await shard.stop()

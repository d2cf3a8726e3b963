"""The whole program over loopback: what a client, a browser and a scraper get."""

import asyncio
import json
import socket

import aiohttp
import msgspec
import pytest

from gateway.stream.stream_session import StreamLimits, StreamSession
from gateway.testing import until

pytestmark = pytest.mark.asyncio
SECONDS_MAX = 300  # on a loaded machine; a wait ends as soon as its fact is there


async def subscribe(socket, channel="orders", **fields):
    await socket.send_json({"op": "subscribe", "channel": channel, **fields})
    return await socket.receive_json(timeout=SECONDS_MAX)


async def test_a_client_gets_a_snapshot_then_deltas_and_resumes(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        run.journal.new_order(1)
        await run.caught_up()
        stream = f"{run.url}/v1/stream"
        async with http.ws_connect(stream, headers=run.headers) as first:
            snapshot = await subscribe(first)
            assert (snapshot["type"], snapshot["sequence"]) == ("snapshot", 1)
            assert [row["order_id"] for row in snapshot["rows"]] == ["1"]
            run.journal.accept(1)
            delta = await first.receive_json(timeout=SECONDS_MAX)
            assert (delta["type"], delta["sequence"]) == ("delta", 2)
            assert [row["state"] for row in delta["rows"]] == ["NEW"]
            assert delta["removed"] == []
        run.journal.fill(1, "2")
        await run.caught_up()
        async with http.ws_connect(stream, headers=run.headers) as second:
            resumed = await subscribe(second, resume=2, stream=snapshot["stream"])
            assert (resumed["type"], resumed["sequence"]) == ("delta", 3)
            assert [row["state"] for row in resumed["rows"]] == ["FILLED"]
            positions = await subscribe(second, "positions", filter={"account": "m*"})
            assert [row["quantity"] for row in positions["rows"]] == ["2"]


async def test_a_binary_subscription_tells_the_same_in_fewer_bytes(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        run.journal.new_order(1)
        await run.caught_up()
        async with http.ws_connect(f"{run.url}/v1/stream", headers=run.headers) as client:
            text = await subscribe(client)
            await client.send_json({"op": "subscribe", "channel": "orders", "encoding": "binary"})
            packed = await client.receive_bytes(timeout=SECONDS_MAX)
            assert msgspec.msgpack.decode(packed) == text
            await client.send_json({"op": "ping"})
            assert (await client.receive_json(timeout=SECONDS_MAX))["type"] == "pong"
            run.journal.accept(1)
            delta = msgspec.msgpack.decode(await client.receive_bytes(timeout=SECONDS_MAX))
            assert (delta["type"], delta["rows"][0]["state"]) == ("delta", "NEW")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", "BAD_REQUEST"),
        ('{"op":"subscribe"}', "BAD_REQUEST"),
        ('{"op":"submit","channel":"orders"}', "BAD_REQUEST"),
        ('{"op":"subscribe","channel":"orders","filter":{"color":"*"}}', "UNKNOWN_FILTER"),
    ],
)
async def test_a_bad_request_is_answered_by_name_and_the_stream_goes_on(
    world, tmp_path, text, code
):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        await run.caught_up()
        async with http.ws_connect(f"{run.url}/v1/stream", headers=run.headers) as client:
            await client.send_str(text)
            answer = await client.receive_json(timeout=SECONDS_MAX)
            assert (answer["type"], answer["error"]["code"]) == ("error", code)
            assert (await subscribe(client))["type"] == "snapshot"


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("not json", "", "not json"),
        ('{"op":"subscribe"}', "channel", ""),
        ('{"op":"subscribe","channel":"nothing"}', "channel", "nothing"),
        ('{"op":"subscribe","channel":"orders","encoding":"xml"}', "encoding", "xml"),
        ('{"op":"subscribe","channel":"orders","resume":"x"}', "resume", "x"),
        ('{"op":"subscribe","channel":"orders","color":1}', "color", "1"),
        ('{"channel":"orders"}', "op", ""),
    ],
)
async def test_a_malformed_request_is_told_which_field_holds_what(
    world, tmp_path, text, field, value
):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        stream = f"{run.url}/v1/stream"
        async with http.ws_connect(stream, headers=run.headers) as client:
            await client.send_str(text)
            error = (await client.receive_json(timeout=SECONDS_MAX))["error"]
            assert (error["code"], error["field"], error["value"]) == ("BAD_REQUEST", field, value)


@pytest.mark.parametrize(("frame", "code"), [("binary", 1003), ("long", 1009)])
async def test_a_frame_that_is_no_request_closes_with_its_reason(world, tmp_path, frame, code):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        stream = f"{run.url}/v1/stream"
        async with http.ws_connect(stream, headers=run.headers) as client:
            if frame == "binary":
                await client.send_bytes(b'{"op":"ping"}')
            else:
                await client.send_str(" " * 4097)
            await client.receive(timeout=SECONDS_MAX)
            assert client.close_code == code


@pytest.mark.parametrize("missed", ["nothing", "of others"])
async def test_a_resume_that_missed_nothing_is_answered_too(world, tmp_path, missed):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        run.journal.new_order(1)
        await run.caught_up()
        mine = {"filter": {"strategy": "nobody"}}
        async with http.ws_connect(f"{run.url}/v1/stream", headers=run.headers) as client:
            snapshot = await subscribe(client, **mine)
            if missed == "of others":
                run.journal.accept(1)
                await run.caught_up()
            for _ in range(2):
                resume = {"resume": 1, "stream": snapshot["stream"]}
                answer = await subscribe(client, **resume, **mine)
                assert (answer["type"], answer["rows"], answer["removed"]) == ("delta", [], [])
                assert answer["sequence"] == (1 if missed == "nothing" else 2)


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/v1/nothing", ("NOT_FOUND", "path", 404)),
        ("/v1/at?sequence=500&foo=1", ("BAD_REQUEST", "foo", 400)),
        ("/v1/status?foo=1", ("BAD_REQUEST", "foo", 400)),
        ("/v1/orders/7?foo=1", ("BAD_REQUEST", "foo", 400)),
        ("/v1/why/order/7?foo=1", ("BAD_REQUEST", "foo", 400)),
        ("/v1/orders?limit=1&limit=2", ("BAD_REQUEST", "limit", 400)),
        ("/v1/at?sequence=1&sequence=2", ("BAD_REQUEST", "sequence", 400)),
        ("/v1/orders?foo=1", ("UNKNOWN_FILTER", "foo", 400)),
    ],
)
async def test_what_an_address_does_not_take_is_refused_by_name(world, tmp_path, path, refusal):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        answer = await http.get(run.url + path, headers=run.headers)
        error = (await answer.json())["error"]
        assert (error["code"], error["field"], answer.status) == refusal


async def test_a_method_and_a_number_out_of_range_are_told_with_what_is_taken(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        answer = await http.delete(f"{run.url}/v1/orders", headers=run.headers)
        error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["Allow"] == error["hint"] == "GET, HEAD"
        for number in ("9" * 23, str(2**63)):
            answer = await http.get(f"{run.url}/v1/at?time_ns={number}", headers=run.headers)
            error = (await answer.json())["error"]
            assert (answer.status, error["field"]) == (400, "time_ns")
            assert error["rule"] == "time_ns is from 0 to 9223372036854775807"


async def open_and_never_read(run):
    """A raw client that asks for everything and then reads nothing."""
    reader = socket.create_connection(run.url.removeprefix("http://").split(":"))
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    head = (
        "GET /v1/stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {run.KEY}\r\n\r\n"
    )
    body = b'{"op":"subscribe","channel":"orders"}'
    frame = bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body
    await asyncio.to_thread(reader.sendall, head.encode() + frame)
    return reader


SNAPSHOT_ORDERS = 8_000  # ~5 MB: more than the kernel buffers


async def test_a_client_that_does_not_read_slows_nobody(world, tmp_path):
    """Everything reaches the other client while the mute one is still there, stuck."""
    limits = StreamLimits(slow_client_seconds=600, frame_interval_seconds=0.001)
    async with (
        world.RunningObserver(tmp_path, stream=limits) as run,
        aiohttp.ClientSession() as http,
    ):
        for number in range(1, SNAPSHOT_ORDERS + 1):
            run.journal.new_order(number)
        await run.caught_up()
        mute = await open_and_never_read(run)
        try:
            counters = run.observer.hub.counters
            async with http.ws_connect(f"{run.url}/v1/stream", headers=run.headers) as quick:
                await subscribe(quick, filter={"strategy": "quick"})
                await until(lambda: counters.clients == 2)
                for number in range(9001, 9021):
                    run.journal.new_order(number, strategy="quick")
                    delta = await quick.receive_json(timeout=SECONDS_MAX)
                    assert [row["order_id"] for row in delta["rows"]] == [str(number)]
                assert (counters.clients, counters.cut_off) == (2, 0)
                assert run.observer.view.sequence == len(run.journal.records)
        finally:
            mute.close()


async def test_a_client_that_does_not_read_is_cut_off(world, tmp_path):
    limits = StreamLimits(slow_client_seconds=0.2, frame_interval_seconds=0.001)
    async with world.RunningObserver(tmp_path, stream=limits) as run:
        for number in range(1, SNAPSHOT_ORDERS + 1):
            run.journal.new_order(number)
        await run.caught_up()
        mute = await open_and_never_read(run)
        try:
            counters = run.observer.hub.counters
            await until(lambda: counters.cut_off == 1 and counters.clients == 0)
        finally:
            mute.close()


async def test_reading_needs_a_key_with_the_scope_read(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        cases = {
            "Bearer reader.correct-horse": 200,
            "Bearer reader.wrong": 401,
            "Bearer trader.battery": 401,
            "Bearer nobody.x": 401,
            "Basic reader.correct-horse": 401,
            "": 401,
        }
        for path in ("/v1/orders", "/v1/positions", "/v1/balances", "/v1/status"):
            for header, status in cases.items():
                answer = await http.get(run.url + path, headers={"Authorization": header})
                assert (path, header, answer.status) == (path, header, status)


async def test_a_key_revoked_in_the_file_stops_working_at_once(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        assert (await http.get(f"{run.url}/v1/orders", headers=run.headers)).status == 200
        run.options.keys_file.write_text("[keys]\n")
        assert (await http.get(f"{run.url}/v1/orders", headers=run.headers)).status == 401


async def test_a_key_file_that_others_may_read_admits_nobody(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        for mode, status in ((0o644, 401), (0o600, 200)):
            run.options.keys_file.chmod(mode)
            answer = await http.get(f"{run.url}/v1/orders", headers=run.headers)
            assert (oct(mode), answer.status) == (oct(mode), status)


async def test_a_key_of_a_principal_that_may_not_read_is_refused(world, tmp_path):
    for name, readers, status in (("a", {"other"}, 401), ("b", {"other", "desk"}, 200)):
        observer = world.RunningObserver(tmp_path / name, readers=frozenset(readers))
        async with observer as run, aiohttp.ClientSession() as http:
            answer = await http.get(f"{run.url}/v1/orders", headers=run.headers)
            assert (name, answer.status) == (name, status)


async def test_a_foreign_origin_cannot_open_the_stream(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        stream = f"{run.url}/v1/stream"
        foreign = run.headers | {"Origin": "http://evil.example"}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(stream, headers=foreign)
        assert refused.value.status == 403
        async with http.ws_connect(stream, headers=run.headers | {"Origin": run.url}) as own:
            assert (await subscribe(own))["type"] == "snapshot"


async def test_a_page_token_opens_one_session_once(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run:
        address, _, token = run.observer.page_address().partition("#token=")
        assert address == f"{run.url}/"
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as http:
            answer = await http.post(f"{run.url}/v1/session", json={"token": token})
            assert answer.status == 200
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
            assert (await http.get(f"{run.url}/v1/orders")).status == 200
        async with aiohttp.ClientSession() as other:
            again = await other.post(f"{run.url}/v1/session", json={"token": token})
            assert again.status == 401
            assert (await other.get(f"{run.url}/v1/orders")).status == 401


async def test_nothing_can_be_written_through_the_observer(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        for method in ("POST", "PUT", "DELETE"):
            for path in ("/v1/orders", "/v1/orders/1", "/v1/positions", "/v1/status"):
                answer = await http.request(method, run.url + path, headers=run.headers)
                assert answer.status == 405


async def test_rows_are_read_as_json_and_old_orders_are_found_by_id(world, tmp_path):
    async with world.RunningObserver(tmp_path, finished_orders_max=1) as run:
        for number in (1, 2, 3):
            run.journal.new_order(number)
        run.journal.cancel(1)
        run.journal.cancel(2)
        run.journal.deposit("main", "USD", "12.50")
        await run.caught_up()
        async with aiohttp.ClientSession(run.url, headers=run.headers) as http:

            async def get(path, status=200):
                answer = await http.get(path)
                assert answer.status == status, await answer.text()
                return await answer.json()

            ids = [row["order_id"] for row in (await get("/v1/orders"))["orders"]]
            assert ids == ["3"]
            every = (await get("/v1/orders?open=false"))["orders"]
            assert {row["order_id"] for row in every} == {"2", "3"}
            assert (await get("/v1/orders/1"))["order"]["state"] == "CANCELED"
            assert (await get("/v1/orders/99", 404))["error"]["code"] == "UNKNOWN_ORDER"
            assert (await get("/v1/orders?limit=x", 400))["error"]["field"] == "limit"
            assert (await get("/v1/balances"))["balances"][0]["total"] == "12.50"
            status = await get("/v1/status?state_hash=true")
            assert status["state_hash"] == run.replicas[0].state_hash()
            assert (status["state"], status["sequence"]) == ("following", 6)


async def test_a_journal_that_comes_late_makes_the_observer_ready(world, tmp_path):
    run = await world.RunningObserver(tmp_path).start()
    try:
        async with aiohttp.ClientSession() as http:
            answer = await http.get(f"{run.url}/v1/health/ready")
            assert answer.status == 503
            assert (await http.get(f"{run.url}/v1/health/live")).status == 200
            world.make_directory(run.directory)
            await run.caught_up()
            assert (await http.get(f"{run.url}/v1/health/ready")).status == 200
    finally:
        await run.__aexit__()


async def test_a_reopened_journal_sends_clients_a_flagged_snapshot(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        run.journal.new_order(1)
        await run.caught_up()
        async with http.ws_connect(f"{run.url}/v1/stream", headers=run.headers) as client:
            await subscribe(client)
            run.replicas[-1].fault = RuntimeError("RING_LAPPED")
            fresh = await client.receive_json(timeout=SECONDS_MAX)
            assert fresh["type"] == "snapshot" and fresh["is_fresh"]
            assert fresh["reason"] == "journal_reopened"


async def test_the_run_file_names_the_observer_while_it_runs(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run:
        assert json.loads((run.ring / "observe.json").read_text())["url"] == run.url
    assert not (run.ring / "observe.json").exists()


async def test_the_page_brings_nothing_from_outside(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        answer = await http.get(f"{run.url}/")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        for name in ("app.js", "grid.js", "stream.js", "decimals.js", "style.css", "favicon.svg"):
            file = await http.get(f"{run.url}/{name}")
            text = (await file.text()).replace("http://www.w3.org/2000/svg", "")
            assert file.status == 200 and "http://" not in text and "https://" not in text


def tell_marks(run, price):
    marks = {"BTC-USD": {"mark": price, "time_ns": 1}}
    (run.ring / "marks.json.new").write_text(json.dumps(marks))
    (run.ring / "marks.json.new").replace(run.ring / "marks.json")


async def test_a_moving_mark_reaches_clients_as_unrealised_profit_without_a_record(world, tmp_path):
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:
        run.journal.new_order(1)
        run.journal.fill(1, "2")
        await run.caught_up()
        async with http.ws_connect(f"{run.url}/v1/stream", headers=run.headers) as client:
            snapshot = await subscribe(client, "positions")
            assert snapshot["rows"][0]["unrealised"] is None
            for price, unrealised in (("101.50", "2.00"), ("99.50", "-2.00")):
                tell_marks(run, price)
                delta = await client.receive_json(timeout=SECONDS_MAX)
                assert (delta["type"], delta["sequence"]) == ("delta", snapshot["sequence"])
                assert [row["unrealised"] for row in delta["rows"]] == [unrealised]
        positions = await http.get(f"{run.url}/v1/positions", headers=run.headers)
        assert (await positions.json())["positions"][0]["mark"] == "99.50"


@pytest.mark.parametrize("text", ["", "[]", '{"BTC-USD":{"mark":"-1","time_ns":1}}', '{"a":{}}'])
async def test_a_broken_marks_file_is_the_same_as_none(world, tmp_path, text):
    async with world.RunningObserver(tmp_path) as run:
        (run.ring / "marks.json").write_text(text)
        run.journal.new_order(1)
        run.journal.fill(1, "2")
        await run.caught_up()
        await asyncio.sleep(1.2)  # one look at the file
        assert run.observer.view.is_ready
        assert run.replicas[0].marks == {}


async def test_a_key_that_is_revoked_ends_its_sessions_and_its_open_streams(world, tmp_path):
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        world.RunningObserver(tmp_path) as run,
        aiohttp.ClientSession(cookie_jar=jar) as page,
        aiohttp.ClientSession(headers=run.headers) as program,
    ):
        async with page.post(f"{run.url}/v1/session", json={"key": run.KEY}) as answer:
            assert answer.status == 200
        async with (
            page.ws_connect(f"{run.url}/v1/stream") as shown,
            program.ws_connect(f"{run.url}/v1/stream") as read,
        ):
            run.options.keys_file.write_text("")
            for socket in (shown, read):
                assert (await socket.receive(timeout=300)).type is aiohttp.WSMsgType.CLOSE
                assert socket.close_code == aiohttp.WSCloseCode.POLICY_VIOLATION
        async with page.get(f"{run.url}/v1/orders") as answer:
            assert answer.status == 401


async def test_a_misspelt_filter_is_refused_and_shows_nothing(world, tmp_path):
    async with (
        world.RunningObserver(tmp_path) as run,
        aiohttp.ClientSession(headers=run.headers) as http,
    ):
        for path in ("orders?acount=x", "positions?open=true", "fills?Limit=1"):
            async with http.get(f"{run.url}/v1/{path}") as answer:
                error = (await answer.json())["error"]
                assert (answer.status, error["code"]) == (400, "UNKNOWN_FILTER"), path


async def test_what_fails_once_beside_the_rows_stops_neither_them_nor_itself(
    world, tmp_path, monkeypatch
):
    calls = {"market": 0, "tell": 0, "margin": 0, "greeks": 0, "inspect": 0}

    def fails_once(name, real):
        def call(*given, **named):
            calls[name] += 1
            if calls[name] == 1:
                raise OSError(f"{name}: no space left on device")
            return real(*given, **named)

        return call

    async with world.RunningObserver(tmp_path) as run:
        seen = run.observer
        for name, owner, method in (
            ("market", seen._market, "step"),
            ("tell", seen.books, "tell"),
            ("margin", seen._valuation._margin_desk, "step"),
            ("greeks", seen._valuation._greek_desk, "step"),
            ("inspect", seen._run_file, "keep"),
        ):
            monkeypatch.setattr(owner, method, fails_once(name, getattr(owner, method)))
        run.journal.new_order(1)
        await run.caught_up()
        await until(lambda: min(calls.values()) >= 2, f"another turn of each: {calls}")
        assert seen.view.is_ready
        run.journal.new_order(2)
        await run.caught_up()
        assert seen.view.is_ready and "2" in seen.view.channels["orders"].rows


async def test_a_client_that_cannot_be_sent_to_is_cut_off(world, tmp_path, monkeypatch):
    async def breaks(*_):
        raise ValueError("a row that cannot be written")

    async with (
        world.RunningObserver(tmp_path) as run,
        aiohttp.ClientSession(headers=run.headers) as http,
    ):
        monkeypatch.setattr(StreamSession, "_bring_up_to_date", breaks)
        async with http.ws_connect(f"{run.url}/v1/stream") as socket:
            await socket.send_json({"op": "subscribe", "channel": "orders"})
            await until(lambda: not run.observer.hub._sessions, "the end of the session")

"""Orders through the door: one intent is one order, scopes hold, health tells the truth."""

import asyncio
import os

import pytest
from live_door import ORDER, SECRET, open_door, write_keys

from gateway.api import RefusedError
from gateway.entry.in_process import InProcessClient
from gateway.entry.keys import Identity, KeyRing, create_key_file
from gateway.entry.local_api import ApiLimits
from gateway.venues.breaks import Break, Finding
from gateway.venues.quarantine import Quarantine

pytestmark = pytest.mark.asyncio
ALL = ("desk", "reader", "canceller", "boss", "raised", "watch", None)
LIMITS = {"level": "firm", "fields": {}, "actor": "a", "reason": "r"}
TOLD = {"level": "firm", "fields": {"result": "1"}, "actor": "risk-watch"}
NAMED = {"level": "firm", "actor": "anna", "reason": "test"}
NAMED_ONLY = {"actor": "risk-watch", "reason": "test"}
WATCHED = NAMED | {"actor": "risk-watch"}
NOTE = {"subject": "margin main USD ok to call", "actor": "risk-watch", "reason": "ratio 0.87"}
MATRIX = [
    ("POST", "/v1/orders", ORDER, {"desk"}),
    ("DELETE", "/v1/orders/1", None, {"desk", "canceller", "boss"}),
    ("DELETE", "/v1/orders", None, {"desk", "canceller", "boss"}),
    ("PUT", "/v1/orders/1", {"quantity": "1"}, {"desk"}),
    ("PUT", "/v1/limits", LIMITS, {"boss"}),
    ("PUT", "/v1/measures", TOLD, {"boss", "watch"}),
    ("POST", "/v1/enable", WATCHED, {"boss"}),
    ("POST", "/v1/trading-states", WATCHED | {"state": "active"}, {"boss", "watch"}),
    ("POST", "/v1/notes", NOTE, {"boss", "watch"}),
    ("POST", "/v1/venues/sim/reconcile", None, {"boss"}),
    ("POST", "/v1/breaks/1/resolve", NAMED_ONLY, {"boss"}),
    ("POST", "/v1/kill", NAMED, {"desk", "canceller", "boss"}),
    *[
        ("GET", path, None, {"desk", "reader", "boss", "watch"})
        for path in (
            "/v1/orders",
            "/v1/orders/1",
            "/v1/orders/by-client-id/c1",
            "/v1/positions",
            "/v1/balances",
            "/v1/instruments",
            "/v1/limits",
            "/v1/trading-states",
            "/v1/status",
            "/v1/plugins",
        )
    ],
]


async def test_each_key_may_do_what_its_scopes_say_and_nothing_else(tmp_path):
    async with open_door(tmp_path) as door:
        for method, path, body, allowed in MATRIX:
            for key in ALL:
                status, answer = await door.call(method, path, key=key, body=body)
                code = answer.get("error", {}).get("code", "")
                if key is None:
                    assert (status, code) == (401, "NOT_AUTHENTICATED"), path
                elif key in allowed:
                    assert code not in ("NOT_PERMITTED", "NOT_AUTHENTICATED"), (key, path, answer)
                else:
                    assert (status, code) == (403, "NOT_PERMITTED"), (key, method, path)


async def test_an_override_needs_its_scope(tmp_path):
    async with open_door(tmp_path) as door:
        body = {**ORDER, "override_size": True}
        status, answer = await door.call("POST", "/v1/orders", key="desk", body=body)
        assert (status, answer["error"]["code"]) == (403, "NOT_PERMITTED")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        f"Basic desk.{SECRET}",
        "Bearer desk.",
        f"Bearer nobody.{SECRET}",
        "Bearer desk.tttttttttttttttttttttttttttttttt",
        f"Bearer desk.{SECRET}x",
        "Bearer desk." + "s" * 9999,
    ],
)
async def test_a_wrong_key_gets_one_uniform_refusal(tmp_path, header):
    async with open_door(tmp_path) as door:
        headers = {"Authorization": header}
        if len(header) > 8000:
            return
        async with door.http.get(door.url + "/v1/status", headers=headers) as answer:
            error = (await answer.json())["error"]
            assert (answer.status, error["code"]) == (401, "NOT_AUTHENTICATED")
            assert error["value"] == ""


async def test_the_same_intent_through_every_door_is_one_order(tmp_path):
    async with open_door(tmp_path) as door:
        status, first = await door.call("POST", "/v1/orders", body=ORDER)
        assert status == 201
        status, again = await door.call("POST", "/v1/orders", body=ORDER)
        assert (status, again["order"]["order_id"]) == (200, first["order"]["order_id"])
        socket = await door.ws()
        await socket.send_json({"op": "login", "key": f"desk.{SECRET}", "id": 1})
        await socket.receive_json()
        await socket.send_json({"op": "submit", "id": 2, "order": ORDER})
        answer = await socket.receive_json()
        assert answer["order"]["order_id"] == first["order"]["order_id"]
        await socket.close()
        who = Identity("k", "desk", frozenset({"read", "trade", "cancel"}))
        inside = await InProcessClient(door.world.desk, who).submit(**ORDER)
        assert not inside.is_new
        assert inside.order["order_id"] == first["order"]["order_id"]
        status, answer = await door.call("POST", "/v1/orders", body=ORDER | {"quantity": "3"})
        assert (status, answer["error"]["code"]) == (409, "ID_CONFLICT")
        assert len(door.world.native.orders()) == 1
        assert len(door.world.adapter.sent) == 1


async def test_an_order_lives_through_rest(tmp_path):
    async with open_door(tmp_path) as door:
        _, answer = await door.call("POST", "/v1/orders", body=ORDER)
        order_id = answer["order"]["order_id"]
        world = door.world
        world.link.session.accepted(int(order_id), "v1")
        await world.sends()
        _, answer = await door.call("GET", f"/v1/orders/{order_id}")
        assert answer["order"]["state"] == "NEW"
        _, by_client = await door.call("GET", "/v1/orders/by-client-id/c1")
        assert by_client == answer
        status, answer = await door.call("PUT", f"/v1/orders/{order_id}", body={"price": "101"})
        assert (status, answer["order"]["pending"]) == (202, "replace")
        status, answer = await door.call("PUT", f"/v1/orders/{order_id}", body={})
        assert answer["error"]["code"] == "NOTHING_TO_CHANGE"
        status, answer = await door.call("DELETE", f"/v1/orders/{order_id}")
        assert (status, answer["order"]["pending"]) == (202, "cancel")
        status, answer = await door.call("DELETE", f"/v1/orders/{order_id}")
        assert (status, answer["error"]["code"]) == (409, "CANCEL_PENDING")
        world.link.session.filled(world.fill(int(order_id), "t1", "2"))
        await world.sends()
        _, answer = await door.call("GET", "/v1/positions")
        held = answer["positions"][0]
        assert (held["quantity"], held["break_even_before_carry"]) == ("2", "")
        assert "break_even" not in held  # all-in everywhere, and the books know that
        _, answer = await door.call("GET", "/v1/orders?open=false&limit=5")
        assert [row["state"] for row in answer["orders"]] == ["FILLED"]


async def test_kill_halts_cancels_and_enable_lifts(tmp_path):
    async with open_door(tmp_path) as door:
        await door.call("POST", "/v1/orders", body=ORDER)
        await door.world.sends()
        status, answer = await door.call("POST", "/v1/kill", key="boss", body=NAMED)
        assert (status, answer["cancels_sent"]) == (200, 1)
        _, answer = await door.call("POST", "/v1/orders", body=ORDER | {"client_order_id": "c2"})
        assert answer["error"]["code"] == "TRADING_HALTED"
        assert answer["error"]["limit"] == "5", "the gate's arithmetic is told"
        await door.call("POST", "/v1/enable", key="boss", body=NAMED)
        status, _ = await door.call("POST", "/v1/orders", body=ORDER | {"client_order_id": "c2"})
        assert status == 201


async def test_a_kill_is_never_refused_for_its_words_and_everybody_sees_it(tmp_path):
    async with open_door(tmp_path) as door:
        health = door.world.link.health
        health.set("reconciled", "", 0)
        for actor, reason, told in (
            ("Zoë", "it doesn’t stop – it sells", ("Zoe", "it doesn't stop - it sells")),
            ("a" * 99, "runaway strategy " * 9, ("a" * 37 + "...", None)),
            ("", "\n", ("boss", "no reason given")),
        ):
            body = {"level": "firm", "actor": actor, "reason": reason}
            status, answer = await door.call("POST", "/v1/kill", key="boss", body=body)
            assert status == 200, answer
            _, answer = await door.call("GET", "/v1/status")
            (row,) = answer["halts"]
            assert (row["level"], row["state"], row["actor"]) == ("firm", "halted", told[0])
            assert told[1] in (None, row["reason"]) and len(row["reason"]) <= 48
            assert (answer["trading"], answer["reason"]) == (
                False, f"the firm is halted by {row['actor']}: {row['reason']}"
            )  # fmt: skip
            status, answer = await door.call("GET", "/v1/health/trading", key=None)
            assert (status, answer["reason"][:18]) == (503, "the firm is halted")


async def test_a_journal_that_cannot_be_written_is_no_trading(tmp_path):
    async with open_door(tmp_path) as door:
        door.world.link.health.set("reconciled", "", 0)
        counters = door.world.native.counters
        door.world.native.counters = lambda: counters() | {"journal_failed": 1}
        status, answer = await door.call("GET", "/v1/health/trading", key=None)
        assert (status, answer["reason"]) == (503, "the journal cannot be written")


async def test_a_level_may_only_reduce_until_that_is_lifted_and_never_loosens_a_halt(tmp_path):
    async with open_door(tmp_path) as door:

        async def ask(state, **more):
            body = NAMED | {"state": state, **more}
            status, answer = await door.call("POST", "/v1/trading-states", key="boss", body=body)
            return status if status == 200 else answer["error"]["code"]

        assert await ask("reducing") == 200
        _, answer = await door.call("GET", "/v1/trading-states")
        assert [(row["state"], row["actor"]) for row in answer["trading_states"]] == [
            ("reducing", "anna")
        ]
        assert await ask("active", if_actor="bob") == "REGISTRY_CONFLICT"
        assert await ask("active", if_actor="anna") == 200
        assert await ask("halted") == "BAD_ENUM", "a halt is a kill"
        await door.call("POST", "/v1/kill", key="boss", body=NAMED)
        assert await ask("reducing") == await ask("active") == "LATCHED"
        assert await ask("active", level="account", name="nobody") == "UNKNOWN_ACCOUNT"


async def test_a_key_of_scope_risk_lifts_what_it_reduced_and_overrules_nobody(tmp_path):
    async with open_door(tmp_path) as door:

        async def ask(state, *, key="watch", actor="risk-watch", **more):
            body = WATCHED | {"state": state, "actor": actor, **more}
            status, answer = await door.call("POST", "/v1/trading-states", key=key, body=body)
            return status if status == 200 else answer["error"]["code"]

        assert await ask("active") == "REGISTRY_CONFLICT", "nothing is reduced"
        assert await ask("reducing") == await ask("reducing") == await ask("active") == 200
        assert await ask("active") == "REGISTRY_CONFLICT", "it was lifted already"
        # What a person reduced is neither lifted nor taken over.
        assert await ask("reducing", key="boss", actor="anna") == 200
        assert await ask("active", if_actor="anna") == "REGISTRY_CONFLICT"
        assert await ask("reducing", if_actor="anna") == "REGISTRY_CONFLICT"
        assert await ask("active", key="boss", actor="anna") == 200
        assert await ask("reducing", if_actor="anna") == 200, "it may reduce what a person enabled"
        # It speaks in no other name, and lifts no halt.
        assert await ask("active", actor="anna") == "NOT_PERMITTED"
        told = TOLD | {"actor": "anna"}
        assert (await door.call("PUT", "/v1/measures", key="watch", body=told))[0] == 403
        note = NOTE | {"actor": "anna"}
        assert (await door.call("POST", "/v1/notes", key="watch", body=note))[0] == 403
        await door.call("POST", "/v1/kill", key="boss", body=NAMED)
        assert await ask("reducing") == await ask("active") == "LATCHED"


async def test_a_key_of_scope_risk_lifts_what_a_quarantine_gave_back_to_it_and_to_nobody_else(
    tmp_path,
):
    async with open_door(tmp_path) as door:
        engine, link = door.world.engine, door.world.link
        place = {"level": "account", "name": "main"}

        async def ask(state, key="watch", actor="risk-watch"):
            body = place | {"state": state, "actor": actor, "reason": "test"}
            status, answer = await door.call("POST", "/v1/trading-states", key=key, body=body)
            return status if status == 200 else answer["error"]["code"]

        quarantine = Quarantine("sim", engine, ["main"])
        for key, actor, lifted in (
            ("boss", "anna", "REGISTRY_CONFLICT"), ("watch", "risk-watch", 200),
        ):  # fmt: skip
            assert await ask("reducing", key, actor) == 200
            for _ in range(2):  # a second break finds what the first one gave back
                quarantine.stop(broken(link.health.name))
                assert await ask("active") == "TRADING_HALTED"
                quarantine.lift([])
            assert await ask("active") == lifted
            assert await ask("active", "boss", "anna") == 200


def broken(venue):
    finding = Finding(kind="balance_differs", account="main", subject="USDT")
    return Break(
        id="1", venue=venue, policy="quarantine", finding=finding, first_seen_ns=0, last_seen_ns=0
    )


async def test_a_note_reaches_whoever_journals_commands(tmp_path):
    async with open_door(tmp_path) as door:
        told = []
        door.world.desk.on_note = lambda who, *words: told.append((who.key_id, *words)) or 7
        status, answer = await door.call("POST", "/v1/notes", key="boss", body=NOTE)
        assert (status, answer) == (200, {"sequence": 7, "noted": True})
        assert told == [("boss", NOTE["subject"], "risk-watch", "ratio 0.87")]
        door.world.desk.on_note = lambda *told: 0
        status, answer = await door.call("POST", "/v1/notes", key="boss", body=NOTE)
        assert (status, answer["error"]["code"]) == (503, "JOURNAL_BEHIND"), "it was dropped"
        wrong = NOTE | {"subject": "two\nlines"}
        status, _ = await door.call("POST", "/v1/notes", key="boss", body=wrong)
        assert status == 400


async def test_health_follows_the_venue(tmp_path):
    async with open_door(tmp_path) as door:
        health = door.world.link.health
        health.set("reconciling", "", 0)
        assert (await door.call("GET", "/v1/health/live", key=None))[0] == 200
        assert (await door.call("GET", "/v1/health/ready", key=None))[0] == 200
        status, answer = await door.call("GET", "/v1/health/trading", key=None)
        assert (status, answer["reason"]) == (503, "not reconciled: sim")
        health.set("reconciled", "", 0)
        assert (await door.call("GET", "/v1/health/trading", key=None))[0] == 200
        door.world.desk.state = "stopping"
        assert (await door.call("GET", "/v1/health/ready", key=None))[0] == 503


async def test_a_full_lane_and_a_stop_are_refusals_by_name(tmp_path):
    async with open_door(tmp_path) as door:
        door.world.router._port.is_full = True
        status, answer = await door.call("POST", "/v1/orders", body=ORDER)
        assert (status, answer["error"]["code"]) == (503, "LANE_FULL")
        door.world.router._port.is_full = False
        door.world.router.refuse_new()
        status, answer = await door.call("POST", "/v1/orders", body=ORDER)
        assert (status, answer["error"]["code"]) == (503, "SHUTTING_DOWN")


async def test_a_key_that_sends_too_fast_is_refused(tmp_path):
    limits = ApiLimits(requests_per_second=1, request_burst=3)
    async with open_door(tmp_path, limits) as door:
        door.api._clock = lambda: 100.0  # all within one instant, however long it takes
        codes = [(await door.call("GET", "/v1/limits"))[0] for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        door.api._clock = lambda: 101.0
        assert (await door.call("GET", "/v1/limits"))[0] == 200


async def test_websocket_events_and_cancel_on_disconnect(tmp_path):
    async with open_door(tmp_path) as door:
        socket = await door.ws()
        await socket.send_json({"op": "submit", "id": 1, "order": ORDER})
        assert (await socket.receive_json())["error"]["code"] == "NOT_AUTHENTICATED"
        await socket.send_json(
            {"op": "login", "id": 2, "key": f"desk.{SECRET}", "cancel_on_disconnect": True}
        )
        assert (await socket.receive_json())["ok"] is True
        for bad, code in (
            ({"op": "dance", "id": 3}, "BAD_ENUM"),
            ({"id": 3}, "MISSING_FIELD"),
            ({"op": 1}, "BAD_TYPE"),
            ({"op": "subscribe", "channel": "news", "id": 3}, "BAD_ENUM"),
            ({"op": "cancel", "id": 3, "order_id": "77"}, "UNKNOWN_ORDER"),
            ({"op": "cancel", "id": -1, "order_id": "77"}, "RANGE"),
        ):
            await socket.send_json(bad)
            assert (await socket.receive_json())["error"]["code"] == code
        for channel in ("orders", "fills", "positions"):
            await socket.send_json({"op": "subscribe", "channel": channel, "id": 4})
            assert (await socket.receive_json())["ok"] is True
        await socket.send_json({"op": "submit", "id": 5, "order": ORDER})
        first, second = await socket.receive_json(), await socket.receive_json()
        answer = first if "id" in first else second
        order_id = int(answer["order"]["order_id"])
        world = door.world
        world.link.session.accepted(order_id, "v1")
        world.link.session.filled(world.fill(order_id, "t1", "1"))
        world.drive.kick()
        channels = [(await socket.receive_json())["channel"] for _ in range(4)]
        assert channels == ["orders", "orders", "fills", "positions"]
        await socket.close()
        async with asyncio.timeout(300):
            while world.row(order_id)["pending"] != "cancel":  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_order_whose_verdict_was_late_is_cancelled_at_the_disconnect_too(tmp_path):
    async with open_door(tmp_path) as door:
        world, submit = door.world, door.world.router.submit

        async def submit_late(order, **more):
            await submit(order)
            raise RefusedError("UNKNOWN_OUTCOME")

        world.router.submit = submit_late
        socket = await door.ws()
        await socket.send_json(
            {"op": "login", "key": f"desk.{SECRET}", "cancel_on_disconnect": True}
        )
        await socket.receive_json()
        await socket.send_json({"op": "submit", "id": 1, "order": ORDER})
        assert (await socket.receive_json())["error"]["code"] == "UNKNOWN_OUTCOME"
        order_id = int(world.native.orders()[0]["order_id"])
        world.link.session.accepted(order_id, "v1")
        await socket.close()
        async with asyncio.timeout(300):
            while world.row(order_id)["pending"] != "cancel":  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_cancel_at_the_disconnect_that_is_refused_for_now_is_asked_again(tmp_path):
    async with open_door(tmp_path) as door:
        world, cancel, refused = door.world, door.world.router.cancel, []

        async def cancel_throttled(*arguments):
            if len(refused) < 2:
                refused.append(arguments)
                raise RefusedError("THROTTLED")
            return await cancel(*arguments)

        world.router.cancel = cancel_throttled
        socket = await door.ws()
        await socket.send_json(
            {"op": "login", "key": f"desk.{SECRET}", "cancel_on_disconnect": True}
        )
        await socket.receive_json()
        await socket.send_json({"op": "submit", "id": 1, "order": ORDER})
        order_id = int((await socket.receive_json())["order"]["order_id"])
        world.link.session.accepted(order_id, "v1")
        await socket.close()
        async with asyncio.timeout(300):
            while world.row(order_id)["pending"] != "cancel":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(refused) == 2


async def test_a_session_that_does_not_read_is_closed_by_name(tmp_path):
    limits = ApiLimits(session_queue_max=16)
    async with open_door(tmp_path, limits) as door:
        socket = await door.ws()
        await socket.send_json({"op": "login", "key": f"desk.{SECRET}"})
        await socket.receive_json()
        await socket.send_json({"op": "subscribe", "channel": "orders"})
        await socket.receive_json()
        for number in range(60):
            door.world.router._port.submit(1, f"s{number}", 1, 1, 1, 1, 2, 1, "1", "100")
        door.world.drive.kick()
        message = await socket.receive()
        assert (socket.close_code, message.extra) == (
            4008,
            "slow consumer: the outgoing queue is full",
        )
        assert door.api.sessions.counters["ws_slow_consumers"] == 1


async def test_a_frame_too_large_and_a_binary_frame_close_the_session(tmp_path):
    async with open_door(tmp_path) as door:
        socket = await door.ws()
        await socket.send_str("x" * 70_000)
        await socket.receive()
        assert socket.close_code == 1009
        socket = await door.ws()
        await socket.send_bytes(b"{}")
        await socket.receive()
        assert socket.close_code == 1003


async def test_a_revoked_key_closes_its_session(tmp_path):
    async with open_door(tmp_path) as door:
        socket = await door.ws()
        await socket.send_json({"op": "login", "key": f"desk.{SECRET}"})
        await socket.receive_json()
        write_keys(tmp_path / "keys.toml", {"boss": ("boss", ["read"])})
        door.api.keys.reload()
        door.api.sessions.check_keys()
        await socket.receive()
        assert socket.close_code == 1008
        assert (await door.call("GET", "/v1/status"))[0] == 401


async def test_key_files_are_private_and_made_once(tmp_path):
    path, token = tmp_path / "keys.toml", tmp_path / "cli.key"
    create_key_file(path, {"cli": ("boss", ["read", "admin"], token)}, os.urandom)
    ring = KeyRing(path, {"boss": frozenset({"read"})})
    who = ring.authenticate(token.read_text().strip())
    assert (who.principal, who.scopes) == ("boss", {"read"}), "no key exceeds its principal"
    assert path.stat().st_mode & 0o777 == token.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    create_key_file(path, {"cli": ("boss", ["read"], token)}, os.urandom)
    assert path.read_text() == before
    path.chmod(0o644)
    with pytest.raises(RefusedError, match="required 0600"):
        ring.reload()
    assert ring.authenticate(token.read_text().strip()) == who, "a failed reload changes nothing"


async def logged_in(door, key):
    socket = await door.ws()
    await socket.send_json({"op": "login", "key": f"{key}.{SECRET}"})
    assert (await socket.receive_json())["ok"]
    return socket


async def subscribed(door, key):
    socket = await logged_in(door, key)
    await socket.send_json({"op": "subscribe", "channel": "orders"})
    assert (await socket.receive_json())["ok"]
    return socket


async def test_orders_of_other_ways_are_told_to_their_own_principal_while_somebody_listens(
    tmp_path,
):
    async with open_door(tmp_path) as door:
        native = door.world.native
        order_id = await door.world.submit()
        door.world.drive.kick()
        idle = await logged_in(door, "desk")
        assert native.hearing is None, "nobody subscribed: the engine is not asked to tell"
        owner, other = await subscribed(door, "desk"), await subscribed(door, "boss")
        assert native.hearing is not None
        for state in ("NEW", "CANCELED"):
            native._orders[order_id]["state"] = state
            native.overhear(order_id, 40)
            door.world.drive.kick()
            event = await owner.receive_json()
            assert (event["channel"], event["order"]["state"]) == ("orders", state)
        native.hearing.overruns += 1
        door.world.drive.kick()
        # The other principal's first message: events are lost; it was told of no order before.
        assert await other.receive_json() == {"channel": "orders", "resync": True}
        assert await owner.receive_json() == {"channel": "orders", "resync": True}
        for socket in (idle, owner, other):
            await socket.close()
        async with asyncio.timeout(300):
            while native.hearing is not None:  # noqa: ASYNC110 real sockets close in their time
                await asyncio.sleep(0.01)

"""Bad input at the door: each has its code and leaves the state as it was."""

import json

import pytest
from live_door import ORDER, open_door

pytestmark = pytest.mark.asyncio


def order(**changes):
    """A submit body with changes; ... removes a field."""
    fields = ORDER | changes
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


def raw(old, new):
    """A submit body with one piece of text replaced."""
    body = json.dumps(ORDER)
    assert old in body
    return body.replace(old, new).encode("utf-8", "surrogateescape")


P, Q = '"price": "100"', '"quantity": "2"'
BODIES = [
    # Not one JSON object.
    (b"", "BAD_JSON"),
    (b" ", "BAD_JSON"),
    (b"{", "BAD_JSON"),
    (b"}", "BAD_JSON"),
    (b"null", "BAD_JSON"),
    (b"[]", "BAD_JSON"),
    (b'"x"', "BAD_JSON"),
    (b"1", "BAD_JSON"),
    (b"true", "BAD_JSON"),
    (b"{} {}", "BAD_JSON"),
    (b"{'a':1}", "BAD_JSON"),
    (b'{"a":1,}', "BAD_JSON"),
    (b'{"a"}', "BAD_JSON"),
    (b'{"a":}', "BAD_JSON"),
    (b'{"a":01}', "BAD_JSON"),
    (b'{"a":+1}', "BAD_JSON"),
    (b'{"a":.5}', "BAD_JSON"),
    (b'{"a":"\n"}', "BAD_JSON"),
    (b'{"a":"\\x"}', "BAD_JSON"),
    (b"\xef\xbb\xbf{}", "BAD_JSON"),
    (b"<html></html>", "BAD_JSON"),
    (b"side=buy", "BAD_JSON"),
    (b"{/*x*/}", "BAD_JSON"),
    # Encoding.
    (b"\xff", "BAD_ENCODING"),
    (b'{"a":"\xc3"}', "BAD_ENCODING"),
    (b'{"a":"\xed\xa0\x80"}', "BAD_ENCODING"),
    (b'{"a":"\xc0\xaf"}', "BAD_ENCODING"),
    (raw('"main"', '"\\ud800"'), "BAD_ENCODING"),
    (raw('"c1"', '"\\udfff"'), "BAD_ENCODING"),
    # Keys and depth.
    (b'{"side":"buy","side":"sell"}', "DUPLICATE_KEY"),
    (b'{"a":{"b":1,"b":2}}', "DUPLICATE_KEY"),
    (b'{"a":1,"\\u0061":2}', "DUPLICATE_KEY"),
    (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", "TOO_DEEP"),
    (b"[" * 5000, "TOO_DEEP"),
    (b'{"a":' * 33 + b"1" + b"}" * 33, "TOO_DEEP"),
    # Size.
    (b'{"a":"' + b"x" * 66000 + b'"}', "BODY_TOO_LARGE"),
    # Numbers where decimal text belongs.
    (raw(P, '"price": 100'), "BAD_NUMBER"),
    (raw(P, '"price": 100.5'), "BAD_NUMBER"),
    (raw(P, '"price": 1e999'), "BAD_NUMBER"),
    (raw(P, '"price": 0.1e-400'), "BAD_NUMBER"),
    (raw(P, '"price": NaN'), "BAD_NUMBER"),
    (raw(P, '"price": Infinity'), "BAD_NUMBER"),
    (raw(P, '"price": -Infinity'), "BAD_NUMBER"),
    (raw(P, '"price": -0'), "BAD_NUMBER"),
    (raw(P, '"price": 1' + "0" * 5000), "BAD_NUMBER"),
    (raw(Q, '"quantity": 2'), "BAD_NUMBER"),
    (raw(Q, '"quantity": 2.0'), "BAD_NUMBER"),
    (raw(Q, '"quantity": -1'), "BAD_NUMBER"),
    (order(trigger_price=5), "BAD_NUMBER"),
    (order(display_quantity=1), "BAD_NUMBER"),
    # Decimal text.
    *[
        (order(quantity=v), "BAD_NUMBER")
        for v in (
            "",
            " ",
            "x",
            "1e3",
            "1,5",
            "+1",
            ".5",
            "5.",
            "1.2.3",
            "0x10",
            "NaN",
            "inf",
            "-",
            "--1",
            "1 ",
            " 1",
            "1_000",
            "\u0661",
            "1\n",
            "1" * 41,
            "1." + "1" * 41,
        )
    ],
    *[(order(price=v), "BAD_NUMBER") for v in ("abc", "1e-8", "\u221e", "1\u0000")],
    *[(order(quantity=v), "RANGE") for v in ("0", "0.0", "-1", "-0", "-0.5")],
    *[(order(price=v), "RANGE") for v in ("0", "-100", "0.000")],
    (order(trigger_price="-1"), "RANGE"),
    (order(display_quantity="0"), "RANGE"),
    (order(quantity="0.000000001"), "PRECISION"),
    (order(price="1.123456789"), "PRECISION"),
    (order(quantity="92233720368.54775808"), "OVERFLOW"),
    (order(price="9" * 30), "OVERFLOW"),
    # Fields.
    *[
        (order(**{f: ...}), "MISSING_FIELD")
        for f in (
            "client_order_id",
            "account",
            "instrument",
            "strategy",
            "side",
            "type",
            "time_in_force",
            "quantity",
        )
    ],
    (b"{}", "MISSING_FIELD"),
    (order(extra=1), "UNKNOWN_FIELD"),
    (order(Side="buy"), "UNKNOWN_FIELD"),
    (order(order_id="1"), "UNKNOWN_FIELD"),
    (order(principal="boss"), "UNKNOWN_FIELD"),
    (order(is_post_only=True), "UNKNOWN_FIELD"),
    (order(**{"\u202e": 1}), "UNKNOWN_FIELD"),
    # Words.
    *[(order(side=v), "BAD_ENUM") for v in ("BUY", "Buy", "b", "", "buy ", "long")],
    *[(order(type=v), "BAD_ENUM") for v in ("LIMIT", "iceberg", "stop-limit")],
    *[(order(time_in_force=v), "BAD_ENUM") for v in ("GTC", "", "forever")],
    (order(leg="both"), "BAD_ENUM"),
    # Types.
    *[(order(side=v), "BAD_TYPE") for v in (1, True, [], {})],
    *[(order(account=v), "BAD_TYPE") for v in (None, 5, ["main"], {"a": 1})],
    (order(post_only="true"), "BAD_TYPE"),
    (order(post_only=1), "BAD_TYPE"),
    (order(reduce_only=[]), "BAD_TYPE"),
    (order(expires_ns="1"), "BAD_TYPE"),
    (order(quantity=None), "BAD_TYPE"),
    (order(quantity=True), "BAD_TYPE"),
    (order(client_order_id=7), "BAD_TYPE"),
    (order(price=[]), "BAD_TYPE"),
    (raw(P, '"expires_ns": 1.5'), "BAD_NUMBER"),
    (order(expires_ns=-1), "RANGE"),
    (order(expires_ns=1 << 63), "RANGE"),
    (order(expires_ns=10**30), "BAD_NUMBER"),
    # Names.
    *[
        (order(instrument=v), "BAD_SYMBOL")
        for v in (
            "",
            " ",
            "BTC USDT",
            "BTC\u0000",
            "\u202eBTC",
            "B" * 10_000,
            "../etc",
            "BTC\n",
            "\u0392TC",
        )
    ],
    *[(order(account=v), "BAD_SYMBOL") for v in ("", "a b", "x" * 33)],
    *[(order(strategy=v), "BAD_SYMBOL") for v in ("", "\t", ";drop")],
    (order(instrument="ETH-USDT.sim"), "UNKNOWN_INSTRUMENT"),
    (order(account="other"), "UNKNOWN_ACCOUNT"),
    (order(strategy="beta"), "UNKNOWN_STRATEGY"),
    (order(instrument="btc-usdt.sim"), "UNKNOWN_INSTRUMENT"),
    # Client ids.
    *[
        (order(client_order_id=v), "BAD_CLIENT_ID")
        for v in ("", " ", "a b", "x" * 65, "\u00e9", "a\n", "a\u0000", "\u7f16", "tab\t")
    ],
]
STATUS = {"BODY_TOO_LARGE": 413, "PRECISION": 422, "RANGE": 422, "OVERFLOW": 422}


async def test_every_bad_body_has_its_code_and_changes_nothing(tmp_path):
    assert len(BODIES) >= 120
    async with open_door(tmp_path) as door:
        before = door.world.native.state_hash(), door.world.native.commands
        for body, code in BODIES:
            status, answer = await door.call("POST", "/v1/orders", body=body)
            error = answer["error"]
            assert error["code"] == code, (body[:120], error)
            assert status == STATUS.get(code, 422 if code.startswith("UNKNOWN_I") else status)
            assert 400 <= status < 500
            assert len(error["value"]) <= 64 * 10 and error["value"].isprintable()
            assert error["request_id"] and error["rule"]
        assert (door.world.native.state_hash(), door.world.native.commands) == before
        assert door.world.adapter.sent == []


async def test_every_bad_body_has_the_same_code_over_websocket(tmp_path):
    async with open_door(tmp_path) as door:
        socket = await door.ws()
        await socket.send_json({"op": "login", "key": f"desk.{'s' * 32}"})
        assert (await socket.receive_json())["ok"] is True
        before = door.world.native.state_hash(), door.world.native.commands
        for body, code in BODIES:
            if not body.startswith(b'{"client_order_id') or code == "BAD_ENCODING":
                continue
            await socket.send_str('{"op":"submit","id":7,"order":' + body.decode() + "}")
            answer = await socket.receive_json()
            assert answer["ok"] is False
            assert answer["error"]["code"] == code, body[:120]
        assert (door.world.native.state_hash(), door.world.native.commands) == before
        await socket.close()


REQUESTS = [
    ("GET", "/v1/nothing", 404, "NOT_FOUND"),
    ("GET", "/v1/orders/../../etc/passwd", 404, "NOT_FOUND"),
    ("GET", "/v1/orders/%00", 404, "UNKNOWN_ORDER"),
    ("GET", "/v1/orders/abc", 404, "UNKNOWN_ORDER"),
    ("GET", "/v1/orders/-1", 404, "UNKNOWN_ORDER"),
    ("GET", "/v1/orders/0", 404, "UNKNOWN_ORDER"),
    ("GET", "/v1/orders/99999999999999999999999", 404, "UNKNOWN_ORDER"),
    ("GET", "/v1/orders/9223372036854775808", 404, "UNKNOWN_ORDER"),
    ("GET", "/v1/orders/by-client-id/nope", 404, "UNKNOWN_ORDER"),
    ("DELETE", "/v1/orders/12", 404, "UNKNOWN_ORDER"),
    ("PATCH", "/v1/orders", 405, "METHOD_NOT_ALLOWED"),
    ("POST", "/v1/positions", 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/v1/orders?open=maybe", 400, "BAD_ENUM"),
    ("GET", "/v1/orders?limit=0", 422, "RANGE"),
    ("GET", "/v1/orders?limit=x", 422, "RANGE"),
    ("GET", "/v1/orders?limit=-5", 422, "RANGE"),
    ("GET", "/v1/orders?limit=1000000", 422, "RANGE"),
    ("GET", "/v1/orders?limit=5&limit=6", 400, "DUPLICATE_KEY"),
    ("GET", "/v1/orders?colour=red", 400, "UNKNOWN_FIELD"),
    ("GET", "/v1/status?x=1", 400, "UNKNOWN_FIELD"),
    ("DELETE", "/v1/orders?account=nobody", 422, "UNKNOWN_ACCOUNT"),
    ("DELETE", "/v1/orders?venue=mars", 422, "UNKNOWN_VENUE"),
]


async def test_every_bad_address_has_its_code(tmp_path):
    async with open_door(tmp_path) as door:
        before = door.world.native.state_hash()
        for method, path, status, code in REQUESTS:
            got, answer = await door.call(method, path)
            assert (got, answer["error"]["code"]) == (status, code), path
        assert door.world.native.state_hash() == before


CONTROL = [
    (
        "PUT",
        "/v1/limits",
        {"level": "planet", "fields": {}, "actor": "a", "reason": "r"},
        "BAD_ENUM",
    ),
    (
        "PUT",
        "/v1/limits",
        {"level": "firm", "fields": {}, "actor": "", "reason": "r"},
        "BAD_SYMBOL",
    ),
    (
        "PUT",
        "/v1/limits",
        {"level": "firm", "fields": {}, "actor": "a", "reason": "r"},
        "MISSING_FIELD",
    ),
    (
        "PUT",
        "/v1/limits",
        {"level": "firm", "fields": {"credit_max": 5}, "actor": "a", "reason": "r"},
        "BAD_NUMBER",
    ),
    (
        "PUT",
        "/v1/limits",
        {"level": "account", "name": "x", "fields": {}, "actor": "a", "reason": "r"},
        "UNKNOWN_ACCOUNT",
    ),
    ("POST", "/v1/kill", {"level": "firm", "actor": "a"}, "MISSING_FIELD"),
    (
        "POST",
        "/v1/kill",
        {"level": "venue", "name": "mars", "actor": "a", "reason": "r"},
        "UNKNOWN_VENUE",
    ),
    ("POST", "/v1/enable", {"level": "firm", "actor": "a\u0000", "reason": "r"}, "BAD_SYMBOL"),
    (
        "POST",
        "/v1/enable",
        {"level": "firm", "actor": "a", "reason": "r", "force": True},
        "UNKNOWN_FIELD",
    ),
]


async def test_every_bad_control_command_has_its_code(tmp_path):
    async with open_door(tmp_path) as door:
        before = door.world.native.state_hash()
        for method, path, body, code in CONTROL:
            _, answer = await door.call(method, path, key="boss", body=body)
            assert answer["error"]["code"] == code, (path, body, answer)
        assert door.world.native.state_hash() == before


async def test_a_syntax_error_names_its_byte(tmp_path):
    async with open_door(tmp_path) as door:
        _, answer = await door.call("POST", "/v1/orders", body='{"é": x}'.encode())
        assert answer["error"]["offset"] == 7

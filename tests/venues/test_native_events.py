"""The native reader of events and the ordinary way are one: whatever comes, they tell the same
facts, refuse with the same words and remember the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_and_words import OURS, SECOND, WORLDS, compare, text_of

PLUGINS = Path(__file__).parents[2] / "plugins"
ORDER_FILL = json.loads(
    (PLUGINS / "binance/tests/payloads/order_trade_update_fill.json").read_text()
)
OKX_ROW = json.loads((PLUGINS / "okx/tests/payloads/order_push.json").read_text())
# The example of user-data-stream.md (binance-spot-api-docs, read 2026-11).
SPOT_REPORT = {
    "e": "executionReport", "E": 1499405658658, "s": "BTCUSDT", "c": OURS, "S": "BUY", "o": "LIMIT",
    "f": "GTC", "q": "1.00000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000",
    "g": -1, "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 76, "l": "0.00000000",
    "z": "0.00000000", "L": "0.00000000", "n": "0", "N": None, "T": 1499405658657, "t": -1,
    "I": 8641984, "w": True, "m": False, "M": False, "O": 1499405658657, "Z": "0.00000000",
    "Y": "0.00000000", "Q": "0.00000000", "W": 1499405658657, "V": "NONE",
}  # fmt: skip
SPOT_FILL = {"x": "TRADE", "X": "FILLED", "l": "1", "z": "1", "L": "0.1", "t": 9, "N": "BNB"}
QUIET = {"l": "0", "t": 0, "n": None, "N": None}
NO_TRADE = {"tradeId": "", "fillPx": "", "fillSz": "0", "fillTime": "", "fillFee": "0"}


def binance(**changes: Any) -> dict[str, Any]:
    """An ORDER_TRADE_UPDATE of an order of ours; None = without the field."""
    body = ORDER_FILL["o"] | {"s": "BTCUSDT", "c": OURS, "i": 76} | changes
    return ORDER_FILL | {"o": {name: value for name, value in body.items() if value is not None}}


def spot(**changes: Any) -> dict[str, Any]:
    return SPOT_REPORT | changes


def okx(**changes: Any) -> dict[str, Any]:
    topic = {"channel": "orders", "instType": "ANY", "uid": "77982378738415879"}
    return {"arg": topic, "data": [OKX_ROW | {"clOrdId": OURS} | changes]}


MAKE = {"binance": binance, "spot": spot, "okx": okx}
# How many of them the native way tells: what it is for must not fall back unseen.
KINDS: dict[str, list[tuple[dict[str, Any], int]]] = {
    "binance": [
        ({"x": "NEW", "X": "NEW", **QUIET}, 1),
        ({"x": "TRADE", "X": "PARTIALLY_FILLED"}, 1),
        ({"x": "TRADE", "X": "FILLED", "ps": "LONG", "S": "SELL"}, 1),
        ({"x": "TRADE", "X": "FILLED", "n": "-0.001"}, 1),
        ({"c": "other", "i": 77}, 1),  # known by its number, under a name that is not its own
        ({"c": SECOND, "i": 1234}, 1),  # the number has changed
        ({"i": 8389765000000000002}, 1),  # as long as they are today
        ({"i": 2**63}, 0),
        ({"x": "CANCELED", "X": "CANCELED", **QUIET}, 1),
        ({"x": "EXPIRED", "X": "EXPIRED", **QUIET}, 1),
        ({"x": "AMENDMENT", "X": "NEW", "p": "1.5", "q": "2", **QUIET}, 1),
        ({"x": "TRADE", "X": "FILLED", "n": None, "N": None}, 0),
        ({"x": "CALCULATED", "X": "FILLED", "c": "autoclose-1"}, 0),
        ({"x": "TRADE", "X": "FILLED", "c": "adl_autoclose", "i": 77}, 0),
        ({"x": "EXPIRED", "X": "EXPIRED_IN_MATCH", **QUIET}, 0),
        ({"x": "REJECTED", "X": "REJECTED", **QUIET}, 0),
        ({"x": "TRADE", "X": "FILLED", "c": "web_1", "i": 5}, 0),
        ({"x": "TRADE", "X": "FILLED", "c": "person", "i": 79}, 0),
        ({"x": "TRADE", "X": "FILLED", "s": "ETHUSDT"}, 0),
        ({"x": "NEW", "X": "NEW", "s": "ETHUSDT", "S": "SELL", "c": "x", "i": 3, **QUIET}, 0),
        ({"x": "NEW", "X": "TRADED"}, 0),
        ({"l": "0"}, 0),
    ],
    "spot": [
        ({}, 1),
        (SPOT_FILL, 1),
        (SPOT_FILL | {"X": "PARTIALLY_FILLED", "m": True}, 1),
        (SPOT_FILL | {"c": "g-replaced//1", "i": 78}, 1),
        ({"x": "EXPIRED", "X": "EXPIRED", "f": "IOC"}, 1),
        ({"x": "CANCELED", "X": "CANCELED", "c": f"{OURS}//c", "C": OURS}, 0),
        ({"c": f"{OURS}//1", "i": 99}, 0),
        (SPOT_FILL | {"c": "g-replaced", "i": 78}, 0),
        (SPOT_FILL | {"N": None}, 0),
        ({"o": "STOP_LOSS_LIMIT", "w": False}, 0),
        ({"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCE"}, 0),
        ({"x": "TRADE_PREVENTION", "X": "NEW"}, 0),
        ({"c": "person", "i": 79}, 0),
    ],
    "okx": [
        ({"state": "live", **NO_TRADE}, 1),
        ({"state": "partially_filled"}, 1),
        ({"state": "filled", "posSide": "short", "side": "sell"}, 1),
        ({"state": "filled", "fillFee": "0.01"}, 1),
        ({"state": "filled", "fillFee": "0.00"}, 1),
        ({"state": "filled", "px": "", "ordType": "market"}, 1),
        ({"state": "canceled", "cancelSource": "1", **NO_TRADE}, 1),
        ({"state": "canceled", "cancelSource": "", **NO_TRADE}, 1),
        ({"state": "live", "amendResult": "0", "clOrdId": SECOND, **NO_TRADE}, 1),
        ({"state": "canceled", "cancelSource": "4", **NO_TRADE}, 0),
        ({"state": "canceled", "cancelSource": "1"}, 0),  # repeats its last fill
        ({"state": "live", "amendResult": "-1", **NO_TRADE}, 0),
        ({"state": "partially_filled", "amendResult": "0"}, 0),
        ({"state": "filled", "category": "full_liquidation"}, 0),
        ({"state": "filled", "category": "adl", "clOrdId": ""}, 0),
        ({"state": "filled", "algoClOrdId": "a1", "algoId": "5", "clOrdId": ""}, 0),
        ({"state": "live", "clOrdId": "g-stop", **NO_TRADE}, 0),
        ({"state": "filled", "clOrdId": "person"}, 0),
        ({"state": "mmp_canceled", **NO_TRADE}, 0),
        ({"state": "filled", "tradeId": ""}, 0),
        ({"state": "halted"}, 0),
    ],
}
CASES = [(venue, *row) for venue, rows in KINDS.items() for row in rows]


@pytest.mark.parametrize(("venue", "changes", "natively"), CASES, ids=str)
def test_each_kind_of_event_is_told_the_same_by_both_ways(
    venue: str, changes: dict[str, Any], natively: int
) -> None:
    document = MAKE[venue](**changes)
    for is_spaced in (False, True):
        assert compare(venue, [text_of(document, is_spaced=is_spaced)]) == natively


BAD: list[Any] = [
    *(None, True, 5, -1, 0, 1.5, "", "0", "x", "1e3", "NaN", "-1", ".5", "Ω", '\\"', [], {}),
    *(2**63, 10**20, "9" * 70, {"a": {"a": 1}}, ["1"]),
]


@pytest.mark.parametrize("venue", WORLDS)
def test_one_odd_field_is_told_the_same_by_both_ways(venue: str) -> None:
    """Each field of a fill in turn: absent, and with every odd value."""
    changes = {"binance": {}, "spot": SPOT_FILL, "okx": {"state": "filled"}}[venue]
    whole = MAKE[venue](**changes)
    row = {"binance": lambda d: d["o"], "spot": lambda d: d, "okx": lambda d: d["data"][0]}[venue]
    for name in row(whole):
        for odd in BAD:
            document = json.loads(json.dumps(whole))
            row(document)[name] = odd
            compare(venue, [text_of(document)])
        document = json.loads(json.dumps(whole))
        del row(document)[name]
        compare(venue, [text_of(document)])


@pytest.mark.parametrize("venue", WORLDS)
def test_a_name_that_stands_twice_is_refused_by_both_ways(venue: str) -> None:
    text = text_of(MAKE[venue]()).decode()
    for at in [place for place in range(len(text)) if text.startswith(',"', place)][:60]:
        end = text.index(":", at)
        twice = f"{text[:at]}{text[at:end]}:1{text[at:]}".encode()
        compare(venue, [twice])


def test_frames_around_the_row_are_told_the_same_by_both_ways() -> None:
    whole = okx(state="filled")
    row = whole["data"][0]
    for change in (
        {"data": []},
        {"data": [row, row | {"tradeId": "2"}]},
        {"data": [row, {}]},
        {"data": {}},
        {"event": "subscribe"},
        {"event": ""},
        {"event": None},
        {"id": 5},
        {"code": "1", "msg": "x"},
        {"arg": {"channel": "fills"}},
        {"arg": {"channel": "orders", "instId": 5}},
        {"arg": None},
        {"more": [1.5, {"a": "b"}]},
    ):
        compare("okx", [text_of(whole | change)])


@st.composite
def conversations(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Some events after one another: kinds, orders and odd values mixed, a few bytes changed."""
    venue = draw(st.sampled_from(sorted(WORLDS)))
    events = []
    for _ in range(draw(st.integers(1, 5))):
        document = MAKE[venue](**draw(st.sampled_from(KINDS[venue]))[0])
        row = {"binance": "o", "okx": "data"}.get(venue)
        fields = document[row] if row == "o" else document[row][0] if row else document
        for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
            fields[name] = draw(st.sampled_from(BAD) | st.sampled_from(list(fields.values())))
        data = text_of(document, is_spaced=draw(st.booleans()))
        for at, letter in draw(
            st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=1)
        ):
            data = data[:at] + bytes([letter]) + data[at + 1 :]
        events.append(data[: draw(st.sampled_from([len(data)] * 9 + [len(data) // 2]))])
    return venue, events


@settings(max_examples=150)
@given(conversations())
def test_whatever_comes_is_told_the_same_by_both_ways(said: tuple[str, list[bytes]]) -> None:
    compare(*said)


@pytest.mark.slow
@pytest.mark.timeout(3_000)  # 318 s beside other work
@settings(max_examples=20_000)
@given(conversations())
def test_very_much_is_told_the_same_by_both_ways(said: tuple[str, list[bytes]]) -> None:
    compare(*said)

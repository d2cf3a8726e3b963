"""Runs the plain-text conversations of tests/matching_scripts against the matching engine.

`== title` starts a fresh engine, `> ` is a call, the `< ` lines after it are all of its events in
order, `? ` looks at the book. `engine ` and `fees ` set rules. Every call is followed by the
engine's own check.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.matching import Event, FeeTier, FeeTiers, MatchingEngine, MatchingRules

SCRIPTS = Path(__file__).parents[1] / "matching_scripts"
OPTIONS = {
    "trigger": "trigger_price",
    "expires": "expires_ns",
    "now": "now_ns",
    "display": "display_quantity",
}


def conversations() -> Iterator[Any]:
    for path in sorted(SCRIPTS.glob("*.txt")):
        for part in path.read_text().split("\n== ")[1:]:
            title, *lines = part.splitlines()
            yield pytest.param(lines, id=f"{path.stem}: {title}")


def spoken(event: Event) -> str:
    text = f"{event.kind} {event.order_id} {event.quantity}@{event.price} leaves {event.leaves}"
    if event.kind == "filled":
        role = "maker" if event.is_maker else "taker"
        text += f" {role} vs {event.contra_order_id or 'market'}"
    else:
        assert not event.is_maker
        assert event.contra_order_id == 0
    return f"{text} {event.reason}".rstrip()


def options(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        if word == "post_only":
            found["is_post_only"] = True
        else:
            name, value = word.split("=")
            found[OPTIONS.get(name, name)] = int(value)
    return found


def call(engine: MatchingEngine, words: list[Any]) -> list[Event]:
    verb, *rest = words
    match verb:
        case "submit":
            order_id, side, kind, time_in_force, quantity, *more = rest
            told = {"account": 7, **options(more)}
            return engine.submit(
                int(order_id),
                told.pop("account"),
                side,
                kind,
                int(quantity),
                time_in_force=time_in_force,
                **told,
            )
        case "cancel":
            return engine.cancel(int(rest[0]))
        case "replace":
            return engine.replace(int(rest[0]), **options(rest[1:]))
        case "advance":
            return engine.advance(int(rest[0]))
        case "end_day":
            return engine.end_day()
        case "trade":
            return engine.market_trade(int(rest[0]), int(rest[1]), rest[2])
        case "market":
            engine.set_market_level(rest[0], int(rest[1]), int(rest[2]))
            return []
        case "clear_market":
            engine.clear_market()
            return []
    raise AssertionError(f"unknown call {verb}")


def look(engine: MatchingEngine, words: list[str]) -> str:
    verb, *rest = words
    match verb:
        case "depth":
            depth = engine.depth(100)
            bids = " ".join(f"{price}:{quantity}" for price, quantity in depth.bids)
            asks = " ".join(f"{price}:{quantity}" for price, quantity in depth.asks)
            return f"depth {bids} | {asks}".replace("  ", " ").strip()
        case "queue":
            ahead = {row.order_id: row.queue_ahead for row in engine.open_orders()}
            return f"queue {rest[0]} {ahead[int(rest[0])]}"
        case "shown":
            shown = {row.order_id: (row.shown, row.leaves) for row in engine.open_orders()}
            part, whole = shown[int(rest[0])]
            return f"shown {rest[0]} {part} of {whole}"
        case "open":
            return " ".join(["open", *(str(row.order_id) for row in engine.open_orders())])
        case "best":
            return f"best {engine.best_bid} {engine.best_ask} last {engine.last_price}"
    raise AssertionError(f"unknown look {verb}")


def engine_with(words: list[str]) -> MatchingEngine:
    """`engine tick=5 allocation=pro_rata ...`"""
    numbers = {"tick": 1, "lot": 1, "orders_max": 64}
    rules: dict[str, Any] = {}
    for word in words:
        name, value = word.split("=")
        told: Any = int(value) if value.isdigit() else value
        (numbers if name in numbers else rules)[name] = told
    return MatchingEngine(**numbers, rules=MatchingRules(**rules))


def fee_said(tiers: FeeTiers, words: list[str]) -> str:
    """`fee taker of 100 at volume 5 is tier 0 pays 0.05`"""
    _, role, _, value, _, _, volume, *_ = words
    paid = tiers.fee(value, role == "maker", volume)
    return f"fee {role} of {value} at volume {volume} is tier {tiers.tier(volume)} pays {paid}"


@pytest.mark.parametrize("lines", list(conversations()))
def test_the_conversation_goes_as_written(lines: list[str]) -> None:
    engine = engine_with([])
    fees = FeeTiers([FeeTier("0", "0", "0")])
    awaited: list[str] = []
    asked = ""
    for line in [*lines, "end"]:
        mark, _, text = line.split("#")[0].strip().partition(" ")
        if mark == "<":
            assert awaited, f"no such event after: {asked}: {text}"
            assert awaited.pop(0) == text.strip(), f"after: {asked}"
        elif mark:
            assert awaited == [], f"unexpected events after: {asked}"
            asked = text
            if mark == ">":
                awaited = [spoken(event) for event in call(engine, text.split())]
                assert engine.check() == "", f"after: {asked}"
            elif mark == "?" and text.startswith("fee"):
                assert fee_said(fees, text.split()) == text.strip()
            elif mark == "?":
                assert look(engine, text.split()) == text.strip()
            elif mark == "engine":
                engine = engine_with(text.split())
            elif mark == "fees":
                fees = FeeTiers([FeeTier(*word.split(":")) for word in text.split()])
            else:
                assert mark == "end", f"unknown line: {line}"


def test_there_are_conversations_for_every_type_time_and_flag() -> None:
    text = "\n".join(path.read_text() for path in SCRIPTS.glob("*.txt"))
    for side in ("buy", "sell"):
        for kind in ("market", "limit", "stop", "stop_limit"):
            assert f" {side} {kind} " in text
    for mode in ("cancel_newest", "cancel_oldest", "cancel_both", "decrement"):
        for allocation in ("price_time", "pro_rata"):
            assert f"engine allocation={allocation} self_trade={mode}" in text
    for scope in ("account", "group", "firm"):
        assert f"self_trade_scope={scope}" in text
    for word in (" gtc ", " day ", " ioc ", " fok ", " gtd ", "post_only"):
        assert word in text

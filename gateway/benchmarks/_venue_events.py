"""One user-data event from the bytes of its frame to the fact in the engine, beside msgspec and
plain Python on the same bytes (_plain_bookkeeping). In turns, in one process.

Ours: the whole text is checked (grammar, names that stand twice, every field's kind), the order is
looked up by the venue's id, the fact goes through the adapter's guard and the session into the
engine, which finds the order by our id and the venue's, knows each trade once, checks the overfill,
journals, releases the reservation, and books position at average cost, realised result, fee and
balance, all exact. Theirs: msgspec's typed decode of the fields it needs, order look-up by client
id, each trade once, exact decimals, overfill check, position at average cost, realised result and
fees; no journal, no second look-up, no check of names that stand twice, no adapter in between."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.benchmarks._plain_bookkeeping import PlainBinance, PlainOkx
from gateway.benchmarks._venue_desk import ACCOUNT, PRICE, QUANTITY, Desk, contract
from gateway.transport import JsonReader, PortGuard

__all__ = ["binance", "binance_frame", "okx"]

_FILLS = 8  # of each order, a thousandth at a time
_CHUNK = 64
_TIME_MS = 1_763_700_000_000


async def binance(
    directory: str, ring: str, events: int, *, is_native: bool = True
) -> dict[str, Any]:
    """ORDER_TRADE_UPDATE through UserEvents, the adapter's PortGuard and VenueSession. `is_native`:
    by the event reader, else in words."""
    from gateway_binance.capabilities import capabilities
    from gateway_binance.events import UserEvents
    from gateway_binance.memory import KnownOrder, OrderMemory
    from gateway_binance.questions import Questions

    manifest = capabilities("binance", acceptance_window_ms=5_000, timeout_ms=3_000)
    desk = Desk(directory, ring, manifest, contract("binance", "BTCUSDT"), orders_max=events)
    try:
        ids = await desk.place(events // _FILLS)
        names = [desk.session.ids.encode(each) for each in ids]
        port = PortGuard()
        port.open(desk.session)
        memory = OrderMemory()
        for number, (order_id, name) in enumerate(zip(ids, names, strict=True)):
            known = KnownOrder(
                client_order_id=name, symbol="BTCUSDT", side="BUY", order_id=order_id, is_ours=True
            )
            memory.link(memory.remember(known), 8_000_000 + number)
        reader = UserEvents(
            ACCOUNT,
            memory,
            Questions(None, memory, account=ACCOUNT, symbols=()),  # asks nothing here
            tell=port.tell,
            later=lambda work: work.close(),
            on_gap=lambda reason: None,
            told=port.told if is_native else None,
        )
        frames = [
            binance_frame(name, 8_000_000 + number, number * _FILLS + fill + 1, fill + 1)
            for number, name in enumerate(names)
            for fill in range(_FILLS)
        ]
        plain = PlainBinance(ACCOUNT, names, QUANTITY)
        return _compare(desk, reader.take, plain.take, lambda: plain.fills, frames)
    finally:
        desk.close()


async def okx(directory: str, ring: str, events: int, *, is_native: bool = True) -> dict[str, Any]:
    """A push of `orders` through Facts, the adapter's PortGuard and VenueSession; in words the
    frame reader stands before them."""
    from gateway_okx.capabilities import capabilities
    from gateway_okx.facts import Facts
    from gateway_okx.known_orders import KnownOrders
    from gateway_okx.rows import Frame

    manifest = capabilities("okx", ack_timeout_ms=3_000, acceptance_window_ms=5_000)
    desk = Desk(directory, ring, manifest, contract("okx", "BTC-USDT-SWAP"), orders_max=events)
    try:
        ids = await desk.place(events // _FILLS)
        names = [desk.session.ids.encode(each) for each in ids]
        port = PortGuard()
        port.open(desk.session)
        known = KnownOrders()
        for order_id, name in zip(ids, names, strict=True):
            known.note(name, "BTC-USDT-SWAP", order_id=order_id)
        frames_of = JsonReader(Frame, "okx private frame")
        facts = Facts(
            ACCOUNT,
            known,
            tell=port.tell,
            counters=Counter(),
            told=port.told if is_native else None,
        )

        def take(data: bytes) -> None:  # as OkxSocket does
            if facts.take_frame(data):
                return
            frame = frames_of.read(data)
            assert frame.arg is not None
            facts.take(frame.arg.channel, frame.data)

        frames = [
            _okx_frame(name, 8_000_000 + number, number * _FILLS + fill + 1, fill + 1)
            for number, name in enumerate(names)
            for fill in range(_FILLS)
        ]
        plain = PlainOkx(ACCOUNT, names, QUANTITY)
        return _compare(desk, take, plain.take, lambda: plain.fills, frames)
    finally:
        desk.close()


def _compare(
    desk: Desk,
    ours: Callable[[bytes], None],
    theirs: Callable[[bytes], None],
    booked: Callable[[], int],
    frames: list[bytes],
) -> dict[str, Any]:
    """Chunks in turns. Ours ends with the engine's turn after every single event: each is a fact,
    journaled and booked, before the next one is read."""
    turn = desk.engine.native.turn
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for at in range(0, len(frames) - _CHUNK + 1, _CHUNK):
        chunk = frames[at : at + _CHUNK]
        begin = time.perf_counter_ns()
        for frame in chunk:
            ours(frame)
            turn(64)
        middle = time.perf_counter_ns()
        for frame in chunk:
            theirs(frame)
        end = time.perf_counter_ns()
        taken["ours"].append((middle - begin) / _CHUNK)
        taken["theirs"].append((end - middle) / _CHUNK)
        desk.router.pump()
    desk.drive.kick()
    held = desk.engine.positions_of(ACCOUNT, desk.symbol)
    count = round(float(held[0]["quantity"]) * 1_000) if held else 0
    if count != booked() or desk.session.health.counters["bad_facts"]:
        raise RuntimeError(f"bench: {count} fills in the engine, {booked()} beside it")
    ours_us, theirs_us = (statistics.median(each) / 1_000 for each in taken.values())
    return {
        "bytes": len(frames[0]),
        "event_us": round(ours_us, 3),
        "event_us_min": round(min(taken["ours"]) / 1_000, 3),
        "msgspec_us": round(theirs_us, 3),
        "msgspec_us_min": round(min(taken["theirs"]) / 1_000, 3),
        "ratio": round(theirs_us / ours_us, 3),
        "ratio_of_minimums": round(min(taken["theirs"]) / min(taken["ours"]), 3),
    }


def binance_frame(
    name: str,
    order_id: int,
    trade_id: int,
    filled: int,
    *,
    side: str = "BUY",
    quantity: str = "0.001",
    is_last: bool = False,
) -> bytes:
    """As documented (Event: Order Update, USDS-M futures, 2026-10). `filled`: thousandths so far;
    trade id 0 = the order has just been taken."""
    execution = "TRADE" if trade_id else "NEW"
    state = "FILLED" if is_last else "PARTIALLY_FILLED" if trade_id else "NEW"
    fee = {"n": "0.02000004", "N": "USDT"} if trade_id else {}
    body = {
        "s": "BTCUSDT", "c": name, "S": side, "o": "LIMIT", "f": "GTC", "q": QUANTITY, "p": PRICE,
        "ap": PRICE, "sp": "0", "x": execution, "X": state, "i": order_id,
        "l": quantity if trade_id else "0", "z": f"0.{filled:03d}", "L": PRICE, **fee,
        "T": _TIME_MS + trade_id, "t": trade_id, "b": "0", "a": "0", "m": True, "R": False,
        "wt": "CONTRACT_PRICE", "ot": "LIMIT", "ps": "BOTH", "cp": False, "rp": "0", "pP": False,
        "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0,
    }  # fmt: skip
    head = {"e": "ORDER_TRADE_UPDATE", "E": _TIME_MS + trade_id, "T": _TIME_MS + trade_id}
    return msgspec.json.encode({**head, "o": body})


def _okx_frame(name: str, order_id: int, trade_id: int, fill: int) -> bytes:
    """As documented (docs-v5, WS order channel, copy of 2026-06-15)."""
    stamp = str(_TIME_MS + trade_id)
    row = {
        "instType": "SWAP", "instId": "BTC-USDT-SWAP", "tgtCcy": "", "ccy": "", "ordId":
        str(order_id), "clOrdId": name, "tag": "", "px": PRICE, "sz": QUANTITY, "notionalUsd": "",
        "ordType": "limit", "side": "buy", "posSide": "net", "tdMode": "cross", "accFillSz":
        f"0.00{fill}", "fillNotionalUsd": "", "avgPx": PRICE, "state": "partially_filled", "lever":
        "3", "pnl": "0", "feeCcy": "USDT", "fee": "-0.02000004", "rebateCcy": "USDT", "rebate": "0",
        "category": "normal", "uTime": stamp, "cTime": stamp, "source": "", "reduceOnly": "false",
        "cancelSource": "", "algoClOrdId": "", "algoId": "", "tradeId": str(trade_id), "fillPx":
        PRICE, "fillSz": "0.001", "fillTime": stamp, "fillFee": "-0.02000004", "fillFeeCcy": "USDT",
        "execType": "M", "amendResult": "", "reqId": "", "code": "0", "msg": "",
    }  # fmt: skip
    topic = {"channel": "orders", "instType": "ANY", "uid": "77982378738415879"}
    return msgspec.json.encode({"arg": topic, "data": [row]})

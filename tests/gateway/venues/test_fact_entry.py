"""Facts of event readers enter the engine as the same facts in words do: two desks, one told
natively and one in words, hold the same orders, positions, balances and counters afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from live_world import MANIFEST

from gateway.benchmarks._venue_desk import ACCOUNT, PRICE, Desk, contract
from gateway.core.vocabulary import FACT_REASONS, fact_reason
from gateway.transport import EventPlace, EventReader, EventResult, VenueFact, words_of
from gateway.venues.client_order_ids import ClientOrderIds

ORDERS = 6
STEPS = dict.fromkeys(("filled", "accepted", "canceled", "expired", "replaced"), "")
PLACES = (
    EventPlace("step", "word", "step", words=STEPS),
    EventPlace("state", "word", "state", words={"": ""}),
    EventPlace("symbol", "text", "symbol"),
    EventPlace("name", "text", "client_order_id"),
    EventPlace("number", "text", "venue_order_id"),
    EventPlace("trade", "text", "trade_id"),
    EventPlace("side", "word", "side", words={"buy": "buy", "sell": "sell"}),
    EventPlace("price", "number", "price"),
    EventPlace("quantity", "number", "quantity"),
    EventPlace("last_price", "number", "last_price"),
    EventPlace("last_quantity", "number", "last_quantity"),
    EventPlace("cumulative", "number", "cumulative"),
    EventPlace("fee", "number", "fee"),
    EventPlace("coin", "text", "fee_currency"),
    EventPlace("ms", "time_ms", "time"),
    EventPlace(
        "why",
        "word",
        "reason",
        words={"": "", **{word: word for word in ("requested", "odd words")}},
    ),
)
RESULTS = tuple(EventResult(step, "", step) for step in STEPS)  # type: ignore[arg-type]
EVENT = {
    "step": "filled", "state": "", "symbol": "XUSD", "name": "", "number": "V1", "trade": "T1",
    "side": "buy", "price": PRICE, "quantity": "0.010", "last_price": PRICE,
    "last_quantity": "0.001", "cumulative": "0", "fee": "-0.00000001", "coin": "USDT",
    "ms": 1_763_700_000_000, "why": "",
}  # fmt: skip


class Side:
    """One desk; `feed` reads an event and tells it natively or in words."""

    def __init__(self, root: Path, ring: Path, *, is_native: bool) -> None:
        name = "native" if is_native else "words"
        for each in (root / name, ring / name):
            each.mkdir()
        manifest = msgspec.structs.replace(MANIFEST, venue="sim")
        self.desk = Desk(
            *(str(root / name), str(ring / name), manifest, contract("sim", "XUSD")),
            orders_max=4096,
        )
        self.session = self.desk.session
        self.reader = EventReader("main", PLACES, RESULTS)
        self.is_native = is_native
        self.ids: list[int] = []

    async def start(self) -> None:
        self.ids = await self.desk.place(ORDERS)

    def feed(self, order: int, **changes: Any) -> None:
        """`order`: place among the orders, -1 = of somebody else."""
        name = self.session.ids.encode(self.ids[order]) if order >= 0 else "web_1"
        event = EVENT | {"name": name, "number": f"V{order}"} | changes
        assert self.reader.read(msgspec.json.encode(event)), self.reader.fault
        fact = self.reader.fact
        fact.address(fact.client_order_id, self.ids[order])
        if self.is_native:
            self.session.told(fact)
        else:
            name, values, named = words_of(fact)
            getattr(self.session, name)(*values, **named)
        self.desk.drive.kick()

    def rows(self) -> Any:
        engine, health = self.desk.engine, self.session.health
        orders = []
        for order_id in self.ids:
            row = dict(engine.order(order_id) or {})
            for name in ("created_ns", "updated_ns"):
                row.pop(name)
            orders.append(row)
        counters = {name: n for name, n in health.counters.items() if name != "facts_in_words"}
        positions = [
            {name: value for name, value in row.items() if not name.endswith(("_ms", "_ns"))}
            for row in engine.positions_of(ACCOUNT, self.desk.symbol)
        ]
        in_flight = len(self.session.in_flight)
        return orders, positions, counters, dict(health.outcomes), in_flight

    @property
    def in_words(self) -> int:
        return self.session.health.counters["facts_in_words"]


@asynccontextmanager
async def both(root: Path, ring: Path) -> AsyncIterator[tuple[Side, ...]]:
    sides = tuple(Side(root, ring, is_native=each) for each in (True, False))
    try:
        for side in sides:
            await side.start()
        yield sides
    finally:
        for side in sides:
            side.desk.close()


def feed(sides: Sequence[Side], order: int, **changes: Any) -> None:
    for side in sides:
        side.feed(order, **changes)
    native, words = (side.rows() for side in sides)
    assert native == words, changes


@pytest.mark.asyncio
async def test_each_fact_changes_the_engine_as_its_words_do(
    tmp_path: Path, ring_directory: Path
) -> None:
    quiet = {"last_quantity": "0", "trade": ""}
    async with both(tmp_path, ring_directory) as sides:
        for side in sides:
            side.session.in_flight.add(side.ids[0], "new", 1)
            side.session.in_flight.add(side.ids[1], "cancel", 1)
        feed(sides, 0, step="accepted", **quiet)
        feed(sides, 0)
        feed(sides, 0)  # the same trade again
        feed(sides, 0, trade="T2", last_price="49999.123456", fee="0.5", side="buy")
        feed(sides, 1, trade="T3", step="filled", last_quantity="0.010")
        feed(sides, 2, step="replaced", price="50000.20", quantity="0.005", **quiet)
        feed(sides, 2, step="canceled", why="odd words", **quiet)
        feed(sides, 3, step="expired", why="requested", cumulative="0.003", **quiet)
        feed(sides, 4, trade="T4", last_quantity="9")  # more than was ordered
        assert sides[0].in_words == 2  # those that taught the names, and the coin


@pytest.mark.asyncio
async def test_what_the_door_cannot_place_goes_through_the_words(
    tmp_path: Path, ring_directory: Path
) -> None:
    async with both(tmp_path, ring_directory) as sides:
        feed(sides, 0)
        before = sides[0].in_words
        feed(sides, -1, trade="T9", number="W1")  # somebody else's
        feed(sides, 1, trade="T5", coin="BNB")  # a coin nobody has seen
        assert sides[0].in_words == before + 2
        feed(sides, 1, trade="T8", coin="BNB")  # it was learned
        assert sides[0].in_words == before + 2
        feed(sides, 1, trade="T6", last_quantity="0.0001")  # finer than the instrument: a gap
        feed(sides, 1, trade="T7", symbol="YUSD")  # unknown here
        assert sides[0].in_words == before + 4


@pytest.mark.asyncio
async def test_fills_wait_for_older_ones_after_a_gap_also_natively(
    tmp_path: Path, ring_directory: Path
) -> None:
    async with both(tmp_path, ring_directory) as sides:
        feed(sides, 0)
        for side in sides:
            side.session.gap_opened("lost")
        feed(sides, 0, trade="T2")
        assert sides[0].rows()[0][0]["cumulative_quantity"] == "0.001"
        feed(sides, 1, step="accepted", last_quantity="0", trade="")
        for side in sides:
            side.session.caught_up(ACCOUNT, side.session.gaps)
            side.desk.drive.kick()
        assert sides[0].rows() == sides[1].rows()
        assert sides[0].rows()[0][0]["cumulative_quantity"] == "0.002"
        before = sides[0].in_words
        feed(sides, 0, trade="T3")
        assert sides[0].in_words == before


@pytest.mark.asyncio
async def test_any_order_of_facts_ends_in_the_same_state(
    tmp_path: Path, ring_directory: Path
) -> None:
    random = Random(20_261_121)
    async with both(tmp_path, ring_directory) as sides:
        for number in range(300):
            step = random.choice(["filled"] * 4 + list(STEPS))
            changes: dict[str, Any] = {
                "step": step,
                "trade": f"T{random.randrange(number + 1)}" if step == "filled" else "",
                "last_quantity": random.choice(["0.001", "0.002", "0.0010"])
                if step == "filled"
                else "0",
                "last_price": random.choice([PRICE, "50001", "49999.5"]),
                "price": random.choice([PRICE, "50000.20", "50000.123"]),
                "cumulative": random.choice(["0", "0.001", "0.01"]),
                "fee": random.choice(["0", "0.1", "-0.05"]),
                "why": random.choice(["", "requested", "odd words"]),
                "side": random.choice(["buy", "buy", "sell"]),
                "ms": EVENT["ms"] + number,
            }
            feed(sides, random.randrange(-1, ORDERS), **changes)


def test_the_words_for_an_end_are_the_same_numbers_here_and_natively() -> None:
    """FACT_REASONS is the rule; the native list is read through the header's text. What the gateway
    alone can say of an order is no word of a venue."""
    header = Path(__file__).parents[3] / "core_ext/include/gateway_core/event/message.hpp"
    text = header.read_text()
    listed = text[text.index("kWords = {") : text.index("if (text.empty())")]
    words = listed.split('"')[1::2]
    ours = sorted(FACT_REASONS.items(), key=lambda row: row[1])
    assert words == [word for word, _ in ours if word != "cross_ended"]
    assert fact_reason("anything else") == FACT_REASONS["venue_decision"]


def test_bytes_of_another_process_are_a_fact_or_refused() -> None:
    reader = EventReader("main", PLACES, RESULTS)
    assert reader.read(msgspec.json.encode(EVENT | {"name": "g1"}))
    packed = reader.fact.pack()
    assert words_of(VenueFact.unpack(packed)) == words_of(reader.fact)
    for bad in (
        b"",
        packed[:-1],
        packed + b"x",
        b"\x09" + packed[1:],
        packed.replace(b"V1", b"V\n"),
    ):
        with pytest.raises(ValueError, match="no packed fact"):
            VenueFact.unpack(bad)


def test_ids_of_every_shape_are_handed_to_the_door_whole() -> None:
    ids = ClientOrderIds(1, length_max=36, pattern=r"[a-zA-Z0-9]{1,36}")
    marker, alphabet, head, tail = ids.shape
    assert ids.length == len(marker) + head + tail + 1 and len(set(alphabet)) == len(alphabet)

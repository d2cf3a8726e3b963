"""Random commands and facts through the ports. After each batch reservations and positions follow
from the rows, books sum up, accepted orders broke no limit, the journal alone makes the state."""

import random
from collections import defaultdict
from decimal import Decimal

import pytest
from engine_world import (
    ACCOUNT,
    BUY,
    EMULATE,
    GTC,
    LIMIT,
    MARKET,
    REDUCE_ONLY,
    SELL,
    STOP,
    code_of,
)

from gateway._core.journal import Replica, verify

POSITION_MAX = Decimal(100)
BATCHES, PER_BATCH = 40, 200


class Desk:
    """Makes random events; remembers what it submitted and what it told as fills."""

    def __init__(self, open_world, seed):
        self.random = random.Random(seed)
        self.open_world = open_world
        self.options = {"orders_max": 1 << 14}
        self.seen = {}  # client id -> (arguments, order id)
        self.told = {}  # fill key -> quantity as first told
        self.fills = {}  # (trade, venue order) -> [order id, instrument, side, quantity, revision]
        self.commands = self.repeats = 0
        self.open()

    def open(self):
        self.world = world = self.open_world(**self.options)
        limits = {"position_long_max": str(POSITION_MAX), "position_short_max": str(POSITION_MAX)}
        world.limit(ACCOUNT, **limits)
        self.instruments = (world.spot, world.perpetual, world.quanto)
        self.symbols = {
            world.spot: "BTC-USD",
            world.perpetual: "BTC-PERP",
            world.quanto: "BTC-QUANTO",
        }
        self.pending = {}

    def order_row(self):
        rows = self.rows
        return self.random.choice(rows) if rows else None

    def instrument_of(self, row):
        return next(number for number, name in self.symbols.items() if name == row["instrument"])

    def submit(self):
        world, choose = self.world, self.random.choice
        self.commands += 1
        if self.seen and self.random.random() < 0.1:
            client_id = choose(list(self.seen))
            arguments = self.seen[client_id][0]
        else:
            client_id = f"p{self.commands}"
            kind = choose((LIMIT, LIMIT, LIMIT, MARKET, STOP))
            side = choose((BUY, SELL))
            arguments = (
                choose(self.instruments), world.account,
                choose((world.strategy, world.other_strategy)), side, kind, GTC,
                str(self.random.randint(1, 9000) / Decimal(1000)),
                str(self.random.randint(9300, 10700) / Decimal(100)) if kind == LIMIT else "",
                (str(100 + (5 if side == BUY else -5)) if kind == STOP else ""), "", 0, 0,
                EMULATE if kind == STOP else choose((0, 0, 0, REDUCE_ONLY)),
            )  # fmt: skip
        request = world.port.submit(world.principal, client_id, *arguments)
        assert request
        self.pending[request] = (client_id, arguments)

    def cancel(self):
        if row := self.order_row():
            self.world.port.cancel(self.world.principal, int(row["order_id"]))

    def replace(self):
        if row := self.order_row():
            quantity = str(self.random.randint(1, 12000) / Decimal(1000))
            name = f"r{self.commands}" if self.random.random() < 0.5 else ""
            self.world.port.replace(self.world.principal, int(row["order_id"]), name, quantity, "")

    def fill(self):
        """A fill of an order, sometimes told twice, sometimes nobody's, sometimes too much."""
        choose, world = self.random.choice, self.world
        if self.fills and self.random.random() < 0.15:
            key = choose(list(self.fills))
            order_id, instrument, side, quantity, _ = self.fills[key]
            quantity = self.told[key]
        else:
            row = self.order_row()
            instrument = self.instrument_of(row) if row else world.spot
            order_id = int(row["order_id"]) if row and self.random.random() < 0.9 else 0
            side = (BUY if row["side"] == "buy" else SELL) if row else BUY
            quantity = self.random.randint(1, 3000) / Decimal(1000)
            key = (f"T{self.commands}.{len(self.fills)}", f"V{order_id}")
            self.fills[key] = [order_id, instrument, side, quantity, 0]
            self.told[key] = quantity
        price = choose(("100", "99.5", "101.25", "98.125"))
        fill = (order_id, world.account, instrument, side, 0, price, str(quantity), "", "0.01")
        assert world.adapter.filled(*fill, world.usd, 1, *key, 1, 1)

    def revise(self):
        if not self.fills:
            return
        world = self.world
        key = self.random.choice(list(self.fills))
        entry = self.fills[key]
        quantity = (
            Decimal(0)
            if self.random.random() < 0.5
            else self.random.randint(1, 3000) / Decimal(1000)
        )
        entry[3], entry[4] = quantity, entry[4] + 1
        fill = (entry[0], world.account, entry[1], entry[2], 0, "100", str(quantity), "", "0.02")
        assert world.adapter.fill_revised(*fill, world.usd, 1, *key, 1, entry[4])

    def tell(self):
        row = self.order_row()
        if row is None:
            return
        adapter, number = self.world.adapter, int(row["order_id"])
        cumulative = row["cumulative_quantity"]
        fact = self.random.choice(
            (
                lambda: adapter.accepted(number, f"V{number}", False, 1, 1),
                lambda: adapter.accepted(number, f"V{number}", False, 1, 1),
                lambda: adapter.rejected(number, 7, "no", 1),
                lambda: adapter.canceled(number, 1, "", cumulative, 1, 1),
                lambda: adapter.expired(number, 6, "", "", 1, 1),
                lambda: adapter.unknown(number, self.random.choice((8, 15, 16)), ""),
                lambda: adapter.not_sent(number, 8, ""),
                lambda: adapter.cancel_rejected(number, 7, ""),
                lambda: adapter.replace_rejected(number, 7, ""),
                lambda: adapter.replaced(number, "", row["quantity"], "", 1, 1),
                lambda: adapter.triggered(number, 1),
            )
        )
        assert fact()

    def mark(self):
        price = str(self.random.randint(9400, 10600) / Decimal(100))
        for instrument in self.instruments:
            assert self.world.adapter.marked(instrument, price, "", "", "")

    def batch(self):
        world = self.world
        self.rows = world.engine.orders(True)[-40:] + world.engine.orders(False)[-40:]
        actions = [self.submit] * 8 + [self.tell] * 5 + [self.fill] * 4
        actions += [self.cancel, self.replace, self.replace, self.revise, self.mark]
        for _ in range(PER_BATCH):
            self.random.choice(actions)()
        self.mark()
        world.pass_time(1_000_000)
        world.turn()
        for notice in world.port.notices(100_000):
            if notice[1] in self.pending:
                self.learn(*self.pending.pop(notice[1]), notice)
        world.adapter.take(100_000)
        assert world.port.overruns == 0

    def learn(self, client_id, arguments, notice):
        known = self.seen.get(client_id)
        if known is not None:
            assert (notice[2], code_of(notice)) == (known[1], ""), "the same key, another answer"
            self.repeats += 1
        elif notice[4] == 0:
            self.seen[client_id] = (arguments, notice[2])
            assert notice[3] == 30

    def check_positions(self):
        expected = defaultdict(Decimal)
        for order_id, instrument, side, quantity, _ in self.fills.values():
            row = self.world.row(order_id) if order_id else None
            strategy = row["strategy"] if row else "EXTERNAL"
            expected[self.symbols[instrument], strategy] += quantity if side == BUY else -quantity
        actual = {(row["instrument"], row["strategy"]): Decimal(row["quantity"])
                  for row in self.world.engine.positions()}  # fmt: skip
        assert {key: q for key, q in expected.items() if q} == {
            k: q for k, q in actual.items() if q
        }
        return actual

    def check_cumulative(self):
        filled = defaultdict(Decimal)
        for order_id, _, _, quantity, _ in self.fills.values():
            filled[order_id] += quantity
        for row in self.world.engine.orders(False, 1 << 20):
            assert Decimal(row["cumulative_quantity"]) == filled[int(row["order_id"])]

    def probe_reserved(self, actual):
        """A refusal tells position and working orders as the gate holds them."""
        world = self.world
        working, told = defaultdict(Decimal), defaultdict(Decimal)
        for row in world.engine.orders(True, 1 << 20):
            if row["pending"].startswith("replace") or "cancel" in row["pending"]:
                continue
            working[row["instrument"], row["side"]] += Decimal(row["leaves_quantity"])
        for instrument in self.instruments:
            held = sum(q for (name, _), q in actual.items() if name == self.symbols[instrument])
            for side, word in ((BUY, "buy"), (SELL, "sell")):
                notice = world.submit(side, "900", "100", instrument=instrument)
                assert code_of(notice) == "POSITION_LIMIT", code_of(notice)
                assert Decimal(notice[7]) / 1000 == held
                told[instrument, side] = Decimal(notice[9]) / 1000
                assert told[instrument, side] >= working[self.symbols[instrument], word]


def check_journal(world):
    """The journal from zero, and the snapshot with its tail, make the very same state."""
    sequence, expected = world.engine.state_hash()
    for use_snapshot in (False, True):
        replica = Replica(world.journal, world.ring, use_snapshot)
        while replica.follow(1 << 20):
            pass
        assert (replica.sequence, replica.state_hash()) == (sequence, expected)
        if not use_snapshot:
            stored = replica
    return stored


@pytest.mark.parametrize("seed", range(4))
def test_random_days_keep_every_invariant(open_world, seed):
    desk = Desk(open_world, seed)
    for number in range(BATCHES):
        desk.batch()
        if number % 4 == 3:
            desk.probe_reserved(desk.check_positions())
            desk.check_cumulative()
        if number % 10 == 9:
            world = desk.world
            check_journal(world)
            before = (world.engine.positions(), world.engine.balances())
            world.engine.stop()
            assert verify(world.journal)["ok"]
            replica = check_stored(world)
            if number == 19:
                replica.write_snapshot()
            rows = {row["order_id"]: row for row in world.engine.orders(False, 1 << 20)}
            desk.open()
            check_reopened(desk.world, before, rows)
            if number == 29:
                assert desk.world.engine.recovery["snapshot_sequence"] > 0
    assert desk.commands > 1000
    assert desk.repeats > 100


def check_stored(world):
    """After the stop: files alone, without the ring."""
    replica = Replica(world.journal, "", False)
    while replica.follow(1 << 20):
        pass
    assert replica.state_hash() == world.state_hash()
    return replica


def check_reopened(world, before, rows):
    """Only what was in flight may differ: it is UNKNOWN now."""
    drop = ("mark", "mark_age_ms", "unrealised")

    def stable(rows):
        return sorted(str({k: v for k, v in row.items() if k not in drop}) for row in rows)

    assert stable(before[0]) == stable(world.engine.positions())
    assert stable(before[1]) == stable(world.engine.balances())
    found = {row["order_id"]: row for row in world.engine.orders(False, 1 << 20)}
    assert found.keys() == rows.keys()
    for key, row in rows.items():
        now = found[key]
        if row["state"] == "PENDING_NEW":
            assert now["state"] == "UNKNOWN"
        elif row["pending"] == "":
            assert now == row
        assert now["updated_ns"] >= row["updated_ns"]
        assert now["cumulative_quantity"] == row["cumulative_quantity"]


def test_accepted_orders_alone_never_break_the_position_limit(open_world):
    """Fills only of accepted orders, never more than ordered: the limit holds at every instant."""
    chooser = random.Random(7)
    world = open_world(orders_max=1 << 14)
    world.limit(ACCOUNT, position_long_max="5", position_short_max="5")
    working = {}
    for number in range(3000):
        side = chooser.choice((BUY, SELL))
        quantity = chooser.randint(1, 3000)
        notice = world.submit(side, str(Decimal(quantity) / 1000), instrument=world.perpetual)
        if notice[4] == 0:
            working[notice[2]] = [side, quantity]
        if working and chooser.random() < 0.7:
            order_id = chooser.choice(list(working))
            side, left = working[order_id]
            done = chooser.randint(1, left)
            world.fill(order_id, str(Decimal(done) / 1000), side=side, instrument=world.perpetual)
            working[order_id][1] -= done
            if chooser.random() < 0.3 or working[order_id][1] == 0:
                world.fact("canceled", order_id, 1, "", "", 1, number)
                del working[order_id]
        held = int(world.quantity("BTC-PERP") * 1000)
        for side, sign in ((BUY, 1), (SELL, -1)):
            rest = sum(left for one, left in working.values() if one == side)
            assert sign * held + rest <= 5000

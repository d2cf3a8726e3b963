"""Days for the tests of what-if: random trading through a real inline engine with a virtual clock,
restarts and all, from one seed; and a small day with a known course."""

import json
import os
import random
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner
from engine_world import (
    ACTIVE,
    BUY,
    EMULATE,
    FIRM,
    FOK,
    GTC,
    GTD,
    HALTED,
    INSTRUMENT,
    IOC,
    LEVELS,
    LIMIT,
    LONG,
    MARKET,
    POST_ONLY,
    REDUCE_ONLY,
    SECOND_NS,
    SELL,
    SHORT,
    STOP,
    STRATEGY,
    World,
)

from gateway.commands import whatif

BEGIN_NS = 1_795_212_000_000_000_000
MS_NS = 1_000_000
KEPT_MS = 50
KEPT = KEPT_MS << 16  # in the upper half of the flags
ONE_CANCELS_OTHER, ONE_UPDATES_OTHER, BRACKET = 1, 2, 3


@contextmanager
def place():
    """A directory for a journal and its ring, gone afterwards."""
    root = Path(tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def opened(root, **options):
    """An engine over the journal of this place."""
    sizes = {"segment_bytes": 1 << 20, "ring_bytes": 1 << 20, "orders_max": 1024,
             "idempotency_max": 4096, "positions_max": 256}  # fmt: skip
    return World(str(root / "journal"), str(root / "ring"), **(sizes | options))


@contextmanager
def recorded_day():
    """(world, journal) of a day that began with prices and a venue that is reconciled; what reads
    the journal stops the engine first."""
    with place() as root:
        world = opened(root)
        world.engine.set_time(BEGIN_NS)
        world.session(2)
        yield world, root / "journal"


def meet(world):
    """Alpha's buy of 3 meets beta's sell of 2 here, at the middle of bid and ask, and what is left
    of the buy goes out and is accepted: their order ids."""
    assert world.adapter.marked(world.spot, "", "99.90", "100.10", "")
    world.turn()
    buy = world.order(quantity="3", price="101", flags=KEPT)
    sell = world.order(SELL, "2", "99", flags=KEPT, strategy=world.other_strategy)
    world.pass_time(KEPT_MS * MS_NS)
    world.turn()
    world.fact("accepted", buy, f"V{buy}", False, 1, 1)
    return buy, sell


def asked(journal, *arguments, fails=0):
    """What `gateway whatif` answers as a document."""
    result = CliRunner().invoke(whatif.command, [str(journal), *arguments, "--json"])
    assert result.exit_code == fails, result.output
    return json.loads(result.stdout.splitlines()[-1])


class Trader:
    """Does what a desk and its venue do, at random: the seed alone says what."""

    def __init__(self, root, seed):
        self.root, self.random = root, random.Random(seed)
        self.world = opened(root)
        self.set_out()
        self.begin()
        self.orders, self.fills = [], []
        self.price = 10_000
        self.references = 0

    def set_out(self):
        """When the day begins."""
        self.world.engine.set_time(BEGIN_NS)

    def begin(self):
        """As after every start: prices, and a venue that is reconciled."""
        self.world.session(2)
        self.world.mark("100")

    def trade(self, steps):
        doings = (
            (self.submit, 30), (self.acknowledge, 20), (self.fill, 16), (self.cancel, 8),
            (self.replace, 6), (self.end, 6), (self.pass_time, 10), (self.move, 6),
            (self.refused, 5), (self.linked, 4), (self.conditional, 4), (self.money, 3),
            (self.revise, 2), (self.adopt, 2), (self.limit, 2), (self.halt, 2), (self.session, 1),
            (self.restart, 1), (self.nonsense, 2), (self.roll, 1), (self.measures, 1),
        )  # fmt: skip
        calls = [call for call, weight in doings for _ in range(weight)]
        for _ in range(steps):
            self.random.choice(calls)()
            if self.random.random() < 0.7:
                self.turn()
        self.turn()

    def turn(self):
        self.world.turn()
        self.world.port.notices()
        self.world.sent()

    def where(self):
        world = self.world
        instrument = self.random.choice(world.instruments)
        account = self.random.choice((world.account, world.account, world.hedge))
        leg = 0
        if account == world.hedge and instrument != world.spot:
            leg = self.random.choice((LONG, SHORT))
        return {"instrument": instrument, "account": account, "leg": leg,
                "strategy": self.random.choice((world.strategy, world.other_strategy))}  # fmt: skip

    def quantity(self, instrument, most=20):
        whole = self.random.randint(1, most)
        return (
            str(whole)
            if instrument == self.world.inverse
            else f"{whole}.{self.random.randint(0, 9)}"
        )

    def near(self, spread=300):
        cents = max(1, self.price + self.random.randint(-spread, spread))
        return f"{cents // 100}.{cents % 100:02d}"

    def send(self, **fields):
        world = self.world
        world.names += 1
        order = {"principal": world.principal, "client_id": f"c{world.engine.epoch}.{world.names}",
                 "side": self.random.choice((BUY, SELL)), "type": LIMIT, "time_in_force": GTC,
                 **self.where(), **fields}  # fmt: skip
        order.setdefault("quantity", self.quantity(order["instrument"]))
        if order["type"] == LIMIT:
            order.setdefault("price", self.near())
        try:
            request = world.port.submit(**order)
        except ValueError:
            return
        world.turn()
        for notice in world.port.notices():
            if notice[1] == request and notice[4] == 0 and notice[2]:
                self.orders.append(notice[2])
        if self.random.random() < 0.05:  # the same again
            world.port.submit(**order)

    def submit(self):
        flags = self.random.choice((0, 0, 0, POST_ONLY, REDUCE_ONLY))
        kind = self.random.choice((LIMIT, LIMIT, LIMIT, MARKET)) if not flags else LIMIT
        times = GTC if flags == POST_ONLY else self.random.choice((GTC, GTC, IOC, FOK))
        self.send(type=kind, time_in_force=times, flags=flags)

    def conditional(self):
        if self.random.random() < 0.5:
            self.send(type=STOP, trigger_price=self.near(), flags=EMULATE)
        else:
            due = self.world.engine.now_ns() + self.random.randint(1, 20) * SECOND_NS
            self.send(time_in_force=GTD, expires_ns=due, flags=EMULATE)

    def linked(self):
        world = self.world
        place = {**self.where(), "account": world.account, "leg": 0}
        kind = self.random.choice((ONE_CANCELS_OTHER, ONE_UPDATES_OTHER, BRACKET))
        quantity = self.quantity(place["instrument"], 5)
        entry = self.random.choice((BUY, SELL))
        exit_side = SELL if entry == BUY else BUY
        orders = []
        for member in range(self.random.choice((2, 3))):
            world.names += 1
            side = entry if kind != BRACKET or member == 0 else exit_side
            orders.append((f"l{world.engine.epoch}.{world.names}", place["instrument"],
                           place["account"], place["strategy"], side, LIMIT, GTC, quantity,
                           self.near(), "", "", 0, place["leg"], 0))  # fmt: skip
        try:
            first = world.port.submit_linked(world.principal, kind, orders)
        except ValueError:
            return
        world.turn()
        for notice in world.port.notices():
            if notice[1] - first in range(len(orders)) and notice[4] == 0 and notice[2]:
                self.orders.append(notice[2])

    def some(self, *states):
        rows = [self.world.row(order_id) for order_id in self.random.sample(
                self.orders, min(12, len(self.orders)))]  # fmt: skip
        rows = [row for row in rows if row is not None and (not states or row["state"] in states)]
        return self.random.choice(rows) if rows else None

    def acknowledge(self):
        row = self.some("PENDING_NEW", "UNKNOWN")
        if row is None:
            return
        order_id = int(row["order_id"])
        if self.random.random() < 0.9:
            self.world.adapter.accepted(order_id, f"V{order_id}", False, self.now(), 1)
        elif self.random.random() < 0.5:
            self.world.adapter.rejected(order_id, 7, "no", self.now())
        else:
            self.world.adapter.unknown(order_id, self.random.choice((8, 9)), "silence")

    def now(self):
        return self.world.engine.now_ns()

    def fill(self):
        row = self.some("PENDING_NEW", "NEW", "PARTIALLY_FILLED", "CANCELED", "UNKNOWN")
        if row is None or (row["state"] == "CANCELED" and self.random.random() < 0.8):
            return
        world = self.world
        instrument = world.engine.registry("instrument")
        number = next(each["id"] for each in instrument if each["name"] == row["instrument"])
        accounts = {"main": world.account, "hedge": world.hedge}
        legs = {"net": 0, "long": LONG, "short": SHORT}
        order_id = int(row["order_id"])
        left = float(row["leaves_quantity"])
        quantity = (
            str(int(left))
            if number == world.inverse
            else f"{left * self.random.choice((1, 0.5)):.3f}"
        )
        if float(quantity) <= 0:
            return
        trade = f"t{order_id}.{self.random.randint(1, 10**9)}"
        time_ns = self.now() - self.random.choice((0, 0, 0, 5 * SECOND_NS))
        fee = self.random.choice(("", "0.01", "-0.002"))
        told = (order_id, accounts[row["account"]], number, BUY if row["side"] == "buy" else SELL,
                legs[row["leg"]], self.near(), quantity, "", fee, world.usd if fee else 0, 1, trade,
                f"V{order_id}", time_ns, self.random.randint(1, 9))  # fmt: skip
        world.adapter.filled(*told)
        self.fills.append(told)
        if self.random.random() < 0.1:
            world.adapter.filled(*told)

    def revise(self):
        if not self.fills:
            return
        told = self.random.choice(self.fills)
        quantity = self.random.choice(("0", told[6]))
        price = "" if quantity == "0" else self.near()
        self.world.adapter.fill_revised(*told[:5], price, quantity, "", *told[8:13], self.now(),
                                        self.random.randint(1, 3))  # fmt: skip

    def cancel(self):
        if row := self.some():
            self.world.port.cancel(self.world.principal, int(row["order_id"]))
        if self.random.random() < 0.1:
            self.world.port.mass_cancel(self.world.principal, strategy=self.world.strategy)

    def replace(self):
        if row := self.some("NEW", "PARTIALLY_FILLED", "UNTRIGGERED"):
            order_id = int(row["order_id"])
            self.world.names += 1
            name = f"r{self.world.names}.{order_id}"
            self.world.port.replace(self.world.principal, order_id, name, price=self.near())
            self.world.turn()
            if self.random.random() < 0.7 and self.world.row(order_id)["pending"] == "replace":
                _, quantity, price = self.world.engine.pending_replace(order_id)
                self.world.adapter.replaced(
                    order_id, price, quantity, f"V{order_id}", self.now(), 1
                )
            elif self.random.random() < 0.5:
                self.world.adapter.replace_rejected(order_id, 7, "no")

    def end(self):
        row = self.some("NEW", "PARTIALLY_FILLED", "UNKNOWN")
        if row is None:
            return
        order_id = int(row["order_id"])
        self.random.choice((
            lambda: self.world.adapter.canceled(order_id, 1, "as asked", "", self.now(), 1),
            lambda: self.world.adapter.expired(order_id, 6, "over", "", self.now(), 1),
            lambda: self.world.adapter.cancel_rejected(order_id, 7, "no"),
            lambda: self.world.adapter.not_sent(order_id, 10, "line down"),
        ))()  # fmt: skip

    def refused(self):
        self.random.choice((
            lambda: self.send(quantity="4000"),
            lambda: self.send(type=LIMIT, price="500.00", side=BUY),
            lambda: self.send(type=LIMIT, price="0.01", side=SELL),
            lambda: self.send(quantity="0.0005", instrument=self.world.spot),
            lambda: self.send(account=self.world.hedge, instrument=self.world.perpetual, leg=0),
        ))()  # fmt: skip

    def pass_time(self):
        self.world.pass_time(self.random.choice((1, 1000, SECOND_NS // 2, 3 * SECOND_NS)))

    def move(self):
        self.price = max(2_000, self.price + self.random.randint(-150, 150))
        self.world.mark(f"{self.price // 100}.{self.price % 100:02d}")

    def money(self):
        self.references += 1
        world, name = self.world, f"m{self.references}"
        amount = f"{self.random.randint(-500, 500)}.{self.random.randint(0, 99):02d}"
        if self.random.random() < 0.5:
            world.adapter.balance(world.account, world.usd, amount, 1, name)
        else:
            world.adapter.funding(world.account, world.perpetual, 0, world.usd, amount, "0.0001",
                                  name, self.now())  # fmt: skip

    def adopt(self):
        self.references += 1
        world, venue_order = self.world, f"X{self.references}"
        if self.random.random() < 0.5:
            book = (world.account, world.spot, world.strategy, BUY, LIMIT, GTC, 0, 0)
            world.adapter.adopt(*book, self.near(), "3", "1", venue_order, f"x{self.references}")
        else:
            what = (0, world.account, world.perpetual, SELL, 0, self.near(), "1", "", "", 0, 1)
            world.adapter.filled(*what, f"e{self.references}", venue_order, self.now(), 1)

    def limit(self):
        level = self.random.choice(LEVELS)
        fields = self.random.choice((
            {"position_long_max": "60"}, {"order_quantity_max": "15"}, {"collar_bps": 200},
            {"orders_per_second": 2, "order_burst": 3}, {"open_orders_side_max": 8},
            {"duplicate_window_ms": 500}, {"gross_exposure_max": "9000"}, {},
            {"repeat_orders_max": 6, "repeat_window_ms": 1000}, {"self_trade_refused": 1},
            {"breaker_rejects_max": 3, "breaker_window_ms": 5000}, {"fat_finger_hard": 4},
        ))  # fmt: skip
        self.world.limit(level, **fields)

    def halt(self):
        level = self.random.choice((FIRM, STRATEGY, INSTRUMENT))
        self.world.state(level, HALTED, is_latch=True)
        if self.random.random() < 0.5:
            self.submit()
            self.world.port.mass_cancel(self.world.principal, reason=2)
            self.world.turn()
        for each in LEVELS:
            self.world.state(each, ACTIVE)

    def session(self):
        self.world.session(0)
        self.submit()
        self.world.session(2)

    def measures(self):
        self.world.engine.tell_measures(FIRM, 0, {"result": "-5"}, "observer")

    def roll(self):
        self.world.engine.roll_period()

    def nonsense(self):
        row = self.some()
        if row is not None:
            self.world.adapter.accepted(int(row["order_id"]), "W1", True, self.now(), 1)
        self.world.adapter.rejected(12345, 7, "whose?", self.now())

    def restart(self):
        if self.random.random() < 0.2:
            self.world.engine.raise_epoch()
            return
        self.turn()
        now_ns = self.now()
        self.world.engine.stop()
        self.world = opened(self.root)
        self.world.engine.set_time(max(now_ns, self.now()))
        self.begin()


@contextmanager
def random_day(seed, steps=250):
    """A recorded day of so many steps; its place."""
    with place() as root:
        trader = Trader(root, seed)
        trader.trade(steps)
        trader.world.engine.stop()
        yield root

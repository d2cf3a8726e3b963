"""A small desk around the native engine: one venue, one spot and three derivative instruments.
Words of the tests: submit() answers the verdict, facts turn the engine, rows come as they are."""

from decimal import Decimal

import pytest

from gateway._core.engine import Engine
from gateway.core.refusals import describe_number

BUY, SELL = 1, 2
MARKET, LIMIT, STOP, STOP_LIMIT = 1, 2, 3, 4
DAY, GTC, IOC, FOK, GTD = 0, 1, 3, 4, 6
NET, LONG, SHORT = 0, 1, 2
POST_ONLY, REDUCE_ONLY, EMULATE, CANCEL_ON_DISCONNECT = 1, 2, 8, 128
INSTRUMENT, STRATEGY, ACCOUNT, VENUE, FIRM = range(5)
ACTIVE, REDUCING, HALTED = range(3)
NEW, REFUSED, CANCEL, REPLACE = 30, 31, 32, 33
REPEATED = 1
SECOND_NS = 1_000_000_000

LEVELS = (INSTRUMENT, STRATEGY, ACCOUNT, VENUE, FIRM)
SIDES = (BUY, SELL)
every_level = pytest.mark.parametrize("level", LEVELS)
every_side = pytest.mark.parametrize("side", SIDES)

LIMITS = {
    "order_quantity_max": "1000",
    "order_notional_max": "100000000",
    "position_long_max": "10000",
    "position_short_max": "10000",
    "gross_exposure_max": "1000000000",
    "net_exposure_max": "1000000000",
    "credit_max": "1000000000",
    "collar_bps": 1000,
    "reference_age_ms_max": 5000,
    "orders_per_second": 1_000_000,
    "order_burst": 1_000_000,
    "cancels_per_second": 1_000_000,
    "cancel_burst": 1_000_000,
    "open_orders_side_max": 100_000,
    "duplicate_window_ms": 0,
}


class World:
    """Definitions are idempotent, so the same World opens over a recovered journal too."""

    def __init__(self, journal, ring, *, has_limits=True, durability=1, venue_types=0x06,
                 venue_times=0x5B, **options):  # fmt: skip
        self.journal, self.ring = journal, ring
        options = {"ring_bytes": 1 << 22, "segment_bytes": 1 << 22, "orders_max": 4096,
                   "idempotency_max": 65536, "positions_max": 1024, "is_virtual_clock": True,
                   **options}  # fmt: skip
        self.engine = engine = Engine(journal, ring, **options)
        self.usd = engine.define_currency("USD")
        self.btc = engine.define_currency("BTC")
        self.bnb = engine.define_currency("BNB")
        for currency, rate in ((self.usd, "1"), (self.btc, "100")):
            engine.set_currency_rate(currency, rate)
        self.venue = engine.define_venue("sim", True, venue_types, venue_times, 3, 1, 5000)
        self.spot = self.define("BTC-USD", 1, self.usd)
        self.perpetual = self.define("BTC-PERP", 2, self.usd)
        self.inverse = self.define("BTC-INV", 3, self.btc, quantity_scale=0, lot="1")
        self.quanto = self.define("BTC-QUANTO", 4, self.usd)
        self.account = engine.define_account(self.venue, "main", durability, False, 1)
        self.hedge = engine.define_account(self.venue, "hedge", 1, True, 1)
        self.strategy = engine.define_strategy("alpha")
        self.other_strategy = engine.define_strategy("beta")
        self.principal = engine.define_principal("desk", 15, None, None, None)
        self.entities = {INSTRUMENT: self.spot, STRATEGY: self.strategy, ACCOUNT: self.account,
                         VENUE: self.venue, FIRM: 0}  # fmt: skip
        if has_limits:
            self.set_all_limits()
        self.port = engine.open_client_port("door")
        self.adapter = engine.open_venue_port(self.venue)
        self.names = 0
        self.session(2)
        self.mark("100")

    def define(self, symbol, kind, settle, quantity_scale=3, lot="0.001"):
        """The instrument of this symbol; price scale 2."""
        return self.engine.define_instrument(
            self.venue, symbol, symbol, kind, self.btc, self.usd, settle, 2, quantity_scale, 0,
            "0.01", lot, "1", lot, "5000", "0", True)  # fmt: skip

    @property
    def instruments(self):
        return (self.spot, self.perpetual, self.inverse, self.quanto)

    def set_all_limits(self):
        entities = [(INSTRUMENT, i) for i in self.instruments]
        entities += [(STRATEGY, self.strategy), (STRATEGY, self.other_strategy)]
        entities += [(ACCOUNT, self.account), (ACCOUNT, self.hedge), (VENUE, self.venue), (FIRM, 0)]
        known = {(row["level"], row["id"]) for row in self.engine.limits()}
        words = ("instrument", "strategy", "account", "venue", "firm")
        for level, number in entities:
            if (words[level], number) not in known:
                self.limit(level, number)

    def limit(self, level, number=None, **fields):
        """Limits of a level: the wide ones, and these fields instead."""
        number = self.entities[level] if number is None else number
        return self.engine.set_limits(level, number, {**LIMITS, **fields}, "ops", "test")

    def state(self, level, state, is_latch=False):
        return self.engine.set_trading_state(
            level, self.entities[level], state, is_latch, "ops", "test"
        )

    def turn(self):
        while self.engine.turn():
            pass

    def session(self, state):
        assert self.adapter.session(state, "told")
        self.turn()

    def mark(self, price, instrument=None, last=""):
        for number in self.instruments if instrument is None else (instrument,):
            assert self.adapter.marked(number, price, "", "", last)
        self.turn()

    def pass_time(self, ns):
        self.engine.set_time(self.engine.now_ns() + ns)

    def submit(self, side=BUY, quantity="1", price="100", **fields):
        """One order through the port; its first notice."""
        self.names += 1
        order = {"principal": self.principal, "client_id": f"c{self.engine.epoch}.{self.names}",
                 "instrument": self.spot, "account": self.account, "strategy": self.strategy,
                 "side": side, "type": LIMIT, "time_in_force": GTC, "quantity": quantity,
                 "price": price, **fields}  # fmt: skip
        port = order.pop("port", self.port)
        request = port.submit(**order)
        assert request
        return self.answer(request, port)

    def order(self, *args, **fields):
        """A submit that must pass; the order id."""
        notice = self.submit(*args, **fields)
        assert notice[4] == 0, describe_number(notice[4]).name
        return notice[2]

    def working(self, *args, **fields):
        """An accepted order at the venue."""
        order_id = self.order(*args, **fields)
        self.fact("accepted", order_id, f"V{order_id}", False, 1, 1)
        return order_id

    def answer(self, request, port=None):
        self.turn()
        found = [notice for notice in (port or self.port).notices() if notice[1] == request]
        assert len(found) == 1, found
        return found[0]

    def cancel(self, order_id, principal=None):
        who = self.principal if principal is None else principal
        return self.answer(self.port.cancel(who, order_id))

    def replace(self, order_id, **fields):
        return self.answer(self.port.replace(fields.pop("principal", self.principal), order_id,
                                             **fields))  # fmt: skip

    def fact(self, name, *args):
        assert getattr(self.adapter, name)(*args)
        self.turn()

    def fill(self, order_id, quantity, price="100", *, side=BUY, trade="", instrument=None,
             account=None, leg=NET, fee="", fee_currency=0, value="",
             venue_order=None, time_ns=7, number=7):  # fmt: skip
        self.names += 1
        trade = trade or f"t{self.engine.epoch}.{self.names}"
        venue_order = f"V{order_id}" if venue_order is None else venue_order
        where = (account or self.account, instrument or self.spot, side, leg)
        money = (price, quantity, value, fee, fee_currency)
        self.fact("filled", order_id, *where, *money, 1, trade, venue_order, time_ns, number)

    def revise(self, order_id, trade, revision, quantity="0", price="", *, side=BUY,
               instrument=None, fee="", fee_currency=0, venue_order=None):  # fmt: skip
        venue_order = f"V{order_id}" if venue_order is None else venue_order
        where = (self.account, instrument or self.spot, side, NET)
        money = (price, quantity, "", fee, fee_currency)
        self.fact("fill_revised", order_id, *where, *money, 1, trade, venue_order, 8, revision)

    def row(self, order_id):
        return self.engine.order(order_id)

    def sent(self):
        return self.adapter.take()

    def counter(self, name):
        return self.engine.counters()[name]

    def position(self, instrument="BTC-USD", strategy="alpha", leg="net"):
        wanted = (instrument, strategy, leg)
        rows = [
            row
            for row in self.engine.positions()
            if (row["instrument"], row["strategy"], row["leg"]) == wanted
        ]
        return rows[0] if rows else None

    def quantity(self, instrument="BTC-USD", strategy="alpha", leg="net"):
        row = self.position(instrument, strategy, leg)
        return Decimal(row["quantity"]) if row else Decimal(0)

    def balance(self, currency):
        rows = [row for row in self.engine.balances() if row["currency"] == currency]
        return Decimal(rows[0]["total"]) if rows else Decimal(0)

    def state_hash(self):
        return self.engine.state_hash()[1]


def code_of(notice):
    """The refusal's word, "" when taken."""
    return describe_number(notice[4]).name if notice[4] else ""


def refused(world, code, *args, **fields):
    """The notice of a submit that must be refused with this code and leave the state alone."""
    before = world.state_hash()
    notice = world.submit(*args, **fields)
    assert code_of(notice) == code
    assert notice[3] == REFUSED
    assert notice[2] == 0
    assert world.state_hash() == before
    assert world.sent() == []
    return notice


def evidence(notice):
    """(level, limit, current, would_be, working)"""
    return tuple(notice[5:10])


def other(side):
    return BUY if side == SELL else SELL


def guard(world, level, **fields):
    """A guard at a level, for both instruments of these tests where the level is theirs."""
    world.limit(level, **fields)
    if level == INSTRUMENT:
        world.limit(level, world.perpetual, **fields)


def tell(world, level, number=None, **fields):
    number = world.entities[level] if number is None else number
    return world.engine.tell_measures(level, number, fields, "observer")


def lose(world, side, amount="10"):
    """Opens one unit on `side` and closes it worse by ten."""
    worse = "90" if side == BUY else "110"
    for at, price in ((side, "100"), (other(side), worse)):
        world.fill(0, "1", price, side=at, instrument=world.perpetual, venue_order="x")

"""Three books that may cross inside the house before the paper venue's own matching, from a seed:
after every step the books together are what the venue has, in quantity and in money, to the last
digit; a restart in the middle changes nothing of it, and a replay makes the same state."""

import contextlib
import random
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from gateway_paper import translate
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.market import LevelSet
from gateway_paper.venue.orders import Refused, SubmitBody
from gateway_paper.venue.settings import AccountSettings, Listing, VenueSettings
from live_world import INSTRUMENT, ScriptedAdapter
from native_world import LIMITS, open_world

from gateway.api import RefusedError
from gateway.journal import reader

pytestmark = pytest.mark.asyncio
BOOKS = ("alpha", "beta", "gamma")
SPOT = msgspec.structs.replace(
    INSTRUMENT, symbol="BTC-SPOT.sim", venue_symbol="BTCSPOT", kind="spot"
)
RULES = {"base": "BTC", "quote": "USDT", "settle": "USDT", "tick": "0.1", "lot": "0.001"}
LISTINGS = (
    Listing(symbol="BTCUSDT", name="BTC-USDT", kind="linear", **RULES),
    Listing(symbol="BTCSPOT", name="BTC-SPOT", kind="spot", fee_currency="base_on_buy", **RULES),
)
START = {"USDT": "1000000", "BTC": "1000"}


class PaperExchange(ScriptedAdapter):
    """The paper venue without its sockets. What it tells is delivered by deliver()."""

    def __init__(self):
        super().__init__()
        self.now_ns = 0
        self.told = []
        self.crossing = set()  # client order ids
        accounts = (AccountSettings(name="main", balances=START),)
        self.exchange = Exchange(
            VenueSettings(record="", accounts=accounts),
            LISTINGS,
            now_ns=lambda: self.now_ns,
            sink=self.told.extend,
        )

    async def instruments(self):
        return [INSTRUMENT, SPOT]

    async def submit(self, orders):
        await super().submit(orders)
        for order in orders:
            self.exchange.submit(SubmitBody(**translate.order_body(order)))

    async def cancel(self, cancels):
        for cancel in cancels:
            try:
                self.exchange.cancel("main", cancel.client_order_id)
            except Refused:
                self.port.cancel_rejected(cancel.order_id, "too late")

    def deliver(self):
        for row in self.told:
            if row["kind"] == "fill":
                self.port.filled(translate.fill_report(row))
            elif row["kind"] == "order":
                self.port.order_seen(translate.order_report(row))
        self.told.clear()

    async def query_order(self, account, client_order_id):
        try:
            row = self.exchange.order_row(account, client_order_id)
        except Refused:
            return None
        return translate.order_report(row)

    async def open_orders(self, account):
        return [translate.order_report(row) for row in self.exchange.open_order_rows(account)]

    async def fills(self, account, since_ns):
        rows = self.exchange.fills[account]
        return [translate.fill_report(row) for row in rows if row["venue_time_ns"] >= since_ns]

    async def positions(self, account):
        held = self.exchange.accounts[account].position_rows(self.exchange.listings)
        return [translate.position_report(row) for row in held]


class Market:
    """One life: steps of everybody, and the judge."""

    def __init__(self, directory, seed):
        self.random = random.Random(seed)
        self.venue = PaperExchange()
        self.directory = directory
        self.orders = []
        self.open()

    def open(self):
        self.world = open_world(self.directory, adapter=self.venue)
        engine = self.world.engine
        for strategy in BOOKS[1:]:
            engine.define_strategy(strategy)
            engine.set_limits("strategy", strategy, LIMITS, actor="test", reason="start")
        engine.define_instrument("sim", SPOT)
        engine.set_limits("instrument", SPOT.symbol, LIMITS, actor="test", reason="start")

    async def connect(self):
        self.venue.now_ns = self.world.native.now_ns()
        await self.world.connect()
        self.look()

    def look(self):
        for name in (INSTRUMENT.symbol, SPOT.symbol):
            number = self.world.engine.names.id("instrument", name)
            bid = Decimal(self.random.randrange(985, 1010)) / 10
            ask = bid + Decimal(self.random.randrange(1, 8)) / 10
            port = self.world.link.session._native
            assert port.marked(number, "100", str(bid), str(ask), "100")

    async def submit(self, number):
        side = self.random.choice(("buy", "sell"))
        wish = {
            "strategy": self.random.choice(BOOKS),
            "instrument": self.random.choice((INSTRUMENT.symbol, SPOT.symbol)),
            "side": side,
            "quantity": str(Decimal(self.random.randrange(1, 2000)) / 1000),
            "price": str(Decimal(self.random.randrange(975, 1025)) / 10),
            "time_in_force": self.random.choice(("gtc", "gtc", "ioc")),
            "cross_ms": self.random.choice((0, 100, 400, 400)),
        }
        self.orders.append(await self.world.submit(f"c{number}", **wish))

    def supply(self):
        """Somebody else's quantity for our orders to meet."""
        listing = self.random.choice(LISTINGS)
        side = self.random.choice(("buy", "sell"))
        price = (
            self.random.randrange(1001, 1060)
            if side == "sell"
            else self.random.randrange(940, 1000)
        )
        change = LevelSet(listing.symbol, side, price, self.random.randrange(0, 900))
        self.venue.exchange.apply_market([change])

    async def step(self, number):
        choice = self.random.randrange(8)
        if choice < 4:
            await self.submit(number)
        elif choice == 4:
            self.look()
        elif choice == 5:
            self.supply()
        elif choice == 6 and self.orders:
            with contextlib.suppress(RefusedError):  # it has ended, or is being cancelled
                await self.world.router.cancel("desk", self.random.choice(self.orders))
        self.world.advance(self.random.randrange(0, 30))
        self.venue.now_ns = self.world.native.now_ns()
        await self.world.sends()
        self.venue.deliver()
        await self.world.sends()
        self.judge()

    def judge(self):
        rows = self.world.native.positions()
        for listing, instrument in zip(LISTINGS, (INSTRUMENT, SPOT), strict=True):
            held = [row for row in rows if row["instrument"] == instrument.symbol]
            fills = [
                row
                for row in self.venue.exchange.fills["main"]
                if row["instrument"] == listing.symbol
            ]
            sign = {"buy": 1, "sell": -1}
            bought = sum(sign[row["side"]] * Fraction(row["quantity"]) for row in fills)
            paid = sum(sign[row["side"]] * Fraction(row["value"]) for row in fills)
            assert sum(Fraction(row["quantity"]) for row in held) == bought
            assert sum(Fraction(r["realised"]) - Fraction(r["cost"]) for r in held) == -paid
            assert {row["strategy"] for row in held} <= set(BOOKS), "nothing went to EXTERNAL"
        for order_id in self.orders:
            row = self.world.row(order_id)
            crossed = Decimal(row["crossed_quantity"] or 0)
            assert crossed <= Decimal(row["cumulative_quantity"]) <= Decimal(row["quantity"])
        for order in self.sent():
            row = self.world.row(self.world.link.session.ids.decode(order.client_order_id))
            crossed = Decimal(row["crossed_quantity"] or 0)
            assert Decimal(order.quantity) == Decimal(row["quantity"]) - crossed
        self.judge_money(rows)

    def judge_money(self, rows):
        """Spot is money alone: what the account has of the base is what the venue says, and the
        quote too, but for what derivatives realised by book instead of by net position."""
        theirs = self.venue.exchange.accounts["main"].balances
        ours = {row["currency"]: Fraction(row["total"]) for row in self.world.native.balances()}
        moved = {name: theirs[name] - Fraction(START[name]) for name in START}
        assert ours.get("BTC", 0) == moved["BTC"]
        swap = [row for row in rows if row["instrument"] == INSTRUMENT.symbol]
        by_book = sum(Fraction(row["realised"]) for row in swap)
        by_net = self.venue_realised()
        assert ours.get("USDT", 0) - by_book == moved["USDT"] - by_net

    def venue_realised(self):
        """What the venue realised on the swap: its balance without spot values and all fees."""
        total = self.venue.exchange.accounts["main"].balances["USDT"] - Fraction(START["USDT"])
        for row in self.venue.exchange.fills["main"]:
            sign = 1 if row["side"] == "buy" else -1
            if row["instrument"] == "BTCSPOT":
                total += sign * Fraction(row["value"])
            if row["fee_currency"] == "USDT":
                total += Fraction(row["fee"])
        return total

    def sent(self):
        return [order for kind, orders in self.venue.sent if kind == "new" for order in orders]

    async def restart(self):
        counters = self.world.native.counters()
        self.end()
        self.open()
        await self.connect()
        await self.world.sends()
        self.venue.deliver()
        assert self.world.link.health.breaks == []
        self.judge()
        return counters

    def end(self):
        self.world.close()
        self.world.native.stop()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_books_are_the_venues_position_and_money_after_every_step(ring_directory, seed):
    market = Market(ring_directory, seed)
    await market.connect()
    for number in range(80):
        await market.step(number)
    before = await market.restart()
    for number in range(80, 130):
        await market.step(number)
    after = market.world.native.counters()
    assert before["crosses"] + after["crosses"] > 2
    assert before["kept_released"] + after["kept_released"] > 5
    sequence, state_hash = market.world.native.state_hash()[:2]
    again = reader.replay(
        ring_directory / "data",
        lambda: 0,
        ring_directory=str(ring_directory / "ring"),
        until_sequence=sequence,
    )
    assert (again.sequence, again.state_hash) == (sequence, state_hash)
    market.end()

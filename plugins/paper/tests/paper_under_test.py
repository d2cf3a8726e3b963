"""The paper venue as the conformance kit wants it: in this process, with an empty market that only
the case moves, judged by its own record."""

import tempfile
import time
from decimal import Decimal
from pathlib import Path

import msgspec
from gateway_paper.adapter import PaperAdapter
from gateway_paper.record import read_record
from gateway_paper.venue.market import LevelSet, Traded
from gateway_paper.venue.orders import SubmitBody
from gateway_paper.venue.process import Venue
from gateway_paper.venue.settings import AccountSettings, KeySettings, Listing, VenueSettings

from gateway.api import BalanceReport, FillReport, OrderReport, PositionReport
from gateway.testing import VenueUnderTest, WireRule

KEY, SECRET = "conformance-key", "conformance-secret-9c1e"


class PaperVenue(VenueUnderTest):
    """A venue of its own for every case."""

    distribution = "gateway-paper"
    account = "main"
    hedge_account = "hedge"
    instrument = "BTC-USDT.paper"
    symbol = "BTCUSDT"
    quantity = "0.02"
    price = "50000.0"
    tick = "0.1"
    settle = "USDT"
    fills_page = 1_000
    requests = {  # noqa: RUF012
        "submit": WireRule("POST", r"/v1/orders$"),
        "cancel": WireRule("POST", r"/v1/orders/cancel$"),
        "replace": WireRule("POST", r"/v1/orders/replace$"),
        "query": WireRule("GET", r"/v1/orders/[^/?]+"),
    }
    adapter_class = PaperAdapter
    silence_max_s = 3.0

    async def start(self):
        self._folder = tempfile.TemporaryDirectory(prefix="paper-under-test-")
        self._record = Path(self._folder.name) / "record.jsonl"
        settings = VenueSettings(
            record=str(self._record),
            market="manual",
            accounts=(
                AccountSettings(name="main", balances={"USDT": "1000000"}),
                AccountSettings(name="hedge", is_hedge_mode=True, balances={"USDT": "1000000"}),
            ),
            keys=(KeySettings(key=KEY, secret=SECRET),),
            instruments=(
                Listing(symbol="BTCUSDT", name="BTC-USDT", kind="linear", base="BTC",
                        quote="USDT", settle="USDT", tick="0.1", lot="0.001"),
            ),
        )  # fmt: skip
        self._venue = Venue(settings, Path(self._folder.name))
        return f"http://127.0.0.1:{await self._venue.start()}"

    async def stop(self):
        await self._venue.stop()
        self._folder.cleanup()

    def adapter(self, url, *, account, timeout_ms):
        settings = {"url": url, "timeout_ms": timeout_ms, "silence_max_s": self.silence_max_s}
        return self.adapter_class("paper", settings, {"key": KEY, "secret": SECRET})

    def secrets(self):
        return [SECRET]

    # The judge reads the record, which is written before anybody hears of anything; its fields have
    # the names of the reports, so the adapter's own translation is not asked.

    def orders(self):
        judge = read_record(self._record)
        taken = {name: judge.orders_seen().count(name) for name in judge.orders}
        return [
            msgspec.convert(row, OrderReport)
            for name, row in judge.orders.items()
            for _ in range(max(1, taken[name] if self._is_doubled(judge, name) else 1))
        ]

    def _is_doubled(self, judge, name):
        """The venue compares names, so a second order of one name would have another id."""
        ids = {row["venue_order_id"] for row in judge.order_events if _name(row) == name}
        return len(ids) > 1

    def fills(self):
        return [msgspec.convert(row, FillReport) for row in read_record(self._record).fills]

    def positions(self):
        return [
            PositionReport(
                account=account,
                instrument=instrument,
                leg=leg,
                quantity=_text(held if leg == "net" else abs(held)),
            )
            for (account, instrument, leg), held in read_record(self._record).positions().items()
        ]

    def balances(self):
        return [
            BalanceReport(account=name, currency=row["currency"], total=row["total"])
            for name, account in self._venue.exchange.accounts.items()
            for row in account.balance_rows()
        ]

    # The market.

    async def show(self, side, price, quantity):
        rules = self._venue.exchange.listings[self.symbol]
        change = LevelSet(self.symbol, side, rules.price(price), rules.quantity(quantity))
        self._venue.exchange.apply_market([change])

    async def trade(self, side, price, quantity):
        rules = self._venue.exchange.listings[self.symbol]
        change = Traded(self.symbol, rules.price(price), rules.quantity(quantity), side)
        self._venue.exchange.apply_market([change])

    async def cancel_at_venue(self, client_order_id):
        self._venue.exchange.cancel(self.account, client_order_id)

    async def pay_funding(self):
        self._venue.exchange.pay_funding(time.time_ns())

    async def place_elsewhere(self, side, price, quantity):
        name = f"person-{time.time_ns()}"
        self._venue.exchange.submit(
            SubmitBody(
                account=self.account,
                client_order_id=name,
                instrument=self.symbol,
                side=side,
                type="limit",
                time_in_force="gtc",
                quantity=quantity,
                price=price,
            )
        )
        return name


def _name(row):
    return row["account"], row["client_order_id"]


def _text(fraction):
    return str(Decimal(fraction.numerator) / Decimal(fraction.denominator))

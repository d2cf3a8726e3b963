"""From a simulated venue over its adapter to a margin row: mode and collateral of positions by
stream and by answer, of Binance USD-M and OKX, with equity and liquidation price."""

import shutil
import tempfile
from contextlib import asynccontextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from binance_world import binance_world
from okx_desk import SWAP, Desk, simulated

from gateway._core.journal import Reader, decode
from gateway.journal.audit_trail import trail
from gateway.testing import until
from gateway.valuation.brackets import Brackets, load_brackets
from gateway.valuation.margin import MarkPrice, margin_rows

pytestmark = pytest.mark.asyncio

SCHEDULE = """
[instruments]
"BTCUSDT.binance" = "flat"
"BTC-USDT-SWAP.okx" = "flat"
[schedules.flat]
source = "this test"
date = ""
steps = [{ leverage_max = 20, maintenance_rate = "0.01" }]
"""


@pytest.fixture
def brackets(tmp_path) -> Brackets:
    path = tmp_path / "margin.toml"
    path.write_text(SCHEDULE)
    return load_brackets(path)


def margin(world, name, brackets, mark="50000"):
    """The rows of the instrument and of its account."""
    native = world.native
    found = margin_rows(
        native.positions(),
        native.balances(),
        native.registry("instrument"),
        brackets,
        {name: MarkPrice(mark, 0)},
    )
    (row,) = [each for each in found.positions if each["instrument"] == name]
    (account,) = [each for each in found.accounts if each["currency"] == "USDT"]
    return row, account


def collateral(world, name):
    rows = [row for row in world.native.positions() if row["instrument"] == name]
    return {row["collateral"] for row in rows}


def balance(world, currency="USDT"):
    rows = world.native.balances()
    (total,) = [row["total"] for row in rows if row["currency"] == currency]
    return Decimal(total)


def assert_lives_on_its_own(world, name, brackets, amount):
    """Equity is what does not lie in it; liquidation by the closed form of one step."""
    row, account = margin(world, name, brackets)
    assert Decimal(row["collateral"]) == amount
    assert Decimal(account["equity"]) == balance(world) - amount
    assert (account["excluded"], account["state"]) == ([], "ok")
    rules = next(r for r in world.native.registry("instrument") if r["name"] == name)
    (held,) = [r for r in world.native.positions() if r["instrument"] == name]
    size = Decimal(held["quantity"]) * Decimal(rules["multiplier"])
    exact = (Decimal(held["cost"]) - amount) / (size * (1 - Decimal("0.01")))
    assert abs(Decimal(row["liquidation_price"]) - exact) <= Decimal(rules["tick"])


async def filled(world, **terms):
    order_id = await world.submit(**terms)
    await until(lambda: world.row(order_id)["state"] == "FILLED", what="the fill")


BINANCE = "BTCUSDT.binance"


async def test_binance_tells_by_its_stream_and_by_an_answer(brackets):
    async with binance_world(margin_mode="isolated") as world:
        world.market.isolate("main", "BTCUSDT")
        await filled(world, price="50000.10")
        await until(lambda: collateral(world, BINANCE) != {None}, what="the stream's word")
        cost = Decimal("0.010") * Decimal("50000.10")
        assert_lives_on_its_own(world, BINANCE, brackets, cost / 20)
        world.market.add_margin("main", "BTCUSDT", "BOTH", Fraction(7))
        await until(lambda: collateral(world, BINANCE) != {str(cost / 20)}, what="what was added")
        assert_lives_on_its_own(world, BINANCE, brackets, cost / 20 + 7)
        # An event is lost: the answer of a reconciliation tells.
        world.faults.add("event ACCOUNT_UPDATE", "lose", nth=1, count=None)
        world.market.add_margin("main", "BTCUSDT", "BOTH", Fraction(1))
        await world.link.reconciler.run()
        await until(
            lambda: Decimal(*collateral(world, BINANCE)) == cost / 20 + 8, what="the answer"
        )
        assert world.native.counters()["anomalies"] == 0
        assert world.link.health.counters["bad_facts"] == 0


async def test_a_closed_position_of_binance_holds_nothing(brackets):
    async with binance_world(margin_mode="isolated") as world:
        world.market.isolate("main", "BTCUSDT")
        await filled(world, price="50000.10")
        await until(lambda: collateral(world, BINANCE) != {None}, what="the stream's word")
        await filled(world, side="sell", price="49999.90")
        await until(lambda: collateral(world, BINANCE) == {None}, what="its end")
        await filled(world, price="50000.10")
        await until(lambda: collateral(world, BINANCE) != {None}, what="the next one")


def modes(world, name):
    rows = [row for row in world.native.positions() if row["instrument"] == name]
    return {row["venue_margin_mode"] for row in rows}


async def test_a_cross_position_of_binance_tells_its_mode_and_no_collateral(brackets):
    async with binance_world() as world:
        await filled(world, price="50000.10")
        await until(lambda: modes(world, BINANCE) == {"cross"}, what="the stream's word")
        await world.link.reconciler.run()
        await world.settle()
        assert (modes(world, BINANCE), collateral(world, BINANCE)) == ({"cross"}, {None})
        assert margin(world, BINANCE, brackets)[0]["collateral"] is None


async def test_an_isolated_symbol_of_binance_is_counted_in_a_cross_account(brackets):
    async with binance_world() as world:
        world.market.isolate("main", "BTCUSDT")
        await filled(world, price="50000.10")
        await until(lambda: collateral(world, BINANCE) != {None}, what="the stream's word")
        cost = Decimal("0.010") * Decimal("50000.10")
        assert_lives_on_its_own(world, BINANCE, brackets, cost / 20)
        row, _ = margin(world, BINANCE, brackets)
        assert (row["margin_mode"], row["margin_mode_source"]) == ("isolated", "venue")


async def test_a_cross_symbol_of_binance_is_counted_in_an_isolated_account_by_an_answer(brackets):
    """Its position has no field for the mode: the configuration of its symbol has."""
    async with binance_world(margin_mode="isolated") as world:
        world.faults.add("event ACCOUNT_UPDATE", "lose", nth=1, count=None)
        await filled(world, price="50000.10")
        assert margin(world, BINANCE, brackets)[0]["reason"] == "no collateral is known"
        await world.link.reconciler.run()
        await until(lambda: modes(world, BINANCE) == {"cross"}, what="the answer")
        row, account = margin(world, BINANCE, brackets)
        assert row["margin_mode"] == "cross" and account["excluded"] == []
        assert Decimal(account["equity"]) == balance(world) + Decimal(row["unrealised"])


async def test_a_switch_of_the_margin_type_of_binance_is_told_while_flat(brackets):
    async with binance_world() as world:
        await filled(world, price="50000.10")
        await until(lambda: modes(world, BINANCE) == {"cross"}, what="the first mode")
        await filled(world, side="sell", price="49999.90")
        world.market.isolate("main", "BTCUSDT")
        await until(lambda: modes(world, BINANCE) == {"isolated"}, what="the switch")
        await filled(world, price="50000.10")
        await until(lambda: collateral(world, BINANCE) != {None}, what="the next one's word")
        cost = Decimal("0.010") * Decimal("50000.10")
        assert_lives_on_its_own(world, BINANCE, brackets, cost / 20)
        await filled(world, side="sell", price="49999.90")
        world.market.share("main", "BTCUSDT")
        await until(lambda: modes(world, BINANCE) == {"cross"}, what="the switch back")
        await filled(world, price="50000.10")
        row, account = margin(world, BINANCE, brackets)
        assert row["margin_mode"] == "cross" and account["excluded"] == []
        assert world.native.counters()["anomalies"] == 0


async def test_a_margin_call_of_binance_is_counted_and_in_the_trail(caplog):
    async with binance_world(margin_mode="isolated") as world:
        world.market.isolate("main", "BTCUSDT")
        await filled(world, price="50000.10")
        world.market.call_for_margin("main", "BTCUSDT")
        counters = world.link.health.counters
        await until(lambda: counters["margin_calls"] == 1, what="the call")
        reader = Reader(str(world.folder / "data"), str(world.folder / "ring"))
        records = [decode(raw) for _, raw in reader.read(10_000)]
        (row,) = [row for row in trail(records) if row["what"] == "margin_called"]
        subject = "main BTCUSDT.binance net maintenance 10.00002000, mark 50000.10000000"
        assert (row["who"], row["subject"], row["why"]) == ("binance", subject, "isolated")
        assert "binance: margin call: main BTCUSDT.binance net" in caplog.text


OKX = f"{SWAP}.okx"


@pytest.fixture
def directory():
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-okx-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def okx_desk(directory, margin_mode="isolated", trade_mode="isolated"):
    async with simulated() as simulator:
        terms = {"trade_mode": trade_mode, "margin_mode": margin_mode}
        desk = Desk(directory, simulator, "net", **terms)
        try:
            await desk.start()
            yield desk
        finally:
            await desk.close()


async def test_okx_tells_by_its_channel_and_by_an_answer(directory, brackets):
    async with okx_desk(directory) as desk:
        await filled(desk, price="50000.1")
        await until(lambda: collateral(desk, OKX) != {None}, what="the channel's word")
        tenth = Decimal("0.02") * Decimal("50000.1") / 10
        assert_lives_on_its_own(desk, OKX, brackets, tenth)
        venue = desk.simulator.venue
        venue.add_margin("net", SWAP, "net", Fraction(7))
        await until(lambda: Decimal(*collateral(desk, OKX)) == tenth + 7, what="what was added")
        assert_lives_on_its_own(desk, OKX, brackets, tenth + 7)
        await desk.link.reconciler.run()
        await desk.settle()
        assert Decimal(*collateral(desk, OKX)) == tenth + 7
        assert desk.link.health.breaks == [], "what lies in a position is no loss of balance"
        await filled(desk, side="sell", price="50000")
        await until(lambda: collateral(desk, OKX) == {None}, what="its end")
        assert desk.link.health.counters["bad_facts"] == 0


@pytest.mark.parametrize(
    ("account", "venue"), [("cross", "isolated"), ("isolated", "cross"), ("cross", "cross")]
)
async def test_the_mode_of_okx_counts_and_not_the_account_s(directory, brackets, account, venue):
    async with okx_desk(directory, account, venue) as desk:
        await filled(desk, price="50000.1")
        await until(lambda: modes(desk, OKX) == {venue}, what="the channel's word")
        row, _ = margin(desk, OKX, brackets)
        assert (row["margin_mode"], row["margin_mode_source"]) == (venue, "venue")
        if venue == "isolated":
            tenth = Decimal("0.02") * Decimal("50000.1") / 10
            assert_lives_on_its_own(desk, OKX, brackets, tenth)
        await desk.link.reconciler.run()
        await desk.settle()
        assert modes(desk, OKX) == {venue}
        assert desk.link.health.breaks == []
        assert desk.link.health.counters["bad_facts"] == 0

"""What the Binance adapter does beside placing orders, through a real gateway against the simulated
venue: conditional orders, hedge mode, funding, the venue's own orders, bans, clocks, switches."""

import asyncio
import time
from decimal import Decimal

import msgspec
import pytest
from binance_simulator.security import Key
from binance_simulator.server import ACCOUNTS, BinanceSimulator
from binance_simulator.usdm import LISTINGS
from binance_world import binance_world
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_binance import gateway_create_adapter
from gateway_binance.messages import ExchangeInfo
from gateway_paper.venue.settings import AccountSettings

from gateway.api import OrderRequest, VenueRateLimited, VenueUnavailable
from gateway.testing import until

pytestmark = pytest.mark.asyncio


async def stop_order(world, **changes):
    """A waiting conditional order that closes 0.010 at 45000."""
    terms = {"side": "sell", "type": "stop", "price": "", "time_in_force": "gtc"}
    order_id = await world.submit(**(terms | {"trigger_price": "45000"} | changes))
    await world.until_state(order_id, "UNTRIGGERED")
    return order_id


@pytest.mark.parametrize("keeps", [True, False], ids=["same_client_id", "venue_client_id"])
async def test_a_conditional_order_triggers_under_its_own_name(keeps):
    async with binance_world() as world:
        world.market.child_keeps_client_id = keeps
        stop = await stop_order(world)
        world.market.trade("BTCUSDT", "44999", "0.001", "sell")
        await world.until_state(stop, "FILLED")
        assert world.native.counters()["anomalies"] == 0
        await world.judge([stop])


async def test_a_child_that_speaks_before_its_trigger_is_told_is_still_ours():
    async with binance_world() as world:
        world.faults.add("event ALGO_UPDATE", "lose", nth=2, count=None)
        stop = await stop_order(world)
        world.market.trade("BTCUSDT", "44999", "0.001", "sell")
        await world.until_state(stop, "FILLED")
        rows = await world.engine.positions()
        assert {row["strategy"] for row in rows} == {"alpha"}


async def test_a_triggered_limit_order_is_amended_and_canceled_by_its_new_id():
    async with binance_world() as world:
        stop = await stop_order(world, type="stop_limit", price="46000")
        world.market.level("BTCUSDT", "buy", "49999.90", "0")
        world.market.trade("BTCUSDT", "45000", "0.001", "sell")
        await until(lambda: world.state(stop) == "NEW")
        await world.replace(stop, quantity="0.010", price="47000")
        await until(lambda: Decimal(world.row(stop)["price"]) == 47000)
        await world.cancel(stop)
        await world.until_state(stop, "CANCELED")
        await world.judge([stop])


async def test_a_waiting_conditional_order_is_canceled_and_a_plain_amend_of_it_is_refused():
    async with binance_world() as world:
        stop = await stop_order(world, type="stop_limit", price="44000")
        await world.replace(stop, quantity="0.010", price="43000")
        await until(lambda: not world.row(stop)["pending"])
        assert world.state(stop) == "UNTRIGGERED"
        await world.cancel(stop)
        await world.until_state(stop, "CANCELED")
        await world.judge([stop])


async def test_hedge_legs_go_out_with_their_side_and_come_back_on_their_leg():
    async with binance_world("hedge") as world:
        for side, leg in (("buy", "long"), ("sell", "short")):
            order_id = await world.submit(side=side, price=None, leg=leg)
            await world.until_state(order_id, "FILLED")
        closing = await world.submit(
            side="sell", price=None, leg="long", quantity="0.004", is_reduce_only=True
        )
        await world.until_state(closing, "FILLED")
        held = {row["leg"]: Decimal(row["quantity"]) for row in await world.engine.positions()}
        assert held == {"long": Decimal("0.006"), "short": Decimal("-0.010")}
        world.compare_positions()
        asked = [
            given for method, path, given in world.simulator.requests if path.endswith("/order")
        ]
        assert all("reduceOnly" not in given for given in asked)


async def test_a_fill_whose_event_was_lost_is_booked_in_its_place():
    """A leg is partly closed unheard, then opened farther: what the close realised is what it cost
    then, not what the leg costs when the fill is asked for."""
    async with binance_world("hedge", follow_s=0.3) as world:
        opening = await world.submit(price=None, leg="long", quantity="0.030")
        await world.until_state(opening, "FILLED")
        closing = await world.submit("sell", "0.010", "50100", leg="long")
        farther = await world.submit("buy", "0.020", "49000", leg="long")
        for each in (closing, farther):
            await world.until_state(each, "NEW")
        world.faults.add("event ORDER_TRADE_UPDATE", "lose")
        world.market.trade("BTCUSDT", "50100", "0.020", "buy")
        world.market.trade("BTCUSDT", "49000", "0.040", "sell")
        await world.until_state(farther, "FILLED")
        assert world.state(closing) == "NEW"  # nobody has told of it yet
        await world.until_state(closing, "FILLED")
        await world.judge([opening, closing, farther])
        [told] = await world.adapter.balances("hedge")
        [ours] = world.native.balances()
        assert Decimal(ours["total"]) == Decimal(told.total)
        assert world.native.counters()["fills_late"] == 1


async def test_funding_is_booked_once_with_rate_and_leg():
    async with binance_world("hedge") as world:
        for side, leg, quantity in (("buy", "long", "0.010"), ("sell", "short", "0.004")):
            order_id = await world.submit(side=side, price=None, leg=leg, quantity=quantity)
            await world.until_state(order_id, "FILLED")
        number = world.engine.names.id("account", "hedge")
        world.market.pay_funding(int(time.time() * 1000) // 28_800_000 * 28_800_000)
        await until(lambda: world.native.funding_known_ns(number), "a payment over the stream")
        await world.link.reconciler.run()
        await world.link.reconciler.run()
        assert world.link.health.breaks == []  # booked once, or the balance would tell
        paid = await world.adapter.funding("hedge", 0)
        assert {(row.leg, row.rate, row.amount.startswith("-")) for row in paid} == {
            ("long", "0.00010000", True),
            ("short", "0.00010000", False),
        }


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("liquidation", "liquidation"),
        ("adl", "deleveraging"),
        ("settlement", "settlement"),
        ("delivery", "delivery"),
    ],
)
async def test_what_the_venue_does_by_itself_is_a_fill_with_its_cause(kind, cause):
    async with binance_world() as world:
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")
        world.market.close_out("main", "BTCUSDT", kind)
        await until(lambda: world.native.counters()["fills"] == 2)
        world.compare_positions()
        told = await world.adapter.fills("main", 0)
        assert [fill.cause for fill in told] == ["trade", cause]
        await world.link.reconciler.run()
        assert world.native.counters()["fills"] == 2
        assert not [each for each in world.link.health.breaks if "BTCUSDT" in each]


async def test_a_self_trade_the_venue_prevented_is_named():
    async with binance_world() as world:
        resting = await world.submit(price="49999.90")
        await world.until_state(resting, "NEW")
        world.market.level("BTCUSDT", "buy", "49999.90", "0")
        crossing = await world.submit(side="sell", price="49999.90")
        await world.until_state(resting, "CANCELED", "EXPIRED")
        assert world.row(resting)["reason"] == "self_trade"
        await world.judge([resting, crossing])


async def test_rejections_carry_the_words_of_the_venue():
    poor = (AccountSettings(name="main", balances={"USDT": "1000"}),)
    async with binance_world(simulator=BinanceSimulator(accounts=poor)) as world:
        crossing = await world.submit(price="50000.10", is_post_only=True)
        far = await world.submit(quantity="1", price="50000.10")
        soon = await world.submit(
            time_in_force="gtd", expires_ns=time.time_ns() + 60 * 1_000_000_000
        )
        said = {}
        for order_id in (crossing, far, soon):
            await world.until_state(order_id, "REJECTED")
            said[order_id] = world.row(order_id)["reason_text"].partition(" ")[0]
        assert list(said.values()) == ["-5022", "-2019", "-5040"]
        await world.judge([crossing, far, soon])


async def test_fills_of_many_pages_are_all_told():
    async with binance_world() as world:
        resting = await world.submit(quantity="2.100", price="49000")
        await world.until_state(resting, "NEW")
        for _ in range(2_100):
            world.market.trade("BTCUSDT", "49000", "0.001", "sell")
        await world.until_state(resting, "FILLED")
        told = await world.adapter.fills("main", 0)
        assert len(told) == 2_100 == len({fill.trade_id for fill in told})
        assert {fill.client_order_id for fill in told} == {world.client_id(resting)}


async def test_a_gateway_that_starts_anew_finds_its_orders_and_fills():
    async with binance_world() as world:
        resting = await world.submit(price="49500")
        stop = await stop_order(world)
        await world.until_state(resting, "NEW")
        names = {world.client_id(resting), world.client_id(stop)}
        fresh = another(world)
        port = Silent()
        await fresh.connect(port)
        try:
            for name in names:  # as the gateway does about every order of its own
                assert await fresh.query_order("main", name) is not None
            told = await fresh.open_orders("main")
            assert {report.client_order_id for report in told} == names
            assert {report.state for report in told} == {"new", "untriggered"}
            world.market.trade("BTCUSDT", "49500", "0.004", "sell")
            world.market.trade("BTCUSDT", "44999", "0.001", "sell")
            await world.until_state(stop, "FILLED")
            fills = await fresh.fills("main", 0)
            assert {fill.client_order_id for fill in fills} == names
            assert (await fresh.query_order("main", world.client_id(stop))).state == "filled"
            assert await fresh.query_order("main", "never-sent") is None
        finally:
            await fresh.close()


async def test_a_fresh_adapter_links_a_child_that_lives_already():
    async with binance_world() as world:
        stop = await stop_order(world, type="stop_limit", price="46000")
        world.market.level("BTCUSDT", "buy", "49999.90", "0")
        world.market.trade("BTCUSDT", "45000", "0.001", "sell")
        await until(lambda: world.state(stop) == "NEW")
        fresh = another(world)
        await fresh.connect(Silent())
        try:
            (report,) = await fresh.open_orders("main")
            assert report.client_order_id == world.client_id(stop)
            assert report.state == "new"
        finally:
            await fresh.close()


async def test_nothing_is_sent_while_banned_and_the_ban_ends_by_itself():
    async with binance_world() as world:
        world.simulator.limits.ban(3.0)
        with pytest.raises((VenueRateLimited, VenueUnavailable)):
            await world.adapter.balances("main")
        asked = world.simulator.limits.requests_while_banned
        order_id = await world.submit()
        await world.until_state(order_id, "CANCELED", "REJECTED")
        for _ in range(20):
            with pytest.raises(VenueRateLimited) as told:
                await world.adapter.positions("main")
            assert told.value.retry_after_ms > 0
        assert world.simulator.limits.requests_while_banned == asked == 1
        world.simulator.limits.banned_until_ms = 0

        async def answers():
            while True:
                try:
                    return await world.adapter.balances("main")
                except VenueRateLimited:
                    await asyncio.sleep(0.1)

        async with asyncio.timeout(300):
            assert await answers()


async def test_a_clock_that_is_off_is_measured_again():
    async with binance_world() as world:
        world.simulator.clock.skew_ms = 20_000
        refused = await world.submit()
        await world.until_state(refused, "REJECTED")
        assert world.row(refused)["reason_text"].startswith("-1021")
        taken = await world.submit()
        await world.until_state(taken, "NEW")
        await world.judge([refused, taken])


async def test_the_listen_key_is_kept_alive_and_replaced_when_it_is_gone():
    async with binance_world(keepalive_s=0.1) as world:
        await until(lambda: world.simulator.listen_keys.keepalives >= 3)
        world.simulator.clock.advance(3_000)
        await until(lambda: world.simulator.listen_keys.keepalives >= 6)
        assert world.counters["gaps"] == 0
        world.simulator.listen_keys.close("main")  # another client of the account deleted it
        await until(lambda: world.counters["gaps"] == 1)
        await until(lambda: world.link.health.is_reconciled)
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")


async def test_the_dead_man_cancels_what_nobody_watches():
    async with binance_world() as world:
        first = await world.submit()
        await world.until_state(first, "NEW")
        await world.adapter.arm_dead_man("main", 60_000)
        assert ("main", "BTCUSDT") in world.market.countdowns
        await world.adapter.arm_dead_man("main", 0)
        assert world.market.countdowns == {}
        await world.adapter.arm_dead_man("main", 1_000)
        await world.until_state(first, "CANCELED")
        await world.judge([first])


async def test_cancel_all_ends_plain_and_conditional_orders():
    async with binance_world() as world:
        orders = [await world.submit(), await stop_order(world)]
        await world.until_state(orders[0], "NEW")
        await world.adapter.cancel_all("main")
        for order_id in orders:
            await world.until_state(order_id, "CANCELED")
        await world.judge(orders)


async def test_a_rebate_is_a_negative_fee_and_balances_agree():
    rebate = tuple(type(each)(**(struct_of(each) | {"maker_rate": "-0.0001"})) for each in LISTINGS)
    async with binance_world(simulator=BinanceSimulator(listings=rebate)) as world:
        resting = await world.submit(price="49000")
        await world.until_state(resting, "NEW")
        world.market.trade("BTCUSDT", "49000", "0.010", "sell")
        await world.until_state(resting, "FILLED")
        (told,) = await world.adapter.fills("main", 0)
        assert told.fee == "-0.04900000"
        await world.link.reconciler.run()
        assert world.link.health.breaks == []


async def test_a_symbol_that_vanishes_is_no_longer_tradable_and_the_others_are():
    async with binance_world() as world:
        del world.market.listings["ETHUSDT"]
        told = {each.venue_symbol: each.is_tradable for each in await world.adapter.instruments()}
        assert told == {"BTCUSDT": True, "ETHUSDT": False}
        order_id = await world.submit()
        await world.until_state(order_id, "NEW")


async def test_a_symbol_that_closes_is_asked_about_anew():
    async with binance_world() as world:
        world.market.closed_symbols.add("BTCUSDT")
        refused = await world.submit()
        await world.until_state(refused, "REJECTED")
        assert world.row(refused)["reason_text"].startswith("-4141")
        rows = world.native.registry
        await until(
            lambda: not tradable(rows("instrument"), "BTCUSDT.binance"), "the closed symbol"
        )


async def test_an_instrument_that_cannot_be_read_hides_no_other():
    async with binance_world() as world:
        fault = '"tickSize":"0.10"'

        def broken(text):
            return text.replace(fault, '"tickSize":0.1')

        questions, rest = world.adapter.questions, world.adapter._rest
        info = await rest.public("/fapi/v1/exchangeInfo", Broken(broken))
        assert len(info.symbols) == 2
        rest.public = lambda *values, **named: answered(info)
        questions._wanted = ()
        told = await questions.instruments("binance")
        assert [each.venue_symbol for each in told] == ["ETHUSDT"]
        assert world.adapter.counts()["unreadable_rows"] == 1


async def test_an_order_that_the_stream_did_not_tell_is_counted_among_what_the_venue_tells():
    async with binance_world(follow_s=0.05) as world:
        world.faults.add("event ORDER_TRADE_UPDATE", "lose")
        order_id = await world.submit()
        await world.until(lambda: world.adapter.counts().get("orders_not_told"), "the count")
        await world.until_state(order_id, "NEW")
        told = world.link.health.counts()
        assert told["adapter.orders_not_told"] == 1
        assert told["adapter.requests.answered"] > 0


async def test_maintenance_stops_new_orders_until_the_venue_is_open_again():
    async with binance_world() as world:
        resting = await world.submit()
        await world.until_state(resting, "NEW")
        world.simulator.is_in_maintenance = True
        refused = await world.submit()
        await world.until_state(refused, "CANCELED", "REJECTED")
        await until(lambda: not world.link.health.is_reconciled)
        world.simulator.is_in_maintenance = False
        await until(lambda: world.link.health.is_reconciled)
        await world.judge([resting, refused])


async def test_a_market_order_that_must_fill_whole_is_never_sent_as_one_that_may_not():
    async with binance_world() as world:
        fresh, port = another(world), Heard()
        await fresh.connect(port)
        try:
            order = OrderRequest(
                order_id=7,
                client_order_id="g7",
                account="main",
                instrument="BTCUSDT",
                side="buy",
                type="market",
                time_in_force="fok",
                quantity="0.010",
            )
            await fresh.submit([order])
            assert port.facts == ["not_sent"] and world.orders_at_venue("g7") == []
        finally:
            await fresh.close()


async def test_a_connect_that_met_maintenance_leaves_no_mark_on_the_next_one():
    async with binance_world() as world:
        fresh, port = another(world), Heard()
        keyed = fresh._rest.keyed

        async def closed(*values):
            world.simulator.is_in_maintenance = True
            try:
                return await keyed(*values)
            finally:
                world.simulator.is_in_maintenance = False

        fresh._rest.keyed = closed
        with pytest.raises(VenueUnavailable):
            await fresh.connect(port)
        assert "maintenance" in port.facts
        fresh._rest.keyed = keyed
        await fresh.connect(port)
        try:
            port.facts.clear()
            fresh._break_off("the line is cut")
            await until(lambda: port.facts == ["gap_opened", "gap_closed"])
        finally:
            await fresh.close()


async def test_a_conditional_order_of_somebody_else_ends_as_an_external_fill():
    simulator = BinanceSimulator()
    async with binance_world(simulator=simulator) as world:
        terms = {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "algoType": "CONDITIONAL",
            "quantity": "0.010",
        }
        terms |= {"type": "STOP_MARKET", "triggerPrice": "45000", "clientAlgoId": "a-person"}
        world.market.place_algo("main", terms)
        await world.link.reconciler.run()
        assert await world.adapter.open_orders("main") == []
        world.market.trade("BTCUSDT", "44999", "0.001", "sell")
        await until(lambda: world.native.counters()["fills"] == 1)
        result = await world.link.reconciler.run()
        assert result.lacking == [] and world.native.counters()["fills"] == 1
        world.compare_positions()


async def test_after_a_restart_the_end_of_a_child_is_still_told_as_ours():
    async with binance_world() as world:
        stop = await stop_order(world, type="stop_limit", price="46000")
        world.adapter.memory.__init__()  # as a process that remembers nothing
        await world.adapter.query_order("main", world.client_id(stop))
        world.market.level("BTCUSDT", "buy", "49999.90", "0")
        world.market.trade("BTCUSDT", "45000", "0.001", "sell")
        await until(lambda: world.state(stop) == "NEW")
        (child,) = world.market.open_orders("main")
        world.market.cancel(child)
        await world.until_state(stop, "CANCELED")
        await world.judge([stop])


async def test_ed25519_keys_sign_too():
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes_raw()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    simulator = BinanceSimulator(
        accounts=ACCOUNTS, keys=[Key(api_key="ed", account="main", public_key=raw)]
    )
    async with binance_world(simulator=simulator, secrets={"key": "ed", "secret": pem}) as world:
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")
        await world.judge([order_id])


def tradable(rows, name):
    return next(row["is_tradable"] for row in rows if row["name"] == name)


async def answered(document):
    return document


class Broken:
    """Reads exchangeInfo after it was changed on its way."""

    def __init__(self, change):
        self._change = change

    def read(self, data):
        return msgspec.json.decode(self._change(data.decode()), type=ExchangeInfo)


class Silent:
    """A port that takes everything."""

    def __getattr__(self, name):
        return lambda *values, **named: None


class Heard:
    """A port that remembers which facts of the line were told, but not the prices."""

    def __init__(self):
        self.facts = []

    def __getattr__(self, name):
        return lambda *values, **named: name == "marked" or self.facts.append(name)


def another(world):
    """A second adapter on the same account, as after a restart: it remembers nothing."""
    settings = {
        "account": "main",
        "url": world.simulator.url,
        "stream_url": world.simulator.stream_url,
        "symbols": ["BTCUSDT", "ETHUSDT"],
    }
    secrets = {"key": "main-key", "secret": "main-secret"}
    return gateway_create_adapter("binance", settings, secrets)


def struct_of(listing):
    return {name: getattr(listing, name) for name in listing.__struct_fields__}

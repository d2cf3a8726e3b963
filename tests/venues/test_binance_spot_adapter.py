"""What the Binance Spot adapter does beside placing orders, through a real gateway against the
simulated venue: stops, replacements, commissions, other people's orders, bans, clocks, loans."""

import asyncio
import json
from decimal import Decimal

import pytest
from binance_simulator.security import Key
from binance_simulator.spot_server import SPOT_ACCOUNTS, SpotSimulator
from binance_spot_world import spot_world
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_binance.spot import gateway_create_adapter

from gateway.api import VenueRateLimited, VenueUnavailable
from gateway.testing import until

pytestmark = pytest.mark.asyncio


async def stop_order(world, **changes):
    """A waiting stop that sells 0.010 at 45000."""
    terms = {"side": "sell", "type": "stop", "price": "", "time_in_force": "gtc"}
    order_id = await world.submit(**(terms | {"trigger_price": "45000"} | changes))
    await world.until_state(order_id, "UNTRIGGERED")
    return order_id


async def test_a_stop_triggers_under_its_own_id():
    async with spot_world() as world:
        stop = await stop_order(world)
        number = world.row(stop)["venue_order_id"]
        world.market.trade("BTCUSDT", "44999", "0.001", "sell")
        await world.until_state(stop, "FILLED")
        assert world.row(stop)["venue_order_id"] == number
        assert world.native.counters()["anomalies"] == 0
        await world.judge([stop])


async def test_a_stop_whose_trigger_was_not_told_triggers_with_its_fill():
    async with spot_world() as world:
        stop = await stop_order(world)
        world.faults.add("event executionReport", "lose")
        world.market.trade("BTCUSDT", "44999", "0.001", "sell")
        await world.until_state(stop, "FILLED")
        assert world.native.counters()["anomalies"] == 0


async def test_a_triggered_stop_limit_is_replaced_and_canceled():
    async with spot_world() as world:
        stop = await stop_order(world, type="stop_limit", price="46000")
        await world.replace(stop, quantity="0.010", price="47000")
        await until(lambda: not world.row(stop)["pending"])
        assert world.state(stop) == "UNTRIGGERED"  # while it waits it is not replaced
        world.market.level("BTCUSDT", "buy", "49999.90", "0")
        world.market.trade("BTCUSDT", "45000", "0.001", "sell")
        await until(lambda: world.state(stop) == "NEW")
        await world.cancel(stop)
        await world.until_state(stop, "CANCELED")
        await world.judge([stop])


async def test_an_order_is_replaced_again_and_again_and_filled_under_one_name():
    async with spot_world() as world:
        order_id = await world.submit(price="49000", quantity="0.010")
        await world.until_state(order_id, "NEW")
        for price in ("48900", "48800"):
            await world.replace(order_id, quantity="0.020", price=price)
            await until(lambda: not world.row(order_id)["pending"])
            assert Decimal(world.row(order_id)["price"]) == Decimal(price)
        assert len(world.market.orders) == 3
        world.market.trade("BTCUSDT", "48800", "0.005", "sell")
        await world.until_state(order_id, "PARTIALLY_FILLED")
        await world.replace(order_id, quantity="0.020", price="48700")
        await until(lambda: not world.row(order_id)["pending"])
        assert (
            Decimal(world.row(order_id)["price"]) == 48800
        )  # what fills meanwhile would be too much
        await world.replace(order_id, quantity="0.008")
        await until(lambda: Decimal(world.row(order_id)["quantity"]) == Decimal("0.008"))
        await world.judge([order_id])
        fresh = another(world)
        await fresh.connect(Silent())
        try:  # as after a restart, with nothing in mind but the order's name
            (report,) = await fresh.open_orders("main")
            found = await fresh.query_order("main", world.client_id(order_id))
            assert report.client_order_id == found.client_order_id == world.client_id(order_id)
            assert found.quantity == "0.00800000"
            fills = await fresh.fills("main", 0)
            assert {fill.client_order_id for fill in fills} == {world.client_id(order_id)}
        finally:
            await fresh.close()
        await world.cancel(order_id)
        await world.until_state(order_id, "CANCELED")
        await world.judge([order_id])


async def test_a_replacement_that_the_venue_refuses_leaves_the_order_canceled():
    async with spot_world() as world:
        order_id = await world.submit(price="49000", quantity="0.010", is_post_only=True)
        await world.until_state(order_id, "NEW")
        await world.replace(order_id, quantity="0.010", price="50000.10")
        await world.until_state(order_id, "CANCELED")
        (order,) = world.market.orders
        assert order.status == "CANCELED"


async def test_what_the_stream_told_is_counted_by_kind_and_reaches_the_metrics():
    async with spot_world() as world:
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")
        told = world.link.health.counts()
        assert told["adapter.executionReport"] >= 2
        assert told["adapter.unreadable_rows"] == 0


@pytest.mark.parametrize("way", ["rest", "websocket"])
@pytest.mark.parametrize(
    "half",
    [
        {"code": -1007, "msg": "Timeout waiting for response from backend server."},
        {"code": -2010, "msg": "Duplicate order sent."},
    ],
)
async def test_a_replacement_of_unknown_end_is_asked_for_and_not_believed_refused(half, way):
    said = {"code": -2021, "msg": "Order cancel-replace partially failed."}
    said["data"] = {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE"}
    said["data"] |= {"cancelResponse": {"orderId": 1}, "newOrderResponse": half}
    async with spot_world(order_entry=way) as world:
        socket = world.adapter._rest.order_socket
        await until(lambda: socket is None or socket.is_up, "the order socket")
        order_id = await world.submit(price="49000", quantity="0.010")
        await world.until_state(order_id, "NEW")
        subject = {
            "rest": "POST /api/v3/order/cancelReplace",
            "websocket": "WS order.cancelReplace",
        }
        terms = {"status": 409, "body": json.dumps(said)}
        world.faults.add(subject[way], "execute_then_error", **terms)
        await world.replace(order_id, quantity="0.010", price="48900")
        await until(lambda: world.faults.log and not world.row(order_id)["pending"])
        assert world.state(order_id) == "NEW"
        assert Decimal(world.row(order_id)["price"]) == 48900
        await world.judge([order_id])


async def test_commissions_are_booked_in_whatever_coin_they_are_paid():
    async with spot_world() as world:
        orders = [await world.submit(price=None)]
        await world.until_state(orders[0], "FILLED")
        world.market.pay_in_bnb("main")
        for side in ("buy", "sell"):
            orders.append(await world.submit(side=side, price=None))
            await world.until_state(orders[-1], "FILLED")
        told = await world.adapter.fills("main", 0)
        assert [fill.fee_currency for fill in told] == ["BTC", "BNB", "BNB"]
        await world.link.reconciler.run()
        assert world.link.health.breaks == []
        await world.judge(orders)


async def test_a_deposit_is_a_break_of_balances_and_nothing_else():
    async with spot_world() as world:
        world.market.exchange.accounts["main"].balances["USDT"] += 5
        await world.link.reconciler.run()
        assert [each for each in world.link.health.breaks if "USDT" in each]


async def test_orders_of_other_people_are_told_by_their_own_names():
    async with spot_world() as world:
        terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        terms |= {"quantity": "0.010", "price": "49000", "newClientOrderId": "a-person"}
        world.market.place("main", terms)
        (report,) = await world.adapter.open_orders("main")
        assert (report.client_order_id, report.state) == ("a-person", "new")
        world.market.trade("BTCUSDT", "49000", "0.004", "sell")
        await until(lambda: world.native.counters()["fills"] == 1)
        result = await world.link.reconciler.run()
        assert result.lacking == [] and world.native.counters()["fills"] == 1
        world.compare_holdings()


async def test_rejections_carry_the_words_of_the_venue():
    async with spot_world() as world:
        crossing = await world.submit(price="50000.10", is_post_only=True)
        far = await world.submit(quantity="150", price="50000", side="sell")
        said = []
        for order_id in (crossing, far):
            await world.until_state(order_id, "REJECTED")
            said.append(world.row(order_id)["reason_text"])
        assert "immediately match" in said[0] and "insufficient balance" in said[1]
        await world.judge([crossing, far])


async def test_fills_of_many_pages_are_all_told():
    async with spot_world() as world:
        resting = await world.submit(quantity="2.100", price="49000")
        await world.until_state(resting, "NEW")
        for _ in range(2_100):
            world.market.trade("BTCUSDT", "49000", "0.001", "sell")
        await world.until_state(resting, "FILLED")
        told = await world.adapter.fills("main", 0)
        assert len(told) == 2_100 == len({fill.trade_id for fill in told})
        assert {fill.client_order_id for fill in told} == {world.client_id(resting)}
        newest = told[-1].venue_time_ns
        late = await world.adapter.fills("main", newest)
        assert late and all(fill.venue_time_ns >= newest for fill in late)


async def test_nothing_is_sent_while_banned_and_the_ban_ends_by_itself():
    async with spot_world() as world:
        world.simulator.limits.ban(3.0)
        with pytest.raises((VenueRateLimited, VenueUnavailable)):
            await world.adapter.balances("main")
        asked = world.simulator.limits.requests_while_banned
        order_id = await world.submit()
        await world.until_state(order_id, "CANCELED", "REJECTED")
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


async def test_the_venue_s_own_count_of_unfilled_orders_wins():
    async with spot_world() as world:
        orders = [await world.submit(price=None) for _ in range(3)]
        for each in orders:
            await world.until_state(each, "FILLED")
        rest = world.adapter._rest

        async def forgiven():
            while True:  # what was spent a moment ago the venue may not have counted yet
                await world.adapter.balances("main")
                rows = {row["name"]: row["used"] for row in rest.row()["budget"]["limits"]}
                if rows["orders_1d@main"] == 0:
                    return
                await asyncio.sleep(0.1)

        async with asyncio.timeout(300):
            await forgiven()


async def test_a_clock_that_is_off_is_measured_again_also_for_the_stream():
    async with spot_world() as world:
        world.simulator.clock.skew_ms = 20_000
        world.simulator.hub.cut_all()
        await until(lambda: world.counters["gaps"] == 1)
        await until(lambda: world.link.health.is_reconciled)
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")


async def test_a_subscription_that_the_venue_ends_is_a_gap_and_made_anew():
    async with spot_world() as world:
        world.end_stream()
        await until(lambda: world.counters["gaps"] == 1)
        await until(lambda: world.link.health.is_reconciled)
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")


async def test_cancel_all_ends_working_orders_and_stops():
    async with spot_world() as world:
        orders = [await world.submit(), await stop_order(world)]
        await world.until_state(orders[0], "NEW")
        await world.adapter.cancel_all("main")
        for order_id in orders:
            await world.until_state(order_id, "CANCELED")
        await world.adapter.cancel_all("main")
        await world.judge(orders)


async def test_cancel_all_ends_what_we_trade_also_when_nobody_tells_what_is_open():
    async with spot_world() as world:
        orders = [await world.submit(), await stop_order(world)]
        await world.until_state(orders[0], "NEW")
        world.faults.add("GET /api/v3/openOrders", "error")
        with pytest.raises(VenueUnavailable):  # others may be open on other symbols
            await world.adapter.cancel_all("main")
        for order_id in orders:
            await world.until_state(order_id, "CANCELED")


async def test_a_ban_told_to_the_user_line_stops_every_line():
    async with spot_world() as world:
        until_ms = world.simulator.clock.now_ms() + 60_000
        banned = {"code": -1003, "msg": "Way too much request weight used; IP banned."}
        body = json.dumps(banned | {"data": {"retryAfter": until_ms}})
        subscribe = "WS userDataStream.subscribe.signature"
        world.faults.add(subscribe, "error", count=None, status=418, body=body)
        world.simulator.hub.cut_all()
        await until(lambda: world.adapter._rest.budget.banned_ns() > 30_000_000_000, "the ban")
        with pytest.raises(VenueRateLimited):
            await world.adapter.balances("main")
        dials = world.adapter._stream.row()["attempts"]
        await until(lambda: world.adapter._stream.row()["attempts"] > dials + 1, "more dials")
        assert [subject for subject, _ in world.faults.log] == [subscribe]


async def test_a_symbol_that_vanishes_is_no_longer_tradable_and_the_others_are():
    async with spot_world() as world:
        del world.market.listings["ETHUSDT"]
        told = {each.venue_symbol: each.is_tradable for each in await world.adapter.instruments()}
        assert told == {"BTCUSDT": True, "ETHUSDT": False}


async def test_a_symbol_that_closes_is_asked_about_anew():
    async with spot_world() as world:
        world.market.closed_symbols.add("BTCUSDT")
        refused = await world.submit()
        await world.until_state(refused, "REJECTED")
        assert "Market is closed." in world.row(refused)["reason_text"]
        rows = world.native.registry
        await until(
            lambda: [r for r in rows("instrument") if not r["is_tradable"]], "the closed symbol"
        )


@pytest.mark.parametrize("order_entry", ["rest", "websocket"])
async def test_ed25519_keys_sign_too(order_entry):
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes_raw()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    keys = [Key(api_key="ed", account="main", public_key=raw)]
    simulator = SpotSimulator(accounts=SPOT_ACCOUNTS, keys=keys)
    secrets = {"key": "ed", "secret": pem}
    async with spot_world(simulator=simulator, secrets=secrets, order_entry=order_entry) as world:
        socket = world.adapter._rest.order_socket
        await until(lambda: socket is None or socket.is_up, "the order socket")
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")
        ways = {method for method, path, _ in world.simulator.requests if "order" in path}
        assert ("WS" in ways) == (order_entry == "websocket")
        await world.judge([order_id])


async def test_interest_of_a_margin_loan_is_booked_once_and_balances_agree():
    simulator = SpotSimulator()
    simulator.venue.borrow("margin", "USDT", "5000")
    for _ in range(150):  # more than a page
        simulator.venue.accrue_interest("margin", "USDT", "0.00001")
    async with spot_world("margin", simulator=simulator, wallet="margin") as world:
        assert world.link.health.breaks == []
        told = await world.adapter.borrow_interest("margin", 0)
        assert len(told) == 150 == len({each.reference for each in told})
        assert (told[0].principal, told[0].amount) == ("5000.00000000", "0.05000000")
        simulator.venue.accrue_interest("margin", "USDT", "0.00001")
        for _ in range(2):
            await world.link.reconciler.run()
            assert world.link.health.breaks == []
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")
        paths = {path for method, path, _ in simulator.requests if path.endswith("/order")}
        assert paths == {"/sapi/v1/margin/order"}
        await world.judge([order_id])
        await world.link.reconciler.run()
        assert world.link.health.breaks == []


async def test_the_first_prices_are_asked_for_until_they_are_told():
    simulator = SpotSimulator()
    simulator.faults.add("GET /api/v3/ticker/bookTicker", "error")
    async with spot_world(simulator=simulator) as world:  # open only when there is a price
        assert simulator.faults.log == [("GET /api/v3/ticker/bookTicker", "error")]
        order_id = await world.submit(price=None)
        await world.until_state(order_id, "FILLED")


async def test_what_a_line_begins_while_it_is_stopped_ends_with_the_adapter():
    async with spot_world() as world:
        fresh = another(world)
        await fresh.connect(Silent())
        stop = fresh._stream.stop

        async def begin_and_stop():
            fresh._tasks.start(asyncio.sleep(1_000))
            await stop()

        fresh._stream.stop = begin_and_stop
        await fresh.close()
        assert len(fresh._tasks) == 0


class Silent:
    """A port that takes everything."""

    def __getattr__(self, name):
        return lambda *values, **named: None


def another(world):
    """A second adapter on the same account, as after a restart: it remembers nothing."""
    settings = {
        "account": "main",
        "url": world.simulator.url,
        "stream_url": world.simulator.stream_url,
        "api_socket_url": world.simulator.api_socket_url,
        "symbols": ["BTCUSDT", "ETHUSDT"],
    }
    secrets = {"key": "main-key", "secret": "main-secret"}
    return gateway_create_adapter("binance_spot", settings, secrets)

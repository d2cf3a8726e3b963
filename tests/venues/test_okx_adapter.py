"""The adapter of OKX against the simulated venue, under the real runtime."""

import asyncio
import shutil
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from gateway_paper.venue.exact import money_text
from okx_desk import SWAP, Desk, adapter_of, desk, simulated

from gateway.api import RefusedError, VenueRejected
from gateway.testing import RecordingPort, until

pytestmark = pytest.mark.asyncio


@pytest.fixture
def directory():
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-okx-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def test_an_order_lives_and_every_step_is_told(directory):
    async with desk(directory) as made:
        order_id = await made.submit()
        row = await made.until_state(order_id, "NEW")
        (venue_id,) = made.simulator.sent_with(made.client_order_id(order_id))
        assert row["venue_order_id"] == venue_id
        await made.replace(order_id, quantity="3", price="49500")
        await until(lambda: made.row(order_id)["price"] == "49500")
        assert Decimal(made.row(order_id)["quantity"]) == 3
        made.simulator.venue.trade(SWAP, "49500", "1", "sell")
        row = await made.until_state(order_id, "PARTIALLY_FILLED")
        assert Decimal(row["cumulative_quantity"]) == 1
        await made.cancel(order_id)
        row = await made.until_state(order_id, "CANCELED")
        assert row["reason"] == "requested"
        assert made.position() == 1
        await made.judge(order_id)


async def test_orders_over_the_socket_live_as_those_by_rest(directory):
    async with desk(directory, order_entry="websocket") as made:
        one, dear, other = await made.together(
            made.submit(price="48000"),
            made.submit(price="48001", quantity="100000"),
            made.submit(price="48002"),
        )
        assert (await made.settled(dear))["reason"] == "insufficient_funds"
        await made.replace(one, price="48010", quantity="3")
        await until(lambda: made.row(one)["price"] == "48010")
        await made.together(made.cancel(one), made.cancel(other))
        for order_id in (one, other):
            await made.until_state(order_id, "CANCELED")
        stop = await made.submit(type="stop", price="", trigger_price="51000")
        await made.until_state(stop, "UNTRIGGERED")
        posts = [place for place, _ in made.simulator.rest.requests if place.startswith("POST")]
        assert posts == ["POST trade/order-algo"]
        await made.judge(one)
        made.judge_all()


async def test_requests_that_a_proxy_repeats_end_as_one(directory):
    """The second answer says duplicate, or gone: neither is a verdict about the first."""
    async with desk(directory) as made:
        faults = made.simulator.faults
        faults.add("POST trade/order", "execute_twice")
        order_id = await made.submit()
        await made.settled(order_id)
        assert made.state(order_id) == "NEW", "51016 is the order's own echo, no rejection"
        await made.judge(order_id)
        faults.add("POST trade/amend-order", "execute_twice")
        await made.replace(order_id, price="49100")
        await made.settled(order_id)
        await made.judge(order_id)
        faults.add("POST trade/cancel-order", "execute_twice")
        await made.cancel(order_id)
        await made.until_state(order_id, "CANCELED")
        await made.judge(order_id)
        made.judge_all()


async def test_a_cancel_that_comes_too_late_brings_the_fill_that_was_not_heard(directory):
    async with desk(directory) as made:
        order_id = await made.submit()
        await made.until_state(order_id, "NEW")
        gaps = made.link.health.counters["gaps"]
        made.simulator.faults.add("event orders", "lose")
        made.simulator.venue.trade(SWAP, "49000", "2", "sell")
        await until(lambda: made.simulator.faults.log, "the loss")
        await made.cancel(order_id)
        await made.until_state(order_id, "FILLED")
        assert made.position() == 2
        assert made.link.health.counters["gaps"] == gaps, "one order was asked, not all"
        await made.judge(order_id)


async def test_a_batch_has_a_result_for_each_of_its_orders(directory):
    async with desk(directory) as made:
        good, dear, other = await made.together(
            made.submit(price="48000"),
            made.submit(price="48001", quantity="100000"),
            made.submit(price="48002"),
        )
        assert (await made.settled(dear))["reason"] == "insufficient_funds"
        assert made.state(dear) == "REJECTED"
        await made.until_state(good, "NEW")
        await made.until_state(other, "NEW")
        places = [place for place, _ in made.simulator.rest.requests]
        assert "POST trade/batch-orders" in places
        await made.together(made.cancel(good), made.cancel(other))
        await made.until_state(good, "CANCELED")
        await made.until_state(other, "CANCELED")
        assert "POST trade/cancel-batch-orders" in [
            place for place, _ in made.simulator.rest.requests
        ]
        made.judge_all()


STOP = {"type": "stop_limit", "side": "sell", "trigger_price": "45000", "price": "44900"}


@pytest.mark.parametrize("order_entry", ["rest", "websocket"])
async def test_a_stop_that_waits_gets_new_terms_and_keeps_its_trigger(directory, order_entry):
    async with desk(directory, order_entry=order_entry) as made:
        order_id = await made.submit(**STOP)
        await made.until_state(order_id, "UNTRIGGERED")
        await made.replace(order_id, quantity="3", price="44800")
        row = await made.until_state(order_id, "UNTRIGGERED")
        terms = [Decimal(row[name]) for name in ("quantity", "price", "trigger_price")]
        assert terms == [3, 44_800, 45_000]
        [algo] = made.simulator.algos.orders.values()
        assert (algo.size, algo.execution_price, algo.trigger_price) == ("3", "44800", "45000")
        assert made.counters["unknown_outcomes"] == 0
        made.simulator.venue.trade(SWAP, "44999", "0.01", "sell")
        await made.until_state(order_id, "NEW", "FILLED")
        plain = made.simulator.venue.orders[algo.child_id]
        assert (plain.size, plain.price) == ("3", "44800")


@pytest.mark.parametrize(
    ("fault", "terms"),
    [("execute_then_drop", {}), ("truncate", {}), ("drop", {}), ("error", {"status": 500})],
)
async def test_a_lost_answer_to_an_amend_of_a_stop_is_asked_about(directory, fault, terms):
    async with desk(directory) as made:
        order_id = await made.submit(**STOP)
        await made.until_state(order_id, "UNTRIGGERED")
        made.simulator.faults.add("POST trade/amend-algos", fault, **terms)
        await made.replace(order_id, quantity="2", price="44800")
        await until(lambda: made.simulator.faults.log, "the fault")
        await made.settle()
        [algo] = made.simulator.algos.orders.values()
        row = made.row(order_id)
        assert (row["state"], row["pending"]) == ("UNTRIGGERED", "")
        assert Decimal(row["price"]) == Decimal(algo.execution_price)


async def test_an_amend_of_a_stop_is_confirmed_by_the_order_itself(directory):
    """An answer 0 that changed nothing is a doubt first, and then what the order says."""
    async with desk(directory) as made:
        order_id = await made.submit(**STOP)
        await made.until_state(order_id, "UNTRIGGERED")
        [algo] = made.simulator.algos.orders.values()
        said = f'{{"code":"0","msg":"","data":[{{"algoId":"{algo.algo_id}","sCode":"0"}}]}}'
        faults = made.simulator.faults
        faults.add("POST trade/amend-algos", "error", status=200, body=said)
        await made.replace(order_id, price="44800")
        await until(lambda: made.counters["unknown_outcomes"], "the doubt")
        await made.settle()
        assert Decimal(made.row(order_id)["price"]) == 44_900


async def test_a_price_is_the_wanted_one_however_many_digits_it_is_written_with(directory):
    async with desk(directory) as made:
        order_id = await made.submit(**STOP)
        await made.until_state(order_id, "UNTRIGGERED")
        [algo] = made.simulator.algos.orders.values()

        def write_longer():
            algo.execution_price += ".00"

        made.simulator.faults.add("GET trade/order-algo", "call", call=write_longer)
        await made.replace(order_id, price="44800")
        await until(lambda: Decimal(made.row(order_id)["price"]) == 44_800, "the new price")
        assert algo.execution_price == "44800.00" and not made.counters["unknown_outcomes"]


async def test_a_stop_that_ended_after_its_amend_is_told_as_ended(directory):
    async with desk(directory) as made:
        order_id = await made.submit(**STOP)
        await made.until_state(order_id, "UNTRIGGERED")
        [algo] = made.simulator.algos.orders.values()
        made.simulator.faults.add("event orders-algo", "lose")

        def end():
            made.simulator.algos.cancel("net", {"algoId": algo.algo_id})

        made.simulator.faults.add("GET trade/order-algo", "call", call=end)
        entry, told = made.adapter._entry, []
        tell = entry._tell

        def listen(fact, *values, **named):
            told.append(fact)
            tell(fact, *values, **named)

        entry._tell = listen
        await made.replace(order_id, price="44800")
        await made.until_state(order_id, "CANCELED")
        assert told == ["replace_rejected", "order_seen"]


async def test_an_amend_of_a_stop_that_is_gone_finds_its_end(directory):
    async with desk(directory) as made:
        order_id = await made.submit(**STOP)
        await made.until_state(order_id, "UNTRIGGERED")
        [algo] = made.simulator.algos.orders.values()
        made.simulator.faults.add("event orders-algo", "lose")
        made.simulator.algos.cancel("net", {"algoId": algo.algo_id})
        await made.replace(order_id, price="44800")
        await made.until_state(order_id, "CANCELED")


async def test_an_option_price_off_its_band_is_not_sent(directory):
    option = "BTC-USD-301227-60000-C"
    terms = {"kinds": ["SWAP", "OPTION"], "option_families": ["BTC-USD"]}
    async with desk(directory, symbols=[SWAP, option], **terms) as made:
        made.simulator.quote(option, "0.0500", "0.0505")
        # The collar wants a price of the option, the start waited for the swap's alone.
        await until(lambda: made.counters["marks"] > 8, "marks")
        fine = await made.submit(instrument=f"{option}.okx", price="0.0485", quantity="3")
        await made.until_state(fine, "NEW")
        off = await made.submit(instrument=f"{option}.okx", price="0.0486", quantity="3")
        row = await made.until_state(off, "CANCELED")
        assert "tick 0.0005" in row["reason_text"]
        assert made.simulator.sent_with(made.client_order_id(off)) == []
        await made.replace(fine, price="0.0486")
        await until(lambda: not made.row(fine)["pending"], "the answer to the replace")
        assert Decimal(made.row(fine)["price"]) == Decimal("0.0485")
        await made.replace(fine, price="0.048")
        await until(lambda: Decimal(made.row(fine)["price"]) == Decimal("0.048"), "the price")


async def test_what_ends_by_itself_ends_with_its_reason(directory):
    async with desk(directory) as made:
        crossing = await made.submit(is_post_only=True, price="50001")
        assert (await made.until_state(crossing, "CANCELED"))["reason"] == "post_only"
        rest = await made.submit(time_in_force="ioc", price="50000.1", quantity="101")
        row = await made.until_state(rest, "CANCELED")
        assert (row["reason"], Decimal(row["cumulative_quantity"])) == ("time_in_force", 100)
        whole = await made.submit(time_in_force="fok", price="50000.1", quantity="500")
        assert (await made.until_state(whole, "CANCELED"))["reason"] == "time_in_force"
        maker = await made.submit(side="sell", price="50500")
        await made.until_state(maker, "NEW")
        taker = await made.submit(side="buy", price="50500")
        assert (await made.until_state(maker, "CANCELED"))["reason"] == "self_trade"
        await made.cancel(taker)
        await made.until_state(taker, "CANCELED")
        made.judge_all()


async def test_spot_and_inverse_are_counted_in_their_own_units(directory):
    async with desk(directory) as made:
        spot = await made.submit(
            instrument="BTC-USDT.okx", type="market", time_in_force="ioc", price="", quantity="0.5"
        )
        await made.until_state(spot, "FILLED")
        inverse = await made.submit(
            instrument="BTC-USD-SWAP.okx", side="sell", price="50000", quantity="5"
        )
        await made.until_state(inverse, "FILLED")
        assert made.position("BTC-USD-SWAP.okx") == -5
        await made.link.reconciler.run()
        assert made.link.health.breaks == []
        totals = {row["currency"]: Decimal(row["total"]) for row in made.native.balances()}
        held = made.simulator.venue.holder("net").balances
        assert totals["BTC"] == Decimal(money_text(held["BTC"]))
        assert totals["USDT"] == Decimal("974999.95")


async def test_futures_and_options_are_held_in_contracts(directory):
    future, option = "BTC-USD-301227", "BTC-USD-301227-60000-C"
    terms = {"kinds": ["SWAP", "FUTURES", "OPTION"], "option_families": ["BTC-USD"]}
    async with desk(directory, symbols=[SWAP, future, option], **terms) as made:
        made.simulator.quote(future, "50000", "50000.1")
        made.simulator.quote(option, "0.0500", "0.0505")
        await until(lambda: made.link.health.counters["marks"] > 20, "marks")
        for symbol, price in ((future, "50000.1"), (option, "0.0505")):
            bought = await made.submit(instrument=f"{symbol}.okx", price=price, quantity="3")
            await made.until_state(bought, "FILLED")
            assert made.position(f"{symbol}.okx") == 3
        bodies = [body for place, body in made.simulator.rest.requests if "trade/order" in place]
        assert [("posSide" in body) for body in bodies if body.startswith("{")] == [True, False]
        await made.link.reconciler.run()
        assert made.link.health.breaks == []


async def test_legs_of_a_hedged_account_are_kept_apart(directory):
    async with desk(directory, "hedge") as made:
        terms = {"type": "market", "time_in_force": "ioc", "price": ""}
        for side, leg, quantity in [("buy", "long", "3"), ("sell", "short", "2")]:
            await made.until_state(
                await made.submit(side=side, leg=leg, quantity=quantity, **terms), "FILLED"
            )
        closing = await made.submit(
            side="sell", leg="long", quantity="1", is_reduce_only=True, **terms
        )
        await made.until_state(closing, "FILLED")
        assert (made.position(leg="long"), made.position(leg="short")) == (2, -2)
        bodies = [
            body for place, body in made.simulator.rest.requests if place == "POST trade/order"
        ]
        assert all("reduceOnly" not in body for body in bodies), "the flag is refused with legs"
        await made.link.reconciler.run()
        assert made.link.health.breaks == []


async def test_a_stop_waits_triggers_and_keeps_its_identity(directory):
    async with desk(directory) as made:
        waiting = await made.submit(type="stop", price="", trigger_price="51000")
        limit = await made.submit(type="stop_limit", price="51000", trigger_price="50500")
        for order_id in (waiting, limit):
            await made.until_state(order_id, "UNTRIGGERED")
        await made.cancel(waiting)
        await made.until_state(waiting, "CANCELED")
        made.simulator.quote(SWAP, "50600", "51100")
        made.simulator.venue.set_level(SWAP, "sell", "50000.1", "0")
        row = await made.until_state(limit, "NEW", "PARTIALLY_FILLED", "FILLED")
        assert Decimal(row["cumulative_quantity"]) in (0, 2)
        await made.link.reconciler.run()
        if made.state(limit) != "FILLED":
            await made.cancel(limit)
            await made.until_state(limit, "CANCELED")
        fills = await made.adapter.fills("net", 0)
        assert {fill.client_order_id for fill in fills} <= {made.client_order_id(limit)}


async def test_a_stop_that_is_already_passed_is_refused_and_does_not_wait(directory):
    async with desk(directory) as made:
        passed = await made.submit(type="stop", price="", trigger_price="49000")
        assert (await made.until_state(passed, "REJECTED"))["reason"]
        assert made.simulator.algos.orders == {}


@pytest.mark.parametrize(
    "terms",
    [
        {"type": "stop_limit", "trigger_price": "51000", "time_in_force": "ioc"},
        {"type": "stop_limit", "trigger_price": "51000", "time_in_force": "fok"},
        {"instrument": "BTC-USDT.okx", "side": "sell", "quantity": "0.5", "is_reduce_only": True},
    ],
)
async def test_an_order_is_not_sent_without_one_of_its_terms(terms, directory):
    async with desk(directory) as made:
        spot = {"instrument": "BTC-USDT.okx", "type": "market", "time_in_force": "ioc"}
        await made.until_state(await made.submit(price="", quantity="1", **spot), "FILLED")
        sent = len(made.simulator.rest.requests)
        order_id = await made.submit(price="51000", **terms)
        assert "OKX" in (await made.until_state(order_id, "CANCELED"))["reason_text"]
        places = [place for place, _ in made.simulator.rest.requests[sent:]]
        assert not [place for place in places if place.startswith("POST")]


async def test_maintenance_stops_new_orders_until_it_is_over(directory):
    async with desk(directory) as made:
        order_id = await made.submit()
        await made.until_state(order_id, "NEW")
        sockets, end_ms = made.simulator.sockets, 1_900_000_000_000
        sockets.tell_status("completed", end_ms)  # of an earlier one
        sockets.tell_status("ongoing", end_ms, service="10")  # of spreads
        sockets.tell_status("ongoing", end_ms)
        await until(lambda: not made.link.health.is_reconciled, "the maintenance")
        assert "upgrade" in made.link.health.reason
        with pytest.raises(RefusedError, match="NOT_RECONCILED"):
            await made.submit()
        await made.cancel(order_id)
        await made.until_state(order_id, "CANCELED")
        sockets.tell_status("completed", end_ms)
        await until(lambda: made.link.health.is_reconciled, "the end of it")


async def test_a_reduce_only_stop_fills_under_its_own_name(directory):
    async with desk(directory) as made:
        terms = {"type": "market", "time_in_force": "ioc", "price": ""}
        await made.until_state(await made.submit(quantity="2", **terms), "FILLED")
        stop = await made.submit(
            side="sell", type="stop", price="", trigger_price="49000", is_reduce_only=True
        )
        await made.until_state(stop, "UNTRIGGERED")
        (algo,) = made.simulator.algos.orders.values()
        assert (algo.order_type, algo.is_reduce_only) == ("conditional", True)
        made.simulator.venue.trade(SWAP, "48900", "0.01", "sell")
        await made.until_state(stop, "FILLED")
        assert made.position() == 0
        assert await made.adapter.positions("net") == [], "flat rows are no positions"


async def test_what_the_venue_does_by_itself_reaches_the_position(directory):
    async with desk(directory) as made:
        terms = {"type": "market", "time_in_force": "ioc", "price": ""}
        await made.until_state(await made.submit(quantity="2", **terms), "FILLED")
        made.simulator.venue.pay_funding()
        await until(lambda: made.native.funding_known_ns(1) > 0, "the funding payment")
        made.simulator.venue.close_by_force("net", SWAP, "net", "full_liquidation")
        await until(lambda: made.position() == 0, "the liquidation")
        fills = await made.adapter.fills("net", 0)
        assert [fill.cause for fill in fills] == ["trade", "liquidation"]
        assert (fills[1].client_order_id, Decimal(fills[1].fee) > 0) == ("", True)
        made.simulator.venue.accrue_interest("net", "BTC", "2", "0.0000025")
        (interest,) = await made.adapter.borrow_interest("net", 0)
        assert (interest.currency, interest.amount) == ("BTC", "0.000005")
        await made.link.reconciler.run()
        assert [each for each in made.link.health.breaks if SWAP in each] == []


async def test_an_upgrade_notice_and_a_restart_of_the_venue_are_gaps(directory):
    async with desk(directory) as made:
        order_id = await made.submit()
        await made.until_state(order_id, "NEW")
        before = made.link.health.counters["gaps"]
        made.simulator.sockets.notice_upgrade()
        await until(lambda: made.link.health.counters["gaps"] > before, "the gap")
        await until(lambda: made.link.health.is_reconciled, "reconciliation")
        await made.simulator.stop()
        made.simulator.venue.trade(SWAP, "49000", "1", "sell")
        await made.simulator.start()
        await made.until_state(order_id, "PARTIALLY_FILLED")
        await until(lambda: made.link.health.is_reconciled, "reconciliation")
        assert made.position() == 1
        await made.judge(order_id)


async def test_a_row_in_doubt_does_not_end_a_gap(directory):
    async with desk(directory) as made:
        simulator, faults = made.simulator, made.simulator.faults
        faults.add("CONNECT business", "error", count=None, status=503)
        for connection in [c for c in simulator.sockets.connections if c.kind == "business"]:
            connection.abort()
        await until(lambda: not made.link.health.is_reconciled, "the gap")
        faults.add("event orders", "rewrite", rewrite=lambda text: text.replace("live", "odd"))
        simulator.venue.place(
            "net",
            {"instId": SWAP, "tdMode": "cross", "ordType": "limit", "side": "buy", "px": "1",
             "sz": "1"},
        )  # fmt: skip
        await until(lambda: made.adapter.counters["unreadable_rows"] == 1)
        await asyncio.sleep(0.2)
        assert not made.link.health.is_reconciled, "half of the facts cannot be heard"
        faults.clear()
        await until(lambda: made.link.health.is_reconciled, "reconciliation")


async def test_a_connect_that_is_given_up_leaves_nothing_behind():
    async with simulated() as simulator:
        adapter = adapter_of(simulator)

        class Port:
            def __getattr__(self, name):
                return lambda *values, **named: None

        simulator.faults.add("CONNECT private", "silent", count=None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await adapter.connect(Port())
        await until(lambda: not simulator.sockets.connections, "the end of the sockets")
        simulator.faults.clear()
        await adapter.connect(Port())
        await until(lambda: len(simulator.sockets.connections) == 3, "three sockets")
        await adapter.close()
        await until(lambda: not simulator.sockets.connections, "the end of the sockets")


@pytest.mark.parametrize("step", ["GET public/time", "GET account/config", "CONNECT business"])
async def test_a_connect_that_is_canceled_closes_everything(step):
    async with simulated() as simulator:
        adapter = adapter_of(simulator, timeout_ms=5_000)

        class Port:
            def __getattr__(self, name):
                return lambda *values, **named: None

        simulator.faults.add(step, "silent", count=None)
        connecting = asyncio.create_task(adapter.connect(Port()))
        await until(lambda: simulator.faults.log, "the step")
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await until(lambda: not simulator.sockets.connections, "the end of the sockets")
        row = adapter.row()
        assert (row["idle"], row["busy"], row["tasks"]) == (0, 0, 0)


async def test_a_refused_clock_is_measured_again(directory):
    async with desk(directory) as made:
        made.simulator.skew_ns = 45 * 1_000_000_000
        refused = await made.submit(price="48000")
        assert made.state(refused) == "REJECTED" or await made.until_state(refused, "REJECTED")
        again = await made.submit(price="48000")
        await made.until_state(again, "NEW")
        assert made.adapter.counters["clock_rejects"] >= 1
        await made.judge(again)


async def test_a_dead_man_is_armed_and_disarmed(directory):
    async with desk(directory) as made:
        order_id = await made.submit()
        await made.until_state(order_id, "NEW")
        await made.adapter.arm_dead_man("net", 30_000)
        assert "net" in made.simulator.algos.timers
        made.simulator.algos.timers["net"] = 1
        await made.until_state(order_id, "CANCELED")
        await made.adapter.arm_dead_man("net", 0)
        assert made.simulator.algos.timers == {}


async def test_orders_of_an_earlier_process_are_found_by_search(directory):
    async with simulated() as simulator:
        first = Desk(directory, simulator, "net")
        await first.start()
        resting = await first.submit(price="48000")
        stop = await first.submit(type="stop", price="", trigger_price="51000")
        await first.until_state(resting, "NEW")
        await first.until_state(stop, "UNTRIGGERED")
        ended = await first.submit(price="48100")
        await first.until_state(ended, "NEW")
        await first.close()
        simulator.venue.trade(SWAP, "48100", "2", "sell")
        second = Desk(directory, simulator, "net")
        try:
            await second.start()
            await second.until_state(ended, "FILLED")
            assert (second.state(resting), second.state(stop)) == ("NEW", "UNTRIGGERED")
            await second.together(second.cancel(resting), second.cancel(stop))
            await second.until_state(resting, "CANCELED")
            await second.until_state(stop, "CANCELED")
            second.judge_all()
        finally:
            await second.close()


async def test_the_fill_of_a_stop_is_ours_though_the_algo_history_lags(directory):
    """The gateway was down when the stop fired, and its history has not caught up."""
    async with simulated() as simulator:
        first = Desk(directory, simulator, "net")
        await first.start()
        stop = await first.submit(type="stop", price="", trigger_price="51000")
        await first.until_state(stop, "UNTRIGGERED")
        await first.close()
        simulator.quote(SWAP, "51000", "51100")
        simulator.venue.trade(SWAP, "51000", "0.01", "buy")
        nothing = '{"code":"0","msg":"","data":[]}'
        history = "GET trade/orders-algo-history"
        simulator.faults.add(history, "error", count=None, status=200, body=nothing)
        name = first.client_order_id(stop)
        second = Desk(directory, simulator, "net")
        try:
            await second.start()
            await second.until_state(stop, "FILLED")
            fills = await second.adapter.fills("net", 0)
            assert [fill.client_order_id for fill in fills] == [name]
            assert second.position() == 2
        finally:
            await second.close()


async def test_a_key_that_may_withdraw_is_refused_unless_it_was_allowed():
    async with simulated() as simulator:
        simulator.venue.key_permissions = "read_only,withdraw,trade"
        refusing = adapter_of(simulator)
        with pytest.raises(VenueRejected, match="key_may_withdraw"):
            await refusing.connect(RecordingPort())
        allowing = adapter_of(simulator, is_withdrawal_key_allowed=True)
        await allowing.connect(RecordingPort())
        await allowing.close()

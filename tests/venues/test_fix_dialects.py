"""Each dialect against a venue that speaks it and checks its Logon: orders live, execute, are
changed, asked about and canceled, and wrong credentials stay outside."""

import base64
import logging
import time

import pytest
import pytest_asyncio
from fix_desk import (
    INSTRUMENTS,
    PERP,
    SECRET,
    SECRETS,
    SPOT,
    VENUE_LOGINS,
    Side,
    adapter_of,
    simulated,
)
from fix_simulator.logons import Login
from fix_simulator.simulator import FixSimulator
from fix_simulator.voices import VOICES

from gateway.api import (
    CancelRequest,
    ReplaceRequest,
    VenueError,
    VenueRejected,
    VenueUnavailable,
)
from gateway.testing import until
from gateway.testing.recording_port import RecordingPort

pytestmark = pytest.mark.asyncio
DIALECTS = ["generic", "binance_spot", "coinbase_exchange", "deribit"]


@pytest_asyncio.fixture(params=DIALECTS)
async def traded(request, tmp_path):
    dialect = request.param
    async with simulated(VOICES[dialect]) as simulator:
        adapter = adapter_of(simulator, tmp_path, dialect)
        side = Side(adapter, PERP if dialect in ("generic", "deribit") else SPOT)
        await adapter.connect(side.port)
        yield dialect, simulator, side
        await adapter.close()


async def test_an_order_lives_is_changed_and_ends(traded):
    dialect, simulator, side = traded
    assert simulator.gate.checked == 1
    order = side.order()
    await side.adapter.submit([order])
    [accepted] = await side.told(order, "accepted")
    [taken] = simulator.venue.orders.values()
    assert accepted.get("venue_order_id", 1) == taken.venue_id
    assert side.adapter._names.root(taken.names[0]) == order.client_order_id
    if dialect == "coinbase_exchange":
        assert taken.names[0][14] == "4" and len(taken.names[0]) == 36
    if side.adapter.capabilities.amend == "native":
        terms = {"quantity": "0.4", "price": "48000"}
        await side.adapter.replace([side.about(order, ReplaceRequest, **terms)])
        [replaced] = await side.told(order, "replaced")
        assert (float(replaced.get("price", 1)), float(replaced.get("quantity", 2))) == (48000, 0.4)
    await side.adapter.cancel([side.about(order, CancelRequest)])
    [ended] = await side.told(order, "canceled")
    assert ended.get("reason", 1) == "requested"
    assert taken.state == "canceled"


async def test_an_order_executes_with_its_fee_and_is_found_again(traded):
    dialect, simulator, side = traded
    order = side.order("buy", "50001", time_in_force="ioc")
    await side.adapter.submit([order])
    [told] = await side.port.until(side.port.fills, "a fill")
    [(_, row)] = simulator.venue.fills
    assert (told.price, float(told.quantity), told.side) == (row["price"], 0.2, "buy")
    assert told.client_order_id == order.client_order_id
    assert told.trade_id == row["trade_id"]
    if dialect != "deribit":  # whose reports tell no fee
        assert (float(told.fee), told.fee_currency) == (float(row["fee"]), row["fee_currency"])
        assert told.liquidity == "taker"
    fills = await side.adapter.fills("main", 0)
    assert [each.trade_id for each in fills] == [row["trade_id"]]
    if dialect == "binance_spot":
        with pytest.raises(VenueUnavailable, match="answers no questions"):
            await side.adapter.query_order("main", order.client_order_id)
    else:
        report = await side.adapter.query_order("main", order.client_order_id)
        assert (report.state, float(report.cumulative_quantity)) == ("filled", 0.2)


async def test_everything_is_canceled_at_once(traded):
    dialect, _, side = traded
    if not side.adapter.capabilities.has_mass_cancel:
        assert dialect == "coinbase_exchange"  # whose mass cancel ends a session's orders alone
        return
    orders = [side.order(), side.order("sell", "51000")]
    await side.adapter.submit(orders)
    for order in orders:
        await side.told(order, "accepted")
    await side.adapter.cancel_all("main")
    for order in orders:
        await side.told(order, "canceled")


async def test_what_executes_while_the_line_is_down_is_found(traded):
    dialect, simulator, side = traded
    order = side.order()
    await side.adapter.submit([order])
    await side.told(order, "accepted")
    simulator.cut()
    simulator.venue.trade(side.symbol, "49000", "5", "sell")
    await side.port.until(lambda: side.port.of("gap_closed"), "the line")
    if dialect == "binance_spot":  # FIX alone cannot know: it must not claim to
        with pytest.raises(VenueError):
            await side.adapter.fills("main", 0)
        return
    [fill] = await side.adapter.fills("main", 0)
    [(_, row)] = simulator.venue.fills
    assert float(fill.quantity) == float(row["quantity"])
    assert abs(float(fill.price) - float(row["price"])) < 1e-9
    again = await side.adapter.fills("main", 0)
    assert [each.trade_id for each in again] == [fill.trade_id]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_wrong_credentials_stay_outside(dialect, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    async with simulated(VOICES[dialect]) as simulator:
        spoilt = dict(SECRETS[dialect])
        name = "password" if dialect == "generic" else "secret"
        if dialect == "binance_spot":
            spoilt["key"] = "another-key"
        elif dialect == "coinbase_exchange":
            spoilt[name] = base64.b64encode(b"another secret").decode()
        else:
            spoilt[name] = "another"
        adapter = adapter_of(simulator, tmp_path, dialect, secrets=spoilt)
        with pytest.raises(VenueUnavailable) as refused:
            await adapter.connect(RecordingPort())
        ours = caplog.text.replace("Coinbase->api-key:", "")  # which the simulator says
        assert ours, "the log says why"
        shown = str(refused.value) + ours
        assert all(word not in shown for word in spoilt.values())
        await adapter.close()
        assert not simulator.requests()


async def test_the_words_of_a_session_are_never_shown_in_its_state(traded):
    dialect, _, side = traded
    shown = repr(vars(side.adapter)) + repr(side.adapter.counts())
    assert all(word not in shown for word in SECRETS[dialect].values() if word != "api-key")
    await until(lambda: side.adapter.counts()["session_received"] > 0)


async def test_prices_of_a_session_of_their_own_come_and_come_again(tmp_path):
    voice = VOICES["coinbase_exchange"]
    prices = Login("price-key", "other", key="price-key", secret=SECRET, passphrase="phrase")
    logins = (*VENUE_LOGINS["coinbase_exchange"], prices)
    async with FixSimulator(voice, logins) as simulator:
        simulator.venue.quote(SPOT, "50000", "50000.01")
        adapter = adapter_of(
            simulator,
            tmp_path,
            "coinbase_exchange",
            market_host="127.0.0.1",
            market_port=simulator.port,
            secrets=SECRETS["coinbase_exchange"] | {"market_key": "price-key"},
        )
        side = Side(adapter, SPOT)
        await adapter.connect(side.port)
        marks = [await side.port.until(lambda: side.port.of("marked"), "a mark")]
        assert float(marks[0][0].get("mark", 0).bid) == 50_000
        simulator.cut()
        before = len(side.port.of("marked"))
        await side.port.until(lambda: len(side.port.of("marked")) > before, "a mark again")
        await adapter.close()


async def test_an_outcome_the_venue_itself_does_not_know_is_unknown(tmp_path):
    async with simulated(VOICES["binance_spot"]) as simulator:
        side = Side(adapter_of(simulator, tmp_path, "binance_spot"), SPOT)
        await side.adapter.connect(side.port)
        simulator.faults.add("in D", "refuse_unknown")
        order = side.order()
        await side.adapter.submit([order])
        [told] = await side.told(order, "unknown", "rejected")
        assert (told.name, told.get("reason", 1)[:5]) == ("unknown", "-1007")
        assert [each.names[0] for each in simulator.venue.orders.values()] == [
            order.client_order_id
        ]
        await side.adapter.close()


async def test_every_instrument_is_canceled_though_one_is_refused(tmp_path):
    async with simulated(VOICES["binance_spot"]) as simulator:
        instruments = [INSTRUMENTS[SPOT] | {"symbol": "NOT-LISTED"}, INSTRUMENTS[SPOT]]
        changes = {"instruments": instruments}
        side = Side(adapter_of(simulator, tmp_path, "binance_spot", **changes), SPOT)
        await side.adapter.connect(side.port)
        order = side.order()
        await side.adapter.submit([order])
        await side.told(order, "accepted")
        with pytest.raises(VenueRejected):
            await side.adapter.cancel_all("main")
        await side.told(order, "canceled")
        await side.adapter.close()


async def test_what_is_not_configured_is_counted_and_opens_no_gap(tmp_path):
    """Orders of the account in another instrument, and prices that cannot be read."""
    async with simulated() as simulator:
        adapter = adapter_of(simulator, tmp_path)
        side = Side(adapter, PERP)
        await adapter.connect(side.port)
        other = adapter_of(
            simulator,
            tmp_path / "second",
            sender_comp_id="SECOND",
            secrets={"key": "second-key", "password": "second-password"},
            instruments=[INSTRUMENTS[SPOT]],
        )
        elsewhere = Side(other, SPOT)
        await other.connect(elsewhere.port)
        await other.submit([elsewhere.order("buy", "50001", time_in_force="ioc")])
        counted = adapter.counters
        await until(lambda: counted["reports_of_other_instruments"] >= 2, "its reports")
        session = simulator.desks["DESK"].session
        session.send(b"W", [(55, PERP.encode()), (268, b"1"), (269, b"0")], time.time_ns())
        session.send(b"0", [], time.time_ns())
        await until(lambda: counted["messages_unreadable"], "prices without a price")
        assert await adapter.open_orders("main") == []
        assert not side.port.fills() and not side.port.of("gap_opened")
        await adapter.close()
        await other.close()

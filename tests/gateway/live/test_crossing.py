"""Two books of one account meet inside the house: what the venue, the rows, a reconcile, a restart
and the journal's readers say of it. On the native engine, before a scripted venue."""

from decimal import Decimal

import pytest
from live_world import INSTRUMENT
from native_world import LIMITS, connected, open_world

from gateway.api import PositionReport, RefusedError
from gateway.core.vocabulary import CROSS_MS_MAX
from gateway.entry.api_messages import NewOrderMessage
from gateway.entry.strict_json import decode
from gateway.journal import reader

pytestmark = pytest.mark.asyncio
SYMBOL = INSTRUMENT.symbol


async def crossing_world(directory):
    world = await connected(directory)
    world.engine.define_strategy("beta")
    world.engine.set_limits("strategy", "beta", LIMITS, actor="test", reason="start")
    return world


def books(world):
    return {row["strategy"]: row["quantity"] for row in world.native.positions()}


def sent(world):
    return [order for kind, orders in world.adapter.sent if kind == "new" for order in orders]


def end(world):
    world.close()
    world.native.stop()


async def crossed_in_part(world):
    """alpha's buy of 2 has met beta's sell of 0.5 and went out with the rest."""
    buy = await world.submit("b", quantity="2", price="101", cross_ms=50)
    sell = await world.submit(
        "s", quantity="0.5", price="99", side="sell", strategy="beta", cross_ms=50
    )
    world.advance(51)
    await world.sends()
    return buy, sell


async def test_a_cross_moves_both_books_and_nothing_goes_out(ring_directory):
    world = await crossing_world(ring_directory)
    buy = await world.submit("b", price="101", cross_ms=50)
    assert world.state(buy) == "UNTRIGGERED"
    sell = await world.submit("s", price="99", side="sell", strategy="beta", cross_ms=50)
    assert [world.state(each) for each in (buy, sell)] == ["FILLED", "FILLED"]
    assert [world.row(each)["crossed_quantity"] for each in (buy, sell)] == ["2", "2"]
    assert Decimal(world.row(buy)["average_price"]) == 100
    assert world.row(buy)["display_quantity"] is None
    assert books(world) == {"alpha": "2", "beta": "-2"}
    world.advance(1_000)
    await world.sends()
    assert sent(world) == []
    counters = world.native.counters()
    assert (counters["crosses"], counters["kept_released"]) == (1, 0)
    world.adapter.position = []  # the venue has none: the two books together have none
    await world.reconcile()
    assert world.link.health.breaks == []
    end(world)


async def test_the_rest_goes_out_and_a_reconcile_finds_no_difference(ring_directory):
    world = await crossing_world(ring_directory)
    buy, _ = await crossed_in_part(world)
    (out,) = sent(world)
    assert (out.quantity, world.state(buy)) == ("1.5", "PENDING_NEW")
    world.adapter.open = [world.report(buy, "new", quantity="1.5", price="101")]
    world.adapter.by_client = {world.client_id(buy): world.adapter.open[0]}
    await world.reconcile()
    row = world.row(buy)
    assert (row["state"], row["quantity"], row["leaves_quantity"]) == (
        "PARTIALLY_FILLED", "2", "1.5",
    )  # fmt: skip
    before = world.native.state_hash()
    await world.reconcile()
    assert world.native.state_hash()[1] == before[1], "the second run changes nothing"
    # The venue filled 1 and ended the order; both came while nobody listened.
    fill = world.fill(buy, "t1", "1", price="101")
    world.adapter.history, world.adapter.open = [fill], []
    world.adapter.position = [
        PositionReport(account="main", instrument="BTCUSDT", leg="net", quantity="1")
    ]
    ended = world.report(buy, "canceled", "1", quantity="1.5", price="101")
    world.adapter.by_client = {world.client_id(buy): ended}
    world.advance(5_000)
    await world.reconcile()
    row = world.row(buy)
    assert (row["state"], row["cumulative_quantity"]) == ("CANCELED", "1.5")
    assert books(world) == {"alpha": "1.5", "beta": "-0.5"}
    assert world.link.health.breaks == []
    end(world)


async def test_a_kept_order_is_there_after_a_restart_and_is_never_sent_late(ring_directory):
    world = await crossing_world(ring_directory)
    short = await world.submit("b", price="101", cross_ms=50)
    long = await world.submit("c", price="99", cross_ms=CROSS_MS_MAX)
    world.close()
    world.native.stop()
    again = open_world(ring_directory)
    again.advance(1_000)
    await again.connect()
    await again.sends()
    assert (again.state(short), again.state(long)) == ("CANCELED", "UNTRIGGERED")
    assert sent(again) == []
    again.advance(CROSS_MS_MAX)
    await again.sends()
    assert [order.client_order_id for order in sent(again)] == [again.client_id(long)]
    end(again)


async def test_what_cannot_be_kept_is_refused_by_name(ring_directory):
    world = await crossing_world(ring_directory)
    for changes in ({"is_emulated": True}, {"time_in_force": "gtc", "is_emulated": True}):
        with pytest.raises(RefusedError) as caught:
            await world.submit("x", cross_ms=50, **changes)
        assert (caught.value.code, caught.value.field) == ("BAD_CROSS", "cross_ms")
    for wrong in (-1, CROSS_MS_MAX + 1, 1 << 20):
        with pytest.raises(RefusedError) as caught:
            await world.submit("y", cross_ms=wrong)
        assert (caught.value.code, caught.value.field) == ("RANGE", "cross_ms")
    end(world)


BODY = (
    '{"client_order_id": "a", "account": "main", "instrument": "i", "strategy": "s", "side": "buy",'
    ' "type": "limit", "time_in_force": "gtc", "quantity": "1", "price": "1", "cross_ms": %s}'
)


@pytest.mark.parametrize("wrong", ["0", "-1", "30001", '"50"', "1.5", "true", "1e9"])
async def test_a_wrong_time_to_cross_never_gets_past_the_door(wrong):
    with pytest.raises(RefusedError):
        decode((BODY % wrong).encode(), NewOrderMessage)


async def test_the_journal_says_of_both_halves_that_no_venue_knows_them(ring_directory):
    world = await crossing_world(ring_directory)
    buy, sell = await crossed_in_part(world)
    end(world)
    places = {"ring_directory": str(ring_directory / "ring")}
    records = reader.decoded(ring_directory / "data", **places)
    fills = [record for record in records if record["kind"] == "order_filled"]
    assert [fill["crossed_with"] for fill in fills] == [sell, buy]
    assert [Decimal(fill["value"]) for fill in fills] == [50, 50]
    assert [Decimal(fill["fee"]) for fill in fills] == [0, 0]
    assert fills[1]["cause"] == fills[0]["sequence"]

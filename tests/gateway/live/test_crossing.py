"""Two books of one account meet inside the house: what the venue, the rows, a reconcile, a restart
and the journal's readers say of it. On the native engine, before a scripted venue."""

import re
import shutil
from decimal import Decimal

import pytest
from live_world import INSTRUMENT
from native_world import LIMITS, connected, open_world

from gateway.api import BalanceReport, PositionReport, RefusedError
from gateway.core.vocabulary import CROSS_MS_MAX
from gateway.entry.api_messages import NewOrderMessage
from gateway.entry.strict_json import decode
from gateway.journal import reader
from gateway.ledger import open_books
from gateway.testing import until
from gateway.venues.breaks import REALISED_BY_BOOK

pytestmark = pytest.mark.asyncio
UNNAMED = shutil.ignore_patterns("*.tmp")  # being made while the copy is
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


async def test_after_a_restart_a_kept_order_is_asked_about_and_never_sent(ring_directory):
    world = await crossing_world(ring_directory)
    short = await world.submit("b", price="101", cross_ms=50)
    long = await world.submit("c", price="99", cross_ms=CROSS_MS_MAX)
    end(world)
    again = open_world(ring_directory)
    again.advance(1_000)
    assert [again.state(each) for each in (short, long)] == ["UNKNOWN"] * 2
    await again.connect()
    again.advance(10_000)
    await again.reconcile()  # its venue never heard of them, and says so late enough
    for order_id in (short, long):
        row = again.row(order_id)
        assert (row["state"], row["cumulative_quantity"]) == ("CANCELED", "0")
    again.advance(CROSS_MS_MAX)
    await again.sends()
    assert sent(again) == []
    end(again)


@pytest.mark.parametrize("cross_ms", [50, CROSS_MS_MAX])
async def test_an_order_whose_release_the_journal_lost_is_found_at_its_venue(
    ring_directory, cross_ms
):
    world = await crossing_world(ring_directory)
    buy = await world.submit("b", quantity="2", price="100", cross_ms=cross_ms)
    (segment,) = (ring_directory / "data").glob("segment-*.journal")
    await until(lambda: segment.read_bytes().count(buy.to_bytes(8, "little")) >= 2)
    left = ring_directory / "left"
    shutil.copytree(ring_directory / "data", left / "data", ignore=UNNAMED)
    world.advance(cross_ms + 1)
    await world.sends()
    assert len(sent(world)) == 1
    there, name = world.report(buy, "new"), world.client_id(buy)
    end(world)

    again = open_world(left)
    again.adapter.open, again.adapter.by_client = [there], {name: there}
    again.advance(1_000)
    await again.connect()
    await again.sends()
    row = again.row(buy)
    assert (row["state"], row["venue_order_id"]) == ("NEW", there.venue_order_id)
    again.advance(2 * CROSS_MS_MAX)
    await again.sends()
    assert sent(again) == []
    again.link.session.filled(again.fill(buy, "t1", "2"))
    await again.sends()
    assert (again.state(buy), books(again)) == ("FILLED", {"alpha": "2"})
    assert again.native.counters()["anomalies"] == 0
    end(again)


async def test_a_balance_is_compared_as_the_venue_realises_on_the_position_of_all_books(
    ring_directory,
):
    world = await crossing_world(ring_directory)
    world.adapter.balance = [BalanceReport(account="main", currency="USDT", total="1000")]
    await world.reconcile()
    world.link.session.filled(world.fill(await world.submit("a"), "t1", "2", price="90"))
    await world.sends()
    held = PositionReport(account="main", instrument="BTCUSDT", leg="net", quantity="2")
    world.adapter.position = [held]
    await world.submit("s", price="99", side="sell", cross_ms=50)
    taken = await world.submit("b", price="101", strategy="beta", cross_ms=50)
    assert world.state(taken) == "FILLED"
    assert Decimal(world.native.balances()[0]["total"]) == 1020  # the venue realised nothing
    await world.reconcile()
    (found,) = world.link.reconciler.ledger.open()
    assert (found.finding.kind, found.finding.evidence) == ("balance_differs", (REALISED_BY_BOOK,))
    found.policy = "quarantine"  # even where every other difference of a balance halts
    assert world.link.reconciler._quarantine.place_of(found) is None
    # All is sold again: nothing is left that books could count in their own way.
    out = await world.submit("o", side="sell", price="95", strategy="beta")
    world.link.session.filled(world.fill(out, "t2", "1", price="95", side="sell"))
    world.link.session.filled(world.fill(out, "t3", "1", price="80", side="sell"))
    await world.sends()
    world.adapter.position = []
    for total, breaks in (("995", 0), ("994", 1)):
        world.adapter.balance = [BalanceReport(account="main", currency="USDT", total=total)]
        await world.reconcile()
        assert len(world.link.health.breaks) == breaks
    assert world.link.reconciler.ledger.open()[0].finding.difference == "-1"
    end(world)


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


HALF = re.compile(b"cross-[0-9a-f]{16}-")


async def test_a_journal_cut_between_the_two_halves_has_neither(ring_directory):
    world = await crossing_world(ring_directory)
    buy, sell = await crossed_in_part(world)
    assert [world.row(each)["cumulative_quantity"] for each in (buy, sell)] == ["0.5", "0.5"]
    (segment,) = (ring_directory / "data").glob("segment-*.journal")
    await until(lambda: len(HALF.findall(segment.read_bytes())) == 2)
    copy = ring_directory / "copy"
    shutil.copytree(ring_directory / "data", copy, ignore=UNNAMED)
    end(world)
    whole = (copy / segment.name).read_bytes()
    first, second = (match.start() for match in HALF.finditer(whole))
    # Within the first, between them, within the second; and nothing cut.
    for number, cut in enumerate((first, (first + second) // 2, second + 100, len(whole))):
        left = ring_directory / f"cut{number}"
        shutil.copytree(copy, left / "data")
        (left / "data" / segment.name).write_bytes(whole[:cut] + bytes(len(whole) - cut))
        again = open_world(left)
        done = [again.native.order(each)["cumulative_quantity"] for each in (buy, sell)]
        assert done == (["0.5", "0.5"] if cut == len(whole) else ["0", "0"])
        assert set(books(again).values()) <= ({"0"} if cut != len(whole) else {"0.5", "-0.5"})
        end(again)


async def test_the_ledger_posts_both_sides_without_a_fee_and_balances(ring_directory):
    world = await crossing_world(ring_directory)
    await crossed_in_part(world)
    end(world)
    books = open_books(ring_directory / "data", str(ring_directory / "ring"))
    assert books.is_balanced()
    assert books.unbooked_count == 0
    rows = books.trial_balance("fifo")
    assert rows
    assert {Decimal(row["total"]) for row in rows} == {0}
    held = {row["strategy"]: Decimal(row["quantity"]) for row in books.positions()}
    assert held == {"alpha": Decimal("0.5"), "beta": Decimal("-0.5")}

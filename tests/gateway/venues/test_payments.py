"""Borrow interest leaves the balance once; fills of the venue's own doing are booked and named."""

import msgspec
import pytest
from live_world import MANIFEST, BalanceReport, ScriptedAdapter, World
from native_world import open_world

from gateway.api import BorrowReport, FundingReport, VenueUnavailable
from gateway.core.positions import balance_totals
from gateway.venues.cash_flows import interest_reference
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

pytestmark = pytest.mark.asyncio

BORROWS = msgspec.structs.replace(MANIFEST, has_borrow=True)
HOUR = 3_600 * 10**9


FUNDED = msgspec.structs.replace(MANIFEST, has_funding=True)
BOTH = msgspec.structs.replace(BORROWS, has_funding=True)


class Lender(ScriptedAdapter):
    def __init__(self, manifest=BORROWS):
        super().__init__(manifest)
        self.rows = []
        self.asked = []
        self.failures = 0

    async def borrow_interest(self, account, since_ns):
        self.asked.append(since_ns)
        if self.failures:
            self.failures -= 1
            raise VenueUnavailable("busy")
        return [row for row in self.rows if row.until_ns >= since_ns]


def interest(reference, amount, until_ns=HOUR, **changes):
    fields = {"account": "main", "currency": "USDT", "principal": "1000", "rate": "0.0001"}
    fields |= {"amount": amount, "reference": reference, "until_ns": until_ns}
    return BorrowReport(**(fields | changes))


def funding(reference, amount, venue_time_ns):
    return FundingReport(
        account="main",
        instrument="BTCUSDT",
        currency="USDT",
        amount=amount,
        rate="0",
        reference=reference,
        venue_time_ns=venue_time_ns,
    )


def lend(world, adapter):
    world.adapter = adapter
    terms = [AccountTerms(name="main", durability="process", margin_mode="cross")]
    world.link = VenueLink("sim", world.engine, world.drive, adapter, terms, jitter=float)
    return world


def state(total):
    return [BalanceReport(account="main", currency="USDT", total=total)]


def total(world):
    return balance_totals(world.native.balances())["main", "USDT"]


async def test_interest_leaves_the_balance_once_and_the_opening_is_before_it():
    adapter = Lender()
    world = lend(World(BORROWS), adapter)
    adapter.rows, adapter.balance = [interest("i1", "1.5")], state("98.5")
    await world.connect()
    assert str(total(world)) == "98.5"
    adapter.rows.append(interest("i2", "0.25", 2 * HOUR))
    adapter.balance = state("98.25")
    await world.reconcile()
    await world.reconcile()
    assert str(total(world)) == "98.25"
    assert world.link.health.breaks == []
    assert adapter.asked[0] == 0
    world.close()


async def test_negative_interest_is_received_and_the_same_reference_in_another_coin_is_another():
    adapter = Lender()
    world = lend(World(BORROWS), adapter)
    adapter.balance = [*state("100"), BalanceReport(account="main", currency="BTC", total="1")]
    await world.connect()
    adapter.rows = [interest("i1", "-2"), interest("i1", "0.5", currency="BTC")]
    adapter.balance = [*state("102"), BalanceReport(account="main", currency="BTC", total="0.5")]
    await world.reconcile()
    totals = balance_totals(world.native.balances())
    assert (str(totals["main", "USDT"]), str(totals["main", "BTC"])) == ("102", "0.5")
    assert world.link.health.breaks == []
    world.close()


@pytest.mark.parametrize(
    "changes", [{"reference": ""}, {"amount": "lots"}, {"amount": "NaN"}, {"account": "nobody"}]
)
async def test_interest_that_makes_no_sense_is_a_break_and_never_booked(changes):
    adapter = Lender()
    world = lend(World(BORROWS), adapter)
    adapter.balance = state("100")
    await world.connect()
    adapter.rows = [interest("i1", "1"), interest("i2", "1")]
    adapter.rows[0] = msgspec.structs.replace(adapter.rows[0], **changes)
    adapter.balance = state("99")
    await world.reconcile()
    assert str(total(world)) == "99"
    assert [row["kind"] for row in world.link.break_rows()] == ["interest_not_booked"]
    adapter.rows.pop(0)
    await world.reconcile()
    assert world.link.break_rows() == []
    world.close()


async def test_a_reference_fits_the_journal_and_keeps_currencies_apart():
    assert interest_reference("USDT", "i1") == "interest:USDT:i1"
    long = [interest_reference(code, "r" * 40) for code in ("USDT", "BTC")]
    assert [len(each) for each in long] == [40, 40]
    assert long[0] != long[1]


async def test_interest_is_booked_once_over_a_restart(ring_directory):
    world = open_world(ring_directory)
    adapter = Lender()
    lend(world, adapter)
    now = world.native.now_ns()
    adapter.rows = [interest("i1", "1", now - HOUR)]
    adapter.balance = state("99")
    await world.connect()
    before = world.native.balances()
    world.close()
    world.native.stop()
    again = open_world(ring_directory)
    lend(again, adapter)
    adapter.rows.append(interest("i2", "2", now - HOUR // 2))  # told late, for a time before
    adapter.balance = state("97")
    await again.connect()
    assert (float(before[0]["total"]), float(total(again))) == (99.0, 97.0)
    assert again.link.health.breaks == []
    again.close()
    again.native.stop()


async def test_interest_that_is_no_longer_remembered_is_not_charged_again(ring_directory):
    world = lend(open_world(ring_directory), Lender())
    adapter, now = world.adapter, world.native.now_ns()
    adapter.balance = state("10000")
    await world.connect()
    for number in range(1, 1501):
        adapter.rows.append(interest(f"i{number}", "1", now + number * HOUR))
        if number % 20 == 0:
            world.native.set_time(now + number * HOUR)
            adapter.balance = state(str(10_000 - number))
            await world.reconcile()
    assert (total(world), world.link.health.breaks) == (8_500, [])
    world.close()
    world.native.stop()
    again = lend(open_world(ring_directory), adapter)
    adapter.asked.clear()
    await again.connect()
    assert adapter.asked[0] == now + (1500 - 24) * HOUR, "since the newest one, less a day"
    adapter.asked.clear()
    borrow_interest = adapter.borrow_interest

    async def all_of_it(account, since_ns):
        return await borrow_interest(account, 0)

    adapter.borrow_interest = all_of_it  # a venue that tells more than it was asked for
    await again.reconcile()
    assert (total(again), again.link.health.breaks) == (8_500, [])
    adapter.balance = state("8499")  # and then something differs, and they may be what does
    await again.reconcile()
    assert total(again) == 8_500
    kinds = sorted(row["kind"] for row in again.link.break_rows())
    assert kinds == ["balance_differs", "interest_not_booked"]
    again.close()
    again.native.stop()


async def test_funding_of_a_gap_is_booked_when_the_stream_tells_a_newer_payment_first(
    ring_directory,
):
    world = lend(open_world(ring_directory), Lender(FUNDED))
    adapter, now = world.adapter, world.native.now_ns()
    adapter.balance, adapter.payments = state("100"), [funding("f0", "-1", now - HOUR)]
    await world.connect()
    world.link.session.gap_opened("line down")
    world.native.set_time(now + 17 * HOUR)
    adapter.payments += [funding("f1", "-2", now + 8 * HOUR), funding("f2", "-3", now + 16 * HOUR)]
    adapter.balance = state("95")
    world.link.session.gap_closed()
    world.link.session.funded(adapter.payments[-1])
    await world.sends()
    world.close()
    world.native.stop()  # a kill before the reconciliation changes nothing
    again = lend(open_world(ring_directory), adapter)
    await again.connect()
    assert (total(again), again.link.health.breaks) == (95, [])
    again.close()
    again.native.stop()


@pytest.mark.parametrize("failures", [0, 1])
async def test_interest_of_a_long_stop_is_booked_whatever_funding_came_and_failed(
    ring_directory, failures
):
    world = lend(open_world(ring_directory), Lender(BOTH))
    adapter, now = world.adapter, world.native.now_ns()
    adapter.balance, adapter.payments = state("100"), [funding("f0", "-1", now - HOUR)]
    await world.connect()
    world.close()
    world.native.stop()
    again = lend(open_world(ring_directory), adapter)
    again.native.set_time(now + 72 * HOUR)
    adapter.payments += [funding(f"f{n}", "-1", now + 8 * n * HOUR) for n in range(1, 9)]
    adapter.rows = [interest(f"i{n}", "0.5", now + n * HOUR) for n in range(1, 72)]
    adapter.failures = failures
    adapter.balance = state("56.5")
    if failures:
        with pytest.raises(VenueUnavailable):
            await again.connect()
    await again.reconcile()
    assert (float(total(again)), again.link.health.breaks) == (56.5, [])
    again.close()
    again.native.stop()


@pytest.mark.parametrize("cause", ["liquidation", "deleveraging", "settlement", "delivery"])
async def test_a_fill_of_the_venues_own_doing_is_booked_to_external_and_counted_once(cause, caplog):
    world = World()
    await world.connect()
    fill = world.fill(0, "x1", "3", cause=cause, side="sell", client_order_id="autoclose-77")
    world.link.session.filled(fill)
    world.link.session.filled(fill)
    world.adapter.history.append(fill)
    await world.reconcile()
    assert [(p["strategy"], p["quantity"]) for p in world.native.positions()] == [
        ("EXTERNAL", "-3")
    ]
    assert world.link.health.row()["counters"][f"fills_{cause}"] == 1
    assert caplog.text.count(f"{cause} of main by the venue") == 1
    world.close()


async def test_a_liquidation_of_our_own_order_stays_with_its_strategy():
    world = World()
    await world.connect()
    order_id = await world.submit()
    world.link.session.accepted(order_id, "v1")
    world.link.session.filled(world.fill(order_id, "t1", "2", cause="liquidation"))
    await world.sends()
    assert world.state(order_id) == "FILLED"
    assert [p["strategy"] for p in world.native.positions()] == ["alpha"]
    assert world.link.health.counters["fills_liquidation"] == 1
    world.close()

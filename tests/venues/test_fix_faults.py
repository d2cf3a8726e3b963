"""Every way a FIX exchange can go wrong, for submit, cancel and replace: nothing is doubled and
nothing is lost, judged by the simulated venue's own book."""

import shutil
import tempfile
from pathlib import Path

import pytest
from fix_desk import Side, adapter_of, desk, simulated

from gateway.api import VenueUnavailable
from gateway.testing import until
from gateway.testing.recording_port import RecordingPort

pytestmark = pytest.mark.asyncio


@pytest.fixture
def directory():
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-fix-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def before_send(made, kind):
    """The session ends between the gateway's decision and the send."""
    link, send = made.adapter._link, made.adapter._link.send

    def refuse(*message):
        link.send = send
        raise VenueUnavailable("the session ended a moment ago")

    link.send = refuse
    made.struck = lambda: made.adapter.counters["requests_not_sent"]


async def mid_send(made, kind):
    made.line.request_bytes = 60
    made.struck = lambda: made.adapter.counters["requests_unknown"]


async def request_ignored(made, kind):
    made.simulator.faults.add(f"in {kind}", "ignore")


async def request_late(made, kind):
    made.simulator.faults.add(f"in {kind}", "delay", seconds=0.4)


async def after_send_cut(made, kind):
    made.simulator.faults.add(f"in {kind}", "call", call=made.simulator.cut)


async def acknowledgement_lost(made, kind):
    made.simulator.faults.add(answer_of(kind), "lose")


async def acknowledgement_late(made, kind):
    made.simulator.faults.add(answer_of(kind), "late", seconds=0.7)


async def acknowledgement_doubled(made, kind):
    made.simulator.faults.add(answer_of(kind), "duplicate")


async def acknowledgement_behind_the_next(made, kind):
    made.simulator.faults.add(answer_of(kind), "reorder")


async def bytes_lost(made, kind):
    made.simulator.faults.add("bytes 8", "lose")  # a gap in the numbers


async def bytes_garbled(made, kind):
    made.simulator.faults.add("bytes 8", "garble")


async def acknowledgement_cut(made, kind):
    made.simulator.faults.add(f"in {kind}", "call", call=lambda: limit(made))


async def venue_restarted(made, kind):
    made.simulator.faults.add(f"in {kind}", "call", call=made.simulator.cut)
    made.restart = lambda: made.simulator.restart(is_state_lost=False)


async def venue_lost_its_numbers(made, kind):
    made.simulator.faults.add(f"in {kind}", "call", call=made.simulator.cut)
    made.restart = lambda: made.simulator.restart(is_state_lost=True)


def limit(made):
    made.line.answer_bytes = 40


def answer_of(kind):
    return {"D": "out 8 0", "F": "out 8 4", "G": "out 8 5"}[kind]


def nightly(phase):
    """Close to another one; by `make nightly`."""
    return pytest.param(phase, marks=pytest.mark.slow)


PHASES = [
    before_send,
    mid_send,
    request_ignored,
    nightly(request_late),
    after_send_cut,
    acknowledgement_lost,
    acknowledgement_late,
    nightly(acknowledgement_doubled),
    nightly(acknowledgement_behind_the_next),
    nightly(acknowledgement_cut),
    bytes_lost,
    nightly(bytes_garbled),
    nightly(venue_restarted),
    venue_lost_its_numbers,
]


async def under(made, phase, kind, act):
    """Do `act` while `phase` goes wrong, and let the line be good again once it has gone wrong."""
    made.struck = lambda: len(made.simulator.faults.log)
    made.restart = None
    mend = await phase(made, kind)
    before = made.struck()
    await act()
    await until(lambda: made.struck() > before, f"the fault {phase.__name__}")
    if mend is not None:
        await mend()
    if made.restart is not None:
        await made.restart()
    made.line.request_bytes = made.line.answer_bytes = None


async def healthy(made):
    made.simulator.faults.clear()
    await until(lambda: made.link.health.is_reconciled, "reconciliation")


@pytest.mark.parametrize("phase", PHASES)
async def test_nothing_is_doubled_or_lost(phase, directory):
    """Submit, one that rests and one that trades; cancel; replace: each under the fault."""
    async with desk(directory, timeout_ms=400) as made:
        sent = []
        for price in ("49000", "50000.1"):

            async def submit(price=price):
                sent.append(await made.submit(price=price))

            await under(made, phase, "D", submit)
            await made.settled(sent[-1])
            await healthy(made)
            await made.judge(sent[-1])

        canceled = await rests(made, price="48900")
        await under(made, phase, "F", lambda: made.cancel(canceled))
        await made.settled(canceled)
        await healthy(made)
        await made.judge(canceled)

        replaced = await rests(made, price="48800")
        await under(made, phase, "G", lambda: made.replace(replaced, quantity="0.3", price="48700"))
        await made.settled(replaced)
        await healthy(made)
        await made.judge(replaced)
        made.judge_all()
        names = [name for kind, name in made.simulator.requests() if kind in ("D", "F", "G")]
        assert len(names) == len(set(names)), "a request was sent twice"


async def rests(made, **changes):
    order_id = await made.submit(**changes)
    await made.until_state(order_id, "NEW")
    return order_id


async def test_what_did_not_arrive_is_filled_and_never_said_again(directory):
    """The venue asks for the missing number; an order that is late by a reconnect is no order."""
    async with desk(directory, timeout_ms=400) as made:
        made.line.request_bytes = 60
        order_id = await made.submit(price="50000.1")
        await until(lambda: made.adapter.counters["requests_unknown"], "the cut")
        await made.settled(order_id)
        await healthy(made)
        assert made.state(order_id) in ("CANCELED", "REJECTED")
        assert not [name for kind, name in made.simulator.requests() if kind == "D"]
        session = made.simulator.desks["DESK"].session
        assert session.store.next_expected > 5, "the number was filled, and the session goes on"


async def test_a_fill_told_twice_is_booked_once(directory):
    async with desk(directory) as made:
        made.simulator.faults.add("out 8 F", "duplicate", count=None)
        order_id = await made.submit(price="50000.1")
        await made.until_state(order_id, "FILLED")
        await made.settled(order_id)
        await made.judge(order_id)
        made.judge_all()


async def test_fills_of_a_lost_report_are_found_by_the_orders_total(directory):
    async with desk(directory) as made:
        made.simulator.faults.add("out 8 F", "lose")
        order_id = await made.submit(price="50000.1")
        await made.until_state(order_id, "NEW")
        made.simulator.cut()
        await made.until_state(order_id, "FILLED")
        await made.settled(order_id)
        await made.judge(order_id)
        made.judge_all()
        assert made.adapter.counters["fills_implied"] == 1


async def test_records_that_were_lost_book_nothing_again(directory):
    """Part of an order is booked; without its records the venue's total is no news."""
    async with desk(directory) as made:
        order_id = await made.submit(price="49000")
        await made.until_state(order_id, "NEW")
        made.simulator.venue.trade("BTC-PERP", "49000", "0.1", "sell")
        await until(lambda: made.position() > 0, "a fill")
        held = made.position()
        made.adapter._records.orders.clear()
        made.adapter._records._fills.clear()
        made.simulator.cut()
        await until(lambda: made.adapter._is_behind, "the cut")
        await until(lambda: not made.adapter._is_behind, "the questions after it")
        await healthy(made)
        await made.settle()
        assert made.position() == held


async def test_a_late_report_of_what_a_total_implied_is_not_booked_again(directory):
    async with desk(directory) as made:
        fault = made.simulator.faults.add("out 8 F", "late", seconds=1.5)
        order_id = await made.submit(price="50000.1")
        await made.until_state(order_id, "NEW")
        made.simulator.cut()
        await made.until_state(order_id, "FILLED")
        await until(lambda: made.adapter.counts()["fills_dropped"], "the late report")
        await made.settled(order_id)
        made.judge_all()
        assert fault.hits == 1


async def test_numbers_go_on_after_a_restart_and_nothing_is_said_twice(directory):
    """The adapter's process dies without a word: the next one goes on behind the last number."""
    async with simulated() as simulator:
        first = adapter_of(simulator, directory)
        await first.connect(RecordingPort())
        session = first._link._session
        before = session.store.next_outgoing
        first._port.close()
        first._link._initiator.drop("killed")
        await until(lambda: not first._link.is_up)
        first._link._initiator._task.cancel()
        session.store.close()
        first._records.close()  # as the end of a process does

        second = adapter_of(simulator, directory)
        await second.connect(RecordingPort())
        assert second._link._session.store.next_outgoing > before
        assert await second.open_orders("main") == []
        await second.close()


async def test_numbers_that_we_lost_are_taken_from_the_venue(directory):
    """The state directory was emptied: the venue says which number it waits for."""
    async with simulated() as simulator:
        first = adapter_of(simulator, directory / "first")
        await first.connect(RecordingPort())
        await first.open_orders("main")
        await first.close()
        second = adapter_of(simulator, directory / "second", timeout_ms=5_000)
        await eventually_connected(second)
        assert await second.open_orders("main") == []
        await second.close()


async def eventually_connected(adapter):
    """As the runtime does: a refused connect is tried again."""
    for _ in range(20):
        try:
            return await adapter.connect(RecordingPort())
        except VenueUnavailable as error:
            assert "too low" in str(error)
    raise AssertionError("never connected")


async def test_an_order_of_another_session_is_external(directory):
    async with desk(directory) as made:
        other = adapter_of(
            made.simulator,
            directory / "second",
            sender_comp_id="SECOND",
            secrets={"key": "second-key", "password": "second-password"},
        )
        side = Side(other, made.symbol, instance=9)
        await other.connect(side.port)
        order = side.order("buy", "50001", time_in_force="ioc")
        await other.submit([order])
        await until(lambda: made.position() != 0, "the position of somebody else")
        await made.settle()
        assert str(made.position()) == "0.2"
        await other.close()

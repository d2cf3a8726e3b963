"""Every way a request to OKX can go wrong, in every phase: nothing is doubled and nothing is lost,
judged by the simulated venue's own book."""

import shutil
import tempfile
from pathlib import Path

import pytest
from okx_desk import SWAP, desk

from gateway.testing import until

pytestmark = pytest.mark.asyncio

TOO_MANY = '{"code":"50011","msg":"Too Many Requests","data":[]}'
NO = '{"code":"51000","msg":"Parameter error","data":[]}'
TIMEOUT = '{"code":"50004","msg":"API endpoint request timeout.","data":[]}'
POSTS = "POST trade/*"
TIMEOUT_MS = 1_000  # of an answer: silence is one of the faults


@pytest.fixture
def directory():
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-okx-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def before_send(made):
    await made.line.stop()
    made.struck = lambda: made.requests_counted("not_sent")
    return made.line.start


async def mid_send(made):
    made.line.request_bytes = 200
    made.struck = lambda: made.requests_counted("unknown")


async def after_send(made):
    made.simulator.faults.add(POSTS, "execute_then_drop")


async def acknowledgement_lost(made):
    made.simulator.faults.add(POSTS, "execute_then_silent")


async def acknowledgement_late(made):
    made.simulator.faults.add(POSTS, "execute_then_delay", seconds=1.3)


async def acknowledgement_cut(made):
    made.simulator.faults.add(POSTS, "cut", at_byte=30)


async def acknowledgement_truncated(made):
    made.simulator.faults.add(POSTS, "truncate")


async def event_doubled(made):
    made.simulator.faults.add("event orders", "duplicate", count=None)


async def event_lost(made):
    made.simulator.faults.add("event orders", "lose")


async def server_error_executed(made):
    # The status alone says so: the code would be a plain no.
    made.simulator.faults.add(POSTS, "execute_then_error", status=500, body=NO)


async def server_error_not_executed(made):
    made.simulator.faults.add(POSTS, "error", status=503, body="<html>upstream</html>")


async def timeout_said_executed(made):
    made.simulator.faults.add(POSTS, "execute_then_error", status=400, body=TIMEOUT)


async def timeout_said_not_executed(made):
    made.simulator.faults.add(POSTS, "error", status=400, body=TIMEOUT)


async def rate_limited(made):
    made.simulator.faults.add(POSTS, "error", status=429, body=TOO_MANY)


async def socket_cut(made):
    counters = made.link.health.counters
    before = counters["gaps"]
    made.simulator.faults.add("event orders", "cut", at_byte=20)

    async def noticed():  # until then all looks healthy, and nothing more is told on the line
        await until(lambda: counters["gaps"] > before, "the gap")

    return noticed


async def all_sockets_cut(made):
    made.simulator.faults.add(POSTS, "call", call=made.simulator.sockets.cut_all)


def on_operations(action, **terms):
    """The same over the private socket."""

    async def phase(made):
        made.simulator.faults.add("op *", action, **terms)

    return phase


OPERATION_PHASES = {
    "dropped": on_operations("drop"),
    "executed_then_dropped": on_operations("execute_then_drop"),
    "executed_then_silent": on_operations("execute_then_silent"),
    "executed_then_timeout": on_operations("execute_then_error", body=TIMEOUT),
    "rate_limited": on_operations("error", body=TOO_MANY),
    "event_doubled": event_doubled,
    "socket_cut": socket_cut,
}

PHASES = [
    before_send,
    mid_send,
    after_send,
    acknowledgement_lost,
    acknowledgement_late,
    acknowledgement_cut,
    acknowledgement_truncated,
    event_doubled,
    event_lost,
    server_error_executed,
    server_error_not_executed,
    timeout_said_executed,
    # As slow as the server error, and the same to the gateway.
    pytest.param(timeout_said_not_executed, marks=pytest.mark.slow),
    rate_limited,
    socket_cut,
    all_sockets_cut,
]


async def under(made, phase, act):
    """Do `act` while `phase` goes wrong, and let the line be good again once it has gone wrong."""
    made.struck = lambda: len(made.simulator.faults.log)
    mend = await phase(made)
    before = made.struck()
    await act()
    await until(lambda: made.struck() > before, f"the fault {phase.__name__}")
    if mend is not None:
        await mend()


async def healthy(made):
    made.simulator.faults.clear()
    made.line.request_bytes = None
    await until(lambda: made.link.health.is_reconciled, "reconciliation")


async def rests(made, **changes):
    order_id = await made.submit(**changes)
    await made.until_state(order_id, "NEW")
    return order_id


@pytest.mark.parametrize("phase", PHASES)
async def test_nothing_is_doubled_or_lost(phase, directory):
    """Submit, cancel, replace and a batch, each under the fault."""
    async with desk(directory, timeout_ms=TIMEOUT_MS) as made:
        await four_operations(made, phase)
        places = {place for place, _ in made.simulator.rest.requests}
        assert "POST trade/batch-orders" in places or phase in (before_send, mid_send)


@pytest.mark.parametrize("name", OPERATION_PHASES)
async def test_nothing_is_doubled_or_lost_over_the_socket(name, directory):
    terms = {"order_entry": "websocket", "timeout_ms": TIMEOUT_MS}
    async with desk(directory, **terms) as made:
        await four_operations(made, OPERATION_PHASES[name])
        places = {place for place, _ in made.simulator.rest.requests}
        assert "POST trade/order" not in places, "the line was up: no order needs REST"


async def four_operations(made, phase):
    sent = []

    async def submit():
        sent.append(await made.submit())

    await under(made, phase, submit)
    await made.settled(sent[0])
    await healthy(made)
    await made.judge(sent[0])

    canceled = await rests(made, price="48900")
    await under(made, phase, lambda: made.cancel(canceled))
    await made.settled(canceled)
    await healthy(made)
    await made.judge(canceled)

    replaced = await rests(made, price="48800")
    await under(made, phase, lambda: made.replace(replaced, quantity="3", price="48700"))
    await made.settled(replaced)
    await healthy(made)
    await made.judge(replaced)

    batch = []

    async def submit_batch():
        prices = ("48600", "48500", "50000.1")  # the last one trades at once
        orders = (made.submit(price=price) for price in prices)
        batch.extend(await made.together(*orders))

    await under(made, phase, submit_batch)
    for order_id in batch:
        await made.settled(order_id)
        await made.judge(order_id)
    await healthy(made)
    held = made.simulator.venue.holder("net").signed_quantity(SWAP, "net")
    await until(lambda: made.position() * 100 == held, f"a position of {held}")
    made.judge_all()

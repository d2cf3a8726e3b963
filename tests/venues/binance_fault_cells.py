"""The cells of the fault x phase matrix: what a desk does, each under everything that can go wrong
on the wire. Through the real runtime; judged by the simulated venue's own book: no order twice,
none forgotten."""

import asyncio

from binance_world import SHORT_TIMES

from gateway.api import RefusedError
from gateway.testing import until

OVERLOAD = '{"code":-1008,"msg":"Request throttled by system-level protection."}'
_SENT = {"submit": "new", "batch": "new", "reduce": "replace"}
HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def cut_request(world, subject):
    world.proxy.request_bytes = 40


def ban(world, subject):
    world.faults.add(subject, "call", call=lambda: world.simulator.limits.ban(2.0))


def cut_stream(world, subject):
    world.faults.add(subject, "call", call=world.simulator.hub.cut_all)


def end_stream(world, subject):
    world.faults.add(subject, "call", call=world.end_stream)


def maintenance(world, subject):
    def begin():
        world.simulator.is_in_maintenance = True
        asyncio.get_running_loop().call_later(1.0, end)

    def end():
        world.simulator.is_in_maintenance = False

    world.faults.add(subject, "call", call=begin)


def skew(world, subject):
    def ahead():
        world.simulator.clock.skew_ms = 20_000

    world.faults.add(subject, "call", call=ahead)


def fault(action, **terms):
    return lambda world, subject: world.faults.add(subject, action, **terms)


def event(action, **terms):
    return lambda world, subject: world.faults.add(f"event {world.order_event}", action, **terms)


def unheard(action, **terms):
    """The answer is lost and so is every event: only asking can tell."""

    def both(world, subject):
        world.faults.add(subject, action, **terms)
        for kind in world.events:
            world.faults.add(f"event {kind}", "lose", count=None)

    return both


# What goes wrong, by the phase in which it does.
PHASES = {
    "before_send": "line_down",
    "mid_send": cut_request,
    "after_send": fault("drop"),
    "never_answered": fault("silent"),
    "ack_lost": fault("execute_then_drop"),
    "ack_silent": fault("execute_then_silent"),
    "late_ack": fault("execute_then_delay", seconds=0.8),
    "late_request": fault("delay", seconds=0.8),
    "answer_cut": fault("cut", at_byte=20),
    "answer_truncated": fault("truncate"),
    "5xx_executed": fault("execute_then_error"),
    "5xx_not_executed": fault("error"),
    "html_executed": fault("execute_then_error", status=502, body=HTML, content_type="text/html"),
    "html_not_executed": fault("error", status=502, body=HTML, content_type="text/html"),
    "ack_and_events_lost": unheard("execute_then_drop"),
    "5xx_and_events_lost": unheard("execute_then_error"),
    "html_and_events_lost": unheard(
        "execute_then_error", status=502, body=HTML, content_type="text/html"
    ),
    "truncated_and_events_lost": unheard("truncate"),
    "late_and_events_lost": unheard("delay", seconds=0.8),
    "overload": fault("error", body=OVERLOAD),
    "repeated_by_a_proxy": fault("execute_twice"),
    "ban": ban,
    "maintenance": maintenance,
    "clock_skew": skew,
    "event_twice": event("duplicate", count=None),
    "event_lost": event("lose"),
    "events_lost": event("lose", count=2),
    "event_late": event("reorder"),
    "event_truncated": event("truncate"),
    "event_frame_cut": event("cut", at_byte=50),
    "stream_cut": cut_stream,
    "stream_ended": end_stream,
    "venue_restart": "restart",
}


async def act(world, operation, order_ids, price):
    if operation == "submit":
        order_ids.append(await world.submit(price=price, quantity="0.010"))
    elif operation == "cancel":
        await world.cancel(order_ids[0])
    elif operation == "reduce":
        await world.replace(order_ids[0], quantity="0.015")
    elif operation == "replace":
        await world.replace(order_ids[0], quantity="0.020", price="48000")
    else:
        order_ids += await world.submit_together(
            [{"price": price}, {"price": "48000"}, {"price": "47000", "quantity": "0.002"}]
        )


async def cell(open_world, subject, operation, phase, way="rest", *, of=PHASES):
    """One world, one fault, one verdict; then the same world must still work. `subject`: the
    request that meets the fault; `of`: the phases of the venue."""
    async with open_world(order_entry=way, **SHORT_TIMES) as world:
        if way == "websocket":
            await until(lambda: world.adapter._rest.order_socket.is_up, "the order socket")
        order_ids = []
        if operation in ("cancel", "replace", "reduce"):
            order_ids.insert(0, await resting(world, order_ids))
        if operation in world.filled_before:
            world.market.trade("BTCUSDT", "49500", "0.005", "sell")
            await world.until_state(order_ids[0], "PARTIALLY_FILLED")
        wrong = of[phase]
        if wrong == "line_down":
            await world.proxy.stop()
        elif wrong == "restart":
            world.faults.add(subject, "execute_then_silent")
        else:
            wrong(world, subject)
        # At once executed, except where that would free the name for the repeated request: the
        # venue compares names of open orders alone.
        rests = phase == "repeated_by_a_proxy" or phase.endswith("events_lost")
        price = "49000" if rests else "50000.10"
        await act(world, operation, order_ids, price)
        if wrong == "restart":
            await until(lambda: world.faults.log, "the request")
            await world.simulator.stop()
            await world.simulator.start()
        elif wrong == "line_down":
            await until(lambda: world.counters[f"sent_{_SENT.get(operation, operation)}"])
            await asyncio.sleep(0.05)
            await world.proxy.start()
        await world.judge(order_ids)
        assert world.faults.log or phase in ("before_send", "mid_send"), "nothing went wrong"
        world.faults.clear()
        world.simulator.limits.banned_until_ms = 0
        await still_works(world, order_ids)


async def resting(world, others):
    """A working order. One that a slow machine did not get out in time joins the others."""
    while True:
        order_id = await world.submit(quantity="0.020", price="49500")
        await world.until_state(order_id, "NEW", "CANCELED", "REJECTED")
        if world.state(order_id) == "NEW":
            return order_id
        others.append(order_id)


async def still_works(world, order_ids):
    """An order and its cancel, once the venue takes orders again."""
    while True:
        await world.until_calm()
        try:
            after = await world.submit(price="45000", quantity="0.002")
        except RefusedError:  # a gap was noticed only now
            await asyncio.sleep(0.05)
            continue
        await world.until_state(after, "NEW", "REJECTED", "CANCELED")
        order_ids.append(after)
        if world.state(after) == "NEW":
            break
        await asyncio.sleep(0.2)  # throttled still
    await world.cancel(after)
    await world.until_state(after, "CANCELED")
    await world.judge(order_ids)


# All phases of a new order always; of the others those that differ most, and all of them by night.
CHOSEN = (
    "before_send",
    "mid_send",
    "after_send",
    "ack_lost",
    "late_ack",
    "ack_and_events_lost",
    "late_and_events_lost",
    "5xx_executed",
    "5xx_not_executed",
    "html_executed",
    "ban",
    "event_twice",
    "event_truncated",
    "stream_cut",
    "venue_restart",
)


# What the WebSocket API can suffer.
ON_THE_SOCKET = (
    "after_send",
    "never_answered",
    "ack_lost",
    "ack_silent",
    "late_request",
    "answer_truncated",
    "5xx_executed",
    "5xx_not_executed",
    "ack_and_events_lost",
    "truncated_and_events_lost",
    "overload",
    "repeated_by_a_proxy",
    "ban",
    "maintenance",
    "clock_skew",
    "venue_restart",
)


async def judged(open_world, subject, operation, phases, way="rest", *, of=PHASES):
    """Every phase in a world of its own, nine worlds at a time; all verdicts together."""
    wrong = []

    async def one(phase):
        try:
            await cell(open_world, subject, operation, phase, way, of=of)
        except Exception as error:
            wrong.append(f"{operation} x {phase}: {type(error).__name__} {str(error)[:600]}")

    for at in range(0, len(phases), 9):
        await asyncio.gather(*(one(phase) for phase in phases[at : at + 9]))
    assert not wrong, "\n".join(wrong)

"""Whatever an adapter process does, the daemon ends it, names it, and starts another one."""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.api import (
    CancelRequest,
    OrderRequest,
    OutcomeUnknown,
    ReplaceRequest,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.testing import until
from gateway.venues.isolated import wire
from gateway.venues.isolated.host import IsolatedAdapter
from gateway.venues.isolated.launch import LaunchTerms, start_launch

pytestmark = pytest.mark.asyncio

CHILD = Path(__file__).with_name("misbehaving_child.py")


class Port:
    """Remembers what the adapter told."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *values, **named: self.told.append((name, values, named))

    def names(self):
        return [name for name, _, _ in self.told]


def terms(**changes):
    fields = {
        "venue": "sim",
        "adapter": "made",
        "settings": {},
        "secrets": {"key": "very-secret"},
        "epoch": 4,
        "silence_ms_max": 10_000,
        "memory_mib_max": 250,
        "command": (sys.executable, str(CHILD)),
    }
    return LaunchTerms(**(fields | changes))


@contextlib.asynccontextmanager
async def connected(**changes):
    adapter = await IsolatedAdapter.start(terms(**changes), jitter=float)
    port = Port()
    try:
        await adapter.connect(port)
        yield adapter, port
    finally:
        await adapter.close()


def order(quantity="1", **changes):
    fields = {"order_id": 9, "client_order_id": "g9", "account": "main", "instrument": "BTCUSDT"}
    fields |= {"side": "buy", "type": "limit", "time_in_force": "gtc", "price": "10"}
    return OrderRequest(quantity=quantity, **(fields | changes))


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def shown_of(pid):
    """What every user of the machine may read of a process."""
    place = Path(f"/proc/{pid}")
    return (place / "cmdline").read_bytes(), (place / "environ").read_bytes()


async def test_calls_facts_and_errors_cross_exactly():
    async with connected() as (adapter, port):
        assert adapter.capabilities.order_types == frozenset({"limit"})
        assert await adapter.is_hedge_mode("main"), "the secret came over the socket"
        await adapter.submit([order("0.00000001")])
        name, _, named = port.told[0]
        assert (name, named["order_id"], named["venue_time_ns"]) == ("accepted", 9, 5)
        fill = port.told[1][2]["fill"]
        assert (fill.price, fill.quantity) == ("0.10000000000000000001", "0.00000001")
        assert fill.cause == "liquidation"
        head = {"order_id": 9, "client_order_id": "g9", "venue_order_id": "", "account": "main"}
        with pytest.raises(VenueRejected) as no:
            await adapter.cancel([CancelRequest(**head, instrument="X")])
        assert (no.value.code, no.value.text) == ("51400", "order is gone")
        with pytest.raises(VenueRateLimited) as slow:
            await adapter.replace([ReplaceRequest(**head, instrument="X", quantity="1")])
        assert slow.value.retry_after_ms == 250
        for told, kind in (("unavailable", VenueUnavailable), ("unknown", OutcomeUnknown)):
            with pytest.raises(kind):
                await adapter.query_order("main", told)
        with pytest.raises(OutcomeUnknown, match="KeyError"):
            await adapter.query_order("main", "bug")
        with pytest.raises(VenueProtocolError, match="answered nonsense"):
            await adapter.open_orders("main")
        assert await adapter.query_order("main", "any") is None
        assert adapter.launches == 1


FAULTS = [
    ("garbage", "garbage: a frame of 4294967295 bytes"),
    ("html", "garbage: a frame of"),
    ("empty", "garbage: a frame of 0 bytes"),
    ("not msgpack", "garbage: "),
    ("other shape", "garbage: "),
    ("unknown frame", "garbage: "),
    ("unknown event", "garbage: event 'delete_all'"),
    ("wrong event", "garbage: event gap_opened"),
    ("crash", "the process ended"),
    ("leak", "at most 250"),
    ("hang", "silent for 1500 ms"),
]


@pytest.mark.one_loop
@pytest.mark.parametrize(("act", "reason"), FAULTS)
async def test_a_fault_of_the_process_is_named_and_another_one_takes_over(act, reason):
    # A silence that a loaded machine does not make, where silence is not the fault.
    changes = {"silence_ms_max": 1500 if act == "hang" else 10_000}
    async with connected(**changes) as (adapter, port):
        first = adapter.row()["pid"]
        with contextlib.suppress(VenueUnavailable):
            await adapter.query_order("main", act)
        await until(lambda: "gap_closed" in port.names())
        assert port.names() == ["gap_opened", "gap_closed"]
        assert reason in port.told[0][1][0]
        row = adapter.row()
        assert row["launches"] >= 2
        assert row["pid"] not in (0, first)
        assert is_gone(first)
        assert await adapter.query_order("main", "any") is None
    assert is_gone(row["pid"])


async def test_a_send_that_was_written_when_the_process_died_has_no_known_outcome():
    async with connected() as (adapter, port):
        held = asyncio.create_task(adapter.submit([order("60")]))
        await asyncio.sleep(0)
        with pytest.raises(OutcomeUnknown):
            await adapter.submit([order("13")])
        with pytest.raises(OutcomeUnknown):
            await held
        with pytest.raises(VenueUnavailable):  # nothing was written: proof that nothing left
            await adapter.submit([order()])
        await until(lambda: "gap_closed" in port.names())
        await adapter.submit([order()])
        assert port.names() == ["gap_opened", "gap_closed", "accepted", "filled"]


async def test_a_send_of_another_launch_or_epoch_never_reaches_the_adapter():
    launch = await start_launch(1, terms())
    launch.port = Port()
    await launch.call("connect")
    good = launch._terms
    for number, epoch in ((2, 4), (1, 5)):
        launch.number, launch._terms = number, msgspec.structs.replace(good, epoch=epoch)
        with pytest.raises(VenueUnavailable, match=f"launch {number} and epoch {epoch}"):
            await launch.call("submit", [order()])
    launch.number, launch._terms = 1, good
    await launch.call("submit", [order()])
    assert launch.port.names() == ["accepted", "filled"]
    await launch.close(5)


@pytest.mark.parametrize(
    ("build", "reason"), [("refuse", "url: is missing"), ("exit", "the other side is gone")]
)
async def test_an_adapter_that_cannot_be_built_is_told_with_its_reason(build, reason):
    with pytest.raises(VenueUnavailable, match=reason):
        await IsolatedAdapter.start(terms(settings={"build": build}))


async def test_a_new_process_with_another_manifest_is_not_taken(tmp_path):
    marker = tmp_path / "newer"
    async with connected(settings={"marker": str(marker)}) as (adapter, port):
        marker.touch()
        with contextlib.suppress(VenueUnavailable):
            await adapter.query_order("main", "crash")
        await until(lambda: "manifest changed" in adapter.row()["last_end"])
        assert "gap_closed" not in port.names()
        marker.unlink()
        await until(lambda: "gap_closed" in port.names())


async def test_a_hand_over_drains_and_a_second_one_at_the_same_time_is_refused():
    async with connected() as (adapter, port):
        first = adapter.row()["pid"]
        both = await asyncio.gather(
            adapter.hand_over(), adapter.hand_over(), return_exceptions=True
        )
        assert [type(each) for each in both] == [type(None), VenueUnavailable]
        assert port.names() == ["gap_opened", "gap_closed"]
        assert adapter.row()["last_end"] == "handed over"
        assert is_gone(first)


async def test_a_call_nobody_waits_for_is_given_up_in_the_process_too():
    async with connected() as (adapter, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await adapter.submit([order("60")])
        assert adapter._launch.sends == 0
        assert await adapter.query_order("main", "any") is None


async def test_no_secret_is_in_a_frame_beside_the_first_one():
    terms_row = terms()
    call = wire.pack(wire.Call(1, 1, 4, "submit", msgspec.Raw(b"\xc0")))
    assert b"very-secret" not in call
    launch = await start_launch(1, terms_row)
    try:
        arguments, environment = shown_of(launch.pid)
        assert b"very-secret" not in arguments + environment
        assert str(os.getpid()).encode() in arguments
    finally:
        await launch.close(5)


async def test_a_hand_over_that_is_given_up_still_leads_to_a_new_process():
    async with connected() as (adapter, port):
        slow = adapter._next_launch
        asked = []

        async def late():
            asked.append(1)
            if len(asked) == 1:
                await asyncio.sleep(60)
            await slow()

        adapter._next_launch = late
        handing_over = asyncio.create_task(adapter.hand_over())
        await until(lambda: asked)
        handing_over.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handing_over
        await until(lambda: "gap_closed" in port.names())
        assert await adapter.query_order("main", "any") is None


async def test_an_end_without_a_close_leaves_no_process():
    adapter = await IsolatedAdapter.start(terms(), jitter=float)
    await adapter.connect(Port())
    pid = adapter.row()["pid"]
    adapter.end()
    await until(lambda: not Path(f"/proc/{pid}").exists())  # and the loop knows it
    await asyncio.sleep(0.05)
    assert adapter.launches == 1


async def test_secrets_are_in_no_repr_and_the_last_words_of_a_process_are_in_the_log(caplog):
    told = terms()
    build = wire.Build(1, 4, 100, "sim", "made", {}, dict(told.secrets))
    assert "very-secret" not in repr(told) + repr(build) + str(told) + str(build)
    async with connected() as (adapter, port):
        with contextlib.suppress(VenueUnavailable):
            await adapter.query_order("main", "last words")
        await until(lambda: "gap_closed" in port.names())
        await until(lambda: "this is why" in caplog.text)


async def test_what_an_adapter_counts_comes_with_the_beat_of_its_process():
    async with connected() as (adapter, port):
        await adapter.query_order("main", "any")
        await until(lambda: adapter.counts().get("requests.answered") == 1)
        assert adapter.counts()["limit_used.orders@main"] == 3
        with contextlib.suppress(VenueUnavailable):
            await adapter.query_order("main", "no counts")  # it raises from now on: nothing falls
        await until(lambda: "requests.answered" not in adapter.counts())
        assert (adapter.counts()["launches"], port.names()) == (1, [])

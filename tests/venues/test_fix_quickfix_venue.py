"""The adapter against a venue that was not written here: an unmodified QuickFIX acceptor that keeps
its own numbers and judges by its own dictionary. Orders live, are changed and execute; its death
and ours lose nothing."""

import importlib.util
from pathlib import Path

import pytest
from fix_desk import INSTRUMENTS, SPOT, Side
from gateway_fix.adapter import FixAdapter
from quickfix_program import free_port, program

from gateway.api import CancelRequest, ReplaceRequest

VENUE = Path(__file__).parent / "quickfix_venue.py"
DIALECT = """
name = "quickfix"
source = "the order messages of quickfix_venue.py"
logon = "password"
order_fields = { 21 = "1" }
order_types = { limit = "2" }
times_in_force = { gtc = "1", ioc = "3" }
mass_cancel = "7"
not_found_proof_after_ms = 1000
"""
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(
        importlib.util.find_spec("quickfix") is None, reason="no wheel of quickfix-py here"
    ),
]


def new_side(folder, port):
    (folder / "quickfix.toml").write_text(DIALECT)
    settings = {
        "account": "main", "dialect": "quickfix.toml", "dialect_directory": str(folder),
        "state_directory": str(folder / "state"), "instruments": [INSTRUMENTS[SPOT]],
        "host": "127.0.0.1", "port": port, "has_tls": False, "sender_comp_id": "DESK",
        "target_comp_id": "VENUE", "timeout_ms": 20_000, "is_synced": False, "has_marks": False,
    }  # fmt: skip
    return Side(FixAdapter("fix", settings, {"key": "key", "password": "word"}), SPOT)


def judge(venue):
    """Its dictionary refused nothing of ours, and we nothing of its."""
    assert not [line for line in venue.lines if "|35=3|" in line or "|35=j|" in line], venue.lines


async def trade(side, venue):
    """One order that is changed, partly filled and canceled, one that executes, one too late."""
    order = side.order()
    await side.adapter.submit([order])
    [accepted] = await side.told(order, "accepted")
    assert accepted.get("venue_order_id", 1) == "Q1"
    await side.adapter.replace([side.about(order, ReplaceRequest, quantity="0.4", price="48000")])
    await side.told(order, "replaced")
    told = venue.lines[await venue.heard("to_app", "|150=5|") - 1]
    wire_name = told.split("|11=")[1].split("|")[0]
    venue.say(f"fill {wire_name} 0.1 48000")
    [fill] = await side.port.until(side.port.fills, "a fill")
    assert (fill.client_order_id, float(fill.quantity), float(fill.price)) == (
        order.client_order_id, 0.1, 48_000,
    )  # fmt: skip
    assert (float(fill.fee), fill.fee_currency, fill.liquidity) == (0.5, "USD", "maker")
    report = await side.adapter.query_order("main", order.client_order_id)
    assert (report.state, float(report.cumulative_quantity)) == ("partially_filled", 0.1)
    assert [each.client_order_id for each in await side.adapter.open_orders("main")] == [
        order.client_order_id
    ]
    await side.adapter.cancel([side.about(order, CancelRequest)])
    [ended] = await side.told(order, "canceled")
    assert ended.get("reason", 1) == "requested"
    at_once = side.order("buy", "50001")
    await side.adapter.submit([at_once])
    await side.port.until(lambda: len(side.port.fills()) == 2, "the second fill")
    await side.adapter.cancel([side.about(at_once, CancelRequest)])
    await side.told(at_once, "cancel_rejected")


async def test_orders_live_on_a_quickfix_acceptor_through_gaps_and_kills(tmp_path):
    port, theirs = free_port(), tmp_path / "venue"
    theirs.mkdir()
    words = (str(VENUE), str(port), str(theirs))
    side = new_side(tmp_path, port)
    async with program(*words) as venue:
        await venue.heard("up")
        await side.adapter.connect(side.port)
        await trade(side, venue)
        # Numbers it skips are asked for, and it fills them.
        venue.say("skip 200")
        await venue.heard("skipped")
        jump = side.order(price="47000")
        await side.adapter.submit([jump])
        await side.told(jump, "accepted")
        await venue.heard("from_admin", "|35=2|")
        judge(venue)
    # It was killed. What we say meanwhile fails or waits; what it does next life is told.
    async with program(*words) as venue:
        await venue.heard("logon")
        await side.port.until(lambda: side.port.of("gap_closed"), "the line")
        [working] = await side.adapter.open_orders("main")
        assert working.client_order_id == jump.client_order_id
        # We end, it executes, and our next life hears of it.
        await side.adapter.close()
        await venue.heard("logout")
        venue.say(f"fill {jump.client_order_id} 0.2 47000")
        await venue.heard("to_app", "|150=F|", f"|11={jump.client_order_id}|")
        again = new_side(tmp_path, port)
        await again.adapter.connect(again.port)
        try:
            found = await again.adapter.fills("main", 0)
            assert [float(each.quantity) for each in found] == [0.1, 0.2, 0.2]
            assert found[2].client_order_id == jump.client_order_id
            assert len({each.trade_id for each in found}) == 3
            assert await again.adapter.open_orders("main") == []
            other = again.order(price="46000")
            await again.adapter.submit([other])
            await again.told(other, "accepted")
            await again.adapter.cancel_all("main")
            await again.told(other, "canceled")
        finally:
            await again.adapter.close()
        judge(venue)

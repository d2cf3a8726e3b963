"""The adapter against the real venue process over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from gateway_paper import gateway_api_level, gateway_create_adapter, gateway_venue_name

from gateway.api import (
    API_LEVEL,
    CancelRequest,
    OrderRequest,
    ReplaceRequest,
    VenueRejected,
    VenueUnavailable,
)

Maker = Callable[..., Any]


def order(order_id: int, side: str = "buy", quantity: str = "1", **more: Any) -> OrderRequest:
    given: dict[str, Any] = {
        "client_order_id": f"G-{order_id}",
        "account": "A",
        "instrument": "BTCUSDT",
        "type": "limit",
        "time_in_force": "gtc",
        "price": "100",
    }
    return OrderRequest(order_id=order_id, side=side, quantity=quantity, **(given | more))


def cancel_of(order_id: int) -> CancelRequest:
    return CancelRequest(
        order_id=order_id, client_order_id=f"G-{order_id}", venue_order_id="", account="A",
        instrument="BTCUSDT",
    )  # fmt: skip


def replace_of(order_id: int, quantity: str, price: str) -> ReplaceRequest:
    return ReplaceRequest(
        order_id=order_id, client_order_id=f"G-{order_id}", venue_order_id="", account="A",
        instrument="BTCUSDT", quantity=quantity, price=price,
    )  # fmt: skip


def test_hooks_name_the_plugin_and_check_its_settings() -> None:
    secrets = {"key": "k", "secret": "s"}
    assert gateway_venue_name() == "paper"
    assert gateway_api_level() == API_LEVEL
    adapter = gateway_create_adapter("sim", {"url": "http://127.0.0.1:1"}, secrets)
    assert adapter.capabilities.venue == "sim"
    for settings, missing, name in [
        ({}, secrets, "url"),
        ({"url": "http://x", "color": 1}, secrets, "color"),
        ({"url": "http://x"}, {"key": "k"}, "secret"),
    ]:
        with pytest.raises(ValueError, match=name):
            gateway_create_adapter("sim", settings, missing)


@pytest.mark.asyncio
async def test_an_order_lives_and_every_step_is_told(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    async with connected(venue) as adapter:
        await adapter.submit([order(1, quantity="3"), order(2, price="90")])
        await adapter.replace([replace_of(1, "2", "101")])
        await venue.market(trades=[("101", "1.5", "sell")])
        await port.wait_fact("filled")
        await adapter.cancel([cancel_of(1), cancel_of(2)])
        await port.wait(lambda: port.names(1)[-1:] == ["canceled"])
        fill = port.values("filled")[0]
        assert (fill.client_order_id, fill.quantity, fill.price) == ("G-1", "1.5", "101")
        assert fill.value == "151.5"
        assert fill.fee == "0.0303"
        steps = list(dict.fromkeys(port.names(1)))
        assert steps == ["accepted", "replaced", "canceled"]
        assert {facts[2]["cumulative_quantity"] for facts in port.facts if facts[0] == "canceled"
                and facts[1][0] == 1} == {"1.5"}  # fmt: skip
        await adapter.cancel([cancel_of(2)])
        assert port.names(2)[-1] == "cancel_rejected"
        position = (await adapter.positions("A"))[0]
        assert (position.quantity, position.leg) == ("1.5", "net")
        assert [b.total for b in await adapter.balances("A")] == ["999.9697"]
        assert [f.trade_id for f in await adapter.fills("A", 0)] == [fill.trade_id]
        assert await adapter.fills("A", fill.venue_time_ns + 1) == []


@pytest.mark.asyncio
async def test_questions_are_answered_by_the_venue(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    async with connected(venue) as adapter:
        rules = (await adapter.instruments())[0]
        assert (rules.symbol, rules.venue_symbol) == ("BTC-USDT.paper", "BTCUSDT")
        assert (rules.price_scale, rules.quantity_scale) == (1, 3)
        assert await adapter.query_order("A", "G-9") is None
        await adapter.submit([order(9), order(10, price="0.05")])
        found = await adapter.query_order("A", "G-9")
        assert found is not None
        assert (found.state, found.quantity) == ("new", "1")
        assert [o.client_order_id for o in await adapter.open_orders("A")] == ["G-9"]
        assert await adapter.open_orders("B") == []
        assert port.names(10) == ["rejected"]
        assert not await adapter.is_hedge_mode("A")
        await venue.market(levels=[("buy", "99", "1"), ("sell", "101", "1")])
        await port.wait(
            lambda: any(m.bid == "100" and m.ask == "101" for m in port.values("marked"))
        )


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fault", "is_executed"),
    [
        ("ack_drop", True),
        ("silent", False),
        ("disconnect", False),
        ("execute_disconnect", True),
        ("error_500", False),
        ("execute_error_500", True),
    ],
)
async def test_a_lost_answer_is_unknown_and_never_sent_again(
    venue_process: Maker, connected: Maker, port: Any, fault: str, is_executed: bool
) -> None:
    venue = venue_process()
    # Two of these answers never come: the request waits for all of its time.
    async with connected(venue, timeout_ms=3_000) as adapter:
        await venue.fault(fault)
        await adapter.submit([order(1)])
        assert "unknown" in port.names(1)
        assert "not_sent" not in port.names(1)
        assert "rejected" not in port.names(1)
        found = await adapter.query_order("A", "G-1")
        assert (found is not None) == is_executed
        if is_executed:
            await port.wait_fact("accepted")  # the stream tells what the answer did not
        assert venue.judge().orders_seen() == [("A", "G-1")]


@pytest.mark.asyncio
async def test_an_unreachable_venue_is_proof_that_nothing_was_sent(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    async with connected(venue) as adapter:
        venue.kill()
        await port.wait_fact("gap_opened")
        await adapter.submit([order(1)])
        assert port.names(1) == ["not_sent"]
        with pytest.raises(VenueUnavailable):
            await adapter.positions("A")


@pytest.mark.asyncio
async def test_a_rejected_order_and_a_repeated_name_are_different_things(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process(reject_rate="1")
    async with connected(venue) as adapter:
        await adapter.submit([order(1)])
        await port.wait_fact("rejected")
        assert port.values("rejected")[0] == 1
        await adapter.submit([order(1)])
        assert "unknown" in port.names(1)


@pytest.mark.asyncio
async def test_a_sequence_gap_is_noticed_and_what_was_lost_comes_again(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    async with connected(venue) as adapter:
        await adapter.submit([order(1, quantity="2")])
        await port.wait(lambda: port.names(1).count("accepted") == 2)
        await venue.fault("stream_drop", "stream")
        await venue.market(trades=[("100", "0.5", "sell")])
        await venue.market(trades=[("100", "0.25", "sell")])
        await port.wait_fact("gap_closed")
        await port.wait_fact("filled", 2)
        assert [fill.quantity for fill in port.values("filled")] == ["0.5", "0.25"]
        names = port.names()
        assert names.index("gap_opened") < names.index("gap_closed")
        await venue.fault("stream_duplicate", "stream")
        await venue.market(trades=[("100", "0.25", "sell")])
        await port.wait_fact("filled", 4)
        assert len({fill.trade_id for fill in port.values("filled")}) == 3
        assert port.names().count("gap_opened") == 1


@pytest.mark.asyncio
async def test_killed_venue_comes_back_with_everything_and_the_stream_resumes(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    async with connected(venue) as adapter:
        for round_number in range(4):
            ids = [round_number * 100 + n for n in range(1, 8)]
            sending = asyncio.create_task(adapter.submit([order(i) for i in ids]))
            if round_number == 3:  # whatever the kills caught before, these seven are there
                await sending
            await asyncio.sleep(0.002 * round_number)
            venue.kill()
            await sending
            venue.start()
            await port.wait_fact("gap_closed", round_number + 1)
            await venue.market(trades=[("100", "3.5", "sell")])
        judge = venue.judge()
        states = {name: row["state"] for (_, name), row in judge.orders.items()}
        open_now = {o.client_order_id: o for o in await adapter.open_orders("A")}
        assert set(open_now) == {name for name, state in states.items() if state != "filled"}
        await port.wait(
            lambda: {f.trade_id for f in port.values("filled")} == {t for _, t in judge.trade_ids()}
        )
        for i in set(port.values("accepted")):
            assert f"G-{i}" in states
        for i in set(port.values("not_sent")):
            assert f"G-{i}" not in states
        held = {
            ("A", position.instrument, position.leg): Fraction(position.quantity)
            for position in await adapter.positions("A")
        }
        assert held == judge.positions() and held


@pytest.mark.asyncio
async def test_connect_says_what_is_wrong(
    venue_process: Maker, make_adapter: Maker, port: Any
) -> None:
    with pytest.raises(VenueUnavailable):
        await make_adapter("http://127.0.0.1:1").connect(port)
    venue = venue_process()
    with pytest.raises(VenueRejected, match="unknown_account"):
        await make_adapter(venue.url, accounts=["nobody"]).connect(port)
    wrong = gateway_create_adapter("paper", {"url": venue.url}, {"key": "k", "secret": "no"})
    with pytest.raises(VenueRejected, match="bad_signature"):
        await wrong.connect(port)
    assert port.facts == []


@pytest.mark.asyncio
async def test_after_close_the_port_stays_silent(
    venue_process: Maker, make_adapter: Maker, port: Any
) -> None:
    venue = venue_process()
    adapter = make_adapter(venue.url)
    await adapter.connect(port)
    await adapter.close()
    told = len(port.facts)
    await venue.market(levels=[("buy", "99", "1")])
    await asyncio.sleep(0.1)
    assert len(port.facts) == told


@pytest.mark.asyncio
async def test_funding_is_told_alike_by_stream_and_query_also_after_a_restart_of_the_venue(
    venue_process: Maker, connected: Maker, port: Any
) -> None:
    venue = venue_process()
    async with connected(venue) as adapter:
        await adapter.submit([order(1)])
        await venue.market(trades=[("99", "1", "sell")])
        await port.wait_fact("filled")
        assert await adapter.funding("A", 0) == []
        for count in (1, 2):
            await venue.admin("action", {"action": "pay_funding"})
            await port.wait_fact("funded", count)
        told = port.values("funded")
        assert len({each.reference for each in told}) == 2
        assert await adapter.funding("A", 0) == told
        assert await adapter.funding("A", told[1].venue_time_ns) == told[1:]
        assert await adapter.funding("A", told[1].venue_time_ns + 1) == []
        venue.kill()
        venue.start()
        assert await adapter.funding("A", 0) == told
        with pytest.raises(VenueRejected):
            await adapter.funding("nobody", 0)

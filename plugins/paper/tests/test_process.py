"""The venue process as an operator and a client library see it: start, keys, signatures, end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gateway_paper.signing import signed_headers
from gateway_paper.venue.market_recorded import find_recorded_data
from gateway_paper.venue.orders import SubmitBody
from gateway_paper.venue.process import Venue
from gateway_paper.venue.settings import load_settings

Maker = Callable[..., Any]


async def call(
    venue: Any, method: str, path: str, body: Any = None, **change: Any
) -> tuple[int, dict[str, Any]]:
    """One signed request; `change` spoils what the test wants to be wrong."""
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    given = {"key": "k", "secret": "s", "timestamp_ns": time.time_ns()} | change
    headers = signed_headers(
        given["key"], given["secret"], given["timestamp_ns"], method, path, body=text
    )
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, venue.url + path, data=text or None, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


ORDER = {
    "account": "A", "client_order_id": "x1", "instrument": "BTCUSDT", "side": "buy",
    "type": "limit", "time_in_force": "gtc", "quantity": "1", "price": "100",
}  # fmt: skip


@pytest.mark.asyncio
async def test_only_a_fresh_and_right_signature_opens_the_door(venue_process: Maker) -> None:
    venue = venue_process()
    for change, code in [
        ({"secret": "wrong"}, "bad_signature"),
        ({"key": "nobody"}, "bad_key"),
        ({"timestamp_ns": time.time_ns() - 6_000_000_000}, "timestamp_outside_window"),
    ]:
        status, answer = await call(venue, "POST", "/v1/orders", ORDER, **change)
        assert (status, answer["error"]["code"]) == (401, code)
    assert venue.judge().requests == []
    status, answer = await call(venue, "POST", "/v1/orders", ORDER)
    assert (status, answer["order"]["state"]) == (200, "new")
    other = {"key": "kb", "secret": "sb"}
    status, answer = await call(venue, "GET", "/v1/orders?account=A", **other)
    assert answer["error"]["code"] == "unknown_account"


@pytest.mark.asyncio
async def test_nonsense_is_refused_by_code_and_changes_nothing(venue_process: Maker) -> None:
    venue = venue_process()
    for body, code in [
        ("{", "bad_request"),
        ({**ORDER, "quantity": 1}, "bad_request"),
        ({**ORDER, "color": "red"}, "bad_request"),
        ({**ORDER, "side": "hold"}, "bad_request"),
        ({**ORDER, "price": "100.05"}, "bad_number"),
        ({**ORDER, "price": "NaN"}, "bad_number"),
        ({**ORDER, "price": None}, "bad_request"),
        ({**ORDER, "instrument": "?"}, "unknown_instrument"),
    ]:
        status, answer = await call(venue, "POST", "/v1/orders", body)
        assert (status, answer["error"]["code"]) == (400, code), body
    assert venue.judge().orders == {}
    assert len(venue.judge().requests) == 8
    status, answer = await call(venue, "GET", "/v1/orders/x1?account=A")
    assert (status, answer["error"]["code"]) == (404, "order_not_found")


@pytest.mark.asyncio
async def test_cancel_all_mode_and_fill_pages(venue_process: Maker) -> None:
    venue = venue_process(latency_ms=5)
    for number in range(3):
        await call(venue, "POST", "/v1/orders", {**ORDER, "client_order_id": f"n{number}"})
    status, answer = await call(venue, "POST", "/v1/orders/cancel-all", {"account": "A"})
    assert (status, answer) == (200, {"canceled": 3})
    mode = {"account": "A", "is_hedge_mode": True}
    assert (await call(venue, "POST", "/v1/mode", mode))[1] == mode
    assert (await call(venue, "GET", "/v1/mode?account=A"))[1] == mode
    await venue.market(levels=[("sell", "100", "5")])
    for number, leg in enumerate(("long", "short", "long")):
        side = "sell" if leg == "short" else "buy"
        body = {**ORDER, "client_order_id": f"h{number}", "leg": leg, "side": side}
        await call(venue, "POST", "/v1/orders", body)
    fills = (await call(venue, "GET", "/v1/fills?account=A"))[1]["fills"]
    assert len(fills) == 2
    after = fills[0]["venue_sequence"]
    page = (await call(venue, "GET", f"/v1/fills?account=A&after={after}"))[1]["fills"]
    assert page == fills[1:]


@pytest.mark.asyncio
async def test_admin_calls_need_the_admin_key(venue_process: Maker) -> None:
    venue = venue_process()
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"X-Paper-Admin": "guess"}):
            answer = await session.post(f"{venue.url}/v1/admin/action", headers=headers, json={})
            assert answer.status == 403


def test_sigterm_ends_the_process_cleanly(venue_process: Maker) -> None:
    assert venue_process(market="generator").stop() == 0


def test_a_bad_configuration_is_named(tmp_path: Path) -> None:
    file = tmp_path / "paper.toml"
    file.write_text('record = "r"\ncolor = 1\n')
    ended = subprocess.run(
        [sys.executable, "-m", "gateway_paper", "--config", str(file)],
        capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert b"color" in ended.stderr


@pytest.mark.asyncio
async def test_the_example_configuration_starts(project_root: Path, tmp_path: Path) -> None:
    file = tmp_path / "paper.toml"
    file.write_text((project_root / "conf/venues/paper.toml").read_text())
    (tmp_path / "paper.secret").write_text("secret-of-the-test\n")
    (tmp_path / "paper_admin").write_text("x")
    venue = Venue(load_settings(file), project_root)
    try:
        await venue.start()
        kinds = {listing.kind for listing in venue.exchange.listings.values()}
        assert kinds == {"spot", "linear", "inverse", "quanto"}
    finally:
        await venue.stop()


@pytest.mark.asyncio
async def test_the_recorded_market_is_quoted_and_trades(project_root: Path, tmp_path: Path) -> None:
    if find_recorded_data(project_root) is None:
        pytest.skip("no recorded venue traffic (GATEWAY_RECORDED_DATA)")
    file = tmp_path / "paper.toml"
    file.write_text('record = "r.jsonl"\nmarket = "recorded"\n')
    venue = Venue(load_settings(file), project_root)
    try:
        await venue.start()
        mark = venue.exchange.mark_row("SUSHIUSDT")
        assert (mark["bid"], mark["ask"]) == ("7.611", "7.612")
        body = {**ORDER, "account": "paper", "instrument": "SUSHIUSDT", "price": "7.612"}
        row = venue.exchange.submit(SubmitBody(**body))
        assert row["state"] == "filled"
    finally:
        await venue.stop()

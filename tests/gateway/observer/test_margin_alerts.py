"""A mark that walks an account from ok to a forced close and back moves the metrics, the log, the
channels and the alerts of a running observer."""

import json
import time
from decimal import Decimal
from math import inf

import aiohttp
import pytest
from alert_rules import expressions, is_true, samples_of
from flat_margin import flat_margin

from gateway.testing import until

pytestmark = pytest.mark.asyncio

WARNING, CALL, NEAR = "GatewayMarginWarning", "GatewayMarginCall", "GatewayLiquidationNear"
# Two contracts bought at 100 with a balance of 50, maintenance a twentieth: 0.1 p / (2 p - 150).
# Mark, state, highest ratio, nearest liquidation in percent, alerts that fire.
WALK = (
    ("100", "ok", 0.2, 21.06, set()),
    ("82", "ok", 0.586, 3.73, {NEAR}),
    ("80.5", "warning", 0.732, 1.94, {NEAR, WARNING}),
    ("79.5", "call", 0.883, 0.70, {NEAR, CALL}),
    ("78", "liquidation", 1.3, 0, {NEAR, CALL}),
    ("74", "liquidation", inf, 0, {NEAR, CALL}),
    ("80.9", "warning", 0.686, 2.42, {NEAR, WARNING}),  # below 0.7, and not yet over
    ("100", "ok", 0.2, 21.06, set()),
)
BEGAN = {"ok": 1, "warning": 2, "call": 1, "liquidation": 1}


def mark(run, price):
    told = {"BTC-USD": {"mark": price, "time_ns": time.time_ns()}}
    (run.ring / "marks.new").write_text(json.dumps(told))
    (run.ring / "marks.new").rename(run.ring / "marks.json")


def margin_of(run):
    return next(iter(run.observer.view.channels["margin"].rows.values()), None)


async def at_mark(run, price):
    """The account's row once its equity is that of this mark."""
    mark(run, price)
    equity = 50 + 2 * (Decimal(price) - 100)
    await until(lambda: (row := margin_of(run)) and Decimal(row["equity"] or "-1e9") == equity)
    return margin_of(run)


async def scrape(http, run):
    return await (await http.get(f"{run.url}/metrics")).text()


def firing(text):
    rules = expressions()
    return {name for name in (WARNING, CALL, NEAR) if is_true(rules[name], text)}


async def holding(run):
    await run.caught_up()
    run.journal.deposit("main", "USD", "50")
    run.journal.new_order(1, price="100")
    run.journal.fill(1, "2", price="100")
    await run.caught_up()


async def test_a_walking_mark_moves_metrics_log_channels_and_alerts(
    world, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("gateway.observer.INSPECT_SECONDS", 0.05)
    schedules = flat_margin(tmp_path / "margin.toml", "BTC-USD")
    async with (
        world.RunningObserver(tmp_path, margin_file=schedules) as run,
        aiohttp.ClientSession() as http,
    ):
        await holding(run)
        health = run.observer.view.channels["health"]
        for price, state, ratio, distance, alerts in WALK:
            row = await at_mark(run, price)
            assert row["state"] == state, price
            text = await scrape(http, run)
            samples = {(name, *labels.values()): value for name, labels, value in samples_of(text)}
            assert firing(text) == alerts, price
            assert samples["gateway_margin_accounts", state] == 1
            counted = [n for (name, *_), n in samples.items() if name == "gateway_margin_accounts"]
            assert (len(counted), sum(counted)) == (5, 1)
            assert samples["gateway_margin_ratio_max",] == pytest.approx(ratio, abs=1e-3)
            near = samples["gateway_liquidation_distance_percent_min",]
            assert near == pytest.approx(distance, abs=0.01)
            if state != "ok":
                await until(lambda at=f"margin|{state}": health.rows[at]["value"] == "1")
                assert health.rows[f"margin|{state}"]["state"] in ("warning", "fault")
        changes = "gateway_margin_state_changes_total"
        assert {key[1]: n for key, n in samples.items() if key[0] == changes} == BEGAN
    lines = [each.getMessage() for each in caplog.records if "margin of account" in each.message]
    assert [line.split("USD: ")[1].split(", ratio 0.6")[0] for line in lines] == [
        "ok -> warning, ratio 0.731818181819",
        "warning -> call, ratio 0.883333333334",
        "call -> liquidation, ratio 1.3",
        "liquidation -> warning",
        "warning -> ok, ratio 0.2",
    ]
    assert all(line.startswith("margin of account main in USD: ") for line in lines)


async def test_what_is_not_known_is_absent_and_never_zero(world, tmp_path):
    """Without a mark the state is unknown; without schedules or a journal nothing is."""
    schedules = flat_margin(tmp_path / "margin.toml", "BTC-USD")
    gauges = ("gateway_margin_accounts", "gateway_margin_ratio", "gateway_liquidation")
    async with (
        world.RunningObserver(tmp_path, margin_file=schedules) as run,
        aiohttp.ClientSession() as http,
    ):
        await holding(run)
        await until(lambda: (row := margin_of(run)) and row["state"] == "unknown")
        text = await scrape(http, run)
        assert 'gateway_margin_accounts{state="unknown"} 1.0' in text
        assert "gateway_margin_ratio_max" not in text
        assert "gateway_liquidation_distance_percent_min" not in text
        run.observer.view.wait("the journal is gone")
        text = await scrape(http, run)
        assert not any(gauge in text for gauge in gauges) and not firing(text)
    async with world.RunningObserver(tmp_path / "none") as run, aiohttp.ClientSession() as http:
        await holding(run)
        text = await scrape(http, run)
        assert not any(gauge in text for gauge in gauges)
        assert 'gateway_margin_state_changes_total{state="call"} 0.0' in text

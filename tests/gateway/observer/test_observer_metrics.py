"""What a scraper gets from a running observer: every metric, counted."""

import json
import time

import aiohttp
import pytest
from flat_margin import flat_margin
from prometheus_client.parser import text_string_to_metric_families

from gateway._core.telemetry import Measurement
from gateway.analytics.watch_status import StatusFile, WatchStatus
from gateway.stream.conduct import ConductLimits
from gateway.stream.metrics_page import METRIC_NAMES
from gateway.telemetry import SUBMIT
from gateway.testing import until

pytestmark = pytest.mark.asyncio

COUNTERS = {
    "sequence": 10,
    "refused": 2,
    "route_rules_missed": 3,
    "clock_ahead_ns": 90_000_000_000,
    "cache_event_cycles": 12,
    "cache_event_last_level_misses": -1,
    "venue:okx:reconciled": 1,
    "venue:okx:counter.gaps": 2,
    "venue:okx:outcome.accepted": 5,
    "venue:okx:reject.51008": 4,
    "venue:okx:adapter.requests.unknown": 1,
    "venue:okx:adapter.reconnects.private": 3,
    "venue:okx:adapter.limit_used.orders@main": 7,
    "venue:okx:adapter.limit_capacity.orders@main": 60,
    "venue:okx:adapter.banned_ms": 1500,
    "venue:okx:adapter.clock_offset_us": -250000,
    "venue:okx:adapter.unreadable_rows": 6,
    "fix:fund:logged_on": 1,
    "fix:fund:received": 8,
    "fix:fund:resent": 2,
    "fix:fund:throttled": 5,
    "fix::connections": 9,
    "fix::refused_connections": 4,
}
FIX_SAMPLES = {
    ("gateway_fix_session_up", "fund"): 1,
    ("gateway_fix_messages_total", "in", "fund"): 8,
    ("gateway_fix_messages_total", "resent", "fund"): 2,
    ("gateway_fix_events_total", "throttled", "fund"): 5,
    ("gateway_fix_connections",): 9,
    ("gateway_fix_door_events_total", "refused_connections"): 4,
}
VENUE_SAMPLES = {
    ("gateway_venue_reconciled", "okx"): 1,
    ("gateway_venue_events_total", "gaps", "okx"): 2,
    ("gateway_venue_outcomes_total", "accepted", "okx"): 5,
    ("gateway_venue_rejects_total", "51008", "okx"): 4,
    ("gateway_venue_requests_total", "unknown", "okx"): 1,
    ("gateway_venue_reconnects_total", "private", "okx"): 3,
    ("gateway_venue_limit_used", "orders@main", "okx"): 7,
    ("gateway_venue_limit_capacity", "orders@main", "okx"): 60,
    ("gateway_venue_banned_seconds", "okx"): 1.5,
    ("gateway_venue_clock_offset_seconds", "okx"): -0.25,
    ("gateway_venue_adapter_counter_total", "unreadable_rows", "okx"): 6,
}


async def test_a_total_that_is_not_its_sum_is_told_by_metric_and_log(
    world, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("gateway.journal.health.CHECK_SECONDS", 0.05)
    monkeypatch.setattr("gateway.observer.INSPECT_SECONDS", 0.05)
    metric = "gateway_observer_totals_differ"
    async with world.RunningObserver(tmp_path) as run, aiohttp.ClientSession() as http:

        async def told():
            return await (await http.get(f"{run.url}/metrics")).text()

        await run.caught_up()
        assert f"{metric} 0.0" in await told()
        run.journal.differing_total = "working quantity of BTCUSDT.sim"
        await until(lambda: "working quantity of BTCUSDT.sim" in caplog.text)
        assert f"{metric} 1.0" in await told()


async def test_every_metric_is_exported_and_counts(world, tmp_path):
    conduct = ConductLimits(orders_min=1)
    schedules = flat_margin(tmp_path / "margin.toml", "BTC-USD")
    async with (
        world.RunningObserver(tmp_path, conduct=conduct, margin_file=schedules) as run,
        aiohttp.ClientSession() as http,
    ):
        measured = Measurement()
        measured.open(str(run.ring))
        measured.record_ns(SUBMIT, 3_000)
        measured.record_ns(SUBMIT, 30_000_000_000)
        measured.set_depth(measured.add_gauge("facts.sim", "entries", "engine", 8, 6), 3, 1)
        (run.ring / "counters.json").write_text(json.dumps(COUNTERS))
        watch = WatchStatus(
            pid=1, actor="night-desk", began_ns=1, looked_ns=2, look_ns=1, looks=9, lag_records=3
        )
        StatusFile(run.ring, watch.actor).write(watch)
        marks = {"BTC-USD": {"mark": "100", "time_ns": time.time_ns()}}
        (run.ring / "marks.json").write_text(json.dumps(marks))
        await run.caught_up()
        run.journal.deposit("main", "USD", "50")
        run.journal.new_order(1)
        run.journal.fill(1, "1")
        await run.caught_up()
        margin = run.observer.view.channels["margin"]
        await until(lambda: any(row["ratio"] for row in margin.rows.values()))
        await until(lambda: run.observer.books_step.state == "following")
        text = await (await http.get(f"{run.url}/metrics")).text()
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert {name for name, *_ in samples} == METRIC_NAMES
        assert samples[("gateway_observer_records_applied_total",)] == 3
        assert samples[("gateway_orders_by_state", "PARTIALLY_FILLED")] == 1
        assert samples[("gateway_engine_counter", "refused")] == 2
        assert ("gateway_engine_counter", "cache_event_cycles") not in samples
        assert samples[("gateway_cache_events_total", "cycles")] == 12
        assert samples[("gateway_risk_watch_looks_total", "night-desk")] == 9
        assert samples[("gateway_cache_events_available", "cycles")] == 1
        # What the kernel does not permit is named as unavailable and never exported as zero.
        assert samples[("gateway_cache_events_available", "last_level_misses")] == 0
        assert ("gateway_cache_events_total", "last_level_misses") not in samples
        assert samples[("gateway_route_rules_missed_total",)] == 3
        assert samples[("gateway_clock_ahead_seconds",)] == 90
        assert (VENUE_SAMPLES | FIX_SAMPLES).items() <= samples.items()
        assert not any(
            str(label).startswith(("venue:", "fix:")) for _, *labels in samples for label in labels
        )
        assert samples[("gateway_observer_lag_records",)] == 7
        assert samples[("gateway_positions_open",)] == 1
        bucket = "gateway_stage_seconds_bucket"
        assert samples[(bucket, "2.5e-06", "submit")] == 0
        assert samples[(bucket, "5e-06", "submit")] == samples[(bucket, "10.0", "submit")] == 1
        assert samples[(bucket, "+Inf", "submit")] == 2
        assert samples[("gateway_stage_seconds_sum", "submit")] == pytest.approx(30.000003)
        assert samples[("gateway_stage_sampled_one_in", "gate")] == 16
        assert samples[("gateway_queue_depth", "facts.sim")] == 3

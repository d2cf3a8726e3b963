"""gateway stages against a measurement file that is written beside it."""

import json
import os

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway._core.telemetry import STAGES, Measurement
from gateway.commands import stages
from gateway.telemetry import FILE_NAME, SUBMIT, VENUE_ROUND_TRIP, MeasurementReader


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls the command for the ring directory tmp_path."""

    class Settings:
        class places:
            ring_directory = tmp_path

    monkeypatch.setattr(stages, "load_settings", lambda path: Settings)
    return lambda *words: CliRunner().invoke(root, ["stages", "--seconds", "0.05", *words])


@pytest.fixture
def measurement(tmp_path):
    made = Measurement()
    made.open(str(tmp_path), os.getpid(), 1, 5)
    gauge = made.add_gauge("orders.api", "entries", "engine", 100, 75)
    made.set_depth(gauge, 80, 1_000)
    made.set_depth(gauge, 20, 2_000_001_000)
    for order_id in range(1, 101):
        made.record_ns(SUBMIT, 1_000_000, order_id)
    made.record_ns(SUBMIT, 9_000_000, 4711)
    return made


def test_every_stage_and_queue_is_told_in_json(call, measurement):
    result = call("--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["is_running"] and found["process_id"] == os.getpid()
    rows = {row["stage"]: row for row in found["stages"]}
    assert set(rows) == set(STAGES)
    submit = rows["submit"]
    assert (submit["count"], submit["worst_order_id"]) == (101, "4711")
    assert submit["p50_ns"] == pytest.approx(1_000_000, rel=0.016)
    assert submit["max_ns"] == pytest.approx(9_000_000, rel=0.001)
    assert rows["gate"]["sampled_one_in"] == 16
    (queue,) = found["queues"]
    assert (queue["depth"], queue["high_water"], queue["above_seconds"]) == (20, 80, 2.0)
    assert found["bottleneck"]["sentence"] == "no stage is busy; no queue grows"


def test_people_see_tables_and_one_sentence(call, measurement):
    output = call().output
    assert "submit" in output and "1.01 ms" in output and "4711" in output
    assert "seal" not in output, "a stage without operations is no line"
    assert "orders.api" in output
    assert "no stage is busy; no queue grows." in output


def test_recent_shows_only_the_window_and_names_the_culprit(tmp_path, measurement, monkeypatch):
    def meanwhile(seconds):
        assert seconds == 3
        for _ in range(5):
            measurement.record_ns(VENUE_ROUND_TRIP, 700_000_000, 12)

    monkeypatch.setattr(stages.time, "sleep", meanwhile)
    found = stages.document(MeasurementReader(tmp_path), 3, is_recent=True)
    counts = {row["stage"]: row["count"] for row in found["stages"] if row["count"]}
    assert counts == {"venue_round_trip": 5}
    assert found["bottleneck"]["stage"] == "venue_round_trip"


def test_a_gateway_that_has_ended_is_still_told_and_said_to_have_ended(call, tmp_path):
    made = Measurement()
    made.open(str(tmp_path), 2**22 + 1, 1, 5)  # beyond the largest process id
    made.record_ns(SUBMIT, 1_000)
    assert "has ended" in call().output
    assert json.loads(call("--json").output)["is_running"] is False


def test_without_a_file_the_exit_code_says_not_running(call):
    result = call("--json")
    assert result.exit_code == 3
    assert json.loads(result.output)["error"]["code"] == "NOT_RUNNING"


def test_a_file_that_is_none_is_refused(call, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"GWMEAS01")
    result = call("--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["error"]["code"] == "BAD_FILE"

"""gateway bench core: the shape of its answer, and ratios that hold within one run."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.__main__ import root

SHAPE: dict[str, set[str]] = {
    "machine": {"cpu", "cores", "isa", "compiler", "commit", "load"},
    "machine_costs_ns": {
        "cas", "ping_pong_1", "ping_pong_2", "memcpy_128", "timer", "fdatasync", "bound_call",
    },
    "submit_ns": {"p50", "p99", "p999"},
    "submit_pinned_ns": {"p50", "p99"},
    "shm_round_trip_ns": {"p50", "p99"},
    "submit_python_ns": {"single_p50", "empty_call", "batch_per_order"},
    "risk_ns": {"hot_mean", "cold_p50", "checks", "refused_share"},
    "fill_ns": {"p50", "p99"},
    "fill_ns_by_held": {"100", "100000"},
    "append_ns": {"p50", "p999", "p9999"},
    "recover": {"records", "bytes", "mix", "seconds"},
    "match_ns": {"mix_a", "mix_b", "rejected_a", "rejected_b"},
    "resident_mib": {"start", "end"},
}  # fmt: skip
NUMBERS = {
    "submit_per_second", "cycles_per_second", "record_bytes", "disk_mib_per_second",
    "fills_per_second", "ring_round_trip_ns", "ring_items_per_second",
}  # fmt: skip


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    result = CliRunner().invoke(root, ["bench", "core", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 1, "one object on one line, progress belongs to stderr"
    return json.loads(lines[0])


def test_the_answer_has_the_promised_shape_and_nothing_else(figures: dict[str, Any]) -> None:
    assert set(figures) == set(SHAPE) | NUMBERS
    for name, fields in SHAPE.items():
        assert set(figures[name]) == fields, name
    for name in NUMBERS:
        assert figures[name] > 0, name


def test_quantiles_are_in_order(figures: dict[str, Any]) -> None:
    submit = figures["submit_ns"]
    assert 0 < submit["p50"] <= submit["p99"] <= submit["p999"]


def test_the_gate_refused_about_one_order_in_twenty(figures: dict[str, Any]) -> None:
    assert 0.03 < figures["risk_ns"]["refused_share"] < 0.07


def test_a_recovery_reads_what_was_written(figures: dict[str, Any]) -> None:
    recover = figures["recover"]
    assert sum(recover["mix"].values()) <= recover["records"]
    assert recover["mix"]["new"] == recover["mix"]["filled"] + recover["mix"]["canceled"]


def test_a_bound_submit_costs_more_than_an_empty_call(figures: dict[str, Any]) -> None:
    python = figures["submit_python_ns"]
    assert python["single_p50"] > python["empty_call"]

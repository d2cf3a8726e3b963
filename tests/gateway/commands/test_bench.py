"""gateway bench core: the shape of its answer, and ratios that hold within one run."""

import importlib.util
import json
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.benchmarks._contract import CONTRACT, find
from gateway.benchmarks.fix import codec
from gateway.valuation.mark import levels

SHAPE: dict[str, set[str]] = {
    "machine": {"cpu", "cores", "isa", "compiler", "commit", "load"},
    "machine_costs_ns": {
        "cas", "ping_pong_1", "ping_pong_2", "memcpy_128", "timer", "fdatasync", "bound_call",
    },
    "submit_ns": {"p50", "p99", "p999"},
    "submit_pinned_ns": {"p50", "p99"},
    "shm_round_trip_ns": {"p50", "p99"},
    "submit_python_ns": {"single_p50", "empty_call", "batch_per_order", "template_p50"},
    "submit_template_ns": {"generic_p50", "template_p50", "ratio"},
    "risk_ns": {"hot_mean", "cold_p50", "checks", "refused_share"},
    "kill_ms": {"p50", "max", "orders"},
    "fill_ns": {"p50", "p99"},
    "fill_ns_by_held": {"100", "100000"},
    "position_ns": {"adding", "reducing", "both"},
    "append_ns": {"p50", "p999", "p9999"},
    "append_paced_ns": {"p50", "p999", "p9999", "per_second", "late_percent"},
    "recover": {"records", "bytes", "mix", "seconds", "open_orders"},
    "ratios": {
        "submit_python", "ring_round_trip", "fill_by_held", "mark_to_market",
        "sustained_disk_share",
    },
    "match_ns": {
        f"{name}_{mix}{more}"
        for mix in ("a", "b")
        for name, more in (
            ("mix", ""), ("mix", "_self_trade"), ("mix", "_pro_rata"), ("mix", "_skiplist"),
            ("mix", "_flat"), ("rejected", ""),
        )
    },
    "book_ns": {"skiplist", "ladder", "flat", "skiplist_100000", "ladder_100000"},
    "resident_mib": {"start", "end"},
    "mark_positions_per_second": {*levels(), "working_set_mib", "large"},
}  # fmt: skip
NUMBERS = {
    "submit_per_second", "cycles_per_second", "record_bytes", "disk_mib_per_second",
    "fills_per_second", "ring_round_trip_ns", "ring_ping_pong_2_ns", "ring_items_per_second",
    "disk_sequential_mib_per_second",
}  # fmt: skip


# Without the package, or with too little shared memory.
OPTIONAL = {"nautilus_ratio", "submit_per_second_in_memory", "cycles_per_second_in_memory"}


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    result = CliRunner().invoke(root, ["bench", "core", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 1, "one object on one line, progress belongs to stderr"
    return json.loads(lines[0])


def test_the_answer_has_the_promised_shape_and_nothing_else(figures: dict[str, Any]) -> None:
    assert set(figures) - OPTIONAL == set(SHAPE) | NUMBERS
    for name, fields in SHAPE.items():
        assert set(figures[name]) == fields, name
    for name in NUMBERS:
        assert figures[name] > 0, name


def assert_contract(bench: str, printed: dict[str, Any]) -> None:
    for figure in CONTRACT:
        if figure.bench != bench:
            continue
        if figure.is_optional and figure.path.partition(".")[0] not in printed:
            continue
        assert find(printed, figure.path) is not None, figure


def test_every_figure_of_the_contract_is_printed(figures: dict[str, Any]) -> None:
    assert_contract("core", figures)


def test_quantiles_are_in_order(figures: dict[str, Any]) -> None:
    submit = figures["submit_ns"]
    assert 0 < submit["p50"] <= submit["p99"] <= submit["p999"]


def test_the_gate_refused_about_one_order_in_twenty(figures: dict[str, Any]) -> None:
    assert 0.03 < figures["risk_ns"]["refused_share"] < 0.07


def test_a_recovery_reads_what_was_written(figures: dict[str, Any]) -> None:
    recover = figures["recover"]
    mix = recover["mix"]
    assert sum(mix.values()) <= recover["records"]
    assert mix["new"] == 2 * mix["filled"] == 2 * mix["accepted"], "50 : 25 : 25"
    assert recover["open_orders"] == mix["accepted"]


def test_a_bound_submit_costs_more_than_an_empty_call(figures: dict[str, Any]) -> None:
    python = figures["submit_python_ns"]
    assert python["single_p50"] > python["empty_call"]


def test_every_level_values_positions_and_wide_ones_are_faster(figures: dict[str, Any]) -> None:
    marks = figures["mark_positions_per_second"]
    assert set(marks["large"]) == {*levels(), "working_set_mib"}
    for level in levels()[1:]:
        assert marks[level] > marks["scalar"] > 0, level


def test_the_peer_is_reported_exactly_when_it_is_installed(figures: dict[str, Any]) -> None:
    is_installed = importlib.util.find_spec("nautilus_trader") is not None
    assert ("nautilus_ratio" in figures) == is_installed


def test_the_threads_bench_has_its_shape_and_ratios_that_hold_anywhere() -> None:
    result = CliRunner().invoke(root, ["bench", "threads", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found) == {
        "machine", "line_ns", "pass_ns", "sweep_ns", "wait", "echo_us", "first_order_ns"
    }  # fmt: skip
    assert set(found["line_ns"]) == {"shared_line", "next_line", "next_pair"}
    assert set(found["sweep_ns"]) == {"1", "8", "64"}
    assert set(found["wait"]) == {"spin", "pause", "spin_yield", "yield", "park"}
    assert all(set(one) == {"wake_p50", "wake_p99", "idle_cpu_percent"}
               for one in found["wait"].values())  # fmt: skip
    assert set(found["echo_us"]["epoll"]) == {"spin_p50", "spin_p99", "wait_p50", "wait_p99"}
    assert set(found["first_order_ns"]) == {"cold", "warmed_up"}
    for one in found["first_order_ns"].values():
        assert set(one) == {
            "first", "first_page_faults", "second", "steady_p50", "open_ms", "warm_up_ms",
            "first_to_steady",
        }  # fmt: skip
    assert_contract("threads", found)
    # A sleeper costs no processor, a spinner all of it: half apart is far from noise.
    idle = {name: one["idle_cpu_percent"] for name, one in found["wait"].items()}
    assert idle["park"] < idle["spin"] / 2


def test_the_fix_bench_compares_equal_bytes_and_is_the_faster_one() -> None:
    found = codec(rounds=2)
    assert set(found) == {"codec_vs_simplefix", "codec_ns"}
    # Far below the goal, so that a loaded machine holds it.
    assert all(ratio > 3 for ratio in found["codec_vs_simplefix"].values())


@pytest.mark.slow
def test_the_fix_bench_prints_its_contract_and_beats_its_peer_where_that_is_certain() -> None:
    result = CliRunner().invoke(root, ["bench", "fix", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert_contract("fix", found)
    assert found["idle_session_kib"]["plain"] < 64 and found["idle_session_kib"]["tls"] < 192

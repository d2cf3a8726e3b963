"""gateway bench venues: the shape of its answer, and ratios that hold within one short run."""

import importlib.util
import json

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.benchmarks import venues
from gateway.benchmarks._contract import CONTRACT, find

SIGNED = {"p50", "min", "bytes_p50", "bytes_min", "signature_p50", "signature_min"}
BESIDE = {"ccxt_p50", "ccxt_min", "ratio", "ratio_of_minimums", "ratio_bound", "bytes_ratio"}


@pytest.fixture(scope="module")
def figures():
    result = CliRunner().invoke(root, ["bench", "venues", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 1, "one object on one line, progress belongs to stderr"
    return json.loads(lines[0])


def has_ccxt():
    return importlib.util.find_spec("ccxt") is not None


def test_every_figure_of_the_contract_is_printed(figures):
    for figure in CONTRACT:
        if figure.bench == "venues" and (has_ccxt() or not figure.is_optional):
            assert find(figures, figure.path) is not None, figure
    assert figures["machine"]["commit"]
    assert ("ccxt" in figures["not_installed"]) == (not has_ccxt())


def test_signing_has_its_shape_and_is_faster_than_the_peer(figures):
    assert set(figures["sign_us"]) == {"binance", "binance_ed25519", "okx"}
    for name, found in figures["sign_us"].items():
        assert set(found) == SIGNED | (BESIDE if has_ccxt() else set()), name
        assert 0 < found["min"] <= found["p50"]
        assert found["bytes_min"] > 0
        assert 0 < found["signature_min"] <= found["signature_p50"]
        if has_ccxt():
            assert found["ratio_of_minimums"] > 1, name
            assert found["ratio_bound"] > 1, name


def test_both_sides_of_an_event_are_told(figures):
    for found in figures["event_us"].values():
        assert 400 < found["bytes"] < 900
        assert 0 < found["event_us_min"] <= found["event_us"]
        assert 0 < found["msgspec_us_min"] <= found["msgspec_us"]


def test_an_order_reaches_the_wire_before_that_of_the_peer(figures):
    wire = figures["wire_us"]
    assert set(wire) == {"gateway", "adapter", "bare"} | ({"ccxt"} if has_ccxt() else set())
    assert all(each["min"] > 0 for each in wire.values())
    if has_ccxt():
        assert wire["adapter"]["min"] < wire["ccxt"]["min"]


@pytest.mark.slow
def test_each_layer_above_the_wire_costs_something(figures):
    wire = figures["wire_us"]
    assert wire["bare"]["min"] < wire["adapter"]["min"] < wire["gateway"]["min"]


def test_books_and_memory_are_told(figures):
    books, memory = figures["books"], figures["memory"]
    assert books["instruments"] == 100
    assert books["headroom"] > 0
    assert books["per_second"] > 0
    assert memory["user_events"] >= memory["orders"] > 0
    assert memory["depth_updates"] > 0
    assert memory["resident_mib"]["start"] > 0


def test_without_the_plugins_they_are_named_and_nothing_is_invented(monkeypatch):
    monkeypatch.setattr(venues.importlib.util, "find_spec", lambda name: None)
    said = []
    found = venues.measure(said.append, is_quick=True)
    assert set(found) == {"machine", "not_installed"}
    assert found["not_installed"] == ["gateway_binance", "gateway_okx", "ccxt"]
    assert any("not installed" in line for line in said)

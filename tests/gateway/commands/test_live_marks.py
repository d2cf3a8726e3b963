"""--live-marks of whatever values a desk, and --ring-directory where nothing can be done without a
running gateway: what is taken from there, and what is refused by name."""

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from flat_margin import flat_margin

from gateway.__main__ import root
from gateway.config.places import MARKS_FILE

COMMANDS = ("margin", "greeks", "linked")


@pytest.fixture
def desk(world):
    """Long ten at 100 on a balance of 500."""
    world.fact("balance", world.account, world.usd, "500", 1, "start")
    world.fill(0, "10", "100", instrument=world.perpetual, venue_order="a")
    return world


def tell(ring, price, age_seconds=0):
    """A mark as the gateway writes it beside its ring."""
    told = {"BTC-PERP": {"mark": price, "time_ns": time.time_ns() - age_seconds * 10**9}}
    Path(ring, MARKS_FILE).write_text(json.dumps(told))


def call(world, tmp_path, command, *words):
    files = ["--brackets", str(flat_margin(tmp_path / "margin.toml", "BTC-PERP"))]
    return CliRunner().invoke(
        root, [command, world.journal, *(files if command == "margin" else []), *words]
    )


def margin(world, tmp_path, *words):
    result = call(world, tmp_path, "margin", "--json", "--ring-directory", world.ring, *words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    return told["positions"][0]["notional"], told["accounts"][0]["excluded"]


def test_marks_of_the_gateway_value_the_desk_and_named_ones_stand_over_them(desk, tmp_path):
    tell(desk.ring, "80")
    assert margin(desk, tmp_path)[1] == ["BTC-PERP: no mark"], "only when they are asked for"
    assert margin(desk, tmp_path, "--live-marks") == ("800", [])
    assert margin(desk, tmp_path, "--live-marks", "--mark", "BTC-PERP=90") == ("900", [])
    path = tmp_path / "marks.json"
    path.write_text('{"BTC-PERP": "70"}')
    assert margin(desk, tmp_path, "--live-marks", "--marks", str(path)) == ("700", [])


def test_a_mark_older_than_a_minute_values_nothing_and_says_its_age(desk, tmp_path):
    tell(desk.ring, "80", age_seconds=61)
    _, (excluded,) = margin(desk, tmp_path, "--live-marks")
    age_ms = int(excluded.removeprefix("BTC-PERP: the mark is ").removesuffix(" ms old"))
    assert age_ms >= 61_000


def test_greeks_take_them_too(desk, tmp_path):
    tell(desk.ring, "80")
    words = ("--ring-directory", desk.ring, "--live-marks", "--json")
    told = json.loads(call(desk, tmp_path, "greeks", *words).stdout)
    assert ([row["delta_cash"] for row in told["rows"]], told["excluded"]) == (["800"], [])


@pytest.mark.parametrize("command", COMMANDS)
def test_live_marks_without_a_gateway_or_of_another_time_are_refused(
    desk, tmp_path, monkeypatch, command
):
    alone = call(desk, tmp_path, command, "--live-marks")
    assert alone.exit_code == 2 and "needs --ring-directory" in alone.output
    past = call(desk, tmp_path, command, "--live-marks", "--ring-directory", desk.ring,
                "--as-of", "1")  # fmt: skip
    assert past.exit_code == 2 and "are of now, not of --as-of" in past.output
    monkeypatch.setattr("gateway.commands.verify.is_on_tmpfs", lambda path: True)
    gone = ("--ring-directory", str(tmp_path / "gone"))
    result = call(desk, tmp_path, command, "--live-marks", *gone)
    assert result.exit_code == 2 and "no gateway runs at --ring-directory" in result.output
    desk.engine.stop()
    assert call(desk, tmp_path, command, *gone).exit_code == 0, "what is on disk is read"


@pytest.mark.parametrize("words", [("ledger", "carry"), ("risk-watch",)], ids=" ".join)
def test_what_needs_a_running_gateway_is_refused_without_its_ring(
    desk, tmp_path, monkeypatch, words
):
    """Memory that is gone after the machine began anew is no excuse here: there is nothing live."""
    monkeypatch.setattr("gateway.commands.verify.is_on_tmpfs", lambda path: True)
    more = []
    if words == ("risk-watch",):
        policy = tmp_path / "policy.toml"
        policy.write_text('actor = "night-desk"\n')
        brackets = flat_margin(tmp_path / "margin.toml", "BTC-PERP")
        more = ["--count", "1", "--policy", str(policy), "--brackets", str(brackets)]
    place = [*words, desk.journal, *more]
    unnamed = CliRunner().invoke(root, place)
    assert unnamed.exit_code == 2 and "--ring-directory" in unnamed.output
    for wrong in (tmp_path / "gone", tmp_path / "a file"):
        (tmp_path / "a file").touch()
        result = CliRunner().invoke(root, [*place, "--ring-directory", str(wrong)])
        assert result.exit_code == 2, result.output
        assert "name that of the running gateway" in result.output
    assert CliRunner().invoke(root, [*place, "--ring-directory", desk.ring]).exit_code == 0

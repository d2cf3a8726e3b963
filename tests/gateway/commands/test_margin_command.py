"""gateway margin on a real journal: accounts and positions, what is left out by name, and a file
of schedules that cannot be one."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_world import BUY, SELL
from flat_margin import flat_margin

from gateway.__main__ import root
from gateway.commands import desk_sources
from gateway.journal import JournalPlace


@pytest.fixture
def brackets(tmp_path):
    return flat_margin(tmp_path / "margin.toml", "BTC-PERP", "BTC-INV")


def call(world, brackets, *words):
    place = [world.journal, "--ring-directory", world.ring, "--brackets", str(brackets)]
    return CliRunner().invoke(root, ["margin", *place, *words])


def test_positions_of_a_journal_have_margin_and_a_liquidation_price(world, brackets):
    world.fill(0, "10", "100", side=BUY, instrument=world.perpetual, venue_order="a")
    world.fill(0, "5", "100", side=SELL, instrument=world.inverse, venue_order="b")
    result = call(world, brackets, "--json", "--mark", "BTC-PERP=90", "--mark", "BTC-INV=100")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["sequence"] > 0
    linear = next(row for row in found["positions"] if row["instrument"] == "BTC-PERP")
    assert (linear["notional"], linear["unrealised"]) == ("900", "-100")
    assert (linear["initial"], linear["maintenance"]) == ("90", "45")
    usd = next(row for row in found["accounts"] if row["currency"] == "USD")
    assert (usd["account"], usd["venue"]) == ("main", "sim")
    assert usd["headroom"] == format(float(usd["equity"]) - 90, "g")


def test_what_has_no_mark_is_named_and_a_table_is_printed(world, brackets):
    world.fill(0, "10", "100", instrument=world.perpetual, venue_order="a")
    result = call(world, brackets)
    assert result.exit_code == 0, result.output
    assert "BTC-PERP: no mark" in result.stderr
    assert "as of sequence" in result.stdout


def test_wrong_words_are_usage_errors(world, brackets, tmp_path):
    assert call(world, brackets, "--mark", "BTC-PERP").exit_code == 2
    assert call(world, brackets, "--collateral", "main|BTC-PERP=5").exit_code == 2
    typing_error = call(world, brackets, "--mark", "TYPO=1")
    assert typing_error.exit_code == 2 and "TYPO" in typing_error.output
    wrong = Path(tmp_path / "wrong.toml")
    wrong.write_text('[instruments]\n"A" = "nothing"')
    result = call(world, wrong)
    assert result.exit_code == 2 and "UNKNOWN_NAME" in result.output


@pytest.mark.parametrize("command", ["margin", "greeks"])
@pytest.mark.parametrize("price", ["abc", "-5", "0", "nan", "1e5", "1e400", "1_0"])
def test_a_mark_that_is_no_price_is_a_usage_error(world, brackets, command, price):
    words = [command, world.journal, "--ring-directory", world.ring, "--mark", f"BTC-PERP={price}"]
    more = ["--brackets", str(brackets)] if command == "margin" else []
    result = CliRunner().invoke(root, [*words, *more])
    assert result.exit_code == 2 and "--mark" in result.output and "BTC-PERP" in result.output


def test_margin_of_a_moment_at_the_marks_of_a_file(world, brackets, tmp_path):
    world.fill(0, "10", "100", instrument=world.perpetual, venue_order="a")
    before = world.engine.sequence
    world.fill(0, "5", "100", instrument=world.perpetual, venue_order="b")
    path = tmp_path / "marks.json"
    path.write_text('{"BTC-PERP": "80"}')
    for words, notional in (
        (("--as-of", str(before)), "800"),
        ((), "1200"),
        (("--mark", "BTC-PERP=90"), "1350"),
    ):
        result = call(world, brackets, "--json", "--marks", str(path), *words)
        assert result.exit_code == 0, result.output
        (row,) = json.loads(result.stdout)["positions"]
        assert row["notional"] == notional
    path.write_text('{"BTC-PERP": "0"}')
    assert call(world, brackets, "--marks", str(path)).exit_code == 2
    path.write_text('{"TYPO": "1"}')
    assert call(world, brackets, "--marks", str(path)).exit_code == 2


def test_a_moment_starts_from_the_archive_that_is_named(world, brackets, tmp_path, monkeypatch):
    world.fill(0, "10", "100", instrument=world.perpetual, venue_order="a")
    asked = []

    def replica_at(place, sequence, archive):
        asked.append(archive)
        return found(place, sequence, archive)

    found = desk_sources.replica_at
    monkeypatch.setattr(desk_sources, "replica_at", replica_at)
    moment = ("--as-of", str(world.engine.sequence))
    for words, archive in (
        ((), JournalPlace(Path(world.journal), Path()).archive),
        (("--archive", str(tmp_path / "elsewhere")), tmp_path / "elsewhere"),
    ):
        result = call(world, brackets, "--mark", "BTC-PERP=90", *moment, *words)
        assert result.exit_code == 0, result.output
        assert asked[-1] == archive

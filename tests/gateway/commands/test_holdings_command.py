"""gateway holdings on a real journal: every view adds up to what the engine holds."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_world import SELL

from gateway.__main__ import root
from gateway.analytics.aggregation import InstrumentMap
from gateway.commands.holdings import rows_of
from gateway.journal import reader


def told(world, *words):
    words = ["holdings", world.journal, "--ring-directory", world.ring, *words]
    result = CliRunner().invoke(root, [*words, "--json"])
    assert result.exit_code == 0, result.output
    assert CliRunner().invoke(root, words).exit_code == 0
    return json.loads(result.stdout)["rows"]


@pytest.mark.parametrize("by", ["venue", "account", "strategy", "firm"])
def test_parts_are_what_the_engine_holds(world, by):
    world.fill(world.working(instrument=world.perpetual, quantity="3"), "3",
               instrument=world.perpetual)  # fmt: skip
    world.fill(0, "1", "100", side=SELL, instrument=world.quanto, venue_order="x")
    (row,) = told(world, "--by", by)
    assert (row["instrument"], row["total"]) == ("BTC/USD derivative", "2")
    if by == "strategy":
        assert row["parts"] == {"alpha": "3", "EXTERNAL": "-1"}


def test_coins_on_their_way_and_collateral_are_told_by_asset(world, tmp_path):
    world.fact("balance", world.account, world.btc, "5", 2, "D")
    world.fact("balance", world.account, world.btc, "-1.5", 4, "T")
    world.fill(0, "100", "100", instrument=world.inverse, venue_order="x")
    (tmp_path / "marks.json").write_text('{"BTC-INV": "200"}')
    (row,) = told(world, "--marks", str(tmp_path / "marks.json"))
    parts = [row[name] for name in ("spot", "collateral", "derivatives", "in_transit")]
    assert parts == ["0", "3.5", "0.5", "1.5"]
    assert Decimal(row["net"]) == Decimal("5.5")
    assert row["reporting"]["net"] == "550"


def test_a_transfer_sent_while_the_journal_is_read_is_in_one_place(world):
    world.fact("balance", world.account, world.btc, "5", 2, "D")
    replica = reader.open_replica(Path(world.journal), world.ring, use_snapshot=True)
    while replica.follow():
        continue
    world.fact("balance", world.account, world.btc, "-1.5", 4, "T")
    instruments = InstrumentMap(replica.registry("instrument"), {})
    (row,) = rows_of(replica, "asset", {}, instruments, Path(world.journal), world.ring)
    assert (row["in_transit"], row["net"]) == ("0", "5")


def test_a_wrong_map_is_refused_by_name(world, tmp_path):
    (tmp_path / "map.toml").write_text("[other]\n")
    words = ["holdings", world.journal, "--map", str(tmp_path / "map.toml")]
    failed = CliRunner().invoke(root, words)
    assert failed.exit_code == 1 and "BAD_MAP" in failed.output

"""gateway linked on a real journal: a bracket as one position, and what has no mark by name."""

import json

import pytest
from click.testing import CliRunner
from linked_world import WITH_STOPS, bracket

from gateway.__main__ import root


@pytest.fixture
def desk(open_world):
    """Bought 2 at 100, with an exit and a stop that wait."""
    world = open_world(venue_types=WITH_STOPS)
    entry, *_ = bracket(world)
    before = world.engine.sequence
    world.fill(entry, "2", "100", instrument=world.perpetual, time_ns=world.engine.now_ns())
    return world, entry, before


def call(world, *words):
    place = [world.journal, "--ring-directory", world.ring]
    return CliRunner().invoke(root, ["linked", *place, *words])


def test_a_bracket_is_one_position_at_the_mark_that_is_given(desk):
    world, entry, _ = desk
    result = call(world, "--mark", "BTC-PERP=105", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (row,) = told["rows"]
    assert (row["linked_to"], row["kind"], row["state"]) == (str(entry), "bracket", "partial")
    assert (row["executed_buy"], row["profit"], row["delta_cash"]) == ("2", {"USD": "10"}, "210")
    assert len(row["members"]) == 3 and row["excluded"] == []
    assert told["sequence"] == world.engine.sequence


def test_what_has_no_mark_is_named_and_a_table_is_printed(desk):
    world, entry, _ = desk
    result = call(world)
    assert result.exit_code == 0, result.output
    assert f"{entry}: left out: BTC-PERP: no fresh mark" in result.stderr
    assert str(entry) in result.stdout and "as of sequence" in result.stdout


def test_a_moment_before_the_fill_has_none_of_it(desk):
    world, _, before = desk
    result = call(world, "--mark", "BTC-PERP=105", "--as-of", str(before), "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["sequence"] == before
    assert [row["executed_buy"] for row in told["rows"]] == ["0"]


def test_a_desk_without_linked_orders_says_so(world):
    world.fill(0, "1", "100", instrument=world.perpetual, venue_order="a")
    result = call(world)
    assert (result.exit_code, "No linked orders." in result.stdout) == (0, True)

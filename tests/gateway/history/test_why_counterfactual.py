"""`gateway why` over a journal that `gateway whatif` made: what nobody told is not put into a
venue's mouth, and a cross that cannot be here is none."""

import json

import pytest
from click.testing import CliRunner
from engine_world import SECOND_NS, STRATEGY
from recorded_days import KEPT_MS, meet, recorded_day

from gateway.__main__ import root
from gateway.history.queries import History
from gateway.history.views import Views
from gateway.history.why import why_order


@pytest.fixture(scope="module")
def day():
    """Alpha's buy of 3 meets beta's sell of 2 here; an order of 20 is refused."""
    with recorded_day() as (world, journal):
        world.limit(STRATEGY, world.strategy, position_long_max="10")
        buy, sell = meet(world)
        world.fact("canceled", buy, 1, "", "0", world.engine.now_ns(), 2)
        assert world.submit(quantity="20", price="100", client_id="large")[4]
        world.pass_time(SECOND_NS)
        world.engine.stop()
        yield journal, buy, sell


def kept(day, tmp_path, *arguments):
    target = tmp_path / "kept"
    words = ["whatif", str(day[0]), *arguments, "--out", str(target), "--json"]
    result = CliRunner().invoke(root, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["kept"] == str(target)
    return target


def told(directory, tmp_path, name):
    views = Views(directory, tmp_path / "no-archive", threads=1)
    try:
        return why_order(History(views), str(name))
    finally:
        views.close()


def words(found):
    return " | ".join(step["words"] for step in found["chain"])


def test_in_fact_the_cross_is_named(day, tmp_path):
    directory, buy, sell = day
    said = words(told(directory, tmp_path, buy))
    assert f"met order {sell} of strategy beta here: 2 at 100" in said
    assert "what is left of it, 1, counts as sent to sim" in said


def test_without_the_other_side_nobody_is_met(day, tmp_path):
    _, buy, _ = day
    said = words(told(kept(day, tmp_path, "--without-strategy", "beta"), tmp_path, buy))
    assert "met " not in said and "cross-" not in said
    assert f"kept here for {KEPT_MS} ms to be crossed" in said
    assert "its time to be crossed is over: it counts as sent to sim" in said


def test_an_order_that_only_stands_there_has_no_venue_s_word(day, tmp_path):
    limit = ("--set-limit", "strategy", "alpha", "position_long_max=50")
    found = told(kept(day, tmp_path, *limit), tmp_path, "large")
    said = words(found)
    assert found["order"]["state"] == "UNKNOWN"
    assert "its outcome became unknown: accepted in a what-if; exposure stays reserved" in said
    assert "sim executed" not in said and "sim took" not in said


def test_an_assumed_fill_is_told_as_one(day, tmp_path):
    limit = ("--set-limit", "strategy", "alpha", "position_long_max=50", "--assume-fill", "limit")
    found = told(kept(day, tmp_path, *limit), tmp_path, "large")
    said = words(found)
    assert found["order"]["state"] == "FILLED"
    assert "assumed by the what-if: executed 20 at 100 (trade whatif-1); no venue told it" in said
    assert "sim executed" not in said

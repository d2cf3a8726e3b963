"""gateway greeks on a real journal: sums, shocks, decay and expiries in one answer."""

import json

import pytest
from click.testing import CliRunner
from engine_world import BUY, SELL

from gateway.__main__ import root

OPTION = "BTC-USD-260626-100-C"
NOW = "2026-05-27T08:00:00+00:00"


@pytest.fixture
def desk(world):
    option = world.define(OPTION, 2, world.btc)
    world.define("BTC-USD-SWAP", 3, world.btc, quantity_scale=0, lot="1")
    world.fill(0, "10", "0.05", side=SELL, instrument=option, venue_order="a", time_ns=10**9)
    world.fill(0, "4", "100", side=BUY, instrument=world.perpetual, venue_order="b", time_ns=10**9)
    return world


def call(world, *words):
    place = [world.journal, "--ring-directory", world.ring, "--as-of", NOW]
    marks = ["--mark", f"{OPTION}=0.05", "--mark", "BTC-USD-SWAP=100"]
    return CliRunner().invoke(root, ["greeks", *place, *marks, *words])


def test_greeks_of_a_journal_with_everything_beside_them(desk):
    words = ("--mark", "BTC-PERP=100", "--by", "instrument", "--shock", "spot=-0.1,vol=0.05")
    result = call(desk, "--json", *words, "--decay", "31", "--expiries")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    rows = {row["name"]: row for row in told["rows"]}
    assert rows["BTC-PERP"]["delta_cash"] == "400"
    # Ten sold calls at the money, each on one coin: a little more than half a delta.
    assert -560 < float(rows[OPTION]["delta_cash"]) < -500
    assert float(rows[OPTION]["theta"]) > 0 > float(rows[OPTION]["vega"])
    assert told["excluded"] == []
    assert float(told["shocks"][0]["profit"]) == pytest.approx(-40 + 40, abs=20)
    path = [float(point["value"]) for point in told["decay"]]
    assert path[0] == pytest.approx(-50) and path[-1] == 0 and path == sorted(path)
    step = float(told["decay"][1]["value"]) - float(told["decay"][0]["value"])
    assert step == pytest.approx(float(told["decay"][0]["theta"]), rel=0.05)
    (expiry,) = told["expiries"]
    assert (expiry["outcome"], expiry["closed_quantity"]) == ("worthless", "10")


def test_what_is_left_out_is_named_and_tables_are_printed(desk):
    result = call(desk, "--by", "position", "--expiries")
    assert result.exit_code == 0, result.output
    assert "left out: BTC-PERP: no mark of BTC-PERP" in result.stderr
    assert OPTION in result.stdout and "worthless" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--shock", "spot=low"),
        ("--shock", "spot=-2"),
        ("--shock", "delta=1"),
        ("--volatility", f"{OPTION}=x"),
        ("--volatility", "TYPO=0.5"),
        ("--as-of", "yesterday"),
        ("--time-zone", "Mars/Base"),
        ("--live-marks",),
    ],
)
def test_wrong_words_are_usage_errors(desk, words):
    place = [desk.journal, "--mark", "BTC-USD-SWAP=100"]
    if words != ("--live-marks",):
        place += ["--ring-directory", desk.ring]
    result = CliRunner().invoke(root, ["greeks", *place, *words])
    assert result.exit_code == 2, result.output


def test_a_moment_of_the_past_has_its_own_positions_and_time(desk, tmp_path):
    words = ("--by", "position", "--json")
    first = json.loads(call(desk, *words).stdout)
    before = first["sequence"]
    desk.pass_time(3600 * 10**9)
    desk.fill(0, "6", "100", instrument=desk.perpetual, venue_order="c", time_ns=2 * 10**9)
    path = tmp_path / "marks.json"
    path.write_text(json.dumps({"BTC-PERP": "100", OPTION: "0.9"}))

    def told(as_of):
        place = [desk.journal, "--ring-directory", desk.ring, "--as-of", as_of]
        marks = ["--marks", str(path), "--mark", f"{OPTION}=0.05", "--mark", "BTC-USD-SWAP=100"]
        result = CliRunner().invoke(root, ["greeks", *place, *marks, *words])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def held(answer):
        return {row["instrument"]: row["delta_cash"] for row in answer["rows"]}["BTC-PERP"]

    then = told(str(before))
    assert (held(then), then["sequence"]) == ("400", before)
    assert held(told(f"{then['time_ns']}ns")) == "400"
    late = told(NOW)
    assert (held(late), late["sequence"] > before) == ("1000", True), "beyond the end: the newest"
    assert late["time_ns"] > then["time_ns"] + 3600 * 10**9 - 1
    missing = CliRunner().invoke(
        root, ["greeks", desk.journal, "--ring-directory", desk.ring, "--as-of", "999999"]
    )
    assert missing.exit_code == 1 and "OUT_OF_RANGE" in missing.stderr


def test_marks_of_now_are_not_those_of_then(desk):
    result = call(desk, "--live-marks")
    assert result.exit_code == 2 and "are of now, not of --as-of" in result.output

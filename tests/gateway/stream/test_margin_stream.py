"""Margin is shown from the view's rows and the desk's schedules, with the price of a forced close
beside each position; without schedules, or with bad ones, the channel says why it is empty."""

import pytest
from flat_margin import flat_schedules
from margin_steps import take_margin

from gateway.journal import Mark, Step
from gateway.stream.margin_stream import NO_SCHEDULES, MarginDesk, MarginInput, MarginStep
from gateway.stream.view import View

AGE_MS_MAX = 1000
MARKS = (Mark("BTC-PERP", "100", 1),)
SCHEDULES = flat_schedules("BTC-PERP")
INSTRUMENT = {
    "name": "BTC-PERP", "venue": "sim", "kind": "linear", "base": "BTC", "quote": "USD",
    "settle": "USD", "multiplier": "1", "multiplier_scale": 0, "price_scale": 2,
    "quantity_scale": 3, "tick": "0.01", "lot": "0.001",
}  # fmt: skip


def position(strategy, quantity, cost):
    return {
        "account": "main", "venue": "sim", "instrument": "BTC-PERP", "leg": "net",
        "margin_mode": "cross", "strategy": strategy, "quantity": quantity, "cost": cost,
        "sequence": 1,
    }  # fmt: skip


POSITIONS = {
    f"main|BTC-PERP|net|cross|{row['strategy']}": row
    for row in (position("alpha", "3", "300"), position("beta", "-1", "-100"))
}
BALANCES = {"main|USD": {"account": "main", "currency": "USD", "total": "50"}}


def a_desk(tmp_path, text, marks=MARKS):
    path = tmp_path / "margin.toml"
    path.write_text(text)
    return MarginDesk(path, lambda: marks, lambda: 1, AGE_MS_MAX)


@pytest.fixture
def view():
    made = View(lambda: 0.0)
    rows = {"position": POSITIONS, "balance": BALANCES}
    made.apply(Step(1, 1, is_caught_up=True, is_reset=True, rows=rows, followed=1))
    return made


def given(view):
    channels = view.channels
    return MarginInput(
        list(channels["positions"].rows.values()),
        list(channels["balances"].rows.values()),
        [],
        [INSTRUMENT],
    )


def test_margin_and_the_price_of_a_forced_close_are_shown(view, tmp_path):
    desk = a_desk(tmp_path, SCHEDULES)
    assert take_margin(view, desk.step(given(view)))
    (row,) = view.channels["margin"].rows.values()
    assert (row["account"], row["currency"], row["venue"]) == ("main", "USD", "sim")
    # Two contracts are left of both strategies: worth 200, a tenth and a twentieth of it.
    assert (row["equity"], row["initial"], row["maintenance"]) == ("50", "20", "10")
    assert (row["ratio"], row["headroom"], row["state"]) == ("0.2", "30", "ok")
    for key in POSITIONS:
        held = view.channels["positions"].rows[key]
        # 50 + 2 (p - 100) = 0.05 * 2 p
        assert held["liquidation_price"] == "78.94"
        assert held["liquidation_distance_percent"].startswith("-21.0")
    before = view.channels["positions"].revision
    assert not take_margin(view, desk.step(given(view)))
    assert view.channels["positions"].revision == before


def test_a_position_that_moves_keeps_what_margin_said(view, tmp_path):
    take_margin(view, a_desk(tmp_path, SCHEDULES).step(given(view)))
    key = next(iter(POSITIONS))
    moved = {**POSITIONS[key], "quantity": "4"}
    view.apply(Step(2, 1, is_caught_up=True, rows={"position": {key: moved}}, followed=2))
    shown = view.channels["positions"].rows[key]
    assert (shown["quantity"], shown["liquidation_price"]) == ("4", "78.94")


def test_while_margin_fails_no_position_shows_the_liquidation_of_an_earlier_quantity(
    view, tmp_path
):
    desk, key = a_desk(tmp_path, SCHEDULES), next(iter(POSITIONS))
    take_margin(view, desk.step(given(view)))
    assert take_margin(view, MarginStep(waiting="margin: broken"))
    assert not take_margin(view, MarginStep(waiting="margin: broken"))
    moved = {**POSITIONS[key], "quantity": "50"}
    view.apply(Step(2, 1, is_caught_up=True, rows={"position": {key: moved}}, followed=2))
    for shown in view.channels["positions"].rows.values():
        assert shown["liquidation_price"] is shown["liquidation_distance_percent"] is None
    take_margin(view, desk.step(given(view)))
    assert view.channels["positions"].rows[key]["liquidation_price"] is not None


def test_a_stale_mark_is_named_and_in_no_sum(view, tmp_path):
    desk = a_desk(tmp_path, SCHEDULES, marks=())
    take_margin(view, desk.step(given(view)))
    (row,) = view.channels["margin"].rows.values()
    assert (row["maintenance"], row["excluded"]) == ("0", ["BTC-PERP: no mark"])
    held = view.channels["positions"].rows[next(iter(POSITIONS))]
    assert held["liquidation_price"] is None


def test_without_schedules_the_channel_says_why_it_is_empty(view, tmp_path):
    none = MarginDesk(None, list, lambda: 1, AGE_MS_MAX).step(given(view))
    assert take_margin(view, none)
    assert view.channels["margin"].waiting == NO_SCHEDULES
    assert not take_margin(view, none)
    assert "liquidation_price" not in view.channels["positions"].rows[next(iter(POSITIONS))]
    bad = a_desk(tmp_path, SCHEDULES.replace('"0.05"', '"7"')).step(given(view))
    assert "margin.toml" in bad.waiting


def test_a_mark_that_comes_while_marks_are_read_is_not_from_the_future(view, tmp_path):
    path, clock = tmp_path / "margin.toml", [0]
    path.write_text(SCHEDULES)

    def marks():
        clock[0] += 10**9
        yield Mark("BTC-PERP", "100", clock[0])

    take_margin(view, MarginDesk(path, marks, lambda: clock[0], AGE_MS_MAX).step(given(view)))
    (row,) = view.channels["margin"].rows.values()
    assert (row["excluded"], row["state"]) == ([], "ok")


def test_a_position_without_its_mark_is_unknown_and_never_ok(view, tmp_path):
    take_margin(view, a_desk(tmp_path, SCHEDULES, marks=()).step(given(view)))
    (row,) = view.channels["margin"].rows.values()
    assert row["state"] == "unknown"


def test_a_position_whose_venue_switches_its_mode_keeps_its_liquidation_price(view, tmp_path):
    desk = a_desk(tmp_path, SCHEDULES)
    take_margin(view, desk.step(given(view)))
    told = {"venue_margin_mode": "isolated", "collateral": "20", "sequence": 2}
    rows = {key: {**row, **told} for key, row in POSITIONS.items()}
    view.apply(Step(2, 2, is_caught_up=True, is_reset=False, rows={"position": rows}, followed=1))
    take_margin(view, desk.step(given(view)))
    (account,) = view.channels["margin"].rows.values()
    # 20 of the 50 lie in it: 20 + 2 (p - 100) = 0.05 * 2 p
    assert (account["equity"], account["maintenance"]) == ("30", "0")
    for key in POSITIONS:
        assert view.channels["positions"].rows[key]["liquidation_price"] == "94.73"

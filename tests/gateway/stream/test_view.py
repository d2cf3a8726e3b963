"""The view over a margin that ends, a journal that is replaced and fills older than itself."""

import pytest
from margin_steps import take_margin

from gateway.journal import Step
from gateway.stream.channels import key_of
from gateway.stream.fill_stream import FillTail
from gateway.stream.margin_stream import MarginStep
from gateway.stream.view import ROWS_PER_STEP, View

POSITION = {
    "account": "a",
    "instrument": "BTC",
    "leg": "net",
    "margin_mode": "cross",
    "strategy": "s",
    "quantity": "1",
}
KEY = key_of("positions", POSITION)
NEAR = {"liquidation_price": "90", "liquidation_distance_percent": "3"}


@pytest.fixture
def view():
    made = View(lambda: 0.0)
    made.apply(Step(1, 1, True, is_reset=True, rows={"position": {KEY: POSITION}}))
    return made


def test_the_last_position_that_is_closed_is_near_no_forced_close(view):
    row = lambda: view.channels["positions"].rows[KEY]  # noqa: E731
    assert "liquidation_price" not in row()
    take_margin(view, MarginStep(liquidations={("a", "BTC", "net", "cross"): NEAR}))
    assert row()["liquidation_price"] == "90"
    view.apply(Step(2, 1, True, rows={"position": {KEY: {**POSITION, "quantity": "0"}}}))
    take_margin(view, MarginStep())
    assert (row()["quantity"], row()["liquidation_price"]) == ("0", None)


def near(price):
    return {"liquidation_price": price, "liquidation_distance_percent": "3"}


def test_margin_touches_the_positions_whose_liquidation_moved_and_no_others():
    """Ten thousand rows are not made anew four times a second."""
    made = View(lambda: 0.0)
    held = [{**POSITION, "instrument": f"I{n}", "strategy": s} for n in range(3) for s in "xy"]
    rows = {key_of("positions", row): row for row in held}
    made.apply(Step(1, 1, True, is_reset=True, rows={"position": rows}))
    channel = made.channels["positions"]
    keys = [("a", f"I{n}", "net", "cross") for n in range(3)]
    first = {key: near("90") for key in keys}
    assert take_margin(made, MarginStep(liquidations=first))
    assert {row["liquidation_price"] for row in channel.rows.values()} == {"90"}
    before = dict(channel.rows)
    second = {keys[0]: near("90"), keys[1]: near("91")}
    take_margin(made, MarginStep(liquidations=second, moved=keys[1:], before=first))
    told = {row["instrument"]: row["liquidation_price"] for row in channel.rows.values()}
    assert told == {"I0": "90", "I1": "91", "I2": None}
    same = [key for key, row in channel.rows.items() if row is before[key]]
    assert [rows[key]["instrument"] for key in same] == ["I0", "I0"]
    # A step that counts from another one than is shown is compared as a whole.
    take_margin(made, MarginStep(liquidations=first, moved=(), before=dict(second)))
    assert {row["liquidation_price"] for row in channel.rows.values()} == {"90"}


def test_a_margin_that_moves_everything_is_taken_in_pieces():
    made = View(lambda: 0.0)
    held = [{**POSITION, "instrument": f"I{n}"} for n in range(2 * ROWS_PER_STEP)]
    rows = {key_of("positions", row): row for row in held}
    made.apply(Step(1, 1, True, is_reset=True, rows={"position": rows}))
    near_all = {("a", row["instrument"], "net", "cross"): near("90") for row in held}
    channel, done = made.channels["positions"], []
    for _ in made.margin_steps(MarginStep(liquidations=near_all)):
        done.append(sum("liquidation_price" in row for row in channel.rows.values()))
    assert done == [0, ROWS_PER_STEP, 2 * ROWS_PER_STEP]


def test_sequences_of_a_replaced_journal_do_not_resume_market_channels(view):
    view.take_market({"marks": {"BTC": {"instrument": "BTC", "mark": "1"}}})
    before = view.channels["marks"].generation
    view.apply(Step(1, 1, True, is_reset=True, rows={}))
    assert view.channels["marks"].generation > before
    assert view.channels["marks"].rows["BTC"]["mark"] == "1"


def test_fills_from_before_the_view_are_told_by_the_books_alone():
    def booked(sequence):
        earned = {"realised": "1", "arrival_price": "1", "slippage": "0"}
        return {"sequence": sequence, "revision": 1, "instrument": "BTC", **earned}

    tail = FillTail()
    tail.reset({}, 6)
    assert list(tail.booked({}, [booked(5), booked(6), booked(7)], {})) == ["5", "6"]
    (row,) = tail.followed({}, {"7": {"sequence": 7, "revision": 1}}).values()
    assert row["realised"] == "1"

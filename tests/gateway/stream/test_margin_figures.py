"""Figures of margin count every account, tell what is known and nothing else, and every change of a
state is logged once."""

import logging
from math import inf

import pytest
from alert_rules import expressions, is_true

from gateway.analytics.margin_watch import MarginChange
from gateway.stream.margin_figures import MarginNews, margin_figures
from gateway.stream.margin_metrics import margin_metrics


def account(ratio="0.2", state="ok", excluded=()):
    return {"ratio": ratio, "state": state, "excluded": list(excluded)}


def position(distance=None, reason="", ratio=None, state=None):
    return {"liquidation_distance_percent": distance, "reason": reason,
            "ratio": ratio, "state": state}  # fmt: skip


def names(figures, changes=()):
    return {sample.name for family in margin_metrics(figures, dict(changes))
            for sample in family.samples}  # fmt: skip


def test_every_account_is_counted_in_its_state():
    found = margin_figures([account(), account(), account("0.9", "call")], [])
    assert found.states == {"ok": 2, "warning": 0, "call": 1, "liquidation": 0, "unknown": 0}
    assert (found.ratio_max, found.distance_percent_min) == (0.9, None)


def test_what_is_not_known_is_no_zero():
    unknown = account("0", "unknown", ["BTC: no mark"])
    found = margin_figures([unknown], [position(reason="no mark")])
    assert (found.ratio_max, found.distance_percent_min) == (None, None)
    assert names(found) == {"gateway_margin_accounts"}
    assert names(None) == set()


def test_without_equity_the_ratio_is_infinite_and_the_state_alone_is_not_enough():
    assert margin_figures([account(None, "liquidation")], []).ratio_max == inf
    held = account(None, "liquidation", ["BTC: no mark"])  # its ratio is not known any more
    assert margin_figures([held], []).ratio_max is None
    assert margin_figures([account(None, "ok")], []).ratio_max is None


def test_the_nearest_liquidation_counts_either_way_and_one_that_was_reached_is_zero():
    rows = [position("-21.05"), position("3.10"), position(reason="unreachable")]
    assert margin_figures([], rows).distance_percent_min == 3.1
    assert margin_figures([], [*rows, position(reason="past")]).distance_percent_min == 0


def test_an_isolated_position_has_a_ratio_of_its_own():
    found = margin_figures([account()], [position("-5", ratio="0.8", state="warning")])
    assert (found.ratio_max, found.states["warning"]) == (0.8, 0)


def test_each_change_is_counted_and_logged_once(caplog):
    news = MarginNews()
    change = MarginChange(1, "main", "sim", "USD", "warning", "call", "0.9")
    news.take(margin_figures([account("0.9", "call")], []), [change])
    news.take(margin_figures([account("0.9", "call")], []), [])
    assert news.changes == {"ok": 0, "warning": 0, "call": 1, "liquidation": 0}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "margin of account main in USD: warning -> call, ratio 0.9"
    news.take(None, [])
    assert news.figures is None and news.changes["call"] == 1, "a fault forgets no change"


@pytest.mark.parametrize(
    ("expression", "told"),
    [("m > 0", True), ("m > 1", False), ('m{s="a"} > 0', True), ('m{s="b"} > 0', False),
     ('m{s=~"b|a"} == 1', True), ('m{s=~"c"} > 0', False), ("absent_one < 5", False)],
)  # fmt: skip
def test_the_judge_of_expressions_judges(expression, told):
    assert is_true(expression, 'm{s="a"} 1\nm{s="b"} 0\n') is told


def test_the_judge_of_expressions_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="rate"):
        is_true("rate(m[1m]) > 0", "")
    assert {"GatewayMarginWarning", "GatewayMarginCall", "GatewayLiquidationNear"} <= set(
        expressions()
    )

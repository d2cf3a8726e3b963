"""gateway.analytics.margin_watch: states with hysteresis, and advice that never says more
than is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from gateway.analytics.margin_watch import MarginWatch, Thresholds, headroom_command


def row(ratio: str | None, **more: Any) -> dict[str, Any]:
    usual = {
        "account": "desk",
        "venue": "okx",
        "currency": "USDT",
        "equity": "200",
        "maintenance": "5",
        "headroom": "100",
    }
    known = {"is_balance_known": True, "partial_ratio": None, "excluded": [], "state": ""}
    return {**usual, **known, "ratio": ratio, **more}


def states(watch: MarginWatch, ratios: list[str | None]) -> list[str]:
    found = []
    for time_ns, ratio in enumerate(ratios):
        rows = [row(ratio)]
        watch.step(rows, time_ns)
        found.append(watch.rows(rows)[0]["state"])
    return found


def test_a_state_begins_at_its_ratio_and_ends_below_it() -> None:
    ratios: list[str | None] = ["0.5", "0.7", "0.66", "0.64", "0.85", "0.81", "0.79", "1", "0.96",
                                "0.94", "0.5", None]  # fmt: skip
    assert states(MarginWatch(), ratios) == [
        "ok", "warning", "warning", "ok", "call", "call", "warning", "liquidation", "liquidation",
        "call", "ok", "liquidation",
    ]  # fmt: skip


def test_a_ratio_that_trembles_around_a_threshold_changes_the_state_once() -> None:
    watch = MarginWatch()
    changes = []
    for time_ns in range(100):
        changes += watch.step([row("0.701" if time_ns % 2 else "0.699")], time_ns)
    assert [(change.before, change.after) for change in changes] == [("ok", "warning")]
    assert changes[0].time_ns == 1


def test_an_account_that_is_gone_is_ok_again() -> None:
    watch = MarginWatch()
    watch.step([row("0.9")], 1)
    assert [change.after for change in watch.step([], 2)] == ["ok"]
    assert watch.step([], 3) == []


def test_thresholds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold"):
        MarginWatch(Thresholds(warning=Decimal("0.9"), call=Decimal("0.8")))


def test_headroom_is_never_more_than_is_known() -> None:
    rows = [row("0.1", headroom="100.99999"), row("0.1", currency="BTC", headroom="-0.5")]
    told = headroom_command(rows, "desk", {"USDT": "1", "BTC": "20"}, "observer")
    assert told == {
        "level": "account", "name": "desk", "fields": {"margin_headroom": "-10.0000"},
        "actor": "observer",
    }  # fmt: skip

    def headroom(rows: list[dict[str, Any]], rates: dict[str, str]) -> str:
        return str(headroom_command(rows, "desk", rates, "observer")["fields"]["margin_headroom"])

    assert headroom(rows, {"USDT": "1"}) == "0.0000"
    assert headroom([row("0.1", excluded=["X: no mark"])], {"USDT": "1"}) == "0.0000"
    assert headroom([row("0.1", headroom="-7", excluded=["X"])], {"USDT": "1"}) == "-7.0000"
    assert headroom([], {}) == "0.0000"
    # Each currency is its own equity: coins do not mend what the other one lacks.
    assert headroom(rows[::-1], {"USDT": "1", "BTC": "0"}) == "100.9999"
    assert headroom([row("0.1", headroom="-0.00001")], {"USDT": "1"}) == "-0.0001"
    assert headroom([row("0.1", headroom="9" * 20 + ".5")], {"USDT": "1000000"}).startswith("9")
    assert headroom([row("0.1", headroom=None, excluded=["X"])], {"USDT": "1"}) == "0.0000"


def test_what_is_left_out_clears_no_state() -> None:
    watch, excluded = MarginWatch(), ["BTC: no mark"]
    watch.step([row("2.7")], 1)
    quiet = row("0.0001", excluded=excluded)
    assert watch.step([quiet], 2) == []
    assert watch.rows([quiet])[0]["state"] == "liquidation"


def test_what_is_left_out_may_raise_a_state_and_is_never_ok() -> None:
    watch, excluded = MarginWatch(), ["BTC: no collateral is known"]
    quiet = row("0.1", excluded=excluded)
    watch.step([quiet], 1)
    assert watch.rows([quiet])[0]["state"] == "unknown"
    assert [change.after for change in watch.step([row("0.9", excluded=excluded)], 2)] == ["call"]
    hidden = row(None, equity=None, headroom=None, excluded=excluded, partial_ratio="0.1")
    assert watch.step([hidden], 3) == []
    assert [each.after for each in watch.step([{**hidden, "partial_ratio": None}], 4)] == [
        "liquidation"
    ]


def test_the_thresholds_of_the_policy_hold_where_collateral_is_not_known() -> None:
    watch = MarginWatch(Thresholds(Decimal("0.5"), Decimal("0.6")))
    hidden = row(None, equity=None, headroom=None, partial_ratio="0.65", state="ok",
                 excluded=["BTC: no collateral is known"])  # fmt: skip
    assert [each.after for each in watch.step([hidden], 1)] == ["call"]


def test_a_balance_that_nobody_told_yet_proves_nothing() -> None:
    watch = MarginWatch()
    unknown = row(None, equity="0", excluded=["USDT: no balance is known"], is_balance_known=False)
    assert watch.step([unknown], 1) == []
    assert watch.rows([unknown])[0]["state"] == "unknown"
    watch.step([row("0.9")], 2)
    assert watch.step([unknown], 3) == [], "nor does it clear a call"

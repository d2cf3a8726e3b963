"""What a venue's report adds to our row, where a crash came between a replace and its answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.api import OrderReport
from gateway.venues.inbound import facts_of_report

ROW = {
    "state": "NEW", "pending": "replace_unknown", "quantity": "5", "cumulative_quantity": "0",
    "price": "100", "venue_order_id": "v1",
}  # fmt: skip
REPORT = OrderReport(
    client_order_id="c", venue_order_id="v1", account="a", instrument="I", side="buy",
    type="limit", time_in_force="gtc", state="new", quantity="5", cumulative_quantity="0",
    price="100",
)  # fmt: skip


def kinds(row: dict[str, Any], **report: Any) -> list[tuple[str, str]]:
    """(kind, quantity) of each fact."""
    told = msgspec.structs.replace(REPORT, **report)
    return [(fact.kind, fact.quantity) for fact in facts_of_report(1, ROW | row, told)]


def test_an_order_filled_after_a_replace_made_it_smaller_learns_its_new_size() -> None:
    row = {"state": "PARTIALLY_FILLED", "cumulative_quantity": "3"}
    facts = kinds(row, state="filled", quantity="3", cumulative_quantity="3")
    assert facts == [("replaced", "3")]


def test_an_order_filled_under_the_terms_we_know_needs_no_fact() -> None:
    assert kinds({}, state="filled", cumulative_quantity="5") == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("partially_filled", [("replaced", "9")]),
        ("filled", [("replaced", "9")]),
        ("canceled", [("replaced", "9"), ("canceled", "")]),
    ],
)
def test_an_order_complete_for_us_that_a_replace_had_enlarged_lives_on(
    state: str, expected: list[tuple[str, str]]
) -> None:
    row = {"state": "FILLED", "pending": "", "cumulative_quantity": "5"}
    assert kinds(row, state=state, quantity="9", cumulative_quantity="5") == expected


def test_other_ended_orders_stay_ended() -> None:
    assert kinds({"state": "CANCELED"}, state="new", quantity="9") == []
    assert kinds({"state": "FILLED"}, state="filled", quantity="5") == []

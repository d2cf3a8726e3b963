"""What is booked is booked once, whoever tells it, and survives the end of the process."""

from decimal import Decimal

import pytest
from gateway_fix.records import OrderTerms, Records

from gateway.api import FillReport

TERMS = OrderTerms(type="limit", time_in_force="gtc")


def fill(trade_id, quantity="1", price="100", **changes):
    terms = {
        "client_order_id": "a",
        "venue_order_id": "V1",
        "trade_id": trade_id,
        "account": "main",
        "instrument": "X",
        "side": "buy",
        "price": price,
        "quantity": quantity,
        "fee": "0",
        "fee_currency": "USD",
        "venue_time_ns": 10,
    }
    return FillReport(**(terms | changes))


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_records():
        found = Records(tmp_path / "records", is_synced=False, oldest_ns=0)
        found.open()
        made.append(found)
        return found

    yield open_records
    for each in made:
        each.close()


def test_a_total_implies_what_no_report_told_at_the_right_price(opened):
    records = opened()
    assert records.fill_told(fill("T1", "1", "100"), "T1", "1")
    implied = records.implied("3", "110", fill(""))
    assert (implied.quantity, implied.price, implied.trade_id) == ("2", "115", "total-3")
    assert records.implied("3", "110", fill("")) is None


def test_reports_of_what_a_total_implied_are_dropped_and_newer_ones_taken(opened):
    records = opened()
    records.implied("3", "100", fill(""))
    assert not records.fill_told(fill("T2"), "T2", "2")
    assert records.fill_told(fill("T4"), "T4", "4")
    assert records.dropped == 1
    assert records.orders["a"].cumulative == 4


def test_everything_is_there_again_after_the_end(opened):
    first = opened()
    first.order_sent("a", "X", "buy", TERMS)
    first.order_sent("b", "X", "sell", TERMS)
    first.fill_told(fill("T1"), "E1", "1")
    first.implied("3", "100", fill(""))
    first.order_ended("b")
    first.close()
    again = opened()
    assert [each.trade_id for each in again.fills(0)] == ["T1", "total-3"]
    assert [each.client_id for each in again.open_orders()] == ["a"]
    assert again.implied("3", "100", fill("")) is None
    assert again.busted("E1") == fill("T1")


def test_a_second_opening_counts_nothing_twice(opened):
    records = opened()
    records.fill_told(fill("T1", "2"), "E1", "2")
    records.close()
    records.open()
    assert records.orders["a"].cumulative == 2
    assert len(records.fills(0)) == 1


def test_a_torn_tail_is_cut_and_a_damaged_middle_is_named(opened, tmp_path):
    first = opened()
    first.fill_told(fill("T1"), "E1", "1")
    first.fill_told(fill("T2"), "E2", "2")
    first.close()
    path = tmp_path / "records"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert [each.trade_id for each in opened().fills(0)] == ["T1"]
    path.write_bytes(b"{nonsense}\n" + whole)
    with pytest.raises(ValueError, match="line 1"):
        opened()


def test_a_busted_fill_is_gone_and_may_be_implied_no_more(opened):
    records = opened()
    records.fill_told(fill("T1", "2"), "E1", "2")
    assert records.busted("E1") == fill("T1", "2")
    assert records.fills(0) == []
    assert records.orders["a"].cumulative == Decimal(0)
    assert records.busted("E1") is None


def test_fills_are_found_though_the_venue_cuts_its_times(opened):
    records = opened()
    records.fill_told(fill("T1", venue_time_ns=5_000_000_000), "E1", "1")
    assert records.fills(5_999_999_999)
    assert not records.fills(6_000_000_001)

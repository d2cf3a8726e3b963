"""What is booked is booked once, whoever tells it, and survives the end of the process."""

import os

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
        for each in made:
            each.close()
        found = Records(tmp_path / "records", is_synced=False, oldest_ns=lambda: 0)
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
    assert records.orders["#V1"].cumulative == 4


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
    assert again.busted("E1", "E9") == (fill("T1"), 1)


def test_a_second_opening_counts_nothing_twice(opened):
    records = opened()
    records.fill_told(fill("T1", "2"), "E1", "2")
    records.close()
    records.open()
    assert records.orders["#V1"].cumulative == 2
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
    assert records.busted("E1", "E2") == (fill("T1", "2"), 1)
    assert records.fills(0) == []
    assert not any(each.cumulative for each in records.orders.values())
    assert not records.fill_told(fill("T1", "2"), "E1", "2"), "said again, it is still undone"
    assert records.busted("E7", "E8") is None


def test_fills_are_found_though_the_venue_cuts_its_times(opened):
    records = opened()
    records.fill_told(fill("T1", venue_time_ns=5_000_000_000), "E1", "1")
    assert records.fills(5_999_999_999)
    assert not records.fills(6_000_000_001)


def test_a_bust_that_was_written_but_never_told_is_told_after_the_restart(opened):
    first = opened()
    first.fill_told(fill("T1", "2"), "E1", "2")
    first.busted("E1", "E2")
    assert opened().busted("E1", "E2") == (fill("T1", "2"), 1)


def test_a_correction_is_one_fact_and_the_same_after_a_restart(opened):
    first = opened()
    first.fill_told(fill("T1", "2"), "E1", "2")
    now = fill("T9", "1", "90")
    wanted = (fill("T1", "1", "90"), 1)
    assert first.corrected("E1", "E2", now) == wanted
    again = opened()
    assert again.corrected("E1", "E2", now) == wanted
    assert again.fills(0) == [wanted[0]] and again.orders["#V1"].cumulative == 1
    assert again.corrected("E2", "E3", fill("T9", "2", "80")) == (fill("T1", "2", "80"), 2)
    assert again.implied("2", "80", fill("")) is None


def test_an_implied_price_has_no_more_digits_than_the_gateway_counts_with(opened):
    records = opened()
    records.fill_told(fill("T1", "1", "15000000"), "T1", "1")
    implied = records.implied("4", "15000000.5", fill(""))
    assert implied.price == "15000000.666666667"


def test_names_of_others_may_be_used_again(opened):
    records = opened()
    first, second = fill("T1", "2"), fill("T2", "3", venue_order_id="V2")
    assert records.fill_told(first, "T1", "2")
    records.order_ended("a", "V1")
    assert records.implied("5", "100", fill("", venue_order_id="V2")).quantity == "5"
    assert not records.fill_told(second, "T2", "3"), "the total had it"
    assert records.orders["#V1"].cumulative == 2 and records.orders["#V2"].cumulative == 5


def test_a_full_disk_leaves_no_half_line(opened, tmp_path, monkeypatch):
    records = opened()
    records.fill_told(fill("T1"), "E1", "1")
    real = os.pwrite

    def full(file, data, offset):
        if offset == records._size:
            return real(file, data[:7], offset)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        records.fill_told(fill("T2"), "E2", "2")
    records.order_ended("a", "V1")  # says so in the log
    monkeypatch.undo()
    assert records.fill_told(fill("T2"), "E2", "2")
    assert [each.trade_id for each in opened().fills(0)] == ["T1", "T2"]


def test_two_processes_never_write_one_file(opened, tmp_path):
    opened()
    second = Records(tmp_path / "records", is_synced=False, oldest_ns=lambda: 0)
    with pytest.raises(OSError):
        second.open()


def test_what_is_past_its_history_is_left_out_at_the_next_start(opened, tmp_path):
    """And what is kept is the same: an order that works, its old fill, the changes of fills."""
    records = opened()
    records.order_sent("open", "X", "buy", TERMS)
    records.fill_told(fill("T1", client_order_id="open"), "E1", "1")
    for number in range(100):
        records.order_sent(f"b{number}", "X", "buy", TERMS)
        records.order_ended(f"b{number}")
    records.fill_told(fill("T2", venue_time_ns=10**18), "E2", "1")
    records.fill_told(fill("T3", venue_time_ns=10**18), "E3", "2")
    records.busted("E3", "E4")
    records.corrected("E2", "E5", fill("T2", "1", "99", venue_time_ns=10**18))
    size = (tmp_path / "records").stat().st_size
    records._oldest_ns = lambda: 10**17
    records.close()
    records.open()
    assert (tmp_path / "records").stat().st_size < size / 4
    for each in (records, opened()):
        assert set(each.orders) == {"open", "#V1"}
        assert [(one.trade_id) for one in each.fills(0)] == ["T1", "T2"]
        assert each.fill_told(fill("T1", client_order_id="open"), "E1", "1")
        assert each.orders["open"].cumulative == each.orders["#V1"].cumulative == 1
        assert each.orders["open"].terms == TERMS
        assert each.busted("E3", "E4").fill.trade_id == "T3"
        assert not each.fill_told(fill("T3", venue_time_ns=10**18), "E3", "2")
        assert (each.fills(0)[1].price, each._by_exec_id["E2"]) == ("99", each._by_exec_id["E5"])

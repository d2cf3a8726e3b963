"""What reports say becomes facts: busts, corrections, rejections, duplicates, ends."""

from collections import Counter
from pathlib import Path

import pytest
from gateway_fix.dialect import load_dialect
from gateway_fix.facts import Facts
from gateway_fix.known_orders import KnownOrders, Pending
from gateway_fix.order_names import PlainNames
from gateway_fix.records import Records
from gateway_fix.report import Report, ReportTerms

from gateway.api import VenueProtocolError
from gateway.transport.fix_session import FixMessage

BASE = "35=8|37=V1|11=a|54=1|55=X|38=5|40=2|44=10|59=1|60=20261121-10:00:00"
FILL = BASE + "|17=E1|150=F|39=1|14=2|151=3|6=10|31=10|32=2"


class Timer:
    def cancel(self):
        self.is_canceled = True


@pytest.fixture
def desk(tmp_path):
    yield from desk_of(tmp_path, "generic")


@pytest.fixture
def deribit(tmp_path):
    yield from desk_of(tmp_path, "deribit")


def desk_of(tmp_path, name):
    records = Records(tmp_path / "records", is_synced=False, oldest_ns=lambda: 0)
    records.open()
    dialect, known, told = load_dialect(name, Path()), KnownOrders(), []
    facts = Facts(
        dialect,
        known,
        records,
        tell=lambda fact, *values, **named: told.append((fact, *values, named)),
        counters=Counter(),
    )
    terms = ReportTerms(dialect, PlainNames(lambda: 0, 36), "main", {"X": "USD"})

    def take(text, of=facts.take):
        fields = [part.split("=", 1) for part in text.split("|")]
        of(Report(FixMessage([(int(tag), value.encode()) for tag, value in fields]), terms))
        return told

    order = known.note("a", "X", 7)
    yield take, told, order, facts
    records.close()


def pending(order, request, wire_id="a"):
    timer = Timer()
    order.pending[request] = Pending(
        request=request, wire_id=wire_id, number=9, received=0, timer=timer
    )
    return timer


def test_a_bust_names_the_fill_it_undoes(desk):
    take, told, _, _ = desk
    take(FILL)
    take(BASE + "|17=E2|19=E1|150=H|39=0|14=0|151=5|6=0")
    assert [row[0] for row in told] == ["filled", "fill_busted"]
    assert told[1][1].trade_id == "E1" and told[1][2] == 1


def test_a_bust_of_the_old_version_stands_in_another_field(desk):
    take, told, _, _ = desk
    take(FILL.replace("150=F", "150=1"))
    take(BASE + "|17=E2|19=E1|20=1|150=1|39=0|14=0|151=5|6=0|31=10|32=2")
    assert [row[0] for row in told] == ["filled", "fill_busted"]


def test_a_correction_keeps_the_name_of_the_fill(desk):
    take, told, _, _ = desk
    take(FILL)
    take(BASE + "|17=E2|19=E1|150=G|39=1|14=1|151=4|6=11|31=11|32=1")
    assert told[1][0] == "fill_corrected"
    assert (told[1][1].trade_id, told[1][1].price, told[1][1].quantity) == ("E1", "11", "1")


def test_a_duplicate_name_is_no_verdict_about_its_order(desk):
    take, told, order, _ = desk
    timer = pending(order, "new")
    take(BASE.replace("37=V1", "37=NONE") + "|17=E|150=8|39=8|103=6|58=Duplicate order|14=0|151=0")
    assert told[0][0] == "unknown" and timer.is_canceled


def test_a_rejected_order_is_final_and_says_why(desk):
    take, told, order, _ = desk
    pending(order, "new")
    take(BASE.replace("37=V1", "37=NONE") + "|17=E|150=8|39=8|103=1|58=no such thing|14=0|151=0")
    assert told[0][:3] == ("rejected", 7, "no such thing")


def test_a_late_rejection_ends_an_order_the_venue_never_took(desk):
    """Its request had no answer in time; the report carries an id all the same."""
    take, told, order, _ = desk
    take(BASE + "|17=E|150=8|39=8|103=1|58=no such thing|14=0|151=0")
    assert told[0][:3] == ("rejected", 7, "no such thing") and order.is_ended


def test_a_rejection_that_belongs_to_no_request_ends_nothing(desk):
    take, told, order, _ = desk
    order.venue_id = "V1"
    take(BASE + "|17=E|150=8|39=8|103=1|58=late nonsense|14=0|151=0")
    assert told == []


def test_a_cancel_reject_is_about_the_request_it_names(desk):
    take, told, order, facts = desk
    pending(order, "replace", "a-1")
    take("35=9|37=V1|11=a-1|41=a|39=0|434=2|102=0|58=too late", facts.cancel_rejected)
    assert told[0][:3] == ("replace_rejected", 7, "too late")
    assert not order.pending


def test_an_end_with_a_cancel_under_way_was_asked_for(desk):
    take, told, order, _ = desk
    pending(order, "cancel")
    take(BASE + "|17=E|150=4|39=4|14=2|151=0|6=10")
    assert told[0][:3] == ("canceled", 7, "requested")
    assert told[0][3]["cumulative_quantity"] == "2"


def test_every_fill_of_a_group_is_measured_against_what_a_total_implied(deribit):
    take, told, _, facts = deribit
    about = "35=8|37=V1|41=a|11=V1|54=1|55=X|38=5|40=2|44=10|59=1|60=20261121-10:00:00"
    take(about + "|17=E|39=1|14=1|151=4|6=10", facts.status)
    group = "|1362=2|1363=X#1|1364=10|1365=1|1363=X#2|1364=10|1365=2"
    take(about + "|17=E|150=I|39=1|14=3|151=2|6=10" + group)
    fills = [row[1] for row in told if row[0] == "filled"]
    assert [each.trade_id for each in fills] == ["total-1", "X#2"]


def test_an_order_of_others_in_words_we_do_not_know_is_counted_and_its_fills_are_told(desk):
    take, told, _, facts = desk
    foreign = FILL.replace("11=a", "11=web-1").replace("40=2", "40=P")
    take(foreign)
    assert [row[0] for row in told] == ["filled"]
    assert facts._counters["foreign_unreadable"] == 1
    with pytest.raises(VenueProtocolError):
        take(foreign.replace("11=web-1", "11=g007000000000013").replace("17=E1", "17=E2"))

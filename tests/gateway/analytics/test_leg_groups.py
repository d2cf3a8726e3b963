"""Which orders are whose legs: what notes say, and what is named when they contradict."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analytics.leg_groups import FAULTS_MAX, LegBook
from gateway.journal.leg_notes import LegNote, is_name, note_of

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.:-]{0,23}", fullmatch=True)
RATIOS = st.decimals("-999999999", "999999999", places=8)


def book_of(*subjects: str) -> LegBook:
    book = LegBook()
    for sequence, subject in enumerate(subjects, 1):
        note = note_of(subject, sequence)
        assert note is not None
        book.take(note)
    return book


@given(NAMES, st.integers(1, (1 << 63) - 1), st.integers(1, 8), RATIOS, st.booleans())
def test_a_note_says_what_was_noted_and_fits(name, order_id, leg, ratio, is_exit) -> None:
    assert is_name(name)
    for note in (LegNote(name, order_id, leg, 8, ratio, is_exit),
                 LegNote(name, order_id, is_free=True)):  # fmt: skip
        subject = note.subject()
        assert len(subject) <= 80, "as POST /v1/notes takes it"
        assert note_of(subject) == note._replace(text=subject)


def test_notes_about_something_else_are_left_alone() -> None:
    assert note_of("risk-watch begins") is None and note_of("legsome") is None


def test_orders_of_one_leg_share_its_ratio_and_the_same_again_changes_nothing() -> None:
    book = book_of("legs CAL 1/2 7 +1", "legs CAL 2/2 8 -0.5", "legs CAL 2/2 9 -0.50",
                   "legs CAL 1/2 7 1", "legs CAL 1/2 10 1 exit")  # fmt: skip
    group = book.groups["CAL"]
    assert {each.order_id: (each.leg, each.ratio, each.is_exit) for each in
            group.members.values()} == {
        7: (1, Decimal(1), False), 8: (2, Decimal("-0.5"), False), 9: (2, Decimal("-0.5"), False),
        10: (1, Decimal(1), True),
    }  # fmt: skip
    assert list(group.faults) == []


@pytest.mark.parametrize(
    ("subject", "code", "field", "value"),
    [
        ("legs", None, "", ""),
        ("legs CAL 1/2 8", "BAD_LEG_NOTE", "subject", "legs CAL 1/2 8"),
        ("legs CAL 1/2 8 1e3", "BAD_LEG_NOTE", "subject", "legs CAL 1/2 8 1e3"),
        ("legs CAL 1/2 08 1", "BAD_LEG_NOTE", "subject", "legs CAL 1/2 08 1"),
        ("legs 77 1/2 8 1", "BAD_LEG_NOTE", "subject", "legs 77 1/2 8 1"),
        ("legs a|b 1/2 8 1", "BAD_LEG_NOTE", "subject", "legs a|b 1/2 8 1"),
        ("legs CAL 3/2 8 1", "LEG_NUMBER", "leg", "3/2"),
        ("legs CAL 0/2 8 1", "LEG_NUMBER", "leg", "0/2"),
        ("legs NEW 1/1 8 1", "LEG_NUMBER", "leg", "1/1"),
        ("legs NEW 1/9 8 1", "LEG_NUMBER", "leg", "1/9"),
        ("legs CAL 2/2 8 0", "LEG_RATIO", "ratio", "0"),
        ("legs CAL 2/2 8 -0.00", "LEG_RATIO", "ratio", "-0.00"),
        ("legs CAL 1/2 8 2", "LEG_RATIO", "ratio", "+2"),
        ("legs CAL 1/3 8 1", "LEG_COUNT", "leg", "1/3"),
        ("legs NEW 1/2 7 1", "LEG_ORDER_TAKEN", "order_id", "7"),
        ("legs CAL 2/2 7 -1", "LEG_ORDER_TAKEN", "order_id", "7"),
        ("legs CAL 1/2 7 1 exit", "LEG_ORDER_TAKEN", "order_id", "7"),
        ("legs CAL free 8", "LEG_ORDER_UNKNOWN", "order_id", "8"),
        ("legs NEW free 7", "LEG_ORDER_UNKNOWN", "order_id", "7"),
    ],
)  # fmt: skip
def test_what_contradicts_is_named_and_changes_nothing(subject, code, field, value) -> None:
    book = book_of("legs CAL 1/2 7 +1")
    note = note_of(subject, 2)
    if code is None:
        assert note is None
        return
    fault = book.take(note)
    assert (fault.code, fault.field, fault.value, fault.sequence) == (code, field, value, 2)
    assert fault.rule and list(book.groups) == ["CAL"]
    assert list(book.groups["CAL"].members) == [7]
    kept = book.groups["CAL"].faults if subject.startswith("legs CAL ") else book.faults
    assert fault in [*kept, *book.faults]


def test_an_order_that_was_taken_out_may_be_named_elsewhere() -> None:
    book = book_of("legs CAL 1/2 7 1", "legs CAL free 7", "legs NEW 1/3 7 -2")
    assert list(book.groups) == ["NEW"] and book.group_of(7) == "NEW"
    assert book.groups["NEW"].ratio(2) is None


def test_a_fault_is_over_once_its_order_is_named_rightly() -> None:
    book = book_of("legs CAL 1/2 7 1", "legs CAL 1/2 8 2", "legs NEW 1/1 9 1")
    assert [len(book.groups["CAL"].faults), len(book.faults)] == [1, 1]
    for subject in ("legs CAL 2/2 8 2", "legs CAL 2/2 9 2"):
        assert book.take(note_of(subject, 9)) is None
    assert [len(book.groups["CAL"].faults), len(book.faults)] == [0, 0]


def test_faults_that_are_kept_are_bounded() -> None:
    book = book_of("legs CAL 1/2 7 1", *(f"legs CAL 1/2 {at} 9" for at in range(100, 200)))
    assert len(book.groups["CAL"].faults) == FAULTS_MAX
    assert book.groups["CAL"].faults[-1].order_id == 199

"""One way to type a moment, whatever the command."""

import contextlib
import json

import click
import pytest

from gateway.commands.ledger import bounds_of
from gateway.commands.marks import marks_of
from gateway.commands.moments import Between, between_of, need_order, place_of, span_of

HALF_PAST_NS = 1_795_271_400_000_000_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("120000", (120_000, None)),
        ("0", (0, None)),
        ("1795271400000000000ns", (None, HALF_PAST_NS)),
        ("2026-11-21T14:30:00", (None, HALF_PAST_NS)),
        ("2026-11-21T14:30:00Z", (None, HALF_PAST_NS)),
        ("2026-11-21T15:30:00+01:00", (None, HALF_PAST_NS)),
        ("2026-11-21", (None, HALF_PAST_NS - 52_200 * 10**9)),
        ("9223372036854775807", (2**63 - 1, None)),
    ],
)
def test_digits_are_a_sequence_and_all_else_a_time(text, found):
    assert place_of(text) == found
    sequence, time_ns = found
    bounds = bounds_of(*found)
    if sequence is None:
        assert bounds.time_ns == time_ns
    else:
        assert bounds.sequence == max(sequence, 1)


@pytest.mark.parametrize("text", ["9999999999999999999", "9223372036854775808ns"])
def test_a_number_beyond_all_of_them_is_no_moment(text):
    with pytest.raises(click.BadParameter, match="beyond every sequence and time"):
        place_of(text)


def test_records_are_asked_for_between_sequences_and_times():
    assert between_of(None, None) == Between()
    assert between_of("5", "7") == Between(first=5, last=7)
    assert between_of("0", f"{HALF_PAST_NS}ns") == Between(to_ns=HALF_PAST_NS)
    assert between_of("2026-11-21T14:30:00", "9") == Between(from_ns=HALF_PAST_NS, last=9)
    assert between_of("5ns", "0ns") == Between(from_ns=5, to_ns=0)


@pytest.mark.parametrize("text", ["", "ns", "yesterday", "-5", "12.5", "1e9", "5ms", "٣", "14:30"])
def test_what_is_no_moment_is_named(text):
    with pytest.raises(click.BadParameter, match="not a sequence, an ISO 8601 time nor NNNns"):
        place_of(text)


def test_a_span_has_a_unit():
    assert span_of("5m") == 300 * 10**9
    with pytest.raises(click.BadParameter):
        span_of("5")


@pytest.mark.parametrize("told", ['{"A": 1}', '{"A": "0"}', '{"A": "NaN"}', '{"A": "x"}', "[]"])
def test_a_marks_file_holds_decimal_prices_above_zero(tmp_path, told):
    path = tmp_path / "marks.json"
    path.write_text(told)
    with pytest.raises(click.BadParameter):
        marks_of(path)
    path.write_text(json.dumps({"A": "64000.50"}))
    assert str(marks_of(path)["A"]) == "64000.50"


@pytest.mark.parametrize(
    ("first", "last", "is_refused"),
    [("9", "5", True), ("5", "5", False), ("5ns", "4ns", True), ("9", "4ns", False)],
)
def test_an_end_before_its_beginning_is_refused(first, last, is_refused):
    with pytest.raises(click.BadParameter) if is_refused else contextlib.nullcontext():
        need_order(first, last)

"""Words, names, refusals: what the typed door adds to the native engine."""

import pytest
from fake_engine import Engine as FakeNative
from fake_engine import Notice
from live_world import INSTRUMENT, MANIFEST

from gateway.api import RefusedError
from gateway.core.engine import Engine, EngineSettings, open_native_engine
from gateway.core.positions import difference, position_totals
from gateway.core.refusals import describe, describe_number, parse_native, refusal_of, refusing
from gateway.core.vocabulary import (
    FACT_REASONS,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    fact_reason,
    mask,
    word_of,
)


@pytest.mark.parametrize("table", [SIDES, ORDER_TYPES, TIMES_IN_FORCE, FACT_REASONS])
def test_words_and_numbers_are_one_to_one(table):
    assert [word_of(table, number) for number in table.values()] == list(table)


def test_a_number_without_a_word_is_a_bug():
    with pytest.raises(LookupError):
        word_of(SIDES, 9)


def test_masks_have_one_bit_per_word():
    assert mask(["market", "limit", "limit"], ORDER_TYPES) == 0b110


@pytest.mark.parametrize(
    ("text", "number"), [("", 0), ("timeout", 8), ("send_error", 10), ("51008 no margin", 7)]
)
def test_a_venues_own_words_are_its_decision(text, number):
    assert fact_reason(text) == number


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("PRECISION price 1.23: at most 1 decimals", ("PRECISION", "price", "1.23")),
        ("RANGE quantity", ("RANGE", "quantity", "")),
        ("LIMIT_RAISE_DENIED: nobody", ("LIMIT_RAISE_DENIED", "", "")),
        ("BAD_NUMBER", ("BAD_NUMBER", "", "")),
    ],
)
def test_native_refusals_are_parsed(text, parts):
    refused = parse_native(ValueError(text))
    assert (refused.code, refused.field, refused.value) == parts
    assert refused.rule


@pytest.mark.parametrize("text", ["", "something else", "NO_SUCH_CODE field", "lower case"])
def test_other_errors_stay_what_they_are(text):
    assert parse_native(ValueError(text)) is None
    with pytest.raises(ValueError, match="^" + text), refusing():
        raise ValueError(text)


def test_the_offending_value_is_filled_in():
    with pytest.raises(RefusedError) as refused, refusing(price="1e9"):
        raise ValueError("BAD_NUMBER price")
    assert refused.value.value == "1e9"


def test_refusals_are_looked_up_both_ways():
    assert describe("POSITION_LIMIT").number == 86
    assert describe_number(86).http_status == 422
    assert describe("NOPE").http_status == describe_number(9999).http_status == 500


def test_a_gate_refusal_tells_its_arithmetic():
    error = refusal_of(Notice(9, 1, 0, 31, 86, 2, 100, 90, 120, 30), values={"quantity": "30"})
    assert (error.code, error.field, error.value) == ("POSITION_LIMIT", "quantity", "30")
    assert error.explained == {
        "level": "account", "limit": "100", "current": "90", "would_be": "120", "working": "30",
    }  # fmt: skip


def test_names_come_back_from_what_the_engine_recovered():
    native = FakeNative()
    first = Engine(native)
    first.define_venue("sim", MANIFEST)
    first.define_account("sim", "main")
    number = first.define_instrument("sim", INSTRUMENT)
    sequence = native.sequence
    again = Engine(native)
    assert again.names.venue_instrument("sim", "BTCUSDT") == number
    assert again.define_instrument("sim", INSTRUMENT) == number
    assert native.sequence == sequence, "the same content journals nothing"
    assert again.names.name("strategy", 0) == "EXTERNAL"
    with pytest.raises(RefusedError, match="UNKNOWN_ACCOUNT"):
        again.names.id("account", "nobody")


def test_books_sum_to_what_the_venue_sees():
    rows = [
        {"account": "a", "instrument": "i", "leg": "net", "quantity": q}
        for q in ("0.1", "0.2", "-0.3000000000000000001")
    ]
    totals = position_totals(rows)
    assert difference("0", totals["a", "i", "net"]) == "0.0000000000000000001"


def test_a_commit_cpu_that_cannot_be_had_stops_the_start_and_harms_nothing(
    tmp_path, ring_directory
):
    def settings(commit_cpu):
        return EngineSettings(
            directory=str(tmp_path), ring_directory=ring_directory, commit_cpu=commit_cpu
        )

    with pytest.raises(RuntimeError, match="journal_commit: this process may not use that CPU"):
        open_native_engine(settings(4095))
    assert open_native_engine(settings(-1)).stop()

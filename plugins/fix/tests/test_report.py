"""Reports are read as they are written, and nonsense is an error of the protocol."""

from pathlib import Path

import pytest
from gateway_fix.dialect import OWN_DIALECTS, load_dialect
from gateway_fix.listings import listed, positions
from gateway_fix.marks import Marks
from gateway_fix.order_names import PlainNames
from gateway_fix.report import Report, ReportTerms

from gateway.api import VenueProtocolError
from gateway.transport.fix_session import FixMessage

NAMES = PlainNames(lambda: 0, 36)
GOOD = "35=8|37=V1|11=a|17=E1|150=F|39=1|55=X|54=1|38=5|40=2|44=10|59=1|14=2|151=3|6=10|31=10|32=2"
GOOD += "|60=20261121-10:00:00.123456"


def report(text, dialect="generic"):
    fields = [part.split("=", 1) for part in text.split("|")]
    message = FixMessage([(int(tag), value.encode()) for tag, value in fields])
    terms = ReportTerms(load_dialect(dialect, Path()), NAMES, "main", {"X": "USD"})
    return Report(message, terms)


def with_field(tag, value):
    return "|".join(
        part if part.split("=")[0] != str(tag) else f"{tag}={value}" for part in GOOD.split("|")
    )


@pytest.mark.parametrize("name", OWN_DIALECTS)
def test_every_dialect_of_our_own_is_whole(name):
    dialect = load_dialect(name, Path())
    assert (dialect.name == name and "read" in dialect.source) or name == "generic"


def test_a_fill_is_read_to_the_last_digit():
    [fill] = report(GOOD + "|12=0.000000000000000001|479=BTC|851=1").fills()
    assert (fill.price, fill.quantity, fill.trade_id) == ("10", "2", "E1")
    assert (fill.fee, fill.fee_currency, fill.liquidity) == ("0.000000000000000001", "BTC", "maker")
    assert fill.venue_time_ns % 1_000_000_000 == 123_456_000


@pytest.mark.parametrize(
    ("fee", "expected"),
    [
        ("136=1|137=0.5|138=USD|139=4|891=0", ("0.5", "USD")),
        ("136=1|137=0.001|138=USD|139=4|891=2", ("0.020", "USD")),
        ("136=1|137=-0.001|138=USD|139=4|891=2", ("-0.020", "USD")),
    ],
)
def test_fees_of_a_group_are_amounts_or_rates(fee, expected):
    text = f"{GOOD}|1003=77|1057=Y|{fee}"
    [fill] = report(text, "coinbase_exchange").fills()
    assert (fill.fee, fill.fee_currency) == expected
    assert (fill.trade_id, fill.liquidity) == ("77", "taker")


@pytest.mark.parametrize(
    ("kind", "expected"), [("1", "1.0"), ("2", "10.0"), ("3", "0.5"), ("4", "0"), ("6", "1.0")]
)
def test_a_commission_is_what_its_type_says(kind, expected):
    [fill] = report(f"{GOOD}|12=0.5|13={kind}|479=USD").fills()
    assert (fill.fee, fill.fee_currency) == (expected, "USD")


def test_all_fees_of_a_group_are_paid_and_no_longer_than_can_be_counted():
    group = "136=3|137=0.5|138=USD|139=4|137=0.25|138=USD|139=7|137=9|138=EUR|139=7"
    [fill] = report(f"{GOOD}|1003=77|{group}", "coinbase_exchange").fills()
    assert (fill.fee, fill.fee_currency) == ("0.75", "USD")
    rate = f"{GOOD}|1003=77|136=1|137=0.0012345678901|138=USD|139=4|891=2"
    [fill] = report(rate.replace("31=10", "31=12345.678901"), "coinbase_exchange").fills()
    assert fill.fee == "30.483157505319314"


def test_a_group_of_fills_is_several():
    text = (
        GOOD.replace("150=F", "150=I") + "|1362=2|1363=X#1|1364=10|1365=1|1363=X#2|1364=11|1365=1"
    )
    fills = report(text, "deribit").fills()
    assert [(f.trade_id, f.price, f.quantity) for f in fills] == [
        ("X#1", "10", "1"),
        ("X#2", "11", "1"),
    ]
    assert {f.fee_currency for f in fills} == {"USD"}


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (14, "1e5"),
        (14, "NaN"),
        (38, ""),
        (44, "ten"),
        (54, "3"),
        (39, "?"),
        (40, "Z"),
        (59, "9"),
        (38, "1" * 40),
    ],
)
def test_nonsense_is_never_guessed_at(tag, value):
    with pytest.raises(VenueProtocolError):
        report(with_field(tag, value)).order()


@pytest.mark.parametrize(("tag", "value"), [(31, "x"), (32, "--1"), (17, "")])
def test_a_fill_that_cannot_be_read_is_an_error(tag, value):
    with pytest.raises(VenueProtocolError):
        report(with_field(tag, value)).fills()


def test_states_follow_the_quantity():
    assert report(GOOD).state() == "partially_filled"
    assert report(with_field(39, "6")).state() == "partially_filled"
    stop = GOOD.replace("40=2", "40=3").replace("14=2", "14=0").replace("39=1", "39=0")
    assert report(stop + "|99=9|636=N").state() == "untriggered"
    assert report(stop + "|99=9|636=Y").state() == "new"


def test_an_order_nobody_knows_is_told_from_one_that_was_refused():
    unknown = "37=NONE|17=E|150=I|39=8|103=5|11=a|55=X|54=1|14=0|151=0"
    assert report(unknown).is_unknown_order
    assert not report(unknown.replace("103=5", "103=99").replace("NONE", "V1")).is_unknown_order


def test_a_question_that_was_refused_proves_nothing_about_the_order():
    throttled = report("37=NONE|17=E|150=I|39=8|103=99|58=throttled|11=a|55=X|54=1|14=0|151=0")
    assert not throttled.is_unknown_order and throttled.is_refused_question


def test_a_fee_without_a_currency_is_in_the_one_that_settles():
    [fill] = report(GOOD + "|12=0|15=EUR").fills()
    assert (fill.fee, fill.fee_currency) == ("0", "USD")
    [fill] = report(f"{GOOD}|1003=77|136=1|137=0.5", "coinbase_exchange").fills()
    assert (fill.fee, fill.fee_currency) == ("0.5", "USD")


def test_prices_and_positions_are_read_from_their_groups():
    told = []
    marks = Marks(lambda fact, mark: told.append(mark))
    text = "35=W|52=20261121-10:00:00|55=X|262=m|268=2|269=0|270=9|271=1|269=1|270=11|271=1|10=000"
    marks.take(report(text).message)
    marks.take(report("35=W|55=X|268=1|269=1|270=12|10=000").message)
    assert [(each.bid, each.ask) for each in told] == [("9", "11"), (None, "12")]
    marks.take(report("35=X|268=1|279=2|269=1|55=X|10=000").message)
    assert told[-1].ask is None
    held = positions([report("35=AP|55=X|702=1|703=TQ|704=0|705=2.5|753=0|10=0").message], "main")
    assert [(each.instrument, each.quantity) for each in held] == [("X", "-2.5")]
    entries = listed(
        [report("35=y|320=q|560=0|893=Y|146=2|55=X|969=0.1|561=1|55=Y|969=0.5").message]
    )
    assert set(entries) == {"X", "Y"} and entries["Y"].get(969) == b"0.5"

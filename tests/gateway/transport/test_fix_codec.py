"""The native codec of hot FIX messages beside simplefix: the same bytes out, the same values in.
What each report carries is said here a second time, as plain lists of tags."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import simplefix
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transport.fix_codec import FixCodec, FixFramer, decode_request, order_status

HEADER = {34, 43, 49, 50, 52, 56, 57, 97, 115, 122, 128, 369, 1128}
NOW_NS = 1_785_242_096_789_012_345
BEGINS = ["FIX.4.2", "FIX.4.4", "FIXT.1.1"]


def stamp(ns: int, digits: int) -> str:
    """UTCTimestamp by the standard library."""
    seconds, rest = divmod(ns, 10**9)
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime(
        "%Y%m%d-%H:%M:%S"
    )
    return text + (f".{rest:09}"[: digits + 1] if digits else "")


def by_simplefix(begin: str, kind: str, values: dict[int, Any]) -> bytes:
    """Header ascending, body ascending, absent values left out."""
    made = simplefix.FixMessage()
    made.append_pair(8, begin)
    made.append_pair(35, kind)
    present = {tag: value for tag, value in values.items() if value not in (None, "")}
    for tag in sorted(present, key=lambda tag: (tag not in HEADER, tag)):
        made.append_pair(tag, str(present[tag]))
    encoded = made.encode()
    assert isinstance(encoded, bytes)
    return encoded


def row(**changes: Any) -> dict[str, Any]:
    """An order row as the doors have it."""
    usual = {
        "order_id": "77", "client_order_id": "a1", "account": "main", "instrument": "BTC-USD",
        "side": "buy", "type": "limit", "time_in_force": "gtc", "quantity": "1.5",
        "price": "100.25", "trigger_price": None, "display_quantity": None, "expires_ns": None,
        "state": "PARTIALLY_FILLED", "pending": "", "cumulative_quantity": "0.5",
        "leaves_quantity": "1", "average_price": "100.25",
    }  # fmt: skip
    return usual | changes


SIDES = {"buy": 1, "sell": 2}
TYPES = {"market": 1, "limit": 2, "stop": 3, "stop_limit": 4}
TIMES = {"day": 0, "gtc": 1, "ioc": 3, "fok": 4, "gtd": 6}
STATES = {"PENDING_NEW": "A", "NEW": "0", "PARTIALLY_FILLED": "1", "FILLED": "2", "CANCELED": "4",
          "EXPIRED": "C", "REJECTED": "8", "REFUSED": "8", "UNTRIGGERED": "0"}  # fmt: skip
EVENTS = {"pending_new": "A", "new": "0", "rejected": "8", "fill": "F", "pending_cancel": "6",
          "canceled": "4", "pending_replace": "E", "replaced": "5", "expired": "C",
          "done_for_day": "3", "bust": "H", "correct": "G", "status": "I", "restated": "D",
          "suspended": "9"}  # fmt: skip


def codes(begin: str, event: str, status: str) -> dict[int, str]:
    """150, 39 and 20 of the table of events."""
    if begin != "FIX.4.2":
        return {150: EVENTS[event], 39: status}
    kind = {"bust": "1", "correct": "2", "status": "3"}.get(event, "0")
    if event == "fill":
        return {150: "2" if status == "2" else "1", 39: status, 20: kind}
    if event == "replaced":
        return {150: "5", 39: "2" if status == "2" else "5", 20: kind}
    return {150: EVENTS[event] if kind == "0" else status, 39: status, 20: kind}


TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
NUMBERS = st.decimals(0, 10**9, places=6, allow_nan=False).map(lambda value: f"{value:f}")
TIMES_NS = st.integers(1, 9 * 10**18)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """Any order that a report can be about."""
    return row(
        order_id=draw(st.integers(1, 2**63 - 1).map(str)),
        client_order_id=draw(TEXTS),
        account=draw(TEXTS),
        instrument=draw(TEXTS),
        side=draw(st.sampled_from(list(SIDES))),
        type=draw(st.sampled_from(list(TYPES))),
        time_in_force=draw(st.sampled_from(list(TIMES))),
        quantity=draw(NUMBERS),
        price=draw(st.none() | NUMBERS),
        trigger_price=draw(st.none() | NUMBERS),
        display_quantity=draw(st.none() | NUMBERS),
        expires_ns=draw(st.none() | TIMES_NS),
        state=draw(st.sampled_from(list(STATES))),
        cumulative_quantity=draw(NUMBERS),
        leaves_quantity=draw(NUMBERS),
        average_price=draw(st.none() | NUMBERS),
    )


@settings(max_examples=100)
@given(
    order=rows(),
    begin=st.sampled_from(BEGINS),
    event=st.sampled_from(list(EVENTS)),
    place=st.tuples(st.integers(1, 2**40), st.sampled_from([0, 3, 6, 9]), TIMES_NS, TIMES_NS),
    extra=st.dictionaries(
        st.sampled_from(["client_order_id", "original_client_order_id", "symbol", "last_price",
                         "last_quantity", "text", "execution_reference", "status_request_id",
                         "mass_status_id", "on_behalf_of", "deliver_to", "last_market"]), TEXTS,
    ),
    reasons=st.tuples(st.integers(-1, 99), st.integers(-1, 99)),
)  # fmt: skip
def test_an_execution_report_is_what_simplefix_writes(
    *, order: dict[str, Any], begin: str, event: Any, place: tuple[int, ...],
    extra: dict[str, Any], reasons: tuple[int, int],
) -> None:  # fmt: skip
    sequence, digits, sent_ns, done_ns = place
    codec = FixCodec(begin_string=begin, sender="GW", target="CLIENT", precision=digits)
    capacity = "2" if "last_market" in extra else ""
    ours = codec.execution_report(
        order, event, sequence=sequence, sending_time_ns=sent_ns, execution_id="e1",
        last_capacity=capacity, transact_time_ns=done_ns, reject_reason=reasons[0],
        restatement_reason=reasons[1], **extra,
    )  # fmt: skip
    is_partly_filled = Decimal(order["cumulative_quantity"]) and STATES[order["state"]] in "A0"
    status = "1" if is_partly_filled else STATES[order["state"]]
    shown = {1138 if begin == "FIXT.1.1" else 111: order["display_quantity"]}
    ends = order["expires_ns"]
    values = {
        34: sequence, 49: "GW", 52: stamp(sent_ns, digits), 56: "CLIENT",
        115: extra.get("on_behalf_of"), 128: extra.get("deliver_to"), 1: order["account"],
        6: order["average_price"] or "0",
        11: extra.get("client_order_id", order["client_order_id"]),
        14: order["cumulative_quantity"], 17: "e1", 19: extra.get("execution_reference"),
        29: capacity, 30: extra.get("last_market"), 31: extra.get("last_price"),
        32: extra.get("last_quantity"), 37: order["order_id"],
        38: order["quantity"], 40: TYPES[order["type"]], 41: extra.get("original_client_order_id"),
        44: order["price"], 54: SIDES[order["side"]],
        55: extra.get("symbol", order["instrument"]), 58: extra.get("text"),
        59: TIMES[order["time_in_force"]], 60: stamp(done_ns, digits), 99: order["trigger_price"],
        103: reasons[0] if reasons[0] >= 0 else None, 126: stamp(ends, digits) if ends else None,
        151: order["leaves_quantity"], 378: reasons[1] if reasons[1] >= 0 else None,
        584: extra.get("mass_status_id"), 790: extra.get("status_request_id"),
    } | shown | codes(begin, event, status)  # fmt: skip
    assert ours == by_simplefix(begin, "8", values)


@pytest.mark.parametrize("begin", BEGINS)
def test_the_other_messages_are_what_simplefix_writes(begin: str) -> None:
    codec = FixCodec(begin_string=begin, sender="GW", target="C", sender_sub="desk", target_sub="x")
    place: Any = {"sequence": 5, "sending_time_ns": NOW_NS, "last_processed": 4}
    head = {34: 5, 49: "GW", 50: "desk", 52: stamp(NOW_NS, 3), 56: "C", 57: "x", 369: 4}
    reject = codec.cancel_reject(
        order_id="NONE", client_order_id="a2", original_client_order_id="a1", status="8",
        response_to="replace", reason=1, text="no such order", transact_time_ns=NOW_NS,
        account="main", **place,
    )  # fmt: skip
    body = {1: "main", 11: "a2", 37: "NONE", 39: "8", 41: "a1", 58: "no such order",
            60: stamp(NOW_NS, 3), 102: 1, 434: 2}  # fmt: skip
    assert reject == by_simplefix(begin, "9", head | body)
    refused = codec.session_reject(
        reference_sequence=9, reference_tag=11, reference_type="D", reason=1, text="gone", **place
    )
    assert refused == by_simplefix(
        begin, "3", head | {45: 9, 58: "gone", 371: 11, 372: "D", 373: 1}
    )
    business = codec.business_reject(
        reference_sequence=9, reference_type="E", reason=3, reference_id="l1", text="no", **place
    )
    assert business == by_simplefix(
        begin, "j", head | {45: 9, 58: "no", 372: "E", 379: "l1", 380: 3}
    )
    mass: Any = {"order_id": "0", "client_order_id": "m1", "request_type": "7", "response": "7",
                 "total_affected": 3, "symbol": "X", "side": "sell", **place}  # fmt: skip
    if begin == "FIX.4.2":
        with pytest.raises(ValueError, match="no such message"):
            codec.mass_cancel_report(**mass)
    else:
        body = {11: "m1", 37: "0", 54: 2, 55: "X", 530: 7, 531: 7, 533: 3}
        assert codec.mass_cancel_report(**mass) == by_simplefix(begin, "r", head | body)


def test_an_order_s_status_tells_what_is_pending() -> None:
    assert order_status(row(pending="cancel")) == "6"
    assert order_status(row(pending="replace_unknown")) == "E"
    assert order_status(row(state="FILLED", pending="cancel")) == "2"
    assert order_status(row(state="UNKNOWN")) == "1"
    assert order_status(row(state="UNKNOWN", cumulative_quantity="0")) == "A"
    with pytest.raises(ValueError, match="no such state"):
        order_status(row(state="LOST"))


def test_no_value_becomes_two_fields() -> None:
    codec = FixCodec(begin_string="FIX.4.4", sender="GW", target="C")
    place: Any = {"sequence": 1, "sending_time_ns": 1, "execution_id": "e", "transact_time_ns": 1}
    with pytest.raises(ValueError, match="SOH"):
        codec.execution_report(row(client_order_id="a\x0139=2"), "new", **place)
    made = codec.execution_report(row(), "new", text="of a venue\x0139=2\n", **place)
    assert b"\x0158=of a venue 39=2 \x01" in made
    with pytest.raises(ValueError, match="16 KiB"):
        codec.execution_report(row(), "new", text="x" * 20_000, **place)
    for wrong in ({"begin_string": "FIX.9"}, {"precision": 4}, {"sender": ""}):
        with pytest.raises(ValueError):
            FixCodec(**({"begin_string": "FIX.4.4", "sender": "a", "target": "b"} | wrong))  # type: ignore[arg-type]


@st.composite
def new_orders(draw: st.DrawFn) -> dict[int, str]:
    """A valid NewOrderSingle, body alone."""
    kind = draw(st.sampled_from(["1", "2", "3", "4"]))
    fields = {
        11: draw(TEXTS), 55: draw(TEXTS), 54: draw(st.sampled_from(["1", "2"])),
        38: draw(NUMBERS), 40: kind, 60: stamp(draw(TIMES_NS), draw(st.sampled_from([0, 3, 6, 9]))),
        21: "1",
    }  # fmt: skip
    if kind in "24":
        fields[44] = draw(NUMBERS)
    if kind in "34":
        fields[99] = draw(NUMBERS)
    optional = {1: TEXTS, 58: TEXTS, 111: NUMBERS, 59: st.sampled_from(["0", "1", "3", "4"]),
                100: TEXTS, 15: TEXTS, 5001: TEXTS}  # fmt: skip
    for tag in draw(st.lists(st.sampled_from(list(optional)), unique=True)):
        fields[tag] = draw(optional[tag])
    return fields


@settings(max_examples=100)
@given(new_orders(), st.sampled_from(BEGINS), st.randoms(use_true_random=False))
def test_a_new_order_has_the_values_that_simplefix_reads(
    fields: dict[int, str], begin: str, shuffle: Any
) -> None:
    made = simplefix.FixMessage()
    head = [(8, begin), (35, "D"), (49, "C"), (56, "G"), (34, "3"), (52, stamp(NOW_NS, 3))]
    body = list(fields.items())
    shuffle.shuffle(body)
    for tag, value in head + body:
        made.append_pair(tag, value)
    framer = FixFramer()
    framer.feed(made.encode())
    frame = framer.next()
    assert frame is not None
    request = decode_request(frame.data)
    assert request is not None and (request.fault, request.message_type) == ("", "D")
    parser = simplefix.FixParser()
    parser.append_buffer(made.encode())
    theirs = parser.get_message()

    def text(tag: int) -> str:
        return (theirs.get(tag) or b"").decode()

    assert (request.sender, request.target, request.sequence) == ("C", "G", 3)
    assert request.sending_time_ns == NOW_NS // 10**6 * 10**6
    assert [request.client_order_id, request.symbol, request.account, request.text] == [
        text(11), text(55), text(1), text(58)
    ]  # fmt: skip
    assert [request.destination, request.currency] == [text(100), text(15)]
    assert SIDES[request.side] == int(text(54)) and TYPES[request.type] == int(text(40))
    assert TIMES[request.time_in_force] == int(text(59) or 0)
    assert stamp(request.transact_time_ns, len(text(60)) - 18 if "." in text(60) else 0) == text(60)
    numbers = [(request.quantity, 38), (request.price, 44), (request.trigger_price, 99),
               (request.display_quantity, 111)]  # fmt: skip
    for ours, tag in numbers:
        assert (ours is None) == (text(tag) == "")
        if ours is not None:
            assert Decimal(ours) == Decimal(text(tag))
            assert request.mantissa(tag, 6) == int(Decimal(text(tag)) * 10**6)


ORDER = "11=a|55=X|54=1|38=1|40=2|44=10.5|60=20260728-12:34:56|"


def request_of(body: str, kind: str = "D", begin: str = "FIX.4.4") -> Any:
    wire = f"35={kind}|49=C|56=G|34=3|52=20260728-12:34:56|{body}".replace("|", "\x01").encode()
    front = b"8=%s\x019=%d\x01" % (begin.encode(), len(wire)) + wire
    return decode_request(front + b"10=%03d\x01" % (sum(front) % 256))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (ORDER + "0=x|", ("session", 0, 0, "Invalid tag number")),
        (ORDER.replace("11=a|", ""), ("session", 1, 11, "Required tag missing")),
        (ORDER + "150=0|", ("session", 2, 150, "Tag not defined for this message type")),
        (ORDER + "58=|", ("session", 4, 58, "Tag specified without a value")),
        (
            ORDER.replace("54=1", "54=x"),
            ("session", 5, 54, "Value is incorrect (out of range) for this tag"),
        ),
        (
            ORDER.replace("38=1", "38=+200.00"),
            ("session", 6, 38, "Incorrect data format for value"),
        ),
        (ORDER + "11=b|", ("session", 13, 11, "Tag appears more than once")),
        (ORDER + "50=x|", ("session", 14, 50, "Tag specified out of required order")),
        (
            ORDER.replace("44=10.5|", ""),
            ("business", 5, 44, "Conditionally Required Field Missing"),
        ),
        (ORDER + "18=G|", ("unsupported", 11, 18, "Unsupported order characteristic")),
    ],
)
def test_a_fault_names_who_answers_the_reason_and_the_tag(
    body: str, fault: tuple[str, int, int, str]
) -> None:
    request = request_of(body)
    found = (request.fault, request.fault_reason, request.fault_tag, request.fault_text)
    assert found == fault


def test_a_number_that_the_instrument_cannot_hold_is_refused_by_name() -> None:
    request = request_of(ORDER)
    assert request.mantissa(44, 1) == 105
    for arguments, name in (
        ((44, 0), "PRECISION"), ((99, 2), "MISSING_FIELD"), ((38, 19), "scale"), ((1, 2), "tag")
    ):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            request.mantissa(*arguments)
    with pytest.raises(ValueError, match="OVERFLOW"):
        request_of(ORDER.replace("38=1", "38=9223372036854775807")).mantissa(38, 1)


def test_what_is_not_hot_is_left_to_others() -> None:
    assert request_of("108=30|98=0|", kind="A") is None
    assert request_of("11=m|530=7|60=20260728-12:34:56|", kind="q", begin="FIX.4.2") is None
    assert decode_request(b"") is None and decode_request(b"not fix at all") is None


def test_the_rest_of_a_request_is_there_too() -> None:
    request = request_of(
        "11=b|41=a|37=7|55=X|54=2|38=2|40=1|60=20260728-12:34:56|18=6 E|59=6|432=20260729|77=C|"
        "453=1|448=p|447=D|452=1|22=8|48=id|207=EX|",
        kind="G",
    )
    assert request.fault == ""
    assert (request.original_client_order_id, request.order_id, request.side) == ("a", "7", "sell")
    assert (request.time_in_force, request.expire_date, request.expires_ns) == ("gtd", 20260729, 0)
    assert request.is_post_only and request.is_reduce_only and request.has_groups
    assert (request.position_effect, request.security_id, request.exchange) == ("C", "id", "EX")
    assert (request.security_id_source, request.price, request.text) == ("8", None, "")
    assert not request.is_possible_duplicate and not request.is_possible_resend
    mass = request_of("11=m|530=7|60=20260728-12:34:56|", kind="q")
    assert (mass.message_type, mass.mass_cancel_type) == ("q", "7")
    asked = request_of("11=a|55=X|54=1|790=q1|", kind="H")
    assert (asked.message_type, asked.status_request_id) == ("H", "q1")


MOMENTS = st.tuples(TIMES_NS, st.sampled_from([0, 3, 6, 9])).map(lambda each: stamp(*each))
SIDE_CODES = st.sampled_from(["1", "2"])
# Of each hot request besides D: what must be there and what may be, with any valid value.
REQUESTS: dict[str, tuple[dict[int, Any], dict[int, Any]]] = {
    "F": (
        {11: TEXTS, 41: TEXTS, 55: TEXTS, 54: SIDE_CODES, 60: MOMENTS},
        {1: TEXTS, 37: TEXTS, 38: NUMBERS, 58: TEXTS, 207: TEXTS},
    ),
    "G": (
        {11: TEXTS, 41: TEXTS, 55: TEXTS, 54: SIDE_CODES, 60: MOMENTS, 38: NUMBERS,
         40: st.just("2"), 44: NUMBERS, 21: st.just("1")},
        {1: TEXTS, 37: TEXTS, 58: TEXTS, 59: st.sampled_from(["0", "1", "3", "4"]), 15: TEXTS},
    ),
    "H": (
        {11: TEXTS, 55: TEXTS, 54: SIDE_CODES},
        {1: TEXTS, 37: TEXTS, 207: TEXTS},
    ),
    "q": (
        {11: TEXTS, 60: MOMENTS, 530: st.just("7")},
        {1: TEXTS, 58: TEXTS, 54: SIDE_CODES},
    ),
}  # fmt: skip
TEXT_NAMES = {11: "client_order_id", 41: "original_client_order_id", 55: "symbol", 1: "account",
              37: "order_id", 58: "text", 207: "exchange", 15: "currency",
              530: "mass_cancel_type"}  # fmt: skip
NUMBER_NAMES = {38: "quantity", 44: "price"}


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[int, str]]:
    kind = draw(st.sampled_from(list(REQUESTS)))
    begin = draw(st.sampled_from([each for each in BEGINS if kind != "q" or each != "FIX.4.2"]))
    required, optional = REQUESTS[kind]
    chosen = draw(st.lists(st.sampled_from(list(optional)), unique=True))
    fields = required | {tag: optional[tag] for tag in chosen}
    if (kind, begin) == ("F", "FIX.4.2"):
        fields[38] = NUMBERS
    return kind, begin, {tag: draw(values) for tag, values in fields.items()}


@settings(max_examples=150)
@given(requests(), st.randoms(use_true_random=False))
def test_every_other_hot_request_has_the_values_that_simplefix_reads(
    asked: tuple[str, str, dict[int, str]], shuffle: Any
) -> None:
    kind, begin, fields = asked
    made = simplefix.FixMessage()
    body = list(fields.items())
    shuffle.shuffle(body)
    head = [(8, begin), (35, kind), (49, "C"), (56, "G"), (34, "3"), (52, stamp(NOW_NS, 3))]
    for tag, value in head + body:
        made.append_pair(tag, value)
    request = decode_request(made.encode())
    parser = simplefix.FixParser()
    parser.append_buffer(made.encode())
    theirs = parser.get_message()
    assert request is not None
    fault = (request.fault_tag, request.fault_text)
    assert (request.fault, request.message_type, request.sequence) == ("", kind, 3), fault
    for tag, name in TEXT_NAMES.items():
        assert getattr(request, name) == (theirs.get(tag) or b"").decode(), name
    for tag, name in NUMBER_NAMES.items():
        found, value = getattr(request, name), theirs.get(tag)
        assert (found is None) == (value is None), name
        assert found is None or Decimal(found) == Decimal(value.decode()), name
    if theirs.get(54) is not None:
        assert SIDES[request.side] == int(theirs.get(54))
    if (moment := theirs.get(60)) is not None:
        digits = len(moment) - 18 if b"." in moment else 0
        assert stamp(request.transact_time_ns, digits) == moment.decode()


REASONS = st.integers(-1, 99)
OPTIONAL = st.just("") | TEXTS


@settings(max_examples=150)
@given(st.data(), st.sampled_from(BEGINS), st.sampled_from("9r3j"))
def test_every_answer_but_a_report_is_what_simplefix_writes(
    data: st.DataObject, begin: str, kind: str
) -> None:
    draw = data.draw
    digits, sent_ns = draw(st.sampled_from([0, 3, 6, 9])), draw(TIMES_NS)
    codec: Any = FixCodec(begin_string=begin, sender="GW", target="C", precision=digits)
    place: dict[str, Any] = {"sequence": draw(st.integers(1, 2**40)), "sending_time_ns": sent_ns,
             "on_behalf_of": draw(OPTIONAL), "deliver_to": draw(OPTIONAL)}  # fmt: skip
    head = {34: place["sequence"], 49: "GW", 52: stamp(sent_ns, digits), 56: "C",
            115: place["on_behalf_of"], 128: place["deliver_to"]}  # fmt: skip
    reason, text, account, first, second = (
        draw(each) for each in (REASONS, OPTIONAL, OPTIONAL, TEXTS, TEXTS)
    )
    done_ns = draw(TIMES_NS)
    shown: Any = reason if reason >= 0 else None
    if kind == "9":
        made = codec.cancel_reject(
            order_id=first, client_order_id=second, original_client_order_id=first, status="8",
            response_to="cancel", reason=reason, text=text, transact_time_ns=done_ns,
            account=account, **place,
        )  # fmt: skip
        body: dict[int, Any] = {1: account, 11: second, 37: first, 39: "8", 41: first, 58: text,
                                60: stamp(done_ns, digits), 102: shown, 434: 1}  # fmt: skip
    elif kind == "r":
        if begin == "FIX.4.2":
            return
        total = draw(st.integers(0, 10**6))
        made = codec.mass_cancel_report(
            order_id=first, client_order_id=second, request_type="7", response="7",
            total_affected=total, text=text, transact_time_ns=done_ns, account=account,
            symbol=first, side="buy", **place,
        )  # fmt: skip
        body = {1: account, 11: second, 37: first, 54: 1, 55: first, 58: text,
                60: stamp(done_ns, digits), 530: 7, 531: 7, 533: total}  # fmt: skip
    elif kind == "3":
        tag, number = draw(st.integers(1, 99_999)), draw(st.integers(1, 2**40))
        reason = draw(st.integers(0, 11))  # what every version has
        made = codec.session_reject(
            reference_sequence=number, reference_tag=tag, reference_type=kind, reason=reason,
            text=text, **place,
        )  # fmt: skip
        body = {45: number, 58: text, 371: tag, 372: kind, 373: reason}
    else:
        number, reason = draw(st.integers(1, 2**40)), draw(st.integers(0, 8))
        made = codec.business_reject(
            reference_sequence=number, reference_type="E", reason=reason, reference_id=second,
            text=text, **place,
        )  # fmt: skip
        body = {45: number, 58: text, 372: "E", 379: second, 380: reason}
    assert made == by_simplefix(begin, kind, head | body)

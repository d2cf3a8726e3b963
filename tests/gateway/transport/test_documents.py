"""What a venue writes is read exactly, or refused by name."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api import VenueProtocolError
from gateway.transport import (
    FrameRouter,
    JsonReader,
    LargeDocument,
    check_unique_keys,
    decode,
    exact_text,
)


class Fill(msgspec.Struct):
    price: str
    quantity: str = "0"
    time: int = 0


class Told(msgspec.Struct):
    price: Decimal


class Order(msgspec.Struct):
    fills: list[Fill]
    told: Told | None = None


LONG = "123456789012345678901234567890.123456789012345678901234567891"
NUMBERS = ["0.1", "0.10", LONG, "-" + LONG, "0.30000000000000004", "9007199254740993", "1e-7",
           "1E+2", "-0.000000000000000000001", "12345678901234567890123456789"]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_a_json_number_keeps_every_digit(number: str) -> None:
    found = decode(f'{{"price":{number}}}'.encode(), Told).price
    assert Decimal(exact_text(found)) == Decimal(number)
    assert decode(f'{{"price":"{number}"}}'.encode(), Told).price == Decimal(number)
    untyped = decode(f'{{"price":{number}}}'.encode(), dict[str, Any])["price"]
    assert not isinstance(untyped, float) and Decimal(untyped) == Decimal(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_every_number_keeps_every_digit(number: Decimal) -> None:
    text = format(number, "f")
    if len(text) > 100:
        return
    found = decode(f'{{"price":{text}}}'.encode(), Told).price
    assert Decimal(exact_text(found)) == number
    assert exact_text(text) == text


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1_0", " 1", "1 ", "+1", "0x1", ".5", "5.",
                                  "1e999", "1e-170", "٣", "1e", "--1", "9" * 201])  # fmt: skip
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(VenueProtocolError):
        exact_text(text)


def test_a_double_in_a_type_is_a_mistake_found_at_start() -> None:
    class Doubtful(msgspec.Struct):
        rows: list[tuple[str, float]]

    class Outer(msgspec.Struct):
        inner: dict[str, Doubtful | None]

    for kind in (float, Doubtful, Outer, list[Outer]):
        with pytest.raises(ValueError, match="lose digits"):
            JsonReader(kind)
    with pytest.raises(ValueError, match="lose digits"):
        LargeDocument(b"[1]").read("", list[float])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty answer"),
        (b"  \n ", "an empty answer"),
        (b"<html><h1>502", "HTML or XML instead of JSON: b'<html><h1>502'"),
        (b" <!DOCTYPE html>", "HTML or XML"),
        (b"\x1f\x8b\x08abc", "compressed bytes"),
        (b"Bad Gateway", "no JSON: b'Bad Gateway'"),
        (b'{"price":"1"', "truncated"),
        (b'{"price":"1"} x', "trailing"),
        (b'{"price":1}', "$.price"),
        (b'{"price":"1","time":"5"}', "$.time"),
        (b'{"price":"1","time":1.5}', "$.time"),
        (b'{"quantity":"1"}', "price"),
        (b'{"price":null}', "$.price"),
        (b'{"price":"\xff"}', "utf-8"),
        (b'["1"]', "object"),
        (b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b',"price":"1"}', "too deep"),
        (b'{"price":"1","price":"2"}', "the key 'price' stands twice"),
        (b'{"price":"1","pric\\u0065":"2"}', "the key 'price' stands twice"),
        (b'{"price" : "1", "time":1, "price":"1"}', "stands twice"),
    ],
)
def test_nonsense_is_named(data: bytes, said: str) -> None:
    with pytest.raises(VenueProtocolError) as failure:
        decode(data, Fill)
    assert said.lower() in str(failure.value).lower() and len(str(failure.value)) < 300
    assert failure.value.__cause__ is None


def test_sizes_are_bounded() -> None:
    reader = JsonReader(Fill, "fill", bytes_max=20)
    assert reader.read(b'{"price":"1"}') == Fill("1")
    with pytest.raises(VenueProtocolError, match="fill: 32 bytes, over 20"):
        reader.read(b'{"price":"1000000000000000000"}\n')
    for big in (FrameRouter, LargeDocument):
        with pytest.raises(VenueProtocolError, match="over 5"):
            if big is FrameRouter:
                FrameRouter(bytes_max=5).pick(b"[1,2,3]", "a")
            else:
                LargeDocument(b"[1,2,3]", bytes_max=5)


# -- repeated keys --------------------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c", 'q"uote', "back\\slash", "colon:", '":', "{", "}", "é", ""])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), KEYS, st.just(Decimal("1.5")), st.text(max_size=5)
)


class Pairs(list[Any]):
    """An object, keys perhaps repeated."""


VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(st.tuples(KEYS, inner), max_size=4).map(Pairs)
    ),
    max_leaves=12,
)


def written(value: Any, gap: str) -> str:
    if isinstance(value, Pairs):
        parts = (f"{json.dumps(key)}{gap}:{written(each, gap)}" for key, each in value)
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(each, gap) for each in value) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def repeats(value: Any) -> bool:
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        return len(set(keys)) < len(keys) or any(repeats(each) for _, each in value)
    return isinstance(value, list) and any(map(repeats, value))


@given(VALUES, st.sampled_from(["", " ", "\t", "\n", "\r"]))
def test_a_repeated_key_is_found_wherever_it_hides(value: Any, gap: str) -> None:
    data = written(value, gap).encode("utf-8", "surrogatepass")
    try:
        json.loads(data)
    except UnicodeDecodeError:
        return
    if repeats(value):
        with pytest.raises(VenueProtocolError, match="stands twice"):
            check_unique_keys(data)
    else:
        check_unique_keys(data)


def test_a_reader_may_be_told_that_nothing_is_booked_by_it() -> None:
    reader = JsonReader(Fill, has_unique_keys=False)
    assert reader.read(b'{"price":"1","price":"2"}') == Fill("2")


# -- routing and large documents ------------------------------------------------------------------


def test_fields_of_a_frame_are_picked_without_the_rest() -> None:
    router = FrameRouter("okx frame")
    frame = b'{"arg":{"channel":"orders","n":7},"data":[{"px":1.5}],"x":null,"b":true,"f":1.5}'
    assert router.pick(frame, "arg", "channel") == "orders"
    assert router.pick(frame, "arg", "n") == 7
    for path in (("arg",), ("data",), ("x",), ("none",), ("arg", "none"), ("arg", "n", "m"), ()):
        assert router.pick(frame, *path) is None
    assert router.pick(b"[1]", "a") is None and router.pick(b'"text"', "a") is None
    paths = [("arg", "channel"), ("e",)]
    assert router.pick_all(b'{"e":"x"}', *paths) == [None, "x"]
    with pytest.raises(VenueProtocolError, match="okx frame: f is a fraction"):
        router.pick(frame, "f")


@pytest.mark.parametrize("data", [b"", b"<html>", b'{"a":1', b'{"a":"\xff"}', b"pong",
                                  b"[" * 9_000, b'{"a":1}}'])  # fmt: skip
def test_a_frame_that_is_no_json_is_refused(data: bytes) -> None:
    router = FrameRouter()
    with pytest.raises(VenueProtocolError):
        router.pick(data, "a")
    with pytest.raises(VenueProtocolError):
        LargeDocument(data)
    assert router.pick(b'{"a":"still good"}', "a") == "still good"


def test_parts_of_a_large_document_are_read_as_types() -> None:
    rows = ",".join(f'{{"price":"{n}.10","quantity":"1","time":{n}}}' for n in range(500))
    document = LargeDocument(f'{{"fills":[{rows}],"n":1.5,"o":{{"a":1}}}}'.encode(), "orders")
    other = LargeDocument(b'{"fills":[]}')  # its parser is its own
    assert document.count("/fills") == 500 and other.count("/fills") == 0
    assert document.read("/fills/7", Fill) == Fill("7.10", "1", 7)
    assert [each.time for each in document.each("/fills", Fill)] == list(range(500))
    assert document.read("/o", dict[str, int]) == {"a": 1} and document.count("/o") == 1
    assert document.read("/fills/3/price", str) == "3.10"
    for pointer in ("/none", "/fills/900", "/fills/x", "fills", "/n/a"):
        with pytest.raises(VenueProtocolError, match="orders: nothing at"):
            document.read(pointer, str)
    with pytest.raises(VenueProtocolError, match="a fraction as a JSON number"):
        document.read("/n", Decimal)
    with pytest.raises(VenueProtocolError, match=r"orders/fills/7: .*str"):
        document.read("/fills/7", dict[str, str])
    for pointer in ("/n", "/o"):
        with pytest.raises(VenueProtocolError, match="no list"):
            list(document.each(pointer, Fill))

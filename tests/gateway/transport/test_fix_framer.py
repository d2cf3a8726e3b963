"""The native framer from Python, beside simplefix: the same messages on valid input, and an answer
of its own on everything that simplefix takes in silence."""

import pytest
import simplefix
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.transport.fix_codec import FixFrame, FixFramer

SOH = b"\x01"


def closed(front: bytes) -> bytes:
    """With its right sum."""
    return front + b"10=%03d\x01" % (sum(front) % 256)


def message(body: bytes, *, begin: bytes = b"FIX.4.4", wrong: int = 0) -> bytes:
    """A body written with | for SOH, as a message whose BodyLength is off by `wrong`."""
    body = body.replace(b"|", SOH)
    return closed(b"8=" + begin + SOH + b"9=%d" % (len(body) + wrong) + SOH + body)


NEXT = message(b"35=0|34=7|")


def taken(framer: FixFramer) -> list[FixFrame]:
    """Everything that is ready."""
    found = []
    while (frame := framer.next()) is not None:
        found.append(frame)
    return found


def frames(wire: bytes) -> list[FixFrame]:
    framer = FixFramer()
    framer.feed(wire)
    return taken(framer)


def test_a_message_comes_out_whole_with_its_fields_in_order() -> None:
    wire = message(b"35=D|34=2|58=|11=a=b|-5=x|", begin=b"FIXT.1.1")
    [frame] = frames(wire)
    assert (frame.data, frame.fault, frame.begin_string) == (wire, "", "FIXT.1.1")
    assert (frame.message_type, frame.byte_count, frame.length_fault) == ("D", len(wire), 0)
    assert frame.fields() == [
        (8, b"FIXT.1.1"), (9, b"26"), (35, b"D"), (34, b"2"), (58, b""), (11, b"a=b"), (-5, b"x"),
        (10, wire[-4:-1]),
    ]  # fmt: skip


def test_every_kind_of_buffer_is_taken() -> None:
    for kind in (bytes, bytearray, memoryview):
        framer = FixFramer()
        framer.feed(kind(NEXT))
        assert [frame.data for frame in taken(framer)] == [NEXT]
    with pytest.raises(TypeError):
        FixFramer().feed("8=FIX")  # type: ignore[arg-type]
    with pytest.raises(BufferError):
        FixFramer().feed(memoryview(NEXT)[::2])


@pytest.mark.parametrize(
    ("wire", "faults"),
    [
        (b"junk" + NEXT, ["junk", ""]),
        (message(b"35=D|11=a|")[:-2] + b"x\x01" + NEXT, ["checksum", ""]),
        (message(b"35=D|11=a|")[:-4] + b"1\x01" + NEXT, ["checksum", ""]),
        (message(b"34=1|35=D|") + NEXT, ["header_order", ""]),
        (message(b"35=D|11=a|", wrong=3) + NEXT + NEXT, ["body_length", ""]),
        (message(b"35=D|11=a|", wrong=-3) + NEXT, ["body_length", ""]),
        (b"8=FIX.4.4\x019=-5\x0135=D\x01" + NEXT, ["body_length", ""]),
        (b"8=FIX.4.4\x019=99999999\x0135=D\x01" + NEXT, ["too_long", ""]),
        (message(b"35=D|x=1|") + NEXT, ["bad_tag", ""]),
        (message(b"35=D|10=000|11=a|") + NEXT, ["trailer_order", ""]),
        (message(b"35=D|" + b"1=a|" * 2045) + NEXT, ["too_many_fields", ""]),
    ],
)
def test_a_garbled_message_is_named_and_the_next_one_lives(wire: bytes, faults: list[str]) -> None:
    found = frames(wire)
    assert [frame.fault for frame in found] == faults
    assert found[-1].data == NEXT
    assert found[0].fields() == []


def test_what_was_dropped_is_cut_to_256_bytes_and_counted() -> None:
    [junk, good] = frames(b"x" * 1000 + NEXT)
    assert (junk.data, junk.byte_count, good.data) == (b"x" * 256, 1000, NEXT)


def test_a_lying_data_length_is_named() -> None:
    [frame] = frames(message(b"35=A|95=500000|96=abc|98=0|"))
    assert frame.length_fault == 95
    assert (96, b"abc") in frame.fields()
    [frame] = frames(message(b"35=A|96=abc|98=0|"))
    assert frame.length_fault == 0


def test_limits_hold() -> None:
    framer = FixFramer(message_bytes_max=64, fields_max=4)
    framer.feed(message(b"35=D|58=" + b"x" * 64 + b"|") + message(b"35=0|1=a|") + message(b"35=0|"))
    assert [frame.fault for frame in taken(framer)] == ["too_long", "too_many_fields", ""]
    with pytest.raises(BufferError):
        framer.feed(bytes(2**20 + 65))
    assert framer.buffered == 0
    for wrong in ({"message_bytes_max": 1}, {"message_bytes_max": 2**30}, {"fields_max": 3}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FixFramer(**wrong)


def test_bytes_that_drip_cost_no_more_work_than_bytes_at_once() -> None:
    wire = b"".join(message(b"35=D|58=%s|" % (b"x" * size)) + b"8=FI" for size in range(0, 900, 9))
    framer = FixFramer()
    good = 0
    for at in range(len(wire)):
        framer.feed(wire[at : at + 1])
        good += sum(not frame.fault for frame in taken(framer))
    assert good == 100
    assert framer.work <= 6 * len(wire)


LENGTHS_AND_PLACED = {*simplefix.data.RAW_LEN_TAGS, 8, 9, 10, 35, 1184}
TAGS = st.integers(1, 49_999).filter(lambda tag: tag not in LENGTHS_AND_PLACED)
VALUES = st.binary(min_size=1, max_size=40).filter(lambda value: SOH not in value)


@st.composite
def messages(draw: st.DrawFn) -> simplefix.FixMessage:
    """What simplefix can write: plain fields and data pairs whose data may hold SOH."""
    made = simplefix.FixMessage()
    made.append_pair(8, draw(st.sampled_from([b"FIX.4.2", b"FIX.4.4", b"FIXT.1.1"])))
    made.append_pair(35, draw(st.sampled_from([b"D", b"F", b"G", b"AE", b"0"])))
    for _ in range(draw(st.integers(0, 12))):
        if draw(st.booleans()):
            length, data = draw(st.sampled_from([(95, 96), (212, 213), (354, 355), (93, 89)]))
            made.append_data(length, data, draw(st.binary(min_size=1, max_size=30)))
        else:
            made.append_pair(draw(TAGS), draw(VALUES))
    return made


@settings(max_examples=100)
@given(st.lists(messages(), min_size=1, max_size=4), st.integers(1, 64))
def test_valid_messages_decode_as_in_simplefix(made: list[simplefix.FixMessage], cut: int) -> None:
    wires = [each.encode() for each in made]
    stream = b"".join(wires)
    framer, found = FixFramer(), []
    for at in range(0, len(stream), cut):
        framer.feed(stream[at : at + cut])
        found += taken(framer)
    assert [frame.fault for frame in found] == [""] * len(wires)
    assert [frame.data for frame in found] == wires
    for frame in found:
        parser = simplefix.FixParser()
        parser.append_buffer(frame.data)
        pairs = parser.get_message().pairs
        assert frame.fields() == [(int(tag), value) for tag, value in pairs]
    assert framer.buffered == 0


@settings(max_examples=100)
@given(st.binary(max_size=400), st.integers(1, 64))
def test_any_bytes_in_front_are_accounted_for(junk: bytes, cut: int) -> None:
    stream = junk + NEXT + NEXT
    framer, found = FixFramer(), []
    for at in range(0, len(stream), cut):
        framer.feed(stream[at : at + cut])
        found += taken(framer)
    assert sum(frame.byte_count for frame in found) + framer.buffered == len(stream)
    assert found[-1].data == NEXT


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        (message(b"35=D|11=a|")[:-4] + b"000\x01", "checksum"),
        (message(b"35=D|11=a|", wrong=-2), "body_length"),
        (closed(b"8=FIX.4.4\x0135=D\x0111=a\x01"), "header_order"),
        (message(b"11=a|35=D|"), "header_order"),
        (message(b"35=D|0011=a|"), "bad_tag"),
        (message(b"35=D|1_1=a|"), "bad_tag"),
        (message(b"35=D|" + b"11=a|" * 20_000), "too_long"),
    ],
)
def test_what_simplefix_takes_in_silence_is_named_here(wire: bytes, fault: str) -> None:
    parser = simplefix.FixParser()
    parser.append_buffer(wire)
    assert parser.get_message() is not None
    assert frames(wire)[0].fault == fault

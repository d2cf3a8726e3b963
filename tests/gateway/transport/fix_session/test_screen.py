"""The native screen: what it lets through, the dictionary and the header checks let through too."""

import sysconfig
from pathlib import Path
from random import Random

import pytest
import simplefix

from gateway.transport.fix_codec import FixFramer
from gateway.transport.fix_session import (
    Dictionary,
    FixMessage,
    Rules,
    SessionIdentity,
    SessionSettings,
    format_time,
    load_dictionary,
    own_dictionary,
    validate,
)
from gateway.transport.fix_session.checks import check_header
from gateway.transport.fix_session.message import encode
from gateway.transport.fix_session.screen import screen_of

NOW_NS = 1_700_000_000_000_000_000
VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")
HEAD = [(35, b"D"), (34, b"7"), (49, b"THEM"), (52, format_time(NOW_NS)), (56, b"US")]
BODY = [(11, b"a1"), (21, b"1"), (38, b"2.50"), (40, b"2"), (44, b"99.5"), (54, b"1"),
        (55, b"ABC"), (59, b"0"), (60, format_time(NOW_NS))]  # fmt: skip
VALUES = (b"", b"1", b"N", b"Y", b"-1", b"+2", b"0.5", b".", b"1.2.3", b"abc", b"20231114", b"E",
          b"20231114-22:13:20", b"20231114-22:13:60.5", b"20231314-22:13:20", b"1 2", b"0007",
          b"9" * 19, b"9" * 40)  # fmt: skip
TAGS = (0, 1, 7, 11, 18, 34, 35, 38, 43, 44, 49, 52, 54, 55, 56, 58, 59, 60, 78, 79, 89, 93, 97,
        100, 114, 122, 126, 146, 200, 205, 268, 369, 378, 453, 448, 447, 5001, 60000)  # fmt: skip


def body_of(version: str) -> list[tuple[int, bytes]]:
    """Before 4.2: no 60 by our table, and 38 a whole number."""
    whole = [(tag, b"2" if tag == 38 else value) for tag, value in BODY[:-1]]
    return BODY if version >= "FIX.4.2" else whole


def settings(version: str, dictionary: Dictionary | None = None) -> SessionSettings:
    return SessionSettings(identity=SessionIdentity(version, "US", "THEM"), dictionary=dictionary)


def framed(fields: list[tuple[int, bytes]]) -> FixMessage:
    framer = FixFramer()
    framer.feed(encode(fields))
    frame = framer.next()
    assert frame is not None and not frame.fault, frame.fault if frame else "nothing"
    return FixMessage.of_frame(frame)


def screened(message: FixMessage, of: SessionSettings) -> int:
    assert message.frame is not None
    return screen_of(of).check(message.frame, NOW_NS)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plain_order_passes_in_every_version(version: str) -> None:
    assert (
        screened(framed([(8, version.encode()), *HEAD, *body_of(version)]), settings(version)) == 7
    )


@pytest.mark.parametrize(
    "change",
    [
        (49, b"OTHER"), (56, b"OTHER"), (52, format_time(NOW_NS - 130_000_000_000)), (43, b"Y"),
        (34, b"x"), (38, b"+2"), (54, b"Z"), (60, b"now"), (55, b""), (8, b"FIX.4.2"),
        (5001, b"mine"), (78, b"1"), (35, b"A"), (35, b"j"),
    ],
)  # fmt: skip
def test_whatever_is_not_plain_goes_the_long_way(change: tuple[int, bytes]) -> None:
    fields = [(8, b"FIX.4.4"), *HEAD, *BODY]
    tags = [tag for tag, _ in fields]
    if change[0] in tags:
        fields[tags.index(change[0])] = change
    else:
        fields.append(change)
    assert screened(framed(fields), settings("FIX.4.4")) == 0


def dictionaries(version: str) -> list[Dictionary]:
    """Ours and, where it is installed, QuickFIX's, which rejects more."""
    spec = Path(sysconfig.get_path("data")) / "share/quickfix"
    names = ("FIXT11", "FIX50SP2") if version == "FIXT.1.1" else (version.replace(".", ""),)
    files = [spec / f"{name}.xml" for name in names]
    own = own_dictionary(version.encode())
    return [own, load_dictionary(*files)] if files[0].exists() else [own]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_passes_the_screen_passes_every_check(version: str) -> None:
    random = Random(version)
    for dictionary in dictionaries(version):
        of = settings(version, dictionary)
        screen = screen_of(of)
        passed = 0
        for _ in range(1500):
            fields = [*HEAD, *body_of(version)]
            for _ in range(random.choice((0, 1, 1, 2))):
                place = random.randrange(1, len(fields))
                tag = random.choice(TAGS)
                value = random.choice(VALUES)
                match random.randrange(5):
                    case 0:
                        fields[place] = (fields[place][0], value)
                    case 1:
                        del fields[place]
                    case 2:
                        fields.insert(place, (tag, value))
                    case 3:
                        fields.append((tag, value))
                    case _:
                        fields.insert(place, fields[random.randrange(len(fields))])
            kind = next((value for tag, value in fields if tag == 35), b"D")
            rest = (each for each in fields if each[0] not in {8, 9, 10, 35})
            message = framed([(8, version.encode()), (35, kind), *rest])
            assert message.frame is not None
            number = screen.check(message.frame, NOW_NS)
            if number:
                passed += 1
                assert validate(message, dictionary, Rules()) is None, message
                assert check_header(message, of, NOW_NS) is None, message
                assert message.number == number and not message.is_possible_duplicate
        assert passed > 100, "hardly anything passes"


def test_encoding_gives_the_bytes_of_simplefix() -> None:
    random = Random(5)
    for _ in range(300):
        fields = [(8, b"FIX.4.4"), (35, b"D")] + [
            (
                random.randrange(11, 2000),
                random.randbytes(random.randrange(12)).replace(b"\x01", b""),
            )
            for _ in range(random.randrange(30))
        ]
        fields = [each for each in fields if each[0] not in {9, 10}]
        fields = fields[:2] + [each for each in fields[2:] if each[0] not in {8, 35}]
        theirs = simplefix.FixMessage()
        for tag, value in fields:
            theirs.append_pair(tag, value)
        assert encode(fields) == theirs.encode()

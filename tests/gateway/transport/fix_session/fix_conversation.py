"""Reads the conversations of tests/fix_scripts, writes the peer's bytes, and compares ours.

`== title` starts a session anew. `> ` the peer sends, `< ` we answer; every answer must stand
there, in order, body fields in order. Fields are `35=D|34=2|...`: 8, 49, 56, 52 are put in where a
line does not say them (`52=@-121`: so many seconds from now; `-56`: not there at all). `raw ` sends
bytes as they stand, `|` for SOH. Other lines: `role initiator`, `setting NAME=VALUE`,
`wait SECONDS`, `closed`, `connect`, `drop`, `outgoing N`, `expected N`, `send FIELDS`,
`logout TEXT`, `reset`. `[4.2+]` or `[4.0 4.1]` before a line: for these versions only; before `==`:
the whole conversation. Braces are written per version: `{logon 30}`, `{order ID}`, `{end}`,
`{reject REF TAG TYPE REASON}`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from gateway.transport.fix_session import format_time, parse_time

SCRIPTS = Path(__file__).parents[3] / "fix_scripts"
VERSIONS = {
    "4.0": "FIX.4.0",
    "4.1": "FIX.4.1",
    "4.2": "FIX.4.2",
    "4.3": "FIX.4.3",
    "4.4": "FIX.4.4",
    "5.0": "FIXT.1.1",
}
US, PEER = "ISLD", "TW"
REASONS = {
    0: "Invalid tag number",
    1: "Required tag missing",
    2: "Tag not defined for this message type",
    4: "Tag specified without a value",
    5: "Value is incorrect (out of range) for this tag",
    6: "Incorrect data format for value",
    9: "CompID problem",
    10: "SendingTime accuracy problem",
    11: "Invalid MsgType",
    13: "Tag appears more than once",
    14: "Tag specified out of required order",
    15: "Out of order repeating group members",
    16: "Incorrect NumInGroup count for repeating group",
}
HEADER = {8, 9, 34, 35, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 129, 144, 145, 369}
SECOND_NS = 1_000_000_000
PLAIN_LOGON = re.compile(r"> 35=A\|34=1\|\{logon (\d+)\}")
GUARD = re.compile(r"^\[([0-9. +]+)\]\s*")


@dataclass
class Conversation:
    """One `==` of a file, for one version."""

    name: str
    version: str
    lines: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_timeless(self) -> bool:
        """Whether it can be held over a real socket without waiting."""
        words = ("wait", "role", "send", "logout", "reset", "drop")
        return not any(line.startswith(words) for _, line in self.lines)


def read_conversations() -> list[Conversation]:
    """Every conversation of every file in every version it is for."""
    found: list[Conversation] = []
    for path in sorted(SCRIPTS.glob("*.txt")):
        current: list[Conversation] = []
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            line = text.strip()
            if not line or line.startswith("#"):
                continue
            guard = GUARD.match(line)
            line = line[guard.end() :] if guard else line
            allowed = versions_of(guard[1]) if guard else set(VERSIONS)
            if line.startswith("== "):
                current = [
                    Conversation(f"{path.stem}: {line[3:]}", version)
                    for version in VERSIONS
                    if version in allowed
                ]
                found += current
                continue
            for each in current:
                if each.version in allowed:
                    each.lines.append((number, line))
    return found


def dialled(conversation: Conversation) -> Conversation | None:
    """The same clause when we are the one who logged on; None when it depends on who did: on the
    Logon, on numbers before it, or on a second line."""
    lines = conversation.lines
    settings = [each for each in lines if each[1].startswith("setting ")]
    rest = [each for each in lines if each not in settings]
    logons = [text for _, text in rest if "35=A|" in text]
    first = PLAIN_LOGON.fullmatch(rest[0][1]) if rest else None
    if first is None or len(logons) != 2 or rest[1][1] != "<" + rest[0][1][1:]:
        return None
    if any(text.startswith(("connect", "outgoing", "expected", "role")) for _, text in rest):
        return None
    heartbeat = (rest[0][0], f"setting heartbeat_s={first[1]}")
    swapped = [(rest[1][0], rest[1][1]), (rest[0][0], rest[0][1])]
    name = f"{conversation.name}, dialled"
    opening = [(rest[0][0], "role initiator"), heartbeat]
    return Conversation(name, conversation.version, [*opening, *settings, *swapped, *rest[2:]])


def versions_of(text: str) -> set[str]:
    """`4.0 4.1` or `4.2+`."""
    found: set[str] = set()
    for word in text.split():
        names = list(VERSIONS)
        found |= set(names[names.index(word[:-1]) :]) if word.endswith("+") else {word}
    return found


def expanded(text: str, version: str) -> str:
    """With the braces written for a version."""
    is_old = version in {"4.0", "4.1"}

    def write(match: re.Match[str]) -> str:
        name, *words = match[1].split(" ")
        if name == "logon":
            tail = "|1137=9" if version == "5.0" else ""
            extra = "".join(f"|{word}" for word in words[1:])
            return f"98=0|108={words[0]}{extra}{tail}"
        if name == "order":
            quantity = "38=100|" if is_old else ""
            time = "" if is_old else "|60=20261121-10:00:00"
            return f"11={words[0]}|21=3|{quantity}40=1|54=1|55=INTC{time}"
        if name == "tail":
            return "1137=9" if version == "5.0" else ""
        if name == "more":
            return "38=100|40=1|54=1|55=INTC|" if is_old else "40=1|54=1|55=INTC|"
        if name in {"time", "stamp"}:
            return "" if is_old else "|60=20261121-10:00:00"
        if name == "end":
            return "999999" if is_old else "0"
        assert name == "reject", match[0]
        return reject(version, *words)

    return re.sub(r"\{([^}]*)\}", write, text).rstrip("|")


def reject(version: str, number: str, tag: str, kind: str, reason: str) -> str:
    """The body of a Reject, from 45 on."""
    text = REASONS[int(reason)]
    if version in {"4.0", "4.1"}:
        return f"45={number}|58={text}" + (f" ({tag})" if tag != "-" else "")
    told = f"|371={tag}" if tag != "-" else ""
    is_numbered = version != "4.2" or int(reason) <= 11
    return f"45={number}|58={text}{told}|372={kind}" + (f"|373={reason}" if is_numbered else "")


def pairs_of(text: str) -> list[tuple[str, str]]:
    """`35=D|34=2` as pairs."""
    return [(tag, value) for tag, _, value in (each.partition("=") for each in text.split("|"))]


def peer_bytes(text: str, version: str, now_ns: int) -> bytes:
    """What the peer sends for a `> ` line."""
    digits = 0 if version in {"4.0", "4.1"} else 3
    given = [each for each in pairs_of(text) if each[0]]
    left_out = {tag[1:] for tag, value in given if tag.startswith("-") and not value}
    told = {tag for tag, _ in given}
    fields = [(tag, value) for tag, value in given if tag[1:] not in left_out or tag[0] != "-"]
    own = [("8", VERSIONS[version]), ("49", PEER), ("56", US), ("52", "@0")]
    kind = [each for each in fields if each[0] == "35"]
    rest = [each for each in fields if each[0] != "35"]
    missing = [each for each in own if each[0] not in told | left_out]
    # The body in the order of the script; what was put in stands behind MsgSeqNum.
    at = 1 if rest and rest[0][0] == "34" else 0
    head = [each for each in missing if each[0] == "8"] or [each for each in rest if each[0] == "8"]
    others = [each for each in missing if each[0] != "8"]
    rest = [each for each in rest if each[0] != "8"]
    ordered = [*kind, *rest[:at], *others, *rest[at:]]
    values = [(tag, timed(value, now_ns, digits)) for tag, value in ordered]
    body = "".join(f"{tag}={value}\x01" for tag, value in values)
    front = f"8={head[0][1]}\x019={len(body)}\x01{body}".encode("latin-1")
    return front + b"10=%03d\x01" % (sum(front) % 256)


def timed(value: str, now_ns: int, digits: int) -> str:
    """`@-121` as a time."""
    if re.fullmatch(r"@-?[0-9]+", value) is None:
        return value
    return format_time(now_ns + int(value[1:]) * SECOND_NS, digits).decode()


def compare(data: bytes, text: str, version: str, now_ns: int) -> None:
    """Our bytes against a `< ` line. Frame, header and times are checked against the rules."""
    assert data.endswith(b"\x01")
    ours = [
        (tag, value) for tag, value in pairs_of(data[:-1].decode("latin-1").replace("\x01", "|"))
    ]
    tags = [tag for tag, _ in ours]
    assert tags[:3] == ["8", "9", "35"] and tags[-1] == "10", tags
    check_frame(data, dict(ours))
    header = [int(tag) for tag in tags[3:-1] if int(tag) in HEADER]
    assert header == sorted(header) == [int(tag) for tag in tags[3 : 3 + len(header)]], tags
    expected = pairs_of(text)
    told = dict(expected)
    for tag, value in ours[: 3 + len(header)]:
        if tag in {"9", "52", "122"}:
            continue
        defaults = {"8": VERSIONS[version], "49": US, "56": PEER}
        assert value == told.get(tag, defaults.get(tag)), f"{tag}={value} in {ours}, not {text}"
    in_header = {tag for tag, _ in expected if int(tag) in HEADER}
    assert in_header <= set(tags), f"{in_header - set(tags)} missing in {ours}"
    check_times(dict(ours), version, now_ns)
    body = ours[3 + len(header) : -1]
    assert body == [each for each in expected if int(each[0]) not in HEADER]


def check_frame(data: bytes, ours: dict[str, str]) -> None:
    """BodyLength and CheckSum."""
    start = data.index(b"\x01", data.index(b"\x019=") + 1) + 1
    end = len(data) - 7
    assert int(ours["9"]) == end - start
    assert ours["10"] == f"{sum(data[:end]) % 256:03d}"


def check_times(ours: dict[str, str], version: str, now_ns: int) -> None:
    """52 is now, 122 not later; 4.0 and 4.1 write whole seconds."""
    length = 17 if version in {"4.0", "4.1"} else 21
    sent_ns = parse_time(ours["52"].encode())
    assert sent_ns is not None and len(ours["52"]) == length
    assert abs(now_ns - sent_ns) < 60 * SECOND_NS
    assert ("122" in ours) == (ours.get("43") == "Y")
    if "122" in ours:
        first_ns = parse_time(ours["122"].encode())
        assert first_ns is not None and first_ns <= sent_ns and len(ours["122"]) == length

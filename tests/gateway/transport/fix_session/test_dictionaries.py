"""Dictionaries: our own table holds together, files of users are read, hostile ones refused."""

import sysconfig
from pathlib import Path

import pytest

from gateway.transport.fix_session import (
    DictionaryError,
    FixMessage,
    GroupRule,
    Rules,
    Schedule,
    SessionIdentity,
    SessionSettings,
    format_time,
    load_dictionary,
    masked,
    own_dictionary,
    parse_time,
    validate,
)
from gateway.transport.fix_session.own_dictionary import VERSIONS

STANDARD = Path(sysconfig.get_path("data")) / "share/quickfix"
DAY_NS = 86_400 * 1_000_000_000

SMALL = """<?xml version="1.0"?>
<fix type="FIX" major="4" minor="4">
 <header><field name="BeginString" required="Y"/><field name="BodyLength" required="Y"/>
  <field name="MsgType" required="Y"/></header>
 <trailer><field name="CheckSum" required="Y"/></trailer>
 <messages><message name="Trade" msgtype="U1" msgcat="app">
   <component name="Parties" required="Y"/><field name="Side" required="N"/></message></messages>
 <components><component name="Parties"><group name="NoParties" required="Y">
   <field name="PartyID" required="Y"/><group name="NoSubs" required="N">
     <field name="SubID" required="Y"/></group></group></component></components>
 <fields><field number="8" name="BeginString" type="STRING"/>
  <field number="9" name="BodyLength" type="LENGTH"/>
  <field number="35" name="MsgType" type="STRING"/>
  <field number="10" name="CheckSum" type="STRING"/>
  <field number="54" name="Side" type="CHAR"><value enum="1" description="BUY"/></field>
  <field number="453" name="NoParties" type="NUMINGROUP"/>
  <field number="448" name="PartyID" type="STRING"/>
  <field number="802" name="NoSubs" type="NUMINGROUP"/>
  <field number="523" name="SubID" type="STRING"/></fields>
</fix>"""


def message(text: str) -> FixMessage:
    pairs = (each.split("=", 1) for each in text.split("|"))
    return FixMessage([(int(tag), value.encode()) for tag, value in pairs])


def test_a_small_file_is_read_with_its_nested_groups(tmp_path: Path) -> None:
    path = tmp_path / "small.xml"
    path.write_text(SMALL, encoding="utf-8")
    found = load_dictionary(path)
    assert found.begin_string == b"FIX.4.4"
    section = found.messages[b"U1"]
    assert section.required == (453,)
    assert section.groups[453].section.groups[802].delimiter == 523
    good = "8=FIX.4.4|9=1|35=U1|453=2|448=A|802=1|523=s|448=B|54=1|10=000"
    assert validate(message(good), found, Rules()) is None
    for text, reason, tag in (
        (good.replace("453=2", "453=3"), 16, 453),
        (good.replace("54=1", "54=2"), 5, 54),
        (good.replace("448=A|", ""), 15, 802),
        (good.replace("523=s", "523="), 4, 523),
        (good.replace("|453=2|448=A|802=1|523=s|448=B", ""), 1, 453),
    ):
        fault = validate(message(text), found, Rules())
        assert fault is not None and (fault.reason, fault.tag) == (reason, tag), text


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda text: text.replace("<fix ", '<!DOCTYPE fix [<!ENTITY a "b">]><fix '), "entities"),
        (lambda text: text.replace('"1.0"?', '"1.0" encoding="UTF-7"?'), "UTF-8"),
        (lambda text: text[:-20], "no XML"),
        (lambda text: "<html/>", "the root"),
        (lambda text: text.replace('name="Side" r', 'name="Nope" r'), "Nope is not defined"),
        (lambda text: text.replace('component name="Parties" r', 'component name="No" r'), "No is"),
        (lambda text: text.replace('number="54"', 'number="-54"'), "has the number -54"),
        (lambda text: text.replace(' msgtype="U1"', ""), "without msgtype"),
        (
            lambda text: text.replace(
                '<component name="Parties"><group',
                '<component name="Parties"><component name="Parties" required="Y"/><group',
            ),
            "nested deeper",
        ),
    ],
)
def test_a_file_that_is_broken_or_hostile_is_refused(tmp_path: Path, change, what: str) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(change(SMALL), encoding="utf-8")
    with pytest.raises(DictionaryError, match=what) as told:
        load_dictionary(path)
    assert "bad.xml" in str(told.value)


def test_wide_encodings_large_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.xml"
    path.write_bytes(SMALL.encode("utf-16"))
    with pytest.raises(DictionaryError, match="UTF-8"):
        load_dictionary(path)
    with path.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(DictionaryError, match="at most"):
        load_dictionary(path)
    with pytest.raises(DictionaryError, match="No such file"):
        load_dictionary(tmp_path / "none.xml")


@pytest.mark.skipif(not STANDARD.is_dir(), reason="no dictionaries of quickfix-py here")
@pytest.mark.parametrize("begin_string", VERSIONS)
def test_what_our_table_requires_and_repeats_the_standard_knows(begin_string: bytes) -> None:
    """Ours may be smaller, never other: every field and group stands in the message there too."""
    name = begin_string.decode().replace(".", "")
    if name == "FIXT11":
        standard = load_dictionary(STANDARD / "FIXT11.xml", STANDARD / "FIX50SP2.xml")
    else:
        standard = load_dictionary(STANDARD / f"{name}.xml")
    own = own_dictionary(begin_string)
    assert own.header.all_tags == standard.header.all_tags
    assert set(standard.messages) <= own.standard_types
    for kind, section in own.messages.items():
        rule = standard.messages[kind]
        if kind in {b"0", b"1", b"2", b"4"}:
            assert section.all_tags == rule.all_tags, kind
        assert set(section.required) & set(rule.members) == set(section.required), kind
        same_groups(section.groups, rule.groups)


def same_groups(ours: dict[int, GroupRule], theirs: dict[int, GroupRule]) -> None:
    """The delimiter decides where an entry begins, so it must be theirs."""
    for tag, group in ours.items():
        if tag in theirs and tag not in {146, 534}:  # named by id or by symbol, as one likes
            assert group.delimiter == theirs[tag].delimiter, tag
            same_groups(group.section.groups, theirs[tag].section.groups)


def test_passwords_and_raw_data_are_never_shown() -> None:
    logon = message("8=FIX.4.4|35=A|553=desk|554=hunter2|925=hunter3|95=6|96=s3cret|10=000")
    for text in (repr(logon), masked(logon.fields)):
        assert "hunter" not in text and "s3cret" not in text
        assert "desk" not in text and "553=***|554=***" in text
    assert "\\x07" in masked([(58, b"\x07bell")]) and len(masked([(58, b"x" * 5000)])) < 200


def test_settings_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"begin_string 'FIX\.9\.9'"):
        SessionIdentity("FIX.9.9", "A", "B")
    with pytest.raises(ValueError, match="target_comp_id"):
        SessionIdentity("FIX.4.4", "A", "B\x01C")
    old = SessionIdentity("FIX.4.2", "A", "B")
    for wrong, what in (
        ({"has_next_expected": True}, "789"),
        ({"time_digits": 4}, "time_digits"),
        ({"default_appl_ver_id": "FIX.6"}, "default_appl_ver_id"),
        ({"heartbeat_s": -1}, "heartbeat_s"),
    ):
        with pytest.raises(ValueError, match=what):
            SessionSettings(identity=old, **wrong)


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_times_are_written_and_read_back(digits: int) -> None:
    time_ns = 1_795_255_200_123_456_789
    text = format_time(time_ns, digits)
    assert len(text) == 17 + (digits + 1 if digits else 0)
    unit = 10 ** (9 - digits)
    assert parse_time(text) == time_ns // unit * unit
    for bad in (
        b"20261121",
        b"20261341-10:00:00",
        b"20261121-24:00:00",
        b"20261121-10:00:00.",
        b"",
    ):
        assert parse_time(bad) is None, bad


def test_schedules_by_day_and_by_week_follow_their_zone() -> None:
    daily = Schedule(start_time="08:00:00", end_time="17:30:00", time_zone="America/New_York")
    # 2026-03-08 the clocks go forward: 08:00 is 13:00 UTC before and 12:00 UTC after.
    saturday = parse_time(b"20260307-12:30:00") or 0
    assert not daily.is_open(saturday)
    assert daily.is_open(saturday + DAY_NS) and daily.is_open(saturday + DAY_NS // 24)
    assert not daily.is_same_period(saturday, saturday + DAY_NS)
    weekly = Schedule("17:00:00", "16:00:00", start_day="sunday", end_day="friday")
    friday = parse_time(b"20261120-15:59:59") or 0
    assert weekly.is_open(friday) and not weekly.is_open(friday + 2_000_000_000)
    assert weekly.is_same_period(friday - 4 * DAY_NS, friday)
    assert not weekly.is_same_period(friday - 7 * DAY_NS, friday)
    assert Schedule().is_open(0) and Schedule().is_same_period(0, friday)
    for wrong in (
        {"start_time": "08:00:00"},
        {"start_time": "8", "end_time": "9"},
        {"start_day": "monday"},
    ):
        with pytest.raises(ValueError):
            Schedule(**wrong)

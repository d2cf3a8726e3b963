"""Checks a message against a dictionary and says the first reason to reject it. Pure.

The reasons and their order: FIX 4.4 and FIXT 1.1 session protocol, SessionRejectReason (373). Must
never look at sequence numbers or times of the session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.transport.fix_session.dictionary import Dictionary, FieldRule, Section
from gateway.transport.fix_session.groups import read_group
from gateway.transport.fix_session.message import Field, FixMessage
from gateway.transport.fix_session.reject_reason import RejectReason
from gateway.transport.fix_session.tags import ADMIN_TYPES
from gateway.transport.fix_session.timestamps import parse_time

__all__ = ["MULTIPLE_KINDS", "Fault", "Rules", "validate"]

USER_TAG_MIN: Final = 5000
MULTIPLE_KINDS: Final = frozenset((
    "MULTIPLEVALUESTRING", "MULTIPLESTRINGVALUE", "MULTIPLECHARVALUE",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a message is rejected: 373, and 371 when one field is to blame."""

    reason: RejectReason
    tag: int | None = None

    @property
    def text(self) -> str:
        """What stands in 58."""
        return self.reason.text


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict a session is. Fields from 5000 on are the users' own."""

    accepts_user_fields: bool = False
    accepts_empty_values: bool = False


@dataclass(frozen=True, slots=True)
class _Parts:
    header: Sequence[Field]
    body: Sequence[Field]
    trailer: Sequence[Field]
    misplaced: int | None  # first field of the header or trailer that stands in the wrong part


def validate(message: FixMessage, dictionary: Dictionary, rules: Rules) -> Fault | None:
    """None = good. Fields are judged in the order of the reasons, then of the message."""
    section = dictionary.messages.get(message.message_type)
    if section is None and not dictionary.knows_type(message.message_type):
        return Fault(RejectReason.INVALID_TYPE)
    parts = _split(message.fields, dictionary, section)
    fields = message.fields
    return (
        _unknown_tag(fields, dictionary, rules)
        or _missing(parts, dictionary, section)
        or _foreign_tag(parts, dictionary, section, message.message_type)
        or _empty(fields, rules)
        or (Fault(RejectReason.BAD_FORMAT, message.length_fault) if message.length_fault else None)
        or _bad_value(_outer(fields, section), dictionary)
        or _bad_structure(parts, dictionary, section)
        or _bad_value(_inner(fields, section), dictionary)
    )


def _outer(fields: Sequence[Field], section: Section | None) -> Sequence[Field]:
    """What stands outside of groups: a group is counted before the values in it are judged."""
    inner = section.inner_tags if section is not None else frozenset()
    return [each for each in fields if each[0] not in inner]


def _inner(fields: Sequence[Field], section: Section | None) -> Sequence[Field]:
    inner = section.inner_tags if section is not None else frozenset()
    return [each for each in fields if each[0] in inner]


def _split(fields: Sequence[Field], dictionary: Dictionary, section: Section | None) -> _Parts:
    header, trailer = dictionary.header.all_tags, dictionary.trailer.members
    own = section.all_tags if section else frozenset()
    split: tuple[list[Field], list[Field], list[Field]] = ([], [], [])
    part, misplaced = 0, None
    for each in fields:
        tag = each[0]
        is_own = tag in own and part == 1
        place = 0 if tag in header and not is_own else 2 if tag in trailer else 1
        if place < part and misplaced is None:
            misplaced = tag
        split[place].append(each)
        part = max(part, place)
    return _Parts(*split, misplaced)


def _unknown_tag(fields: Sequence[Field], dictionary: Dictionary, rules: Rules) -> Fault | None:
    for tag, _ in fields:
        if dictionary.knows_tag(tag) or (rules.accepts_user_fields and tag >= USER_TAG_MIN):
            continue
        return Fault(RejectReason.INVALID_TAG, tag)
    return None


def _missing(parts: _Parts, dictionary: Dictionary, section: Section | None) -> Fault | None:
    pairs = [(parts.header, dictionary.header), (parts.trailer, dictionary.trailer)]
    pairs += [(parts.body, section)] if section else []
    for fields, rule in pairs:
        present = {tag for tag, _ in fields}
        for tag in rule.required:
            if tag not in present:
                return Fault(RejectReason.TAG_MISSING, tag)
    for fields, rule in pairs:
        fault = _missing_in_groups(fields, rule)
        if fault:
            return fault
    return None


def _missing_in_groups(fields: Sequence[Field], rule: Section) -> Fault | None:
    for index, (tag, _) in enumerate(fields):
        group = rule.groups.get(tag)
        if group is None:
            continue
        _, entries, fault = read_group(fields, index, group)
        for entry in [] if fault else entries:
            present = {each for each, _ in entry}
            for required in group.section.required:
                if required not in present:
                    return Fault(RejectReason.TAG_MISSING, required)
            inner = _missing_in_groups(entry, group.section)
            if inner:
                return inner
    return None


def _foreign_tag(
    parts: _Parts, dictionary: Dictionary, section: Section | None, message_type: bytes
) -> Fault | None:
    if section is None:
        return None
    own = section.all_tags
    is_strict = dictionary.is_complete or message_type in ADMIN_TYPES
    for tag, _ in parts.body:
        if tag in own or (tag >= USER_TAG_MIN and tag not in dictionary.fields):
            continue
        if is_strict:
            return Fault(RejectReason.FOREIGN_TAG, tag)
    return None


def _empty(fields: Sequence[Field], rules: Rules) -> Fault | None:
    if rules.accepts_empty_values:
        return None
    return next((Fault(RejectReason.EMPTY_VALUE, tag) for tag, value in fields if not value), None)


def _bad_value(fields: Sequence[Field], dictionary: Dictionary) -> Fault | None:
    """Enumerations before formats, as the reasons are numbered."""
    is_old = dictionary.begin_string in {b"FIX.4.0", b"FIX.4.1"}
    format_fault: Fault | None = None
    for tag, value in fields:
        rule = dictionary.fields.get(tag)
        if rule is None or not value:
            continue
        if rule.values is not None and not _is_listed(value, rule):
            return Fault(RejectReason.BAD_VALUE, tag)
        if format_fault is None and not _is_well_formed(value, rule.kind, is_old):
            format_fault = Fault(RejectReason.BAD_FORMAT, tag)
    return format_fault


def _is_listed(value: bytes, rule: FieldRule) -> bool:
    assert rule.values is not None
    if rule.kind in MULTIPLE_KINDS:
        return all(each in rule.values for each in value.split(b" "))
    return value in rule.values


def _bad_structure(parts: _Parts, dictionary: Dictionary, section: Section | None) -> Fault | None:
    group_fault: Fault | None = None
    pairs = [(parts.header, dictionary.header), (parts.trailer, dictionary.trailer)]
    pairs += [(parts.body, section)] if section else []
    for fields, rule in pairs:
        seen: set[int] = set()
        index = 0
        while index < len(fields):
            tag = fields[index][0]
            if tag in seen and (tag in rule.members or dictionary.is_complete):
                return Fault(RejectReason.REPEATED_TAG, tag)
            seen.add(tag)
            group = rule.groups.get(tag)
            if group is None:
                index += 1
                continue
            index, _, fault = read_group(fields, index, group)
            is_cut_short = (
                not dictionary.is_complete
                and index < len(fields)
                and fields[index][0] not in rule.all_tags
            )
            if fault and group_fault is None and not is_cut_short:
                group_fault = Fault(fault.reason, fault.tag)
    if parts.misplaced is not None:
        return Fault(RejectReason.TAG_ORDER, parts.misplaced)
    return group_fault


_INTEGER = re.compile(rb"-?\d{1,18}")
_COUNT = re.compile(rb"\d{1,18}")
_DECIMAL = re.compile(rb"-?(?:\d{1,36}\.?\d{0,36}|\.\d{1,36})")
_DAY = re.compile(rb"\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_MONTH = re.compile(rb"\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]|w[1-5])?")
_CLOCK = re.compile(rb"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,12})?")


def _matches(pattern: re.Pattern[bytes]) -> Callable[[bytes], bool]:
    return lambda value: pattern.fullmatch(value) is not None


_FORMS: Final[Mapping[str, Callable[[bytes], bool]]] = {
    **dict.fromkeys(("INT", "TAGNUM"), _matches(_INTEGER)),
    **dict.fromkeys(("LENGTH", "SEQNUM", "NUMINGROUP"), _matches(_COUNT)),
    **dict.fromkeys(
        ("FLOAT", "QTY", "QUANTITY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE"),
        _matches(_DECIMAL),
    ),
    "CHAR": lambda value: len(value) == 1,
    "BOOLEAN": lambda value: value in {b"Y", b"N"},
    **dict.fromkeys(("UTCTIMESTAMP", "TIME"), lambda value: parse_time(value) is not None),
    **dict.fromkeys(("UTCDATE", "UTCDATEONLY", "LOCALMKTDATE", "DATE"), _matches(_DAY)),
    "UTCTIMEONLY": _matches(_CLOCK),
    "MONTHYEAR": _matches(_MONTH),
    "DAYOFMONTH": lambda value: value.isdigit() and len(value) <= 2 and 1 <= int(value) <= 31,
}


def _is_well_formed(value: bytes, kind: str, is_old: bool) -> bool:
    if is_old and kind == "CHAR":
        return True  # Up to 4.1 a CHAR is a text of any length.
    form = _FORMS.get(kind)
    return form is None or form(value)

"""Builds the dictionaries of our own table, one per version, on first use."""

from __future__ import annotations

import re
from functools import cache

from gateway.transport.fix_session.dictionary import Dictionary, FieldRule, GroupRule, Section
from gateway.transport.fix_session.own_table import (
    ENUMERATIONS,
    KINDS,
    MESSAGES,
    MESSAGES_SINCE,
    STANDARD_TYPES,
    TAG_MAX,
)

__all__ = ["VERSIONS", "own_dictionary"]

VERSIONS = {
    b"FIX.4.0": 40,
    b"FIX.4.1": 41,
    b"FIX.4.2": 42,
    b"FIX.4.3": 43,
    b"FIX.4.4": 44,
    b"FIXT.1.1": 50,
}
_MEMBER = re.compile(r"(\d+)(!?)")
_SPAN = re.compile(r"@(\d\d)(?:-(\d\d))?")


@cache
def own_dictionary(begin_string: bytes) -> Dictionary:
    """The small dictionary of a version; KeyError for one we do not speak."""
    version = VERSIONS[begin_string]
    messages = {
        name.encode(): _section(name, text, version)
        for name, text in MESSAGES.items()
        if name not in {"header", "trailer"} and MESSAGES_SINCE.get(name, 40) <= version
    }
    types = " ".join(text for since, text in STANDARD_TYPES.items() if since <= version)
    return Dictionary(
        begin_string=begin_string,
        fields=_fields(version),
        header=_section("header", MESSAGES["header"], version),
        trailer=_section("trailer", MESSAGES["trailer"], version),
        messages=messages,
        is_complete=False,
        standard_types=frozenset(types.encode().split()),
        standard_tag_max=TAG_MAX[version],
    )


def _fields(version: int) -> dict[int, FieldRule]:
    kinds: dict[int, str] = {}
    for line in KINDS.strip().splitlines():
        kind, _, tags = line.partition(": ")
        for tag in tags.split():
            if "@" not in tag:
                kinds[int(tag)] = kind
    values: dict[int, frozenset[bytes]] = {}
    for line in ENUMERATIONS.strip().splitlines():
        tag, _, words = line.partition(": ")
        known: list[bytes] = []
        for word in words.split():
            if word.startswith("@") and int(word[1:]) > version:
                break
            if not word.startswith("@"):
                known.append(word.encode())
        values[int(tag)] = frozenset(known)
    highest = TAG_MAX[version]
    return {
        tag: FieldRule(tag, str(tag), kind, values.get(tag))
        for tag, kind in kinds.items()
        if tag <= highest
    }


def _section(name: str, text: str, version: int) -> Section:
    section, _ = _parse(name, text, 0, version)
    return section


def _parse(name: str, text: str, position: int, version: int) -> tuple[Section, int]:
    """The members from `position` to the closing bracket."""
    members: dict[int, int] = {}
    required: list[int] = []
    groups: dict[int, GroupRule] = {}
    while position < len(text) and text[position] != ")":
        if text[position] == " ":
            position += 1
            continue
        match = _MEMBER.match(text, position)
        assert match is not None, text[position : position + 20]
        tag, position = int(match[1]), match.end()
        group: GroupRule | None = None
        if position < len(text) and text[position] == "(":
            inside, position = _parse(f"group {tag}", text, position + 1, version)
            group = GroupRule(tag, next(iter(inside.members)), inside)
            position += 1
        span = _SPAN.match(text, position)
        position = span.end() if span else position
        first, last = (int(span[1]), int(span[2] or 99)) if span else (0, 99)
        if not first <= version <= last:
            continue
        members.setdefault(tag, len(members))
        required += [tag] if match[2] and tag not in required else []
        if group is not None:
            groups[tag] = group
    return Section(name, members, tuple(required), groups), position

"""Repeating groups by dictionary: finds the entries of a flat list of fields, and writes bodies in
the order peers compare: ascending, groups behind their count. Must never drop a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.transport.fix_session.dictionary import GroupRule, Section
from gateway.transport.fix_session.message import Field, number_of
from gateway.transport.fix_session.reject_reason import RejectReason

__all__ = ["GroupFault", "ordered", "read_group"]


@dataclass(frozen=True, slots=True)
class GroupFault:
    """Members out of order, or another number of entries than told."""

    reason: RejectReason
    tag: int


def read_group(
    fields: Sequence[Field], start: int, rule: GroupRule
) -> tuple[int, list[list[Field]], GroupFault | None]:
    """The group whose count stands at `start`: (index behind it, entries, first fault)."""
    told = number_of(fields[start][1])
    index, entries, fault = start + 1, list[list[Field]](), None
    members = rule.section.members
    place = -1
    while index < len(fields) and fields[index][0] in members:
        tag = fields[index][0]
        if tag == rule.delimiter:
            entries.append([])
            place = -1
        elif not entries:
            fault = fault or GroupFault(RejectReason.GROUP_ORDER, tag)
            entries.append([])
        elif any(tag == seen for seen, _ in entries[-1]):
            break  # not ours: an entry cannot begin without its delimiter
        if members[tag] < place:
            fault = fault or GroupFault(RejectReason.GROUP_ORDER, tag)
        place = max(place, members[tag])
        entries[-1].append(fields[index])
        inner = rule.section.groups.get(tag)
        if inner is None:
            index += 1
            continue
        end, _, inner_fault = read_group(fields, index, inner)
        entries[-1].extend(fields[index + 1 : end])
        fault, index = fault or inner_fault, end
    if fault is None and told != len(entries):
        fault = GroupFault(RejectReason.GROUP_COUNT, rule.count_tag)
    return index, entries, fault


def ordered(fields: Sequence[Field], section: Section | None) -> list[Field]:
    """A body in ascending order, each group whole behind its count. Without a rule: as it is."""
    if section is None:
        return list(fields)
    tags = {tag for tag, _ in fields}
    if len(tags) == len(fields) and tags.isdisjoint(section.groups):
        return sorted(fields)  # Flat, as most messages are.
    pieces: list[tuple[int, list[Field]]] = []
    index = 0
    while index < len(fields):
        tag = fields[index][0]
        group = section.groups.get(tag)
        end = index + 1
        piece = [fields[index]]
        if group is not None:
            end, entries, fault = read_group(fields, index, group)
            piece = list(fields[index:end]) if fault else [fields[index], *_entries(entries, group)]
        pieces.append((tag, piece))
        index = end
    if len({tag for tag, _ in pieces}) < len(pieces):
        return list(fields)  # Repeated fields: a group for which no rule is known.
    pieces.sort(key=lambda piece: piece[0])
    return [each for _, piece in pieces for each in piece]


def _entries(entries: Sequence[Sequence[Field]], group: GroupRule) -> list[Field]:
    """Every entry in the order of the dictionary."""
    found: list[Field] = []
    places = group.section.members
    for entry in entries:
        pieces: list[tuple[int, list[Field]]] = []
        index = 0
        while index < len(entry):
            inner = group.section.groups.get(entry[index][0])
            end, piece = index + 1, [entry[index]]
            if inner is not None:
                end, inside, _ = read_group(entry, index, inner)
                piece = [entry[index], *_entries(inside, inner)]
            pieces.append((places.get(entry[index][0], len(places)), piece))
            index = end
        pieces.sort(key=lambda piece: piece[0])
        found.extend(each for _, piece in pieces for each in piece)
    return found

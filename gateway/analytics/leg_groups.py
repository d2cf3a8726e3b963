"""Which orders are the legs of which group, from the notes of a journal in their order. A note that
contradicts what stands changes nothing and is named; pure, and knows no order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from gateway.journal.leg_notes import LEGS_MAX, LEGS_MIN, LegNote

__all__ = ["FAULTS_MAX", "LegBook", "LegFault", "LegGroup", "LegMember"]

FAULTS_MAX = 32  # of a group that are kept, the newest


class LegFault(msgspec.Struct, frozen=True):
    """What is wrong with a note or with an order that it names."""

    code: str
    field: str
    value: str
    rule: str
    sequence: int = 0  # of the note
    order_id: int = 0  # 0 = of no order


class LegMember(NamedTuple):
    """One order of a leg. An exit is on the other side of it."""

    order_id: int
    leg: int
    ratio: Decimal
    is_exit: bool
    note: LegNote


class LegGroup:
    """The legs from 1 to `legs`, each with one order or several that share its ratio."""

    def __init__(self, name: str, legs: int) -> None:
        self.name = name
        self.legs = legs
        self.members: dict[int, LegMember] = {}
        self.faults: deque[LegFault] = deque(maxlen=FAULTS_MAX)
        self.sequence = 0  # of its newest note

    def ratio(self, leg: int) -> Decimal | None:
        """None: nothing is named for this leg."""
        return next((each.ratio for each in self.members.values() if each.leg == leg), None)


class LegBook:
    """Every group. An order stays where it was named first until it is taken out there."""

    def __init__(self) -> None:
        self.groups: dict[str, LegGroup] = {}
        self.faults: deque[LegFault] = deque(maxlen=FAULTS_MAX)  # of notes that are of no group
        self._group_of: dict[int, str] = {}

    def take_all(self, notes: Iterable[LegNote]) -> None:
        for note in notes:
            self.take(note)

    def take(self, note: LegNote) -> LegFault | None:
        """What is wrong with a note, which then changes nothing. The same again is no fault."""
        fault = self._free(note) if note.is_free else self._fault(note) or self._add(note)
        if fault is not None:
            group = self.groups.get(note.group)
            (self.faults if group is None else group.faults).append(fault)
        return fault

    def group_of(self, order_id: int) -> str:
        """The name of its group, "" for none."""
        return self._group_of.get(order_id, "")

    def _fault(self, note: LegNote) -> LegFault | None:
        if not note.group:
            rule = "legs NAME LEG/LEGS ORDER RATIO [exit], or legs NAME free ORDER"
            return LegFault(
                "BAD_LEG_NOTE", "subject", note.text, rule, note.sequence, note.order_id
            )
        at, number = note.sequence, f"{note.leg}/{note.legs}"
        if not LEGS_MIN <= note.legs <= LEGS_MAX or not 1 <= note.leg <= note.legs:
            rule = f"from 1 to the number of legs, which is {LEGS_MIN} to {LEGS_MAX}"
            return LegFault("LEG_NUMBER", "leg", number, rule, at, note.order_id)
        if not note.ratio:
            return LegFault("LEG_RATIO", "ratio", f"{note.ratio:f}", "not zero", at, note.order_id)
        group = self.groups.get(note.group)
        if group is None:
            return None
        if group.legs != note.legs:
            return LegFault(
                "LEG_COUNT", "leg", number, f"{note.group} has {group.legs} legs", at, note.order_id
            )
        ratio = group.ratio(note.leg)
        if ratio is not None and ratio != note.ratio:
            rule = f"leg {note.leg} of {note.group} has the ratio {ratio:+f}"
            return LegFault("LEG_RATIO", "ratio", f"{note.ratio:+f}", rule, at, note.order_id)
        return None

    def _add(self, note: LegNote) -> LegFault | None:
        member = LegMember(note.order_id, note.leg, note.ratio, note.is_exit, note)
        name = self.group_of(note.order_id)
        if name:
            before = self.groups[name].members[note.order_id]
            if name == note.group and before[:4] == member[:4]:
                return None
            rule = f"it is leg {before.leg} of {name} until it is taken out there"
            value = str(note.order_id)
            return LegFault(
                "LEG_ORDER_TAKEN", "order_id", value, rule, note.sequence, note.order_id
            )
        group = self.groups.setdefault(note.group, LegGroup(note.group, note.legs))
        group.members[note.order_id] = member
        self._settle(group, note)
        self._group_of[note.order_id] = note.group
        return None

    def _free(self, note: LegNote) -> LegFault | None:
        if self.group_of(note.order_id) != note.group:
            rule = f"{note.group} has no such order"
            value = str(note.order_id)
            return LegFault(
                "LEG_ORDER_UNKNOWN", "order_id", value, rule, note.sequence, note.order_id
            )
        group = self.groups[note.group]
        del group.members[note.order_id], self._group_of[note.order_id]
        self._settle(group, note)
        if not group.members:
            del self.groups[note.group]
        return None

    def _settle(self, group: LegGroup, note: LegNote) -> None:
        """What was said wrongly of the order before is over."""
        group.sequence = note.sequence
        for kept in (group.faults, self.faults):
            others = [each for each in kept if each.order_id != note.order_id]
            if len(others) != len(kept):
                kept.clear()
                kept.extend(others)

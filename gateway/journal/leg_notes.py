"""Notes by which somebody names orders as the legs of one group: what they say and where the
journal has them. Reads records; whether the orders exist is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from gateway.journal import reader
from gateway.journal.beginning import first_kept
from gateway.journal.order_fees import KINDS, OrderFees

__all__ = ["LEGS_MAX", "LEGS_MIN", "NAME_RULE", "LegNote", "LegNoteReader", "is_name", "note_of"]

LEGS_MIN, LEGS_MAX = 2, 8
NAME_RULE = "1 to 24 letters, digits and _ . : - that begin with a letter"
_NAME = "[A-Za-z][A-Za-z0-9_.:-]{0,23}"  # no number: a group of linked orders is called so
_LEG = re.compile(
    rf"legs ({_NAME}) ([0-9]{{1,2}})/([0-9]{{1,2}}) ([1-9][0-9]{{0,18}}) "
    r"([+-]?[0-9]{1,9}(?:\.[0-9]{1,8})?)( exit)?"
)
_FREE = re.compile(rf"legs ({_NAME}) free ([1-9][0-9]{{0,18}})")
_PREFIX = "legs "
_NOTED, _COMMAND = 4, 11  # kind of record, and of operation (core_ext/.../record/)
_READ = KINDS | {_NOTED}
_BATCH = 1024  # records in one piece: larger ones are slower


class LegNote(NamedTuple):
    """`leg` 1 to `legs`; `ratio` above zero is bought and below sold. `is_free` takes the order out
    of the group, and then leg, legs and ratio say nothing. A text that says nothing of this has
    the group ""."""

    group: str
    order_id: int = 0
    leg: int = 0
    legs: int = 0
    ratio: Decimal = Decimal(0)
    is_exit: bool = False
    is_free: bool = False
    text: str = ""
    sequence: int = 0
    time_ns: int = 0
    actor: str = ""

    def subject(self) -> str:
        """The text that note_of reads; at most 78 characters."""
        if self.is_free:
            return f"{_PREFIX}{self.group} free {self.order_id}"
        word = " exit" if self.is_exit else ""
        where = f"{self.group} {self.leg}/{self.legs}"
        return f"{_PREFIX}{where} {self.order_id} {self.ratio:+f}{word}"


def is_name(text: str) -> bool:
    """Whether a group may be called that."""
    return re.fullmatch(_NAME, text) is not None


def note_of(subject: str, sequence: int = 0, time_ns: int = 0, actor: str = "") -> LegNote | None:
    """What a note says of legs; None: it is about something else."""
    if not subject.startswith(_PREFIX):
        return None
    where = {"text": subject, "sequence": sequence, "time_ns": time_ns, "actor": actor}
    if found := _FREE.fullmatch(subject):
        return LegNote(found[1], int(found[2]), is_free=True, **where)  # type: ignore[arg-type]
    found = _LEG.fullmatch(subject)
    if found is None:
        return LegNote("", **where)  # type: ignore[arg-type]
    name, leg, legs, order_id, ratio, word = found.groups()
    numbers = (int(order_id), int(leg), int(legs), Decimal(ratio))
    return LegNote(name, *numbers, bool(word), **where)  # type: ignore[arg-type]


class LegNoteReader:
    """Reads the notes of a journal from its first kept record on, a bounded time at once; `fees` of
    the orders that they name come with them."""

    def __init__(
        self,
        directory: Path,
        ring_directory: str = "",
        open_reader: Callable[[Path, str, int], Any] = reader.open_reader,
    ) -> None:
        self._directory, self._ring_directory = directory, ring_directory
        self._open = open_reader
        self.first = first_kept(directory)  # what was noted before it is not known
        self.sequence = self.first - 1  # of the newest record that was read
        self.fees = OrderFees()
        self.reopen()

    def reopen(self) -> None:
        """Go on from the files as they are now: a start of the gateway made another ring."""
        self._reader = self._open(self._directory, self._ring_directory, self.sequence + 1)

    def read(
        self, is_over: Callable[[], bool] = lambda: False, last: int = reader.FOREVER
    ) -> Iterator[LegNote]:
        """Those up to the record `last`, behind which it is not read on, or to the end of what
        there is now. It leaves off when `is_over`, which is asked behind each batch. RuntimeError:
        damage, behind the last good record."""
        while self.sequence < last and (batch := self._reader.read(_BATCH)):
            yield from self._notes(batch, last)
            self.sequence = batch[-1][0]
            if is_over():
                return

    def _notes(self, batch: Iterable[tuple[int, bytes]], last: int) -> Iterator[LegNote]:
        for sequence, record in batch:
            # The kind's low byte first: this runs for every record of a journal.
            if record[4] not in _READ or record[5] or sequence > last:
                continue
            if record[4] != _NOTED:
                self.fees.take(record)
                continue
            row = reader.decode(record)
            if row["operation"] != _COMMAND:
                continue
            found = note_of(row["subject"], sequence, row["time_ns"], row["operation_actor"])
            if found is not None:
                self.fees.name(found.order_id)
                yield found

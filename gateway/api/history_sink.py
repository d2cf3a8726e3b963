"""What a plugin offers to receive history: every row of every table once, in order, and the mark of
the last one beside them. Blocking calls of one thread in a process of its own; nothing hot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

__all__ = [
    "HistorySink",
    "SinkBatch",
    "SinkColumn",
    "SinkMark",
    "SinkRefused",
    "SinkSchemaMismatch",
    "SinkTable",
    "SinkUnavailable",
    "SinkValue",
]

SinkValue = int | str | bool | Decimal | None


@dataclass(frozen=True, slots=True)
class SinkColumn:
    """`integer` fits 64 bits with a sign, times are integers of nanoseconds; `decimal` is exact,
    of at most 38 digits, 18 of them behind the point."""

    name: str
    kind: Literal["integer", "decimal", "text", "boolean"]


@dataclass(frozen=True, slots=True)
class SinkTable:
    """One table of history; its columns in the order of the rows' values. Never a key: one record
    may leave several rows."""

    name: str
    columns: tuple[SinkColumn, ...]


@dataclass(frozen=True, slots=True)
class SinkMark:
    """A point of one journal. Two marks of one sequence that differ are of different journals."""

    journal: str
    sequence: int  # everything up to this record, and nothing behind it
    time_ns: int
    state_hash: str  # of the engine behind the record


@dataclass(frozen=True, slots=True)
class SinkBatch:
    """The rows of the records behind `after` up to `mark`, tables without one left out."""

    after: SinkMark | None  # None = from the first record
    mark: SinkMark
    rows: Mapping[str, Sequence[tuple[SinkValue, ...]]]


class SinkUnavailable(Exception):
    """Nobody answers, or not now. The caller asks again later: open(), high_water(). What a write
    that ended so became of, the high water says."""


class SinkRefused(Exception):
    """The sink will not take this, now or later. The text says why and holds no secret."""


class SinkSchemaMismatch(SinkRefused):
    """What is there was laid out by another version. Both are named."""


class HistorySink(Protocol):
    """Raises SinkUnavailable or SinkRefused and nothing else that is expected."""

    def open(self, tables: Sequence[SinkTable]) -> None:
        """Reach the place and lay out what is missing. Again after close() or SinkUnavailable.
        SinkSchemaMismatch: the tables there are others."""

    def high_water(self) -> SinkMark | None:
        """The mark of the last batch that is there for good; None = nothing is."""

    def write(self, batch: SinkBatch) -> None:
        """All rows and the mark, or neither, for good when it returns. SinkRefused: the mark that
        is there is not `batch.after`, so another process writes too."""

    def close(self) -> None:
        """Let go of the connection, in whatever state; never fails."""

"""Where a journal's files begin: at its first record, or later when retention deleted segments.
Reads the heads of segment files and says what is missing; never guesses what was in it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.journal import reader

__all__ = ["Beginning", "beginning_of", "first_kept", "first_times"]

_PAGE_BYTES = 4096
_RECORD_HEAD = struct.Struct("<IHBBQQq")  # length, type, version, flags, sequence, cause, time_ns
_NAME_FIELDS = {
    "currency": "code",
    "venue": "name",
    "instrument": "symbol",
    "account": "name",
    "strategy": "name",
    "principal": "name",
}
Row = Mapping[str, Any]


def first_times(directory: Path) -> list[tuple[int, int, Path]]:
    """(sequence, time_ns) of the first record of every segment that holds one, in order."""
    found = []
    for path in sorted(directory.glob("segment-*.journal")):
        with path.open("rb") as file:
            file.seek(_PAGE_BYTES)
            head = file.read(_RECORD_HEAD.size)
        if len(head) < _RECORD_HEAD.size:
            continue
        length, _, _, _, sequence, _, time_ns = _RECORD_HEAD.unpack(head)
        if length:  # zeros: nothing was written yet
            found.append((sequence, time_ns, path))
    return found


def first_kept(directory: Path) -> int:
    """The first record that the files still hold; 1 also when they hold none."""
    starts = first_times(directory)
    return starts[0][0] if starts else 1


class Beginning:
    """What is known where a cut journal begins: `sequence` of its first record, and definitions of
    names as the nearest snapshot, taken at `snapshot_sequence`, has them."""

    def __init__(self, sequence: int, snapshot_sequence: int, definitions: list[Row]) -> None:
        self.sequence = sequence
        self.snapshot_sequence = snapshot_sequence
        self.definitions = definitions


def beginning_of(directory: Path, ring_directory: str = "") -> Beginning:
    """Where to start reading. RuntimeError: records were deleted and no snapshot is left."""
    first = first_kept(directory)
    if first <= 1:
        return Beginning(1, 0, [])
    replica = reader.open_replica(directory, ring_directory, use_snapshot=True)
    return Beginning(first, replica.sequence, _definitions(replica))


def _definitions(replica: Any) -> list[Row]:
    """The registry of a state as records of the same kinds would say it, as far as names and scales
    go."""
    venues = {row["name"]: row["id"] for row in replica.registry("venue")}
    found: list[Row] = []
    for kind, field in _NAME_FIELDS.items():
        for row in replica.registry(kind):
            told = {"kind": f"{kind}_defined", "id": row["id"], field: row["name"]}
            told |= {name: row[name] for name in ("price_scale", "quantity_scale") if name in row}
            if "venue" in row:
                told["venue"] = venues[row["venue"]]
            found.append(told)
    return found

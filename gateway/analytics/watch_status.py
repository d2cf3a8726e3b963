"""RINGDIR/risk_watch.*.json: how a risk watch that acts is doing, for people and for the observer's
metrics. Volatile, replaced as a whole at each look; nothing reads it back into a watch.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

import msgspec

__all__ = ["StatusFile", "WatchStatus", "read_statuses"]

_NAME = "risk_watch.{:08x}.json"
_PATTERN = "risk_watch.????????.json"


class WatchStatus(msgspec.Struct, kw_only=True):
    """`looked_ns` 0 = no look succeeded yet, `lag_records` None = not known."""

    pid: int
    actor: str
    began_ns: int
    looked_ns: int = 0  # wall time of the journal and the marks of the last look that succeeded
    look_ns: int = 0  # how long it took
    looks: int = 0
    sequence: int = 0  # of the journal, at that look
    lag_records: int | None = None  # that the gateway had journaled beyond it
    commands: int = 0  # taken by the gateway
    failures: int = 0
    failed_ns: int = 0
    failure: str = ""  # the last one; stays when it is over
    is_failing: bool = False
    reduced: list[str] = []  # what this watch holds reduced: level:name
    unjudged: int = 0  # limits that say nothing now

    def words(self) -> str:
        """One line for a service manager."""
        if self.is_failing:
            return f"failing: {self.failure}"
        held = f", reduced {' '.join(self.reduced)}" if self.reduced else ""
        return f"at record {self.sequence}, look {self.look_ns // 1_000_000} ms{held}"


class StatusFile:
    """One actor's file."""

    def __init__(self, ring_directory: Path, actor: str) -> None:
        self.path = ring_directory / _NAME.format(zlib.crc32(actor.encode()))

    def write(self, status: WatchStatus) -> None:
        """Does nothing where the ring directory is not there."""
        temporary = self.path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            temporary.write_bytes(msgspec.json.encode(status) + b"\n")
            temporary.replace(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def read_statuses(ring_directory: Path) -> list[WatchStatus]:
    """Of every watch that acts or was killed while it did. What is no status is left out."""
    found = []
    for path in sorted(ring_directory.glob(_PATTERN)):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=WatchStatus))
    return found

"""Where a journal lies and what its files tell without reading a record. Reads names and inode
numbers only; must never open a segment for writing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["JournalPlace"]

RING_FILE = "journal.ring"
SUPERBLOCK_FILE = "superblock"
SEGMENTS_LEFT = 4  # room that a snapshot leaves for the journal


@dataclass(frozen=True, slots=True)
class JournalPlace:
    """A journal directory and the directory of its ring."""

    directory: Path
    ring_directory: Path

    @property
    def archive(self) -> Path:
        """Where the archive of this journal lies unless a setting or an option says otherwise."""
        return self.directory / "history"

    def missing(self) -> str:
        """What is not there yet, in words; "" when the journal can be opened."""
        if not self.directory.is_dir():
            return f"journal directory {self.directory} does not exist yet"
        has_segment = any(self.directory.glob("segment-*"))
        has_ring = (self.ring_directory / RING_FILE).exists()
        if not (has_segment or has_ring or (self.directory / SUPERBLOCK_FILE).exists()):
            return f"journal directory {self.directory} holds no journal yet"
        return ""

    def identity(self) -> tuple[tuple[int, int] | None, ...]:
        """Changes when the directory or the ring is another one than before (not when it grows)."""
        return (_inode(self.directory), _inode(self.ring_directory / RING_FILE))

    def superblock(self) -> bytes:
        """What the journal says of itself, instance and epoch among it; b"" = nothing."""
        try:
            return (self.directory / SUPERBLOCK_FILE).read_bytes()
        except OSError:
            return b""

    def seals_after_snapshot(self) -> int:
        """Number of sealed segments younger than the newest snapshot; all without one."""
        snapshots = self.directory.glob("snapshot-*.state")
        newest_ns = max((path.stat().st_mtime_ns for path in snapshots), default=0)
        seals = self.directory.glob("segment-*.seal")
        return sum(1 for path in seals if path.stat().st_mtime_ns > newest_ns)

    def seals(self) -> int:
        """Seals that were ever made: names count up, also when older ones were deleted."""
        names = (path.stem for path in self.directory.glob("segment-*.seal"))
        numbers = (name.removeprefix("segment-") for name in names)
        return max((int(each) for each in numbers if each.isdecimal()), default=0)

    def has_room_for_snapshot(self) -> bool:
        """One as large as the newest, and the journal can go on beside it for a while."""
        status = os.statvfs(self.directory)
        newest = max(self.directory.glob("snapshot-*.state"), default=None)
        snapshot_bytes = 0 if newest is None else newest.stat().st_size
        segment = max(self.directory.glob("segment-*.journal"), default=None)
        segment_bytes = 0 if segment is None else segment.stat().st_size
        needed = snapshot_bytes + SEGMENTS_LEFT * segment_bytes
        return status.f_bavail * status.f_frsize >= needed


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)

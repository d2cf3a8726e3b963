"""The one place that opens the native replica. Reads files only."""

from __future__ import annotations

from gateway.journal.follow import ReplicaLike
from gateway.journal.place import JournalPlace

__all__ = ["open_native_replica", "open_whole_native_replica"]


def open_native_replica(place: JournalPlace) -> ReplicaLike:
    """Opens a journal at its newest snapshot. Raises RuntimeError with the named cause."""
    from gateway._core.journal import Replica

    return Replica(str(place.directory), str(place.ring_directory))


def open_whole_native_replica(place: JournalPlace) -> ReplicaLike:
    """The same at the first record: what snapshots say is not believed, but worked out again."""
    from gateway._core.journal import Replica

    return Replica(str(place.directory), str(place.ring_directory), False)

"""Door to the journal for programs that only read. Writes no record, never delays the writer."""

from gateway.journal.follow import (
    Follower,
    FollowFault,
    JournalPlace,
    ReplicaLike,
    Row,
    RowReader,
    Step,
)

__all__ = [
    "FollowFault",
    "Follower",
    "JournalPlace",
    "ReplicaLike",
    "Row",
    "RowReader",
    "Step",
]

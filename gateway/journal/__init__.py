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
from gateway.journal.live_files import LiveFiles, Mark

__all__ = [
    "FollowFault",
    "Follower",
    "JournalPlace",
    "LiveFiles",
    "Mark",
    "ReplicaLike",
    "Row",
    "RowReader",
    "Step",
]

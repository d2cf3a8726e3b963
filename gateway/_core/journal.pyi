"""Reading journals without a daemon. Files only; never writes into a live journal."""

from typing import Any

class Reader:
    """Walks a journal directory (sealed segments, open segment, then the live ring when given)."""

    def __init__(
        self, directory: str, ring_directory: str = "", from_sequence: int = 1
    ) -> None: ...
    def read(self, limit: int = 1024) -> list[tuple[int, bytes]]:
        """(sequence, whole record) in order; [] = nothing new right now. RuntimeError, behind the
        last good record: a damaged or missing one, by segment, offset and sequence."""
    @property
    def sequence(self) -> int: ...

class Replica:
    """State + apply without decide: follows a journal in any process."""

    def __init__(
        self,
        directory: str,
        ring_directory: str = "",
        use_snapshot: bool = True,
        snapshot_directory: str = "",
        until: int = 0,
    ) -> None:
        """At the newest snapshot, of both directories, that is not beyond `until` (0 = any)."""
    def follow(self, limit: int = 65536, until: int = 0) -> int:
        """Apply up to `limit` new records and none beyond `until` (0 = no bound); how many: fewer
        at the end. RuntimeError: damage, or records no longer kept; what is before is applied."""
    @property
    def sequence(self) -> int: ...
    def state_hash(self) -> str: ...
    def write_snapshot(self) -> str:
        """Write state + sequence + hash next to the segments; returns the path."""
    def orders(self, open_only: bool = True, limit: int = 10000) -> list[dict[str, Any]]: ...
    def order(self, order_id: int) -> dict[str, Any] | None: ...
    def positions(self) -> list[dict[str, Any]]: ...
    def balances(self) -> list[dict[str, Any]]: ...
    def fix_sessions(self) -> list[dict[str, Any]]: ...
    def limits(self) -> list[dict[str, Any]]: ...
    def trading_states(self) -> list[dict[str, Any]]: ...
    def registry(self, kind: str) -> list[dict[str, Any]]: ...
    outcomes_after: int
    """Records up to this sequence are not counted by take_outcomes()."""
    def take_outcomes(self) -> list[tuple[str, str, str, str, int]]:
        """(strategy, venue, order type, what happened, how often) since the last call. What
        happened: entered, refused, accepted, fills, canceled, expired, rejected, not_sent, filled
        (beside the fill that ended the order), and refused:CODE beside every refused."""
    def orders_of(self, order_ids: list[int], finished_max: int) -> list[dict[str, Any]]:
        """Rows of these orders: every open one, and the first `finished_max` finished ones."""
    def linked_of(self, order_ids: list[int]) -> list[tuple[int, int]]:
        """(head, members it began with) of each group of linked orders that one of these is a
        member of, by head; members have the ids from the head on."""
    def linked(self, ended_max: int) -> list[tuple[int, int]]:
        """The same of every group of which a member is open, and of the newest that ended."""
    def take_fills(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Rows of the newest 1000 fills that are new or revised since the last call, as the
        ledger's of the same name, with venue and client_order_id; realised, arrival_price and
        slippage None."""
    def take_positions(self, is_all: bool = False) -> list[dict[str, Any]]:
        """Rows of the positions that moved since the last call: a record touched them, or the mark
        of their instrument changed or grew older by another five seconds. `is_all`: every row."""
    def take_balances(self, is_all: bool = False) -> list[dict[str, Any]]:
        """Rows of the balances that a record touched since the last call. `is_all`: every row."""
    def set_mark(self, instrument: str, price: str, time_ns: int) -> bool:
        """Value positions at this price from now on. Volatile: no record, no part of the hash.
        False = the journal does not know the instrument yet. ValueError for a bad number."""
    def differing_total(self) -> str:
        """The first running total (reserved, exposure, counts) that is not the sum of its orders
        and positions, in words; "" when all are."""
    def changes(self) -> list[tuple[int, str, Any]]:
        """(sequence, "order"|"fill"|"position"|"balance"|"state", key) touched since the last call,
        each key once, in the order in which they were touched last; fills, positions and balances
        have the key 0."""
    @property
    def has_changes(self) -> bool:
        """changes() would give something."""
    def reopen(self) -> bool:
        """Read on from the files as they are now, from where it stands. False, and nothing is
        changed: they do not hold the record that was applied last."""

def newest_time_ns(directory: str, ring_directory: str = "") -> int:
    """Journal time of the newest record, 0 without one. RuntimeError: not readable."""

def verify(directory: str, ring_directory: str = "") -> dict[str, Any]:
    """Integrity of every file: {ok, records, sequence, segments: [...], faults: [{code, segment,
    offset, sequence, text}]}"""

def decode(record: bytes) -> dict[str, Any]:
    """One record as {sequence, kind, time_ns, cause, ..., payload fields by name}."""

def raise_kill_word(ring_directory: str) -> int:
    """Halt the firm and cancel everything through the engine's own memory: works while the event
    loop is blocked. Returns the word's new value. Raises RuntimeError when no ring is there."""

def rebuild_superblock(directory: str) -> dict[str, Any]:
    """A new superblock from segments and snapshots: {instance, epoch, epoch_found, segments,
    segments_bad, snapshots, records, sequence, was}. RuntimeError: a gateway holds the directory,
    the superblock is whole, or no segment can be read."""

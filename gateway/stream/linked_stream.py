"""Groups of linked orders as a stream: what each member executed, how far the group is and what
stands alone. Made of the replica's order rows; must never guess a member that is not there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.analytics.aggregation import linked_rows
from gateway.journal import ReplicaLike, Row

__all__ = ["ENDED_MAX", "LinkedReader"]

ENDED_MAX = 200  # groups that ended and are shown still
_OPEN = ("working", "partial")
_OF_ALL = ("account", "strategy", "instrument", "venue", "principal", "leg")
_MEMBER = ("client_order_id", "type", "price", "trigger_price", "average_price", "pending")


class LinkedReader:
    """Reads groups in the follower's thread: every one that is open, and the newest that ended."""

    kind = "linked"

    def __init__(self, ended_max: int = ENDED_MAX) -> None:
        self._ended_max = ended_max
        self._ended: OrderedDict[str, None] = OrderedDict()

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        """As of a journal that was opened afresh."""
        self._ended.clear()
        rows = _rows(replica, replica.linked(self._ended_max))
        for key, row in sorted(rows.items(), key=lambda each: int(each[1]["sequence"])):
            self._note(key, row)
        for key in self._too_many():
            del rows[key]
        return dict(rows)

    def read_changed(self, replica: ReplicaLike, keys: Sequence[Any]) -> dict[str, Row | None]:
        """Of the orders that changed; None for what ended too long ago."""
        changed: dict[str, Row | None] = {}
        for key, row in _rows(replica, replica.linked_of([int(key) for key in keys])).items():
            self._note(key, row)
            changed[key] = row
        changed.update(dict.fromkeys(self._too_many()))
        return changed

    def _note(self, key: str, row: Row) -> None:
        self._ended.pop(key, None)
        if row["state"] not in _OPEN:
            self._ended[key] = None

    def _too_many(self) -> list[str]:
        count = max(len(self._ended) - self._ended_max, 0)
        return [self._ended.popitem(last=False)[0] for _ in range(count)]


def _rows(replica: ReplicaLike, groups: Iterable[tuple[int, int]]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for head, count in groups:
        ids = list(range(head, head + count))
        members = [row for row in replica.orders_of(ids, count) if row["linked_to"] == str(head)]
        for row in linked_rows(members):
            rows[row["linked_to"]] = _told(row, members, count)
    return rows


def _told(row: dict[str, Any], members: Sequence[Row], count: int) -> Row:
    """With whose it is, and how many of its members are remembered."""
    orders = {member["order_id"]: member for member in members}
    legs = [
        {**leg, **{name: orders[leg["order_id"]][name] for name in _MEMBER}}
        for leg in row["members"]
    ]
    return {
        **row,
        **{name: members[0][name] for name in _OF_ALL},
        "members": legs,
        "members_forgotten": count - len(members),
        "updated_ns": max(member["updated_ns"] for member in members),
        "sequence": max(member["sequence"] for member in members),
    }

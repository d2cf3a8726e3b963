"""Fills as a stream: the newest ones, as the journal told them, and what the books say of each.
Must never guess: what is not known is None."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.journal import ReplicaLike, Row

__all__ = ["FILLS_MAX", "FillReader", "FillTail", "fill_key"]

FILLS_PER_CALL = 128  # half a millisecond of the interpreter
FILLS_MAX = 1000  # as many as the native followers hold for a look back
_BOOKED = ("realised", "arrival_price", "slippage")


def fill_key(row: Row) -> str:
    return str(row["sequence"])


class FillReader:
    """Reads fill rows in the follower's thread."""

    kind = "fill"

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        """A few at a time: others work meanwhile."""
        rows: dict[str, Row] = {}
        while found := replica.take_fills(FILLS_PER_CALL):
            rows.update((fill_key(row), row) for row in found)
        return rows

    def read_changed(self, replica: ReplicaLike, _: Sequence[Any]) -> dict[str, Row | None]:
        return dict(self.read_all(replica))


class FillTail:
    """The newest fills, from two followers that go their own ways: the view's tells of a fill, the
    books add what it earned, whoever comes first. Event-loop thread only."""

    def __init__(self, fills_max: int = FILLS_MAX) -> None:
        self._fills_max = fills_max
        self._newest = 0  # that the view has told
        self._booked: OrderedDict[str, Row] = OrderedDict()

    def reset(self, rows: Mapping[str, Row], sequence: int) -> None:
        """The view was opened at `sequence`: older fills are told by the books alone."""
        self._newest = max((row["sequence"] for row in rows.values()), default=sequence)
        self._booked.clear()

    def followed(
        self, shown: Mapping[str, Row], changed: Mapping[str, Row | None]
    ) -> dict[str, Row | None]:
        """Rows of the view's follower, with what the books have said of them already."""
        rows: dict[str, Row | None] = {}
        for key, row in changed.items():
            if row is not None:
                self._newest = max(self._newest, row["sequence"])
                rows[key] = _with_books(row, self._booked.get(key))
        return self._bounded(shown, rows)

    def booked(
        self, shown: Mapping[str, Row], told: Iterable[Row], venues: Mapping[str, str]
    ) -> dict[str, Row | None]:
        """What the books' rows add, and the fills from before the view's snapshot."""
        rows: dict[str, Row | None] = {}
        for row in told:
            key = fill_key(row)
            self._booked[key] = row
            before = shown.get(key)
            if before is not None:
                rows[key] = _with_books(before, row)
            elif row["sequence"] <= self._newest:
                rows[key] = {
                    **row,
                    "venue": venues.get(row["instrument"]),
                    "client_order_id": None,
                }
        while len(self._booked) > 2 * self._fills_max:
            self._booked.popitem(last=False)
        return self._bounded(shown, rows)

    def _bounded(
        self, shown: Mapping[str, Row], changed: dict[str, Row | None]
    ) -> dict[str, Row | None]:
        """The changes that stay among the newest, and the removal of those that do not."""
        if not changed:
            return changed
        keys = {*shown, *changed}
        for key in sorted(keys, key=int)[: max(0, len(keys) - self._fills_max)]:
            changed.pop(key, None)
            if key in shown:
                changed[key] = None
        return changed


def _with_books(row: Row, booked: Row | None) -> Row:
    """A fill and its books speak of the same thing only at the same revision."""
    if booked is None or booked["revision"] != row["revision"]:
        return row
    return {**row, **{name: booked[name] for name in _BOOKED}}

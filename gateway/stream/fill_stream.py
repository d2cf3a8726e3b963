"""Fills as a stream: the newest ones, as the journal told them, and what the books say of each.
Must never guess: what is not known is None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.journal import ReplicaLike, Row

__all__ = ["FILLS_MAX", "FillReader", "booked_fills", "bounded_fills", "fill_key"]

FILLS_MAX = 1000  # as many as the native followers hold for a look back
_BOOKED = ("realised", "arrival_price", "slippage")


def fill_key(row: Row) -> str:
    return str(row["sequence"])


class FillReader:
    """Reads fill rows in the follower's thread."""

    kind = "fill"

    def __init__(self) -> None:
        self._venues: dict[str, str] = {}

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        return {fill_key(row): self._whole(replica, row) for row in replica.take_fills()}

    def read_changed(self, replica: ReplicaLike, _: Sequence[Any]) -> dict[str, Row | None]:
        return dict(self.read_all(replica))

    def _whole(self, replica: ReplicaLike, row: dict[str, Any]) -> Row:
        order_id = row["order_id"]
        order = None if order_id is None else replica.order(int(order_id))
        name = row["instrument"]
        if order is not None:
            venue, client_id = order["venue"], order["client_order_id"]
            self._venues[name] = venue
        else:
            venue, client_id = self._venue_of(replica, name), None
        return {**row, "venue": venue, "client_order_id": client_id}

    def _venue_of(self, replica: ReplicaLike, instrument: str) -> str | None:
        if instrument not in self._venues:
            rows = replica.registry("instrument")
            self._venues = {each["name"]: each["venue"] for each in rows}
        return self._venues.get(instrument)


def booked_fills(
    shown: Mapping[str, Row], booked: Iterable[Row], venues: Mapping[str, str]
) -> dict[str, Row | None]:
    """What the ledger's rows add to the fills that are shown: profit and slippage of each, and the
    fills from before the follower's snapshot."""
    changed: dict[str, Row | None] = {}
    for row in booked:
        key = fill_key(row)
        before = shown.get(key)
        if before is None:
            venue = venues.get(row["instrument"])
            changed[key] = {**row, "venue": venue, "client_order_id": None}
        else:
            changed[key] = {**before, **{name: row[name] for name in _BOOKED}}
    return bounded_fills(shown, changed)


def bounded_fills(
    shown: Mapping[str, Row], changed: Mapping[str, Row | None], fills_max: int = FILLS_MAX
) -> dict[str, Row | None]:
    """The changes that stay among the newest, and the removal of those that do not."""
    keys = {*shown, *changed}
    oldest = sorted(keys, key=int)[: max(0, len(keys) - fills_max)]
    bounded = dict(changed)
    for key in oldest:
        bounded.pop(key, None)
        if key in shown:
            bounded[key] = None
    return bounded

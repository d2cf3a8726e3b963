"""Positions and balances as streams. Numbers stay the decimal text of the replica; nothing is
computed from them here. What only the books know of a position is added by the view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gateway.journal import ReplicaLike, Row
from gateway.stream.carry_stream import NO_CARRY
from gateway.stream.channels import key_of

__all__ = ["BalanceReader", "PositionReader"]


class PositionReader:
    """Reads what moved: by a record, by a mark, or because a mark grew old."""

    kind = "position"

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        return dict(_told(replica.take_positions(is_all=True)))

    def read_changed(self, replica: ReplicaLike, _: Sequence[Any]) -> dict[str, Row | None]:
        return dict(_told(replica.take_positions()))


def _told(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[str, Row]]:
    """Keys and rows; what carry makes of them the books know."""
    for row in rows:
        yield key_of("positions", row), {**row, **NO_CARRY}


class BalanceReader:
    """Reads what moved."""

    kind = "balance"

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        return {key_of("balances", row): row for row in replica.take_balances(is_all=True)}

    def read_changed(self, replica: ReplicaLike, _: Sequence[Any]) -> dict[str, Row | None]:
        return {key_of("balances", row): row for row in replica.take_balances()}

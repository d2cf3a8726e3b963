"""Positions and balances as streams. Numbers stay the decimal text of the replica; nothing is
computed from them here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.journal import ReplicaLike, Row
from gateway.stream.channels import key_of

__all__ = ["BalanceReader", "PositionReader"]


class PositionReader:
    """Reads what moved: by a record, by a mark, or because a mark grew old."""

    kind = "position"

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        return {key_of("positions", row): row for row in replica.take_positions(is_all=True)}

    def read_changed(self, replica: ReplicaLike, _: Sequence[Any]) -> dict[str, Row | None]:
        return {key_of("positions", row): row for row in replica.take_positions()}


class BalanceReader:
    """Reads what moved."""

    kind = "balance"

    def read_all(self, replica: ReplicaLike) -> dict[str, Row]:
        return {key_of("balances", row): row for row in replica.take_balances(is_all=True)}

    def read_changed(self, replica: ReplicaLike, _: Sequence[Any]) -> dict[str, Row | None]:
        return {key_of("balances", row): row for row in replica.take_balances()}

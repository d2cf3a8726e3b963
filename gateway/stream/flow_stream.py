"""What each strategy sent to each venue and what became of it, in columns of ten seconds: counts
from the journal's outcomes, bought and sold from the fills. Must never guess: a fill that came
too fast to be shown is counted and has no volume."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from gateway.analytics.exposure import Contract, worth_of
from gateway.api.decimal_text import plain_text
from gateway.journal import Row
from gateway.stream.channels import key_of

__all__ = ["COLUMN_NS", "REFUSED", "FlowColumns", "Outcomes"]

COLUMN_NS = 10_000_000_000
COLUMNS_MAX = 90  # a quarter of an hour
COUNTS = ("entered", "refused", "accepted", "fills", "filled", "canceled", "expired", "rejected")
REFUSED = "refused:"
_EXACT = Context(prec=100)

# (strategy, venue, order type, what happened) -> count, only ever rising
Outcomes = Mapping[tuple[str, str, str, str], int]
Place = tuple[str, str]  # strategy, venue


@dataclass(slots=True)
class _Flow:
    """One strategy at one venue in one column."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    refusals: dict[str, int] = field(default_factory=dict)
    volume: dict[str, dict[str, Decimal]] = field(default_factory=dict)  # by currency
    liquidity: dict[str, int] = field(default_factory=dict)

    def count(self, word: str, count: int) -> None:
        if word.startswith(REFUSED):
            code = word.removeprefix(REFUSED)
            self.refusals[code] = self.refusals.get(code, 0) + count
        elif word in self.counts:
            self.counts[word] += count

    def trade(self, row: Row, contract: Contract) -> None:
        side = "bought" if row["side"] == "buy" else "sold"
        sums = self.volume.setdefault(contract.currency, {"bought": Decimal(0), "sold": Decimal(0)})
        sums[side] = _EXACT.add(sums[side], worth_of({**row, "mark": row["price"]}, contract))
        word = row["liquidity"] or "unknown"
        self.liquidity[word] = self.liquidity.get(word, 0) + 1


class FlowColumns:
    """Makes rows of what changed since the last look. Event-loop thread only."""

    def __init__(self, columns_max: int = COLUMNS_MAX) -> None:
        self._columns_max = columns_max
        self._columns: deque[tuple[int, dict[Place, _Flow]]] = deque()
        self._before: dict[tuple[str, str, str, str], int] = {}
        self._newest_fill: tuple[int, int] | None = None  # the journal's opening, its sequence

    def take(
        self,
        outcomes: Outcomes,
        fills: Iterable[Row],
        contracts: Mapping[str, Contract],
        opened: int,
        time_ns: int,
    ) -> dict[str, Row | None]:
        """Rows of the column of now that moved, and None for those that are too old. `fills` are
        the newest ones shown; those there at the first look are history, and so are those of
        another opening of the journal."""
        moved: dict[Place, _Flow] = {}
        changed = self._turn(time_ns // COLUMN_NS * COLUMN_NS)
        for key, count in outcomes.items():
            since = count - self._before.get(key, 0)
            if since > 0:
                self._at(key[0], key[1], moved).count(key[3], since)
        self._before = dict(outcomes)
        for row in self._new_fills(fills, opened):
            contract = contracts.get(row["instrument"])
            if contract is not None and row["order_id"] is not None:
                self._at(row["strategy"], row["venue"], moved).trade(row, contract)
        start_ns, _ = self._columns[-1]
        rows = [_row(place, start_ns, flow) for place, flow in moved.items()]
        changed.update((key_of("flow", row), row) for row in rows)
        return changed

    def _turn(self, start_ns: int) -> dict[str, Row | None]:
        """A new column when its time has come; a clock set back adds to the newest one."""
        gone: dict[str, Row | None] = {}
        if not self._columns or start_ns > self._columns[-1][0]:
            self._columns.append((start_ns, {}))
        oldest_ns = self._columns[-1][0] - (self._columns_max - 1) * COLUMN_NS
        while self._columns[0][0] < oldest_ns:
            then_ns, flows = self._columns.popleft()
            gone.update((key_of("flow", _row(place, then_ns, _Flow())), None) for place in flows)
        return gone

    def _at(self, strategy: str, venue: str, moved: dict[Place, _Flow]) -> _Flow:
        place = (strategy, venue)
        moved[place] = self._columns[-1][1].setdefault(place, _Flow())
        return moved[place]

    def _new_fills(self, fills: Iterable[Row], opened: int) -> list[Row]:
        before = self._newest_fill
        held = list(fills)
        self._newest_fill = (opened, max((row["sequence"] for row in held), default=0))
        if before is None or before[0] != opened:
            return []
        return [row for row in held if row["sequence"] > before[1]]


def _row(place: Place, time_ns: int, flow: _Flow) -> dict[str, Any]:
    return {
        "strategy": place[0],
        "venue": place[1],
        "time_ns": time_ns,
        **flow.counts,
        "refusals": dict(flow.refusals),
        "volume": {
            currency: {side: plain_text(amount) for side, amount in sums.items()}
            for currency, sums in flow.volume.items()
        },
        "liquidity": dict(flow.liquidity),
    }

"""Watches margin ratios: ok, warning, call, liquidation, with hysteresis, from our own estimate.
Its advice is a body for `PUT /v1/measures`; it must never send one itself.

Time comes in as an argument; the same rows in the same order give the same changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, NamedTuple

from gateway.valuation.margin import CALL_RATIO, WARNING_RATIO

__all__ = ["STATES", "MarginChange", "MarginWatch", "Thresholds", "headroom_command"]

Row = Mapping[str, Any]

STATES = ("ok", "warning", "call", "liquidation")
_EXACT = Context(prec=100)
_HEADROOM_STEP = Decimal("0.0001")  # the scale of the gate


class Thresholds(NamedTuple):
    """Ratios at which a state begins. A state ends `clear` below where it began."""

    warning: Decimal = WARNING_RATIO
    call: Decimal = CALL_RATIO
    clear: Decimal = Decimal("0.05")

    def check(self) -> None:
        if not 0 < self.clear < self.warning < self.call < 1:
            raise ValueError("0 < clear < warning < call < 1 must hold")


class MarginChange(NamedTuple):
    """An account in one currency went from one state to another."""

    time_ns: int
    account: str
    venue: str
    currency: str
    before: str
    after: str
    ratio: str | None


class MarginWatch:
    """The states of all accounts. One thread; no clock of its own."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self._thresholds = thresholds or Thresholds()
        self._thresholds.check()
        self._states: dict[tuple[str, str], str] = {}

    def step(self, accounts: Iterable[Row], time_ns: int) -> list[MarginChange]:
        """Take over the account rows of one moment; an account that is gone is ok again."""
        changes, seen = [], set()
        for row in accounts:
            key = (row["account"], row["currency"])
            seen.add(key)
            before = self._states.get(key, "ok")
            changes += self._move(row, before, self._next(before, row), time_ns)
        for key in [key for key in self._states if key not in seen]:
            gone = {"account": key[0], "venue": "", "currency": key[1], "ratio": None}
            changes += self._move(gone, self._states[key], "ok", time_ns)
        return changes

    def restore(self, account: str, currency: str, state: str) -> None:
        """Take over a state that an earlier watch reached, so that its hysteresis goes on."""
        if state in STATES[1:]:
            self._states[account, currency] = state

    def states(self) -> dict[tuple[str, str], str]:
        """Account and currency -> state, of all that are not ok."""
        return dict(self._states)

    def rows(self, accounts: Iterable[Row]) -> list[dict[str, Any]]:
        """The account rows with the state this watch gives them. Where something is left out and
        no state was reached it is `unknown`, never `ok`."""
        return [{**row, "state": self._shown(row)} for row in accounts]

    def _shown(self, row: Row) -> str:
        state = self._states.get((row["account"], row["currency"]), "ok")
        return "unknown" if state == "ok" and row["excluded"] else state

    def _next(self, before: str, row: Row) -> str:
        """What is left out may be what raised the state: such a row can raise it, never clear
        it."""
        if not row["excluded"]:
            return self._judged(before, row, row["ratio"])
        if not row["is_balance_known"]:
            return before  # no equity is known: it proves nothing
        is_partial = row["equity"] is None
        after = self._judged(before, row, row["partial_ratio" if is_partial else "ratio"])
        return max(before, after, key=STATES.index)

    def _judged(self, before: str, row: Row, text: str | None) -> str:
        if text is None:
            return "liquidation" if Decimal(row["maintenance"]) > 0 else "ok"
        ratio = Decimal(text)
        begins = {
            "liquidation": Decimal(1),
            "call": self._thresholds.call,
            "warning": self._thresholds.warning,
        }
        for state, limit in begins.items():
            held = STATES.index(before) >= STATES.index(state)
            if ratio >= (limit - self._thresholds.clear if held else limit):
                return state
        return "ok"

    def _move(self, row: Row, before: str, after: str, time_ns: int) -> list[MarginChange]:
        key = (row["account"], row["currency"])
        if after == "ok":
            self._states.pop(key, None)
        else:
            self._states[key] = after
        if before == after:
            return []
        names = (row["account"], row["venue"], row["currency"])
        return [MarginChange(time_ns, *names, before, after, row["ratio"])]


def headroom_command(
    accounts: Iterable[Row], account: str, rates: Mapping[str, str], actor: str
) -> dict[str, Any]:
    """Free margin of an account as the body of `PUT /v1/measures`, in the reporting currency.

    `rates`: what one unit of a currency is worth in it. Never more than is known: what is excluded,
    or has no rate, makes the headroom nothing at most, so that nothing opens on a guess. Each
    currency has its own equity: what one lacks the others do not give. An account that holds
    nothing needs its row too (`margin_accounts` of `margin_rows`). Judged by the guard
    `margin_bps`.
    """
    parts, is_known = [], False
    for row in accounts:
        if row["account"] != account:
            continue
        is_known = True
        rate = rates.get(row["currency"])
        if row["headroom"] is not None and rate is not None:
            parts.append(_EXACT.multiply(Decimal(row["headroom"]), Decimal(rate)))
        if row["excluded"] or row["headroom"] is None or rate is None:
            is_known = False
            break
    total = _free(parts)
    if not is_known:
        total = min(total, Decimal(0))
    text = format(total.quantize(_HEADROOM_STEP, ROUND_FLOOR, _EXACT), "f")
    fields = {"margin_headroom": text}
    return {"level": "account", "name": account, "fields": fields, "actor": actor}


def _free(parts: Iterable[Decimal]) -> Decimal:
    total, least = Decimal(0), Decimal(0)
    for part in parts:
        total, least = _EXACT.add(total, part), min(least, part)
    return min(total, least) if least < 0 else total

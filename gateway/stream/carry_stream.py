"""What carrying a position costs, as the books and the venues tell it: its all-in break-even, its
next funding payment and where that moves the break-even. What nobody tells is null, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from gateway.journal import Row
from gateway.ledger.break_even import break_even_after
from gateway.ledger.funding import Contract, Quoted, forecast_rows
from gateway.stream.channels import key_of

__all__ = ["NO_CARRY", "carry_rows"]

NO_CARRY: Mapping[str, None] = dict.fromkeys(
    ("break_even", "break_even_after_next_funding", "next_funding", "next_funding_ns")
)


def carry_rows(
    held: Iterable[Row],
    instruments: Mapping[str, Row],
    mark_row: Callable[[str], Row | None],
    now_ns: int,
    mark_age_ms_max: int,
) -> Mapping[str, Row]:
    """What is added to each open position, under its key, with the quantity that it is true of.
    `held`: positions of the ledger; those of a stopped book are left out. `mark_row`: of the
    channel `marks`. Payments are those of `gateway ledger carry`."""
    open_rows = {
        key_of("positions", row): row
        for row in held
        if row["quantity"] != "0" and not row["is_stopped"] and row["instrument"] in instruments
    }
    quoted = {
        name: _quoted(mark_row(name), now_ns, mark_age_ms_max)
        for name in {row["instrument"] for row in open_rows.values()}
    }
    carried: dict[str, dict[str, Any]] = {
        key: {**NO_CARRY, "quantity": row["quantity"], "break_even": row["break_even"]}
        for key, row in open_rows.items()
    }
    for due in forecast_rows(open_rows.values(), instruments, quoted, {}, now_ns):
        if due["amount"] is not None:
            key, rules = key_of("positions", due), instruments[due["instrument"]]
            contract = Contract(Decimal(rules["multiplier"]), rules["kind"] == "inverse")
            after = break_even_after(open_rows[key], contract, Decimal(due["amount"]))
            carried[key] |= {
                "break_even_after_next_funding": after,
                "next_funding": due["amount"],
                "next_funding_ns": due["next_ns"],
            }
    return carried


def _quoted(told: Row | None, now_ns: int, mark_age_ms_max: int) -> Quoted:
    """A mark that is old is none, and a payment that is due already is not the next one."""
    if told is None or told["funding_rate"] is None or (told["next_funding_ns"] or 0) <= now_ns:
        return Quoted(None, None, 0)
    age_ms = (now_ns - told["time_ns"]) // 1_000_000
    is_fresh = told["price"] is not None and age_ms <= mark_age_ms_max
    mark = Decimal(told["price"]) if is_fresh else None
    return Quoted(mark, Decimal(told["funding_rate"]), told["next_funding_ns"])

"""Where one more payment moves the all-in break-even of a derivative. Exact until the last step,
which rounds as the native ledger does; core_ext ledger/break_even.hpp tells the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from gateway.api.decimal_text import plain_text
from gateway.ledger.funding import Contract

__all__ = ["break_even_after"]

_EXACT = Context(prec=120)
_PRICE = Decimal(1).scaleb(-12)  # as the ledger tells prices
_ONE = Decimal(1)


def break_even_after(row: Mapping[str, Any], contract: Contract, received: Decimal) -> str | None:
    """`row`: a position of the ledger, no spot one; `received`: in its currency, paid is negative.
    Price at which closing then leaves nothing; None: flat, or no price above zero does it."""
    contracts = _EXACT.multiply(Decimal(row["quantity"]), contract.multiplier)
    worth = received.copy_negate()  # that pays for everything but the exit fee
    for name in ("cost", "fees"):
        worth = _EXACT.add(worth, Decimal(row[name]))
    for name in ("realised", "funding", "interest"):
        worth = _EXACT.subtract(worth, Decimal(row[name]))
    # A worth that is received pays the fee out of itself; one that is owed costs it on top.
    is_received = (contracts > 0) != contract.is_inverse
    rate = Decimal(row["exit_fee_rate"])
    kept = _EXACT.subtract(_ONE, rate) if is_received else _EXACT.add(_ONE, rate)
    if contract.is_inverse:
        over, under = _EXACT.multiply(contracts, kept), worth.copy_negate()
    else:
        over, under = worth, _EXACT.multiply(contracts, kept)
    if not under:
        return None
    price = _EXACT.divide(over, under).quantize(_PRICE, ROUND_HALF_EVEN, _EXACT)
    return plain_text(price) if price > 0 else None

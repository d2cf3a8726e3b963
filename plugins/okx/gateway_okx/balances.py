"""Balances of OKX with what lies in isolated positions, and in which currencies that cannot be told
and why. Pure; must never guess at what no document says."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Final

from gateway.api import BalanceReport
from gateway_okx.rows import BalanceRow, Holding, PositionRow
from gateway_okx.translate import money, number

__all__ = ["balance_reports", "doubts_of", "has_isolated"]

_EXACT: Final = Context(prec=80)
_DOUBLE_ERROR: Final = _EXACT.power(Decimal("0.5"), 50)  # eight last bits, relative
_COLLATERALISED: Final = frozenset(("SWAP", "FUTURES"))


def balance_reports(
    account: str, row: BalanceRow, held: Iterable[PositionRow] = ()
) -> list[BalanceReport]:
    """What was realised: cash and what lies in isolated positions, without the profit of open
    ones. `held`: all positions, for what `isoEq` counts beside swaps and futures."""
    held = list(held)
    doubts = doubts_of(held)
    return [
        _balance(account, each, doubts.get(each.currency, doubts.get("", "")), held)
        for each in row.details
    ]


def has_isolated(holding: Holding) -> bool:
    return holding.isolated_equity not in ("", "0")


def doubts_of(rows: Iterable[PositionRow]) -> dict[str, str]:
    """Currency -> why its balance cannot be told as it is; under "" of every currency. That of an
    isolated position of spot on margin (what it bought and owes is in no `cashBal`, and whether
    its size holds its margin depends on an upgrade of the account: Introduction to the isolated
    mode, 2025-02-17) or of an option (no document says what of its premium is in `isoEq`)."""
    others: dict[str, list[str]] = {}
    for row in rows:
        if row.mode != "isolated" or row.size in ("", "0") or row.kind in _COLLATERALISED:
            continue
        touched = {row.currency, *(row.symbol.split("-") if row.kind == "MARGIN" else ())}
        for currency in {""} if "" in touched else touched:
            others.setdefault(currency, []).append(f"{row.kind} {row.symbol}"[:60])
    return {
        currency: f"isolated position of {min(names)} ({len(names)} in all)"
        for currency, names in others.items()
    }


def _in_contracts(currency: str, held: Iterable[PositionRow]) -> Decimal:
    """What lies in isolated swaps and futures of a margin currency."""
    return sum(
        (
            Decimal(number(row.margin, "margin"))
            for row in held
            if row.mode == "isolated"
            and row.kind in _COLLATERALISED
            and row.currency == currency
            and row.margin
        ),
        Decimal(0),
    )


def _balance(
    account: str, holding: Holding, doubt: str, held: Iterable[PositionRow]
) -> BalanceReport:
    """OKX subtracts and adds in doubles: `isoEq` and `isoUpl` are off by some of their last bits,
    seen in answers as 60.383333333333326 of 60.00333... + 0.38. In doubt the total is the cash and
    what lies in swaps and futures, which their own rows say."""
    cash = number(holding.cash or "0", "cashBal")
    if doubt:
        total = _EXACT.add(Decimal(cash), _in_contracts(holding.currency, held))
        return BalanceReport(
            account=account, currency=holding.currency, total=money(total), doubt=doubt
        )
    if not has_isolated(holding):
        return BalanceReport(account=account, currency=holding.currency, total=cash)
    equity = Decimal(number(holding.isolated_equity, "isoEq"))
    profit = Decimal(number(holding.isolated_profit or "0", "isoUpl"))
    total = _EXACT.add(Decimal(cash), _EXACT.subtract(equity, profit))
    bits = _EXACT.multiply(max(abs(equity), abs(profit)), _DOUBLE_ERROR)
    return BalanceReport(
        account=account,
        currency=holding.currency,
        total=money(total),
        uncertainty=format(bits, "f"),
    )

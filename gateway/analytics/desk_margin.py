"""Margin of a desk as everybody shows it and the watch acts on it: the schedules of its venues, and
portfolio margin where an account is under it. Pure; must stay the one place that joins the two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from gateway.analytics.greek_book import GreekInput
from gateway.analytics.portfolio_margin import portfolio_rows, with_portfolio
from gateway.valuation.brackets import Brackets
from gateway.valuation.margin import margin_rows

__all__ = ["DeskMargin", "account_margin"]

Row = Mapping[str, Any]


class DeskMargin(NamedTuple):
    """Rows of margin_rows, accounts under a portfolio rule by that; `portfolio`: what it said."""

    accounts: list[dict[str, Any]]
    positions: list[dict[str, Any]]
    portfolio: list[dict[str, Any]]


def account_margin(
    given: GreekInput,
    balances: Iterable[Row],
    orders: Iterable[Row],
    brackets: Brackets,
    *,
    collateral: Mapping[tuple[str, str, str], str] | None = None,
    margin_accounts: Collection[str] = (),
) -> DeskMargin:
    """As margin_rows, with the positions, marks, options and ages of `given`."""
    found = margin_rows(
        given.positions,
        balances,
        given.instruments,
        brackets,
        given.marks,
        orders=orders,
        collateral=collateral,
        margin_accounts=margin_accounts,
        age_ms_max=given.age_ms_max,
        options=given.options,
        now_ns=given.now_ns,
    )
    if not given.options.settings.accounts:
        return DeskMargin(found.accounts, found.positions, [])
    portfolio = portfolio_rows(given)
    return DeskMargin(with_portfolio(found.accounts, portfolio), found.positions, portfolio)

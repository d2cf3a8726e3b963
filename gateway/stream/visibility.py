"""Who may see a row, one rule for each sort of channel. A sum over things that somebody may not all
see is not shown to him: nothing here may leak by adding up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.journal import Row

__all__ = [
    "Reach",
    "Rule",
    "sees_account",
    "sees_exposure",
    "sees_flow",
    "sees_greeks",
    "sees_latency",
    "sees_linked",
    "sees_profit",
    "sees_public",
    "sees_state",
    "sees_trading",
]

Names = frozenset[str] | None


class Reach(Protocol):
    """Names that a reader may see; None = all of them."""

    @property
    def accounts(self) -> Names: ...
    @property
    def strategies(self) -> Names: ...
    @property
    def instruments(self) -> Names: ...


Rule = Callable[[Reach, Row], bool]


def _holds(names: Names, name: object) -> bool:
    return names is None or name in names


def sees_trading(reach: Reach, row: Row) -> bool:
    """What an account trades of an instrument for a strategy."""
    return (
        _holds(reach.accounts, row["account"])
        and _holds(reach.strategies, row["strategy"])
        and _holds(reach.instruments, row["instrument"])
    )


def sees_linked(reach: Reach, row: Row) -> bool:
    """Linked orders as every order; a group of legs where every one of its orders may be seen."""
    if row["kind"] != "legs":
        return sees_trading(reach, row)
    is_known = not row["members_forgotten"] and bool(row["members"])
    return is_known and all(sees_trading(reach, member) for member in row["members"])


def sees_account(reach: Reach, row: Row) -> bool:
    """What belongs to an account as a whole is seen by whoever may touch the account."""
    return _holds(reach.accounts, row["account"])


def sees_profit(reach: Reach, row: Row) -> bool:
    """It adds up all instruments of an account and strategy."""
    return (
        reach.instruments is None
        and _holds(reach.accounts, row["account"])
        and _holds(reach.strategies, row["strategy"])
    )


def _names_by_level(reach: Reach) -> dict[str, Names]:
    return {
        "account": reach.accounts,
        "strategy": reach.strategies,
        "instrument": reach.instruments,
    }


def sees_exposure(reach: Reach, row: Row) -> bool:
    """A sum is seen where every part of it may be."""
    names = _names_by_level(reach)
    own = names.pop(row["level"], None)
    return all(rest is None for rest in names.values()) and _holds(own, row["name"])


def sees_flow(reach: Reach, row: Row) -> bool:
    """It adds up all accounts and instruments of a strategy."""
    whole = reach.accounts is None and reach.instruments is None
    return whole and _holds(reach.strategies, row["strategy"])


def sees_greeks(reach: Reach, row: Row) -> bool:
    """A position as every position; a sum as every sum."""
    sees = sees_trading if row["level"] == "position" else sees_exposure
    return sees(reach, row)


def sees_latency(_: Reach, row: Row) -> bool:
    """Times name nobody; an order does."""
    return row["worst_order_id"] is None


def sees_state(reach: Reach, row: Row) -> bool:
    """Limits and states of venues and the firm bind everybody."""
    return _holds(_names_by_level(reach).get(row["level"]), row["name"])


def sees_public(_: Reach, __: Row) -> bool:
    """What a venue tells everybody, and counts that name nobody, every reader may see."""
    return True

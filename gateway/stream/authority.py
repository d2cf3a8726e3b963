"""Which rows a client may see: the accounts, strategies and instruments of its principal. A sum
over things that it may not all see is not shown to it: nothing here may leak by adding up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.journal import Row
from gateway.stream.channels import ChannelName

__all__ = ["EVERYTHING", "NOTHING", "Authority"]

Names = Literal["all"] | list[str]


@dataclass(frozen=True, slots=True)
class Authority:
    """Names that a principal may see; None = all of them."""

    accounts: frozenset[str] | None = None
    strategies: frozenset[str] | None = None
    instruments: frozenset[str] | None = None

    @classmethod
    def of(cls, accounts: Names, strategies: Names, instruments: Names) -> Authority:
        """From the words of a principal's configuration."""
        sets = (
            None if names == "all" else frozenset(names)
            for names in (accounts, strategies, instruments)
        )
        return cls(*sets)

    @property
    def is_all(self) -> bool:
        return self == EVERYTHING

    @property
    def text(self) -> str:
        """Equal authorities have equal text."""
        parts = (self.accounts, self.strategies, self.instruments)
        return repr([None if names is None else sorted(names) for names in parts])

    def sees(self, channel: ChannelName, row: Row) -> bool:
        return self.is_all or _RULES[channel](self, row)


EVERYTHING = Authority()
NOTHING = Authority(frozenset(), frozenset(), frozenset())


def _holds(names: frozenset[str] | None, name: object) -> bool:
    return names is None or name in names


def _sees_trading(authority: Authority, row: Row) -> bool:
    return (
        _holds(authority.accounts, row["account"])
        and _holds(authority.strategies, row["strategy"])
        and _holds(authority.instruments, row["instrument"])
    )


def _sees_group(authority: Authority, row: Row) -> bool:
    """A group of legs is seen by whoever may see every one of its orders."""
    if row["kind"] != "legs":
        return _sees_trading(authority, row)
    is_known = not row["members_forgotten"] and bool(row["members"])
    return is_known and all(_sees_trading(authority, member) for member in row["members"])


def _sees_account(authority: Authority, row: Row) -> bool:
    """What belongs to an account as a whole is seen by whoever may touch the account."""
    return _holds(authority.accounts, row["account"])


def _sees_profit(authority: Authority, row: Row) -> bool:
    return (
        authority.instruments is None
        and _holds(authority.accounts, row["account"])
        and _holds(authority.strategies, row["strategy"])
    )


def _sees_exposure(authority: Authority, row: Row) -> bool:
    """A sum is seen where every part of it may be."""
    names = {
        "account": authority.accounts,
        "strategy": authority.strategies,
        "instrument": authority.instruments,
    }
    own = names.pop(row["level"], None)
    return all(rest is None for rest in names.values()) and _holds(own, row["name"])


def _sees_flow(authority: Authority, row: Row) -> bool:
    """It adds up all accounts and instruments of a strategy."""
    whole = authority.accounts is None and authority.instruments is None
    return whole and _holds(authority.strategies, row["strategy"])


def _sees_greeks(authority: Authority, row: Row) -> bool:
    """A position as every position; a sum as every sum."""
    sees = _sees_trading if row["level"] == "position" else _sees_exposure
    return sees(authority, row)


def _sees_latency(_: Authority, row: Row) -> bool:
    """Times name nobody; an order does."""
    return row["worst_order_id"] is None


def _sees_state(authority: Authority, row: Row) -> bool:
    """Limits and states of venues and the firm bind everybody."""
    names = {
        "account": authority.accounts,
        "strategy": authority.strategies,
        "instrument": authority.instruments,
    }
    return _holds(names.get(row["level"]), row["name"])


def _sees_public(_: Authority, __: Row) -> bool:
    """What a venue tells everybody, and counts that name nobody, every reader may see."""
    return True


_RULES: Mapping[ChannelName, Callable[[Authority, Row], bool]] = {
    "orders": _sees_trading,
    "positions": _sees_trading,
    "balances": _sees_account,
    "fills": _sees_trading,
    "profit": _sees_profit,
    "exposure": _sees_exposure,
    "margin": _sees_account,
    "greeks": _sees_greeks,
    "ageing": _sees_trading,
    "groups": _sees_group,
    "latency": _sees_latency,
    "states": _sees_state,
    "books": _sees_public,
    "trades": _sees_public,
    "marks": _sees_public,
    "flow": _sees_flow,
    "health": _sees_public,
}

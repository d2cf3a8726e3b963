"""Which rows a client may see: the accounts, strategies and instruments of its principal, held
against the rule of the channel. Grants nothing but sight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.journal import Row
from gateway.stream.channels import CHANNELS, ChannelName

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
        return self.is_all or CHANNELS[channel].sees(self, row)


EVERYTHING = Authority()
NOTHING = Authority(frozenset(), frozenset(), frozenset())

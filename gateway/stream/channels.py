"""The channels of the stream, each entered here and nowhere else: what its rows are, their key, who
may see them and what a client may filter by. The view, the answers over HTTP, the page and the
table in docs/reference/stream.md follow from it. A row is plain data; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from gateway.journal import Row
from gateway.stream.visibility import (
    Rule,
    sees_account,
    sees_exposure,
    sees_flow,
    sees_greeks,
    sees_latency,
    sees_linked,
    sees_profit,
    sees_public,
    sees_state,
    sees_trading,
)

__all__ = ["CHANNELS", "ChannelName", "ChannelSpec", "channels_of", "key_of"]

ChannelName = str  # one of CHANNELS
# What the rows are made of, so what becomes of them when the journal is opened afresh: journal =
# read anew; books, valuation, measurement = empty until they are made again; elsewhere = they stay.
Source = Literal["journal", "books", "valuation", "measurement", "elsewhere"]


class ChannelSpec(NamedTuple):
    """One channel. `key` names the fields whose values, joined by `|`, are the key; no name may
    hold a bar."""

    told: str  # what its rows are, for the table in the documents
    key: tuple[str, ...]
    filters: frozenset[str]
    sees: Rule
    source: Source
    kind: str = ""  # of the follower's rows that these are; "" = of none
    waits: str = ""  # why there is nothing to show at first; "" = there may be nothing
    is_answered: bool = False  # GET /v1/NAME tells it as a whole
    is_on_page: bool = True


_MARKET = frozenset({"instrument", "venue"})
_TRADING = frozenset({"account", "strategy", "instrument", "venue"})
_POSITION = ("account", "instrument", "leg", "margin_mode", "strategy")
_UNBOOKED = "the books were not opened yet"

CHANNELS: Mapping[ChannelName, ChannelSpec] = {
    "orders": ChannelSpec(
        "open orders and the newest that ended",
        key=("order_id",),
        filters=_TRADING,
        sees=sees_trading,
        source="journal",
        kind="order",
    ),
    "positions": ChannelSpec(
        "what is held, at its mark",
        key=_POSITION,
        filters=_TRADING,
        sees=sees_trading,
        source="journal",
        kind="position",
        is_answered=True,
    ),
    "balances": ChannelSpec(
        "money of accounts",
        key=("account", "currency"),
        filters=frozenset({"account"}),
        sees=sees_account,
        source="journal",
        kind="balance",
        is_answered=True,
    ),
    "fills": ChannelSpec(
        "the newest executions",
        key=("sequence",),
        filters=_TRADING,
        sees=sees_trading,
        source="journal",
        kind="fill",
        is_answered=True,
    ),
    "profit": ChannelSpec(
        "profit by cause",
        key=("account", "strategy", "currency"),
        filters=frozenset({"account", "strategy", "currency"}),
        sees=sees_profit,
        source="books",
        waits=_UNBOOKED,
        is_answered=True,
    ),
    "exposure": ChannelSpec(
        "positions at their marks, by level",
        key=("level", "name", "currency"),
        filters=frozenset({"level", "name", "currency"}),
        sees=sees_exposure,
        source="books",
        waits=_UNBOOKED,
        is_answered=True,
    ),
    "margin": ChannelSpec(
        "what accounts owe and how near a forced close is",
        key=("account", "currency"),
        filters=frozenset({"account", "venue", "currency"}),
        sees=sees_account,
        source="valuation",
        waits="margin was not computed yet",
        is_answered=True,
    ),
    "greeks": ChannelSpec(
        "what positions and their sums move like",
        key=("level", "name"),
        filters=_TRADING | {"level", "name"},
        sees=sees_greeks,
        source="valuation",
        waits="greeks were not computed yet",
        is_answered=True,
    ),
    "ageing": ChannelSpec(
        "how long positions have been held",
        key=_POSITION,
        filters=_TRADING,
        sees=sees_trading,
        source="books",
        waits=_UNBOOKED,
        is_answered=True,
    ),
    "linked": ChannelSpec(
        "groups of linked orders, leg by leg",
        key=("linked_to",),
        filters=_TRADING,
        sees=sees_linked,
        source="journal",
        kind="linked",
        is_answered=True,
    ),
    "latency": ChannelSpec(
        "how long stages took, by second",
        key=("stage", "bucket_us", "time_ns"),
        filters=frozenset({"stage"}),
        sees=sees_latency,
        source="measurement",
    ),
    "states": ChannelSpec(
        "trading states and limits",
        key=("kind", "level", "name"),
        filters=frozenset({"kind", "level", "name"}),
        sees=sees_state,
        source="journal",
        kind="state",
        is_answered=True,
    ),
    "books": ChannelSpec(
        "order books of venues",
        key=("instrument",),
        filters=_MARKET,
        sees=sees_public,
        source="elsewhere",
    ),
    "trades": ChannelSpec(
        "trades of anybody at venues",
        key=("instrument", "run_ns", "number"),
        filters=_MARKET,
        sees=sees_public,
        source="elsewhere",
    ),
    "marks": ChannelSpec(
        "marks and funding rates of venues",
        key=("instrument",),
        filters=_MARKET,
        sees=sees_public,
        source="elsewhere",
        is_on_page=False,
    ),
    "flow": ChannelSpec(
        "what strategies sent to venues, in columns of time",
        key=("strategy", "venue", "time_ns"),
        filters=frozenset({"strategy", "venue"}),
        sees=sees_flow,
        source="elsewhere",
    ),
    "health": ChannelSpec(
        "figures of the gateway itself",
        key=("part", "name"),
        filters=frozenset({"part"}),
        sees=sees_public,
        source="elsewhere",
    ),
}


def channels_of(source: Source) -> list[ChannelName]:
    """The channels whose rows are made of it."""
    return [name for name, spec in CHANNELS.items() if spec.source == source]


def key_of(channel: ChannelName, row: Row) -> str:
    return "|".join(str(row[name]) for name in CHANNELS[channel].key)

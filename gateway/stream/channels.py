"""The channels of the stream: what a row's key is and what a client may filter by. A row is plain
data; nothing is computed from it here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from gateway.journal import Row

__all__ = ["CHANNELS", "ChannelName", "ChannelSpec", "key_of"]

ChannelName = Literal[
    "orders",
    "positions",
    "balances",
    "fills",
    "profit",
    "exposure",
    "latency",
    "states",
    "margin",
    "greeks",
    "ageing",
    "groups",
    "books",
    "trades",
    "marks",
    "flow",
    "health",
]


class ChannelSpec(NamedTuple):
    """`key` names the fields whose values, joined by `|`, are the key; no name may hold a bar."""

    key: tuple[str, ...]
    filters: frozenset[str]


_MARKET = frozenset({"instrument", "venue"})
_TRADING = frozenset({"account", "strategy", "instrument", "venue"})
CHANNELS: Mapping[ChannelName, ChannelSpec] = {
    "orders": ChannelSpec(("order_id",), _TRADING),
    "positions": ChannelSpec(("account", "instrument", "leg", "margin_mode", "strategy"), _TRADING),
    "balances": ChannelSpec(("account", "currency"), frozenset({"account"})),
    "fills": ChannelSpec(("sequence",), _TRADING),
    "profit": ChannelSpec(
        ("account", "strategy", "currency"), frozenset({"account", "strategy", "currency"})
    ),
    "exposure": ChannelSpec(
        ("level", "name", "currency"), frozenset({"level", "name", "currency"})
    ),
    "margin": ChannelSpec(("account", "currency"), frozenset({"account", "venue", "currency"})),
    "greeks": ChannelSpec(("level", "name"), _TRADING | {"level", "name"}),
    "ageing": ChannelSpec(("account", "instrument", "leg", "margin_mode", "strategy"), _TRADING),
    "groups": ChannelSpec(("group",), _TRADING),
    "latency": ChannelSpec(("stage", "bucket_us", "time_ns"), frozenset({"stage"})),
    "books": ChannelSpec(("instrument",), _MARKET),
    "trades": ChannelSpec(("instrument", "run_ns", "number"), _MARKET),
    "marks": ChannelSpec(("instrument",), _MARKET),
    "flow": ChannelSpec(("strategy", "venue", "time_ns"), frozenset({"strategy", "venue"})),
    "health": ChannelSpec(("group", "name"), frozenset({"group"})),
    "states": ChannelSpec(("kind", "level", "name"), frozenset({"kind", "level", "name"})),
}
assert set(CHANNELS) == set(get_args(ChannelName))


def key_of(channel: ChannelName, row: Row) -> str:
    return "|".join(str(row[name]) for name in CHANNELS[channel].key)

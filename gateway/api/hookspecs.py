"""Discovery and life cycle of plugins. Nothing hot goes through a hook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

from gateway.api.adapter import VenueAdapter
from gateway.api.history_sink import HistorySink

__all__ = [
    "ENTRY_POINT_GROUP",
    "PROJECT",
    "SinkMaker",
    "gateway_api_level",
    "gateway_create_adapter",
    "gateway_history_sinks",
    "gateway_venue_name",
    "hookimpl",
]

PROJECT = "gateway"
ENTRY_POINT_GROUP = "gateway.plugins"
SinkMaker = Callable[[Mapping[str, Any], Mapping[str, str]], HistorySink]
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def gateway_api_level() -> int:  # type: ignore[empty-body]
    """The API level (gateway.api.version.API_LEVEL) the plugin was written for."""


@hookspec
def gateway_venue_name() -> str:  # type: ignore[empty-body]
    """The name under which configuration selects this adapter (`adapter = "paper"`)."""


@hookspec
def gateway_create_adapter(  # type: ignore[empty-body]
    venue: str, settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> VenueAdapter:
    """Build the adapter for one configured venue. `settings` is its TOML table; `secrets` its
    credentials read from files. Raise ValueError with the key name for a bad setting."""


@hookspec
def gateway_history_sinks() -> Mapping[str, SinkMaker]:  # type: ignore[empty-body]
    """Where history can be copied to: name -> what makes the sink of `settings`, free values, and
    `secrets`, read from files. It connects to nothing; ValueError with the key for a bad setting.
    A plugin with sinks needs no adapter."""

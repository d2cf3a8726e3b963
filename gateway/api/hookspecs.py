"""Discovery and life cycle of plugins. Nothing hot goes through a hook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy

from gateway.api.adapter import VenueAdapter

__all__ = [
    "PROJECT",
    "gateway_api_level",
    "gateway_create_adapter",
    "gateway_venue_name",
    "hookimpl",
]

PROJECT = "gateway"
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

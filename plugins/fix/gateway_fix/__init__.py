"""Plugin `fix`: any venue that speaks FIX, its dialect as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api import VenueAdapter, hookimpl
from gateway_fix.adapter import FixAdapter

__all__ = ["gateway_api_level", "gateway_create_adapter", "gateway_venue_name"]


@hookimpl
def gateway_api_level() -> int:
    # The level this plugin was written for, not the level of the gateway that loads it.
    return 1


@hookimpl
def gateway_venue_name() -> str:
    return "fix"


@hookimpl
def gateway_create_adapter(
    venue: str, settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> VenueAdapter:
    return FixAdapter(venue, settings, secrets)

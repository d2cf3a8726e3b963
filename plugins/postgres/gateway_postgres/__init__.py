"""Plugin `postgres`: receives history, every row once. Loading it connects to nothing and imports
no driver: the daemon loads every plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api import HistorySink, SinkMaker, hookimpl

__all__ = ["gateway_api_level", "gateway_history_sinks"]


@hookimpl
def gateway_api_level() -> int:
    # The level this plugin was written for, not the level of the gateway that loads it.
    return 1


@hookimpl
def gateway_history_sinks() -> Mapping[str, SinkMaker]:
    return {"postgres": _make}


def _make(settings: Mapping[str, Any], secrets: Mapping[str, str]) -> HistorySink:
    from gateway_postgres.settings import settings_of
    from gateway_postgres.sink import PostgresSink

    return PostgresSink(settings_of(settings, secrets))

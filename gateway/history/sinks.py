"""Sinks of installed plugins by name. A plugin that does not load is named when its sink is asked
for, and hinders no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from gateway.api import API_LEVEL, HistorySink, SinkMaker, hookspecs

__all__ = ["make_sink", "sink_makers"]


def sink_makers(
    points: Iterable[EntryPoint] | None = None,
) -> tuple[dict[str, SinkMaker], dict[str, str]]:
    """(maker by the name of its sink, reason by the name of a plugin that did not load)."""
    found = entry_points(group=hookspecs.ENTRY_POINT_GROUP) if points is None else points
    makers: dict[str, SinkMaker] = {}
    broken: dict[str, str] = {}
    for point in sorted(found, key=lambda each: each.name):
        try:
            for name, maker in _sinks_of(point.load(), point.name).items():
                if makers.setdefault(name, maker) is not maker:
                    raise ValueError(f"sink {name!r} is taken by another plugin")
        except (Exception, SystemExit) as error:  # foreign code, whatever it raises
            broken[point.name] = f"{type(error).__name__}: {error}"[:300]
    return makers, broken


def _sinks_of(plugin: object, name: str) -> dict[str, SinkMaker]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name)
    if not manager.hook.gateway_history_sinks.get_hookimpls():
        return {}
    levels = manager.hook.gateway_api_level()
    if levels != [API_LEVEL]:
        raise ValueError(f"API level {levels}, this gateway has level {API_LEVEL}")
    return dict(manager.hook.gateway_history_sinks()[0])


def make_sink(
    name: str,
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    points: Iterable[EntryPoint] | None = None,
) -> HistorySink:
    """The sink of this name, not opened yet. ValueError: none is called so, or a bad setting."""
    makers, broken = sink_makers(points)
    if name not in makers:
        reasons = "".join(f"; plugin {plugin}: {why}" for plugin, why in broken.items())
        raise ValueError(f"installed sinks: {', '.join(sorted(makers)) or 'none'}{reasons}")
    return makers[name](settings, secrets)

"""Finds plugins and enforces what they claim. A broken plugin is listed with its reason; the others
start. Nothing a plugin does while loading may stop the gateway.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec
import pluggy

from gateway.api import API_LEVEL, Capabilities, RefusedError, VenueAdapter, hookspecs
from gateway.api.hookspecs import ENTRY_POINT_GROUP
from gateway.venues.conformance import verdict_of
from gateway.venues.manifest import faults_of
from gateway.venues.plugin_digest import digest_of

__all__ = ["ENTRY_POINT_GROUP", "PluginRow", "Plugins"]

log = logging.getLogger(__name__)


class PluginRow(msgspec.Struct, kw_only=True):
    """One row of `gateway plugins`."""

    name: str
    version: str
    api: int | None = None
    adapter: str = ""
    state: str = "loaded"
    reason: str = ""
    capabilities: dict[str, Any] | None = None
    conformance: str | None = None


class Plugins:
    """Every installed plugin, the broken ones too."""

    def __init__(self) -> None:
        self.rows: list[PluginRow] = []
        self._managers: dict[str, tuple[PluginRow, pluggy.PluginManager]] = {}
        self._waiting: list[EntryPoint] = []
        self._digests: dict[str, str] = {}

    @classmethod
    def discover(
        cls,
        points: Iterable[EntryPoint] | None = None,
        *,
        wanted: Collection[str] | None = None,
    ) -> Plugins:
        """Load the entry points of the group, in the order of their names. With `wanted` adapters
        those of their names come first, and the others wait for `load_rest` once all are there:
        a plugin nobody configured does not delay a start."""
        found = entry_points(group=ENTRY_POINT_GROUP) if points is None else points
        plugins = cls()
        names = wanted or ()
        plugins._waiting = sorted(found, key=lambda each: (each.name not in names, each.name))
        while plugins._waiting and (wanted is None or not set(wanted) <= set(plugins.names())):
            plugins._load(plugins._waiting.pop(0))
        return plugins

    def load_rest(self) -> None:
        """Load what waits, for the list of plugins. Any thread, one at a time."""
        while self._waiting:
            self._load(self._waiting.pop(0))
        self.rows.sort(key=lambda row: row.name)

    def _load(self, point: EntryPoint) -> None:
        version = point.dist.version if point.dist is not None else ""
        try:
            module = point.load()
        except (Exception, SystemExit) as error:  # foreign code, whatever it raises
            self._refuse(PluginRow(name=point.name, version=version), _text(error))
        else:
            self.add(point.name, module, version=version)

    def add(self, name: str, plugin: object, *, version: str = "") -> PluginRow:
        """Register one plugin object after checking level, hooks and adapter name."""
        row = PluginRow(name=name, version=version, conformance=verdict_of(plugin, version))
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(plugin, name)
            row.api = _only(manager.hook.gateway_api_level(), "gateway_api_level", int)
            if row.api != API_LEVEL:
                raise ValueError(f"API level {row.api}, this gateway has level {API_LEVEL}")
            if _has_sinks_alone(manager):
                return self._accept(row, plugin)
            row.adapter = _only(manager.hook.gateway_venue_name(), "gateway_venue_name", str)
            if not manager.hook.gateway_create_adapter.get_hookimpls():
                raise ValueError("hook gateway_create_adapter is missing")
            if row.adapter in self._managers:
                other = self._managers[row.adapter][0].name
                raise ValueError(f"adapter name {row.adapter!r} is taken by plugin {other!r}")
        except (Exception, SystemExit) as error:  # foreign code, whatever it raises
            return self._refuse(row, _text(error))
        self._managers[row.adapter] = (row, manager)
        return self._accept(row, plugin)

    def _accept(self, row: PluginRow, plugin: object) -> PluginRow:
        self._digests[row.name] = _digest([plugin])
        self.rows.append(row)
        return row

    def names(self) -> list[str]:
        """Adapter names that configuration may use."""
        return sorted(self._managers)

    def identities(self) -> dict[str, tuple[PluginRow, str]]:
        """Each plugin by the name of its adapter, else its own, with the digest that its files had
        when it was loaded; "" where it did not load."""
        return {
            row.adapter or row.name: (row, self._digests.get(row.name, "")) for row in self.rows
        }

    def look_again(self, adapter: str) -> None:
        """The adapter was loaded anew in its own process: its files may be others."""
        if adapter in self._managers:
            row, manager = self._managers[adapter]
            self._digests[row.name] = _digest(manager.get_plugins())

    def create_adapter(
        self,
        adapter: str,
        venue: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
    ) -> VenueAdapter:
        """Build the adapter of one configured venue. Raises RefusedError(BAD_CONFIG)."""
        field = f"venues.{venue}.adapter"
        if adapter not in self._managers:
            known = ", ".join(self.names()) or "none"
            reasons = [row.reason for row in self.rows if adapter in (row.name, row.adapter)]
            rule = f"installed adapters: {known}" + "".join(f"; refused: {r}" for r in reasons)
            raise RefusedError("BAD_CONFIG", field=field, value=adapter, rule=rule)
        row, manager = self._managers[adapter]
        try:
            built = manager.hook.gateway_create_adapter(
                venue=venue, settings=settings, secrets=secrets
            )
            created = _only(built, "gateway_create_adapter", object)
            manifest = getattr(created, "capabilities", None)
            if not isinstance(manifest, Capabilities):
                raise TypeError("the adapter has no capabilities manifest")
            if faults := faults_of(created, manifest):
                raise ValueError("; ".join(faults))
        except (Exception, SystemExit) as error:  # foreign code, whatever it raises
            row.state, row.reason = "failed", _text(error)
            raise RefusedError(
                "BAD_CONFIG", field=f"venues.{venue}.settings", value=adapter, rule=row.reason
            ) from error
        row.capabilities = msgspec.to_builtins(manifest, order="deterministic")
        adapter_object: VenueAdapter = created
        return adapter_object

    def note_manifest(self, adapter: str, manifest: Capabilities) -> None:
        """The manifest of an adapter that was built in a process of its own."""
        if adapter in self._managers:
            row = self._managers[adapter][0]
            row.capabilities = msgspec.to_builtins(manifest, order="deterministic")

    def _refuse(self, row: PluginRow, reason: str) -> PluginRow:
        row.state, row.reason = "refused", reason
        log.error("plugin %s refused: %s", row.name, reason)
        self.rows.append(row)
        return row


def _has_sinks_alone(manager: pluggy.PluginManager) -> bool:
    """It receives history and is no adapter: listed here, used by `gateway history sink`."""
    hook = manager.hook
    return bool(hook.gateway_history_sinks.get_hookimpls()) and not (
        hook.gateway_venue_name.get_hookimpls() or hook.gateway_create_adapter.get_hookimpls()
    )


def _only(answers: list[Any], hook: str, kind: type) -> Any:
    if len(answers) != 1:
        raise ValueError(f"hook {hook} is missing")
    if not isinstance(answers[0], kind) or isinstance(answers[0], bool):
        raise TypeError(f"hook {hook} returned {answers[0]!r:.64}, expected {kind.__name__}")
    return answers[0]


def _digest(plugins: Iterable[object]) -> str:
    return next(filter(None, map(digest_of, plugins)), "")


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]

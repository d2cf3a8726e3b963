"""The live program's own part of the audit trail: which configuration, which plugins, which clock,
who came in, who commanded. Called at starts, stops and commands, never for an order.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from gateway import __version__
from gateway.config import Settings
from gateway.core.engine import Engine
from gateway.core.operations import GATEWAY, ClockWatch, Operation, OperationLog
from gateway.entry.keys import Identity
from gateway.entry.login_notes import LoginNotes

__all__ = ["LiveNotes", "PluginIdentity"]

LOOK_SECONDS = 10.0  # between two looks at the clock


class PluginIdentity(Protocol):
    """What is noted of a plugin."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...


class LiveNotes:
    """`plugins` answers each loaded plugin with the digest of its files."""

    def __init__(
        self, engine: Engine, plugins: Callable[[], Mapping[str, tuple[PluginIdentity, str]]]
    ) -> None:
        self.operations = OperationLog(engine.native)
        self.logins = LoginNotes(engine, self.operations)
        self._engine, self._plugins = engine, plugins
        self._clock = ClockWatch(self.operations)
        self._loaded: dict[str, str] = {}

    def started(self, settings: Settings) -> None:
        """What this life begins with."""
        self._configuration(settings, Operation.CONFIGURATION_LOADED, "start")
        self.plugins_changed()
        self._clock.look()

    def reloaded(self, settings: Settings) -> None:
        """Keys and log level were taken over from the files."""
        self._configuration(settings, Operation.CONFIGURATION_RELOADED, "keys and log level")

    def reload_refused(self, settings: Settings, why: str) -> None:
        """The files are wrong; what stood stays."""
        self.operations.note(
            Operation.CONFIGURATION_REFUSED, subject=settings.file, actor=_user(), reason=why
        )

    def plugins_changed(self, name: str = "") -> None:
        """Notes what was loaded since the last call; with `name` that plugin again, because its
        code was."""
        for known, (row, digest) in self._plugins().items():
            if known in self._loaded and known != name:
                continue
            is_refused = row.state != "loaded"
            self.operations.note(
                Operation.PLUGIN_REFUSED if is_refused else Operation.PLUGIN_LOADED,
                subject=row.name,
                detail=row.version,
                reason=row.reason,
                digest=digest,
            )
            self._loaded[known] = row.version

    def command(self, who: Identity, subject: str, actor: str, reason: str) -> None:
        """A person's command, beside the record it may have left: which key it came with."""
        self._command(who, subject, actor, reason)

    def note(self, who: Identity, subject: str, actor: str, reason: str) -> int:
        """What somebody found out. Its sequence; 0 = there was no room in the budget of notes,
        which takes nothing from that of commands."""
        return self._command(who, subject, actor, reason, is_report=True)

    def _command(
        self, who: Identity, subject: str, actor: str, reason: str, *, is_report: bool = False
    ) -> int:
        return self.operations.note(
            Operation.CONTROL_COMMAND,
            is_report=is_report,
            actor=actor,
            subject=subject,
            detail=f"key {who.key_id} of {who.principal}",
            reason=reason,
            principal=self._engine.names.find("principal", who.principal) or 0,
        )

    def stopped(self) -> None:
        """Every plugin goes with its process."""
        for name, version in self._loaded.items():
            self.operations.note(
                Operation.PLUGIN_UNLOADED, subject=name, detail=version, reason="the gateway stops"
            )

    async def keep(self, interval_seconds: float = LOOK_SECONDS) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(interval_seconds)
            self._clock.look()

    def _configuration(self, settings: Settings, operation: Operation, reason: str) -> None:
        for path in (Path(settings.file), settings.places.limits_file):
            self.operations.note(
                operation,
                subject=str(path),
                actor=_user(),
                detail=f"{GATEWAY} {__version__}",
                reason=reason,
                digest=_file_digest(path),
            )


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _user() -> str:
    """Whose process this is."""
    number = os.getuid()
    try:
        return f"{pwd.getpwuid(number).pw_name} uid {number}"
    except KeyError:
        return f"uid {number}"

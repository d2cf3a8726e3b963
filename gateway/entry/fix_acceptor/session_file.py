"""What people did to sessions at run time: one line each, with who and why, never rewritten.

The file is both the record of it and where the next start takes it from. Must never hold a secret.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.config.fix import CounterpartySettings

__all__ = ["SessionAction", "SessionFile"]

ActionName = Literal["add", "disable", "enable", "logout", "reset", "news"]


class SessionAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line. `settings` of an added session."""

    time_ns: int
    action: ActionName
    name: str
    actor: str
    reason: str
    principal: str  # whose key asked
    settings: CounterpartySettings | None = None


class SessionFile:
    """Appends, and reads at the start. A torn last line was never answered: it is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[SessionAction]:
        """Every action, oldest first. ValueError for a line that is damaged."""
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().split(b"\n")
        return [msgspec.json.decode(line, type=SessionAction) for line in lines[:-1] if line]

    def append(self, action: SessionAction) -> None:
        """On the disk when this returns."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            self._end_torn_line(descriptor)
            line = msgspec.json.encode(action) + b"\n"
            if os.write(descriptor, line) != len(line):
                raise OSError(errno.ENOSPC, "the action is not on the disk")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _end_torn_line(self, descriptor: int) -> None:
        """Cut what a crash left half written."""
        data = self._path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.ftruncate(descriptor, data.rfind(b"\n") + 1)

    def settings_after(
        self, configured: dict[str, CounterpartySettings]
    ) -> dict[str, CounterpartySettings]:
        """The sessions of the configuration with what was done since. A name that stands in both is
        the configuration's."""
        found = dict(configured)
        for each in self.read():
            if each.settings is not None and each.name not in configured:
                found[each.name] = each.settings
            elif each.name in found and each.action in ("disable", "enable"):
                changes: dict[str, Any] = {"enabled": each.action == "enable"}
                found[each.name] = msgspec.structs.replace(found[each.name], **changes)
        return found

"""Counterparties at run time: add, disable, enable, log out, reset numbers; each by a named person,
each written down with the reason before it counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from gateway.api import RefusedError
from gateway.config.fix import CounterpartySettings
from gateway.entry.fix_acceptor.context import SessionContext
from gateway.entry.fix_acceptor.door import FixDoor
from gateway.entry.fix_acceptor.session_file import ActionName, SessionAction, SessionFile
from gateway.entry.fix_answers import news
from gateway.entry.keys import Identity
from gateway.transport.fix_session import SessionState

__all__ = ["FixAdministration"]

log = logging.getLogger(__name__)

Row = dict[str, Any]
_NAME_LENGTH_MAX = 31


class FixAdministration:
    """`judge` says what is wrong with the settings of a session: (setting, rule), or nothing."""

    def __init__(
        self,
        door: FixDoor,
        file: SessionFile,
        judge: Callable[[CounterpartySettings], tuple[str, str] | None],
    ) -> None:
        self._door, self._file, self._judge = door, file, judge
        self.on_command: Callable[[Identity, str, str, str], None] = lambda *told: None

    def rows(self) -> list[Row]:
        """Every session, with its numbers and counts."""
        return [context.row() for context in self._door.contexts.values()]

    def add(
        self, who: Identity, name: str, settings: Mapping[str, object], *, actor: str, reason: str
    ) -> Row:
        """A counterparty that may log on at once."""
        try:
            wanted = msgspec.convert(settings, CounterpartySettings)
        except msgspec.ValidationError as error:
            raise RefusedError("BAD_CONFIG", field="settings", rule=str(error)) from error
        if name in self._door.contexts:
            rule = "a session has this name"
            raise RefusedError("REGISTRY_CONFLICT", field="name", value=name, rule=rule)
        if fault := self._judge(wanted):
            raise RefusedError("BAD_CONFIG", field=f"settings.{fault[0]}", rule=fault[1])
        if clash := self._door.clash(name, wanted):
            raise RefusedError("REGISTRY_CONFLICT", field="settings", value=name, rule=clash)
        self._note(who, "add", name, actor=actor, reason=reason, settings=wanted)
        return self._door.open(name, wanted).row()

    async def disable(self, who: Identity, name: str, *, actor: str, reason: str) -> Row:
        """Nobody may log on; who is there is logged out."""
        return self._enable(who, name, actor=actor, reason=reason, is_enabled=False)

    async def enable(self, who: Identity, name: str, *, actor: str, reason: str) -> Row:
        """Logons are taken again."""
        return self._enable(who, name, actor=actor, reason=reason, is_enabled=True)

    def _enable(
        self, who: Identity, name: str, *, actor: str, reason: str, is_enabled: bool
    ) -> Row:
        context = self._known(name)
        self._note(who, "enable" if is_enabled else "disable", name, actor=actor, reason=reason)
        context.settings = msgspec.structs.replace(context.settings, enabled=is_enabled)
        if not is_enabled:
            context.session.logout("The session is disabled", context.now_ns())
        return context.row()

    async def logout(self, who: Identity, name: str, *, actor: str, reason: str) -> Row:
        """End the line; the counterparty may come back."""
        context = self._known(name)
        self._note(who, "logout", name, actor=actor, reason=reason)
        context.session.logout("Logged out by an operator", context.now_ns())
        return context.row()

    async def news(self, who: Identity, name: str, *, actor: str, reason: str) -> Row:
        """Say `reason` to the counterparty, as 35=B; kept for its next logon."""
        context = self._known(name)
        self._note(who, "news", name, actor=actor, reason=reason)
        context.send(*news("Notice of the operator", [reason], now_ns=context.now_ns()))
        return context.row()

    async def reset(self, who: Identity, name: str, *, actor: str, reason: str) -> Row:
        """Both numbers 1, nothing to resend; only while nobody is logged on, for the counterparty
        has to do the same."""
        context = self._known(name)
        _require_down(context)
        await context.settle()
        _require_down(context)  # somebody may have come meanwhile
        self._note(who, "reset", name, actor=actor, reason=reason)
        context.session.reset(context.now_ns())
        context.store.flush()
        return context.row()

    def _known(self, name: str) -> SessionContext:
        context = self._door.contexts.get(name)
        if context is None:
            raise RefusedError("NOT_FOUND", field="name", value=name, rule="no such session")
        return context

    def _note(
        self,
        who: Identity,
        action: ActionName,
        name: str,
        *,
        actor: str,
        reason: str,
        settings: CounterpartySettings | None = None,
    ) -> None:
        who.require("admin")
        self._file.append(
            SessionAction(
                time_ns=self._door.engine.now_ns(),
                action=action,
                name=name,
                actor=actor,
                reason=reason,
                principal=who.principal,
                settings=settings,
            )
        )
        self.on_command(who, f"fix session {name} {action}", actor, reason)
        log.warning("fix session %s: %s by %s: %s", name, action, actor, reason)


def _require_down(context: SessionContext) -> None:
    if context.session.state is not SessionState.DISCONNECTED:
        rule = "log the session out first"
        raise RefusedError("NOT_READY", field="name", value=context.name, rule=rule)

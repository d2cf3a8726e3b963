"""Who came in by which door, noted in the journal. It is told of logins and decides none; it never
sees a secret.
"""

from __future__ import annotations

from gateway.core.engine import Engine
from gateway.core.operations import Operation, OperationLog
from gateway.entry.fix_acceptor.context import QuietService, SessionContext
from gateway.entry.keys import Identity

__all__ = ["LoginNotes"]

_STRANGER = "stranger"
_ONCE_A_LIFE = frozenset({"rest", "unix"})  # doors without sessions: the first use of each key


class LoginNotes(QuietService):
    """For all doors. A FIX service too, of which it takes logons and logouts alone."""

    def __init__(self, engine: Engine, operations: OperationLog) -> None:
        self._engine, self._operations = engine, operations

    def came(self, door: str, key: str, peer: str, who: Identity | None) -> None:
        """Somebody showed a key; `who` is None when it was not taken. `key` is its id when there is
        such a key, else ""."""
        if who is None:
            self._refused(door, f"key {key}" if key else "unknown key", peer, "NOT_AUTHENTICATED")
        elif door not in _ONCE_A_LIFE:
            self._in(door, f"key {key}", peer, who)
        elif self._operations.is_first_use(door, key) and self._in(door, f"key {key}", peer, who):
            self._operations.used(door, key)

    def logged_on(self, context: SessionContext) -> None:
        self._in("fix", f"session {context.name}", f"key {context.who.key_id}", context.who)

    def logged_out(self, context: SessionContext, reason: str) -> None:
        actor = context.settings.principal
        self._operations.note(
            Operation.LOGGED_OUT,
            actor=actor,
            subject=f"session {context.name}",
            detail="fix",
            reason=reason,
            principal=self._principal(actor),
        )

    def logon_refused(self, context: SessionContext, why: str) -> None:
        """A FIX Logon under a session's name."""
        self._refused("fix", f"session {context.name}", "", why)

    def _in(self, door: str, subject: str, peer: str, who: Identity) -> int:
        return self._operations.note(
            Operation.LOGGED_IN,
            actor=who.principal,
            subject=subject,
            detail=f"{door} {peer}".strip(),
            reason=" ".join(sorted(who.scopes)),
            principal=self._principal(who.principal),
        )

    def _refused(self, door: str, subject: str, peer: str, why: str) -> None:
        self._operations.note(
            Operation.LOGIN_REFUSED,
            actor=_STRANGER,
            subject=subject,
            detail=f"{door} {peer}".strip(),
            reason=why,
        )

    def _principal(self, name: str) -> int:
        return self._engine.names.find("principal", name) or 0

"""What the scope `risk` may do: reduce, and lift what was reduced in its own name. Must let nothing
else through: halts, limits and what a person decided are none of its business. Pure; the engine
judges halts and latches itself, in the turn in which it writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.api import RefusedError
from gateway.config.halt_reasons import QUARANTINE_ACTOR, is_given_back_to
from gateway.entry.api_messages import SetTradingState
from gateway.entry.keys import Identity

__all__ = ["check_own", "require_risk"]

Row = Mapping[str, Any]


def require_risk(who: Identity, actor: str) -> None:
    """Raises RefusedError(NOT_PERMITTED) without the scope risk or admin, and for one of risk alone
    that speaks in another name than its principal's."""
    who.require("risk", "admin")
    if "admin" not in who.scopes and actor != who.principal:
        raise RefusedError(
            "NOT_PERMITTED",
            field="actor",
            value=actor,
            rule=f"key {who.key_id} of scope risk acts as its principal {who.principal}",
            hint="Name the principal as the actor.",
        )


def check_own(states: Iterable[Row], message: SetTradingState) -> None:
    """Raises RefusedError(REGISTRY_CONFLICT) when a reduction of somebody else stands there, or
    when there is none of its own to lift."""
    place = message.level, message.name
    standing = next((row for row in states if _place(row) == place), None)
    is_reduced = standing is not None and standing["state"] == "reducing"
    is_own = standing is not None and is_reduced and _is_own(standing, message.actor)
    is_above = standing is not None and (standing["state"] == "halted" or standing["is_latch"])
    if is_above or is_own or (message.state == "reducing" and not is_reduced):
        return
    raise RefusedError(
        "REGISTRY_CONFLICT",
        field="name",
        value=message.name,
        rule=f"scope risk lifts and repeats what {message.actor} reduced, and nothing else",
        hint="Use a key with the scope admin.",
    )


def _is_own(standing: Row, actor: str) -> bool:
    """A quarantine gives a reduction back in its own name and says whose it was."""
    is_back = standing["actor"] == QUARANTINE_ACTOR and is_given_back_to(standing["reason"], actor)
    return standing["actor"] == actor or is_back


def _place(row: Row) -> tuple[str, str]:
    return row["level"], "" if row["level"] == "firm" else row["name"]

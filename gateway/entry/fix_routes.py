"""The routes of FIX sessions: what stands, and what a named person does to it."""

from __future__ import annotations

from gateway.api import RefusedError
from gateway.entry.api_messages import (
    AddFixSession,
    FixSessionAnswer,
    FixSessionsAnswer,
    NamedAction,
)
from gateway.entry.desk import Desk, FixControl
from gateway.entry.routes import Answer, Call, route

__all__: list[str] = []


def _control(desk: Desk) -> FixControl:
    if desk.fix is None:
        rule = "the FIX door is off: fix.enabled"
        raise RefusedError("NOT_FOUND", field="path", value="/v1/fix-sessions", rule=rule)
    return desk.fix


@route("GET", "/v1/fix-sessions", response=FixSessionsAnswer)
async def fix_sessions(desk: Desk, call: Call) -> Answer:
    """Configured FIX sessions with their state, numbers and counts."""
    return Answer(200, FixSessionsAnswer(_control(desk).rows()))


@route(
    "POST",
    "/v1/fix-sessions",
    scope="admin",
    request=AddFixSession,
    response=FixSessionAnswer,
    statuses=(201,),
)
async def add_fix_session(desk: Desk, call: Call) -> Answer:
    """Add a counterparty that may log on at once; it is there after a restart too."""
    message: AddFixSession = call.message
    row = _control(desk).add(
        call.who, message.name, message.settings, actor=message.actor, reason=message.reason
    )
    return Answer(201, FixSessionAnswer(row))


@route(
    "POST",
    "/v1/fix-sessions/{name}/{action}",
    scope="admin",
    request=NamedAction,
    response=FixSessionAnswer,
)
async def act_on_fix_session(desk: Desk, call: Call) -> Answer:
    """Disable, enable, logout, reset (both numbers 1) a session, or tell it the reason as news."""
    control, message = _control(desk), call.message
    actions = {
        "disable": control.disable,
        "enable": control.enable,
        "logout": control.logout,
        "reset": control.reset,
        "news": control.news,
    }
    action = actions.get(call.path["action"])
    if action is None:
        value = call.path["action"]
        raise RefusedError(
            "NOT_FOUND", field="path", value=value, rule="one of " + " ".join(actions)
        )
    row = await action(call.who, call.path["name"], actor=message.actor, reason=message.reason)
    return Answer(200, FixSessionAnswer(row))

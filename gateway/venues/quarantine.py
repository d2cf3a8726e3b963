"""What a break stops: the trading state of an instrument, an account or a whole venue.

It halts once per break and lifts only what it halted itself: a halt of a person or of the engine is
never touched, and what a person enabled again stays enabled.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

from gateway.api import RefusedError
from gateway.config.halt_reasons import QUARANTINE_ACTOR, digest_of, given_back
from gateway.core.engine import Engine
from gateway.venues.breaks import IN_DOUBT, REALISED_BY_BOOK, Break

__all__ = ["Quarantine"]

log = logging.getLogger(__name__)

Place = tuple[str, str]  # level and name
Row = Mapping[str, Any]
_REASON_MAX = 48  # as the journal stores it
# What a halt found, kept in the journal with it; in brackets who had reduced.
_REDUCING, _LATCHED = "was reducing", "was latched"


def _owner(standing: Row) -> str:
    """Whose a reduction is, also one that an earlier quarantine gave back."""
    owner = given_back(str(standing["reason"])) if standing["actor"] == QUARANTINE_ACTOR else ""
    return owner or digest_of(str(standing["actor"]))


class Quarantine:
    """The halts of one venue's breaks. Event-loop thread only."""

    def __init__(self, venue: str, engine: Engine, accounts: Collection[str]) -> None:
        self._venue = venue
        self._engine = engine
        self._accounts = frozenset(accounts)

    def place_of(self, broken: Break) -> Place | None:
        """What the policy of a break stops; None = nothing."""
        found = broken.finding
        if broken.policy == "adopt" or {REALISED_BY_BOOK, IN_DOUBT}.intersection(found.evidence):
            return None
        if broken.policy == "halt" or not (found.instrument or found.account):
            return "venue", self._venue
        if found.instrument and self._engine.names.find("instrument", found.instrument):
            return "instrument", found.instrument
        return ("account", found.account) if found.account else ("venue", self._venue)

    def stop(self, broken: Break) -> None:
        """A new break, or one that changed: halt what it is about, if it trades."""
        place = self.place_of(broken)
        if place is None:
            return
        before = self._state(place)
        if before["state"] == "halted":
            broken.is_halt_due = False
            return
        kept = ""
        if before["state"] != "active":
            kept = _LATCHED if before["is_latch"] else f"{_REDUCING} ({_owner(before)})"
            kept += ": "
        reason = f"{kept}break {broken.id} {broken.finding.kind}"
        broken.is_halt_due = not self._set(place, "halted", reason)

    def lift(self, open_breaks: Collection[Break]) -> bool:
        """Enable what we halted and no open break holds any more; halt what could not be halted
        before. Whether a break was changed by it."""
        due = [each for each in open_breaks if each.is_halt_due]
        for broken in due:
            self.stop(broken)
        held = {self.place_of(each) for each in open_breaks}
        for row in self._engine.native.trading_states():
            place = str(row["level"]), str(row["name"])
            is_ours = (
                row["state"] == "halted" and row["actor"] == QUARANTINE_ACTOR and self._owns(place)
            )
            if not is_ours or place in held:
                continue
            # What was reduced before is reduced again: a lifted halt loosens nothing else.
            is_latch = str(row["reason"]).startswith(_LATCHED)
            is_reduced = is_latch or str(row["reason"]).startswith(_REDUCING)
            state = "reducing" if is_reduced else "active"
            owner = given_back(str(row["reason"]))
            reason = f"its breaks are resolved ({owner})" if owner else "its breaks are resolved"
            self._set(place, state, reason, is_latch=is_latch)
        return not all(each.is_halt_due for each in due)

    def _owns(self, place: Place) -> bool:
        level, name = place
        if level == "instrument":
            number = self._engine.names.find("instrument", name)
            return bool(number) and self._engine.names.instrument(number).venue == self._venue
        return name == self._venue if level == "venue" else name in self._accounts

    def _state(self, place: Place) -> Row:
        for row in self._engine.native.trading_states():
            if (row["level"], row["name"]) == place:
                return row
        return {"state": "active", "is_latch": False, "actor": "", "reason": ""}

    def _set(self, place: Place, state: str, reason: str, *, is_latch: bool = False) -> bool:
        """False when the engine did not take it, for instance with a journal that is behind."""
        level, name = place
        log.error("%s: %s %s is %s: %s", self._venue, level, name, state, reason)
        try:
            self._engine.set_trading_state(
                level,
                name,
                state,
                is_latch=is_latch,
                actor=QUARANTINE_ACTOR,
                reason=reason[:_REASON_MAX],
            )
        except RefusedError as error:
            log.error("%s: %s %s not %s: %s", self._venue, level, name, state, error)
            return False
        return True

"""The breaks ledger: every difference between the journal and a venue, by name, until it is gone.

The same difference has the same id in every run and after every restart, so reconciling twice adds
nothing. The ledger books nothing and sends nothing; what a break stops, quarantine.py does.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import get_args

import msgspec

from gateway.config.settings import BreakKind, BreakPolicy

__all__ = [
    "DEFAULT_POLICIES",
    "IN_DOUBT",
    "REALISED_BY_BOOK",
    "Break",
    "BreakKind",
    "BreakLedger",
    "Finding",
]

log = logging.getLogger(__name__)

DEFAULT_POLICIES: Mapping[BreakKind, BreakPolicy] = {
    "order_missing_here": "adopt",
    "order_missing_there": "adopt",
    "order_differs": "adopt",
    "order_in_doubt": "adopt",
    "fill_missing": "quarantine",
    "fill_not_booked": "quarantine",
    "fill_quarantined": "quarantine",
    "funding_not_booked": "adopt",
    "interest_not_booked": "adopt",
    "position_differs": "quarantine",
    "balance_differs": "adopt",
    "instrument_changed": "quarantine",
    "instrument_missing": "adopt",
    "mode_mismatch": "halt",
}
assert set(DEFAULT_POLICIES) == set(get_args(BreakKind))
_OPEN_MAX = 1_000  # differences beyond are one fault, not a thousand; they are counted
_RESOLVED_MAX = 200
# Evidence of a difference that may be no more than that, or of a total that cannot be compared: it
# is told and stops nothing.
REALISED_BY_BOOK = "realised by book"
IN_DOUBT = "in doubt"
_FIELDS_OF_ID = ("kind", "account", "instrument", "subject")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference of one run. `subject`: the leg, currency, order or fill it is about."""

    kind: BreakKind
    account: str = ""
    instrument: str = ""
    subject: str = ""
    ours: str = ""
    theirs: str = ""
    difference: str = ""
    impact: str | None = None  # money, where a price is known
    currency: str = ""
    evidence: tuple[str, ...] = ()
    text: str = ""


class Break(msgspec.Struct, kw_only=True):
    """A finding with its life. `resolution` "" = open. `is_halt_due`: the engine has not taken the
    halt that its policy wants."""

    id: str
    venue: str
    policy: BreakPolicy
    finding: Finding
    first_seen_ns: int
    last_seen_ns: int
    resolution: str = ""
    actor: str = ""
    resolved_ns: int = 0
    is_halt_due: bool = False

    def row(self) -> dict[str, object]:
        """The row of GET /v1/breaks."""
        found: dict[str, object] = msgspec.to_builtins(self)
        finding = found.pop("finding")
        assert isinstance(finding, dict)
        head = {name: found.pop(name) for name in ("id", "venue", "policy")}
        return head | finding | found


class BreakLedger:
    """All breaks of one venue. Event-loop thread only."""

    def __init__(
        self,
        venue: str,
        policies: Mapping[BreakKind, BreakPolicy] | None = None,
        *,
        path: Path | None = None,
        on_new: Callable[[Break], None] = lambda broken: None,
    ) -> None:
        self.venue = venue
        self.dropped = 0
        self._policies = {**DEFAULT_POLICIES, **(policies or {})}
        self._path = path
        self.on_new = on_new
        self._open: dict[str, Break] = {}
        self._resolved: dict[str, Break] = {}
        self._is_changed = False
        self._read()

    def open(self) -> list[Break]:
        """Open breaks, oldest first."""
        return list(self._open.values())

    def resolved(self) -> list[Break]:
        """The last resolved ones, oldest first."""
        return list(self._resolved.values())

    def lines(self) -> list[str]:
        """Open breaks as sentences, for /v1/status."""
        return [each.finding.text for each in self._open.values()]

    def compared(
        self, kinds: Iterable[BreakKind], account: str, findings: Iterable[Finding], now_ns: int
    ) -> None:
        """The whole truth of one comparison: what is in it is a break, what no longer is was
        resolved by it."""
        found = {self._id(finding): finding for finding in findings}
        covered = set(kinds)
        for number, broken in list(self._open.items()):
            same = broken.finding.kind in covered and broken.finding.account == account
            if same and number not in found:
                self._close(number, "the next comparison found no difference", "", now_ns)
        for number, finding in found.items():
            self._see(number, finding, now_ns)
        self._write()

    def settled(self, finding: Finding, resolution: str, now_ns: int) -> None:
        """A difference that its own evidence settled in the same run: history, never open. It is
        kept with the comparison that follows it."""
        number = self._id(finding)
        known = self._open.pop(number, None) or self._resolved.pop(number, None)
        broken = self._resolved[number] = self._new(number, finding, now_ns)
        broken.resolution, broken.resolved_ns = resolution, now_ns
        if known is not None:
            broken.first_seen_ns = known.first_seen_ns
        self._trim()
        self._is_changed = True
        log.warning("%s: break %s settled: %s: %s", self.venue, number, finding.text, resolution)

    def resolve(self, number: str, actor: str, reason: str, now_ns: int) -> Break | None:
        """A named person says that this is right as it is; it opens again only when it changes."""
        if number not in self._open:
            return None
        broken = self._close(number, reason, actor, now_ns)
        self._write()
        return broken

    def booked(self, number: str, actor: str, how: str, now_ns: int) -> Break:
        """An open one whose difference a named person has booked. Unlike one that is right as it
        is, the same difference is a new break when it comes again."""
        broken = self._close(number, f"{how} by {actor}", "", now_ns)
        self._write()
        return broken

    def _see(self, number: str, finding: Finding, now_ns: int) -> None:
        known = self._open.get(number)
        if known is not None:
            is_same = _is_same(known.finding, finding)
            known.finding, known.last_seen_ns = finding, now_ns
            if not is_same:
                self._is_changed = True
                self.on_new(known)
            return
        accepted = self._resolved.get(number)
        if accepted is not None and accepted.actor and _is_same(accepted.finding, finding):
            accepted.last_seen_ns = now_ns  # a person has answered for exactly this
            return
        # What stops something is never dropped: a long list of small things must not hide it.
        if len(self._open) >= _OPEN_MAX and self._policies[finding.kind] == "adopt":
            self.dropped += 1
            return
        self._is_changed = True
        self._resolved.pop(number, None)
        broken = self._open[number] = self._new(number, finding, now_ns)
        log.error("%s: break %s (%s): %s", self.venue, number, broken.policy, finding.text)
        self.on_new(broken)

    def _new(self, number: str, finding: Finding, now_ns: int) -> Break:
        return Break(
            id=number,
            venue=self.venue,
            policy=self._policies[finding.kind],
            finding=finding,
            first_seen_ns=now_ns,
            last_seen_ns=now_ns,
        )

    def _close(self, number: str, resolution: str, actor: str, now_ns: int) -> Break:
        self._is_changed = True
        broken = self._open.pop(number)
        broken.resolution, broken.actor, broken.resolved_ns = resolution, actor, now_ns
        self._resolved[number] = broken
        self._trim()
        log.warning("%s: break %s resolved: %s %s", self.venue, number, actor, resolution)
        return broken

    def _trim(self) -> None:
        """The oldest go, and what a person has answered for goes last."""
        while len(self._resolved) > _RESOLVED_MAX:
            plain = (number for number, each in self._resolved.items() if not each.actor)
            del self._resolved[next(plain, next(iter(self._resolved)))]

    def _id(self, finding: Finding) -> str:
        keys = [self.venue, *(str(getattr(finding, name)) for name in _FIELDS_OF_ID)]
        return hashlib.sha256("\0".join(keys).encode()).hexdigest()[:16]

    # What people have answered for, and since when a break stands, outlive a restart. The facts
    # themselves are compared anew, so a file that is lost loses no truth.

    def _read(self) -> None:
        if self._path is None or not self._path.exists():
            return
        try:
            rows = msgspec.json.decode(self._path.read_bytes(), type=list[Break])
        except (OSError, msgspec.DecodeError) as error:
            log.error("%s: breaks of the last run are unreadable: %s", self.venue, error)
            return
        for row in rows:
            row.policy = self._policies[row.finding.kind]  # as it is configured now
            (self._resolved if row.resolution else self._open)[row.id] = row

    def keep(self) -> None:
        """Breaks that were changed by whoever halts for them, over a restart."""
        self._is_changed = True
        self._write()

    def _write(self) -> None:
        if self._path is None or not self._is_changed:
            return
        self._is_changed = False
        rows = [*self._open.values(), *self._resolved.values()]
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(msgspec.json.encode(rows))
            fresh.replace(self._path)
        except OSError as error:
            log.error("%s: breaks are not kept over a restart: %s", self.venue, error)


def _is_same(one: Finding, other: Finding) -> bool:
    """Trading moves both sides of a difference that stays the same."""
    if one.difference or other.difference:
        return one.difference == other.difference
    return one.theirs == other.theirs

"""Decides what a desk's margin and greeks ask of the risk gate: ordinary control commands, to be
sent by whoever holds a key. Sends nothing itself; pure but for what it remembers between two steps.

Policy is data (conf/risk_watch.toml). What it does and never does: docs/concepts/margin.md.
"""

from __future__ import annotations

import fnmatch
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from gateway.analytics.greek_book import GreekInput, book_of, greek_rows, unit_rows
from gateway.analytics.margin_watch import (
    STATES,
    MarginChange,
    MarginWatch,
    headroom_command,
)
from gateway.analytics.portfolio_greeks import unit_greeks_command
from gateway.analytics.watch_memory import Told, WatchMemory
from gateway.analytics.watch_policy import LIMIT_LEVELS, WatchPolicy
from gateway.config.halt_reasons import QUARANTINE_ACTOR, is_given_back_to

__all__ = [
    "Command",
    "RiskWatch",
    "WatchInput",
    "WatchStep",
    "listed",
]

Row = Mapping[str, Any]
LevelEntity = tuple[str, str]  # level, name; the firm has no name
GREEKS = ("delta_cash", "gamma_cash", "vega")
_REASON_MAX, _SUBJECT_MAX = 48, 80  # as the API takes them
_NS = 10**9
_UNSENT_MAX = 256
_UNSET: Row = {"state": "active", "is_latch": False, "actor": ""}
_CLEAR = ("ok", "warning")
_LIFTED = "margin and greeks are within bounds"


class Command(NamedTuple):
    """One request to the live API. `place`: whose trading state it moves; () = none."""

    method: str
    path: str
    body: Mapping[str, Any]
    place: LevelEntity | tuple[()] = ()


class WatchInput(NamedTuple):
    """What is known at one moment. `accounts` are margin rows (margin_rows), `trading_states` and
    `rates` (text, "0" = none) those of the journal. `names`: of each level; a level that is not
    told has every name."""

    accounts: Sequence[Row]
    greeks: GreekInput
    orders: Sequence[Row]
    trading_states: Sequence[Row]
    rates: Mapping[str, str]
    now_ns: int
    names: Mapping[str, Collection[str]] = {}


class WatchStep(NamedTuple):
    """What to send, in this order, and what changed. `unjudged`: limits that say nothing now;
    `unvalued`: instruments of which nothing can be told now."""

    commands: list[Command]
    changes: list[MarginChange]
    accounts: list[dict[str, Any]]
    breaches: list[str]
    unjudged: list[str]
    unvalued: list[str]


class RiskWatch:
    """One thread; no clock of its own. It reduces once per episode: who enables an account by name
    while the call stands is not overruled until it gets worse or begins anew."""

    def __init__(self, policy: WatchPolicy) -> None:
        self._policy = policy
        self._margin = MarginWatch(policy.thresholds())
        self._breached: dict[
            tuple[LevelEntity, str], str
        ] = {}  # a greek of a level, with its words
        self._unjudged: dict[LevelEntity, str] = {}  # limits, with what is missing
        self._acted: dict[LevelEntity, frozenset[str]] = {}  # what was reduced for
        self._ours: set[LevelEntity] = (
            set()
        )  # seen reducing with our name, and by nobody else since
        self._unsent: deque[Command] = deque(maxlen=_UNSENT_MAX)  # notes
        self._left: set[LevelEntity] = set()  # reduced, watched no more, and said so
        self._told: dict[str, Told] = {}
        self._is_first = True

    def step(self, given: WatchInput) -> WatchStep:
        """The commands of one moment. What an earlier run had reduced is taken over, also without
        its memory."""
        states = {_place(row): row for row in given.trading_states}
        notes = [*self._unsent]
        self._unsent.clear()
        if self._is_first:
            notes += self._take_over(states)
            self._is_first = False
        self._see(states)
        rows = [row for row in given.accounts if self._is_watched(row["account"])]
        changes = self._margin.step(rows, given.now_ns)
        accounts = self._margin.rows(rows)
        notes += [self._note_of(change) for change in changes]
        notes += self._judge_greeks(given)
        commands = [*self._states(accounts, states), *notes]
        if self._policy.tells_headroom:
            commands += self._headrooms(given, rows)
        unvalued: list[str] = []
        if self._policy.tells_greeks:
            units, unvalued = self._units(given)
            commands += units
        return WatchStep(
            commands,
            changes,
            accounts,
            sorted(self._breached.values()),
            sorted(self._unjudged.values()),
            unvalued,
        )

    def failed(self, command: Command) -> None:
        """It was refused or its answer is not known: it is asked for again at the next step."""
        if command.path == "/v1/notes":
            self._unsent.append(command)
        if command.place and command.body["state"] == "active":
            self._acted.setdefault((command.place[0], command.place[1]), frozenset())
        elif command.place:
            self._acted.pop((command.place[0], command.place[1]), None)
            self._ours.discard((command.place[0], command.place[1]))
        if command.path == "/v1/measures":
            self._told.pop(f"{command.body['level']}:{command.body['name']}", None)

    # Over restarts.

    def remembered(self) -> WatchMemory:
        """Once what the last step asked for was sent, or `failed` named it."""
        return WatchMemory(
            actor=self._policy.actor,
            margin=[(*key, state) for key, state in sorted(self._margin.states().items())],
            breached=[(*place, name, text) for (place, name), text in self._breached.items()],
            unjudged=[(*place, text) for place, text in self._unjudged.items()],
            reduced_for=[(*place, sorted(keys)) for place, keys in self._acted.items()],
            reduced_by_us=sorted(self._ours),
            left_reduced=sorted(self._left),
            unsent=[(each.body["subject"], each.body["reason"]) for each in self._unsent],
            told=dict(self._told),
        )

    def reduced(self) -> list[str]:
        """What stands reduced in our name, as far as seen."""
        return sorted(_spelled(place) for place in self._ours)

    def restore(self, memory: WatchMemory, limits: Iterable[Row]) -> None:
        """Before the first step: go on where an earlier run stood. What the policy watches no more
        is left out. `limits` of the journal say what the gate holds: only that was told."""
        for account, currency, state in memory.margin:
            if self._is_watched(account):
                self._margin.restore(account, currency, state)
        for level, name, greek, text in memory.breached:
            if self._has_limit((level, name), greek):
                self._breached[(level, name), greek] = text
        for level, name, text in memory.unjudged:
            if _spelled((level, name)) in self._policy.greek_limits:
                self._unjudged[level, name] = text
        for level, name, keys in memory.reduced_for:
            if watched := frozenset(each for each in keys if self._watches((level, name), each)):
                self._acted[level, name] = watched
        self._ours = set(memory.reduced_by_us)
        self._left = set(memory.left_reduced)
        self._unsent += [self._note(subject, reason) for subject, reason in memory.unsent]
        held = {f"{row['level']}:{_place(row)[1]}": row for row in limits}
        self._told = {key: told for key, told in memory.told.items()
                      if _is_held(told.fields, held.get(key, {}))}  # fmt: skip

    def _watches(self, place: LevelEntity, key: str) -> bool:
        """Whether what a place was reduced for is still looked at."""
        kind, name = [*key.split(":"), ""][:2]
        if kind == "greek":
            return self._has_limit(place, name)
        return kind == "margin" and place[0] == "account" and self._is_watched(place[1])

    def _has_limit(self, place: LevelEntity, greek: str) -> bool:
        limit = self._policy.greek_limits.get(_spelled(place))
        return limit is not None and greek in GREEKS and getattr(limit, greek) != ""

    # Trading states.

    def _see(self, states: Mapping[LevelEntity, Row]) -> None:
        """Whose the reductions are. A quarantine in between gives back what stood, in its name; it
        says whose that was, for another may have reduced since the last look."""
        actor = self._policy.actor
        for place, row in states.items():
            is_back = row["actor"] == QUARANTINE_ACTOR and is_given_back_to(row["reason"], actor)
            if row["state"] == "reducing" and row["actor"] == actor:
                self._ours.add(place)
            elif row["state"] == "active" or not is_back:
                self._ours.discard(place)

    def _states(self, accounts: Sequence[Row], states: Mapping[LevelEntity, Row]) -> list[Command]:
        wanted = self._wanted(accounts)
        commands = []
        for place, reasons in wanted.items():
            keys = frozenset(reasons)
            now = states.get(place, _UNSET)
            if keys <= self._acted.get(place, frozenset()):
                continue
            if now["state"] == "active":
                text = next(iter(reasons.values()))
                commands.append(self._set(place, "reducing", text, now["actor"]))
                self._ours.add(place)  # a break may halt it before the next look
            # Under a halt it is tried again when the halt is lifted.
            if now["state"] != "halted":
                self._acted[place] = self._acted.get(place, frozenset()) | keys
        for place in [place for place in self._acted if place not in wanted]:
            commands += self._lifted(place, accounts, states.get(place, _UNSET))
        return commands

    def _lifted(self, place: LevelEntity, accounts: Sequence[Row], held: Row) -> list[Command]:
        """The end of a reduction, once all that it was for is seen and clear."""
        if held["state"] == "halted" or self._stands(place, accounts):
            return []
        del self._acted[place]
        if held["state"] != "reducing" or held["is_latch"] or place not in self._ours:
            return []
        return [self._set(place, "active", _LIFTED, held["actor"])]

    def _stands(self, place: LevelEntity, accounts: Sequence[Row]) -> bool:
        """Whether anything that a place was reduced for is still so, or not seen now."""
        states = {(row["account"], row["currency"]): row["state"] for row in accounts}
        for key in self._acted[place]:
            kind, name, *_ = key.split(":")
            if kind == "greek" and (place, name) in self._breached:
                return True
            if kind == "margin" and states.get((place[1], name)) not in _CLEAR:
                return True
        return False

    def _wanted(self, accounts: Iterable[Row]) -> dict[LevelEntity, dict[str, str]]:
        """What is to be reduced, and every reason for it."""
        answers = {"call": self._policy.on_call, "liquidation": self._policy.on_liquidation}
        wanted: dict[LevelEntity, dict[str, str]] = {}
        for row in accounts:
            if answers.get(row["state"]) == "reduce":
                key = f"margin:{row['currency']}:{row['state']}"
                text = f"margin {row['currency']} {row['state']} {row['ratio'] or 'no equity'}"
                wanted.setdefault(("account", row["account"]), {})[key] = text
        for (place, greek), text in self._breached.items():
            if self._policy.greek_limits[_spelled(place)].on_breach == "reduce":
                wanted.setdefault(place, {})[f"greek:{greek}"] = text
        return wanted

    def _take_over(self, states: Mapping[LevelEntity, Row]) -> list[Command]:
        """What this actor reduced and the memory does not know, from the words of the reasons. What
        it watches no more stays as it is, with a note."""
        notes = []
        for place, row in states.items():
            if row["state"] != "reducing" or row["actor"] != self._policy.actor:
                self._left.discard(place)
                continue
            key = _key_of(str(row["reason"]))
            if self._watches(place, key):
                self._take_over_one(place, key, str(row["reason"]))
            elif place not in self._acted and place not in self._left:
                self._left.add(place)
                subject = f"{_spelled(place)} stays reduced"
                notes.append(self._note(subject, "what it was reduced for is not watched now"))
        return notes

    def _take_over_one(self, place: LevelEntity, key: str, reason: str) -> None:
        known = self._acted.get(place, frozenset())
        if key in known:
            return
        kind, name, *state = key.split(":")
        if kind == "margin":
            self._margin.restore(place[1], name, state[0])
        else:
            self._breached[place, name] = reason
        self._acted[place] = known | {key}

    def _set(self, place: LevelEntity, state: str, reason: str, seen_actor: str) -> Command:
        """Refused when somebody else set the state since it was seen."""
        body = {"level": place[0], "name": place[1], "state": state}
        body |= {"actor": self._policy.actor, "reason": reason[:_REASON_MAX]}
        return Command("POST", "/v1/trading-states", body | {"if_actor": seen_actor}, place)

    # Greeks.

    def _judge_greeks(self, given: WatchInput) -> list[Command]:
        """The exact check after every trade: sums against limits, with hysteresis. What is left
        out may be what broke a limit, so nothing is cleared while something is."""
        limits = self._policy.greek_limits
        if not limits:
            return []
        venues = {row["name"]: row["venue"] for row in given.greeks.instruments}
        rows = {
            (row["level"], "" if row["level"] == "firm" else row["name"]): row
            for row in greek_rows(book_of(given.greeks), venues, LIMIT_LEVELS)
        }
        notes = []
        for spelled, limit in limits.items():
            place = _placed(spelled)
            row = rows.get(place)
            notes += self._missing(place, row, given)
            for greek in GREEKS:
                text = getattr(limit, greek)
                if text:
                    notes += self._judge(place, greek, Decimal(text), row)
        return notes

    def _missing(self, place: LevelEntity, row: Row | None, given: WatchInput) -> list[Command]:
        """A note when a limit begins or ends to say nothing: a name that is none, or something
        left out of its sums."""
        where = " ".join(part for part in place if part)
        known = given.names.get(place[0])
        why = ""
        if known is not None and place[1] not in known:
            why = f"no such {place[0]} is registered"
        elif row is not None and row["excluded"]:
            why = ", ".join(row["excluded"])
        was_missing = place in self._unjudged
        if why:
            self._unjudged[place] = f"{where}: {why}"
        elif was_missing:
            del self._unjudged[place]
        if bool(why) == was_missing:
            return []
        if not why:
            return [self._note(f"greeks of {where} can be judged again", "nothing is left out")]
        told = listed(row["excluded"], _REASON_MAX) if row and row["excluded"] else why
        return [self._note(f"greeks of {where} cannot be judged", told)]

    def _judge(
        self, place: LevelEntity, greek: str, limit: Decimal, row: Row | None
    ) -> list[Command]:
        key = (place, greek)
        value = abs(Decimal(row[greek])) if row else Decimal(0)
        was_over = key in self._breached
        bound = limit * (1 - Decimal(self._policy.clear)) if was_over else limit
        is_over = value > bound or (was_over and bool(row and row["excluded"]))
        if is_over == was_over:
            return []
        where = " ".join(part for part in place if part)
        if not is_over:
            del self._breached[key]
            return [self._note(f"{greek} of {where} is within its limit", f"limit {limit}")]
        self._breached[key] = f"{greek} {value:.2f} above {limit}"
        return [self._note(f"{greek} of {where} is above its limit", self._breached[key])]

    # What the gate's guards are held against.

    def _headrooms(self, given: WatchInput, rows: Sequence[Row]) -> list[Command]:
        rates = {name: rate for name, rate in given.rates.items() if Decimal(rate) > 0}
        found = []
        for account in dict.fromkeys(row["account"] for row in rows):
            body = headroom_command(rows, account, rates, self._policy.actor)
            found += self._tell(body, given.now_ns)
        return found

    def _units(self, given: WatchInput) -> tuple[list[Command], list[str]]:
        """In the reporting currency, for one unit of quantity; and what cannot be valued. That is
        not told: the gate's greeks_age_ms_max then refuses what opens."""
        names = [row["instrument"] for row in given.greeks.positions
                 if row["quantity"].strip("-0.")]  # fmt: skip
        names += [row["instrument"] for row in given.orders]
        known = [row["name"] for row in given.greeks.instruments]
        for pattern in self._policy.instruments:
            names += fnmatch.filter(known, pattern)
        commands: list[Command] = []
        unvalued = []
        for name, unit in unit_rows(given.greeks, names):
            if isinstance(unit, str):
                unvalued.append(name)
                continue
            told = (unit.delta_cash, unit.gamma_cash, unit.vega)
            body = unit_greeks_command(name, *told, self._policy.actor)
            commands += self._tell(body, given.now_ns)
        return commands, unvalued

    def _tell(self, body: Mapping[str, Any], now_ns: int) -> list[Command]:
        """Told when it moved, and again before it grows old."""
        key = f"{body['level']}:{body['name']}"
        before = self._told.get(key, Told(0, {}))
        is_due = not 0 <= now_ns - before.time_ns < self._policy.tell_again_seconds * _NS
        if not is_due and not self._has_moved(before.fields, body["fields"]):
            return []
        self._told[key] = Told(now_ns, dict(body["fields"]))
        return [Command("PUT", "/v1/measures", body)]

    def _has_moved(self, before: Mapping[str, str], now: Mapping[str, str]) -> bool:
        share = Decimal(self._policy.tell_change)
        return any(
            name not in before
            or abs(Decimal(text) - Decimal(before[name])) > abs(Decimal(before[name])) * share
            for name, text in now.items()
        )

    # Notes.

    def _note_of(self, change: MarginChange) -> Command:
        subject = f"margin {change.account} {change.currency} {change.before} to {change.after}"
        return self._note(subject, f"ratio {change.ratio or 'none'}, estimate")

    def _note(self, subject: str, reason: str) -> Command:
        body = {"subject": subject[:_SUBJECT_MAX], "reason": reason[:_REASON_MAX]}
        return Command("POST", "/v1/notes", body | {"actor": self._policy.actor})

    def _is_watched(self, account: str) -> bool:
        return not self._policy.accounts or account in self._policy.accounts


def _place(row: Row) -> LevelEntity:
    return row["level"], "" if row["level"] == "firm" else row["name"]


def _placed(spelled: str) -> LevelEntity:
    level, _, name = spelled.partition(":")
    return level, name


def _spelled(place: LevelEntity) -> str:
    return f"{place[0]}:{place[1]}" if place[1] else place[0]


def listed(names: Sequence[str], length_max: int) -> str:
    """As many of the names as fit whole, and how many more there are."""
    text = ", ".join(names)
    shown = len(names)
    while len(text) > length_max and shown > 1:
        shown -= 1
        text = ", ".join(names[:shown]) + f" and {len(names) - shown} more"
    return text


def _key_of(reason: str) -> str:
    """What the words of a reason say that a place was reduced for; "" = nothing of a watch."""
    words = [*reason.split(), "", "", ""]
    if words[0] == "margin" and words[2] in STATES:
        return f"margin:{words[1]}:{words[2]}"
    return f"greek:{words[0]}" if words[0] in GREEKS else ""


def _is_held(fields: Mapping[str, str], row: Row) -> bool:
    """Whether the gate holds what was told."""
    return all(row.get(name) is not None and Decimal(row[name]) == Decimal(text)
               for name, text in fields.items())  # fmt: skip

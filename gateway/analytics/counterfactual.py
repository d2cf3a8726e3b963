"""The same day under another assumption: the engine decides the recorded commands again, and both
worlds are told side by side. Reads one journal and writes another; must never reach a venue, and
never says what a venue would have done (docs/concepts/what_if.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.analytics.counterfactual_rows import Notes, Worlds
from gateway.journal import reader
from gateway.journal.words import LEVELS

__all__ = ["FILLS", "Assumption", "LimitAssumed", "Settings", "WhatIfFault", "differences"]

Row = dict[str, Any]
FILLS = ("none", "limit", "mark")
_RECORDS_PER_STEP = 65_536


class WhatIfFault(Exception):
    """A question that cannot be asked of this journal."""

    def __init__(self, code: str, field: str, value: object, rule: str) -> None:
        super().__init__(rule)
        self.code, self.field, self.value = code, field, value


@dataclass(frozen=True, slots=True)
class LimitAssumed:
    """One limit that is another than it was; level and field in the words of limits.toml."""

    level: str
    name: str
    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.level} {self.name}".strip() + f" {self.field}={self.value}"


@dataclass(frozen=True, slots=True)
class Assumption:
    """What is otherwise. From the record `first` on, looked at up to `last`."""

    limits: tuple[LimitAssumed, ...] = ()
    strategies_left_out: tuple[str, ...] = ()
    accounts_left_out: tuple[str, ...] = ()
    method: str = "wac"
    fills: str = "none"
    first: int = 1
    last: int = reader.FOREVER

    def words(self) -> list[str]:
        """Each part in words."""
        said = [f"limit {each}" for each in self.limits]
        said += [f"without strategy {name}" for name in self.strategies_left_out]
        said += [f"without account {name}" for name in self.accounts_left_out]
        if self.method != "wac":
            said.append(f"profit by {self.method} instead of wac")
        if self.fills != "none":
            said.append(f"orders accepted here alone fill at their {self.fills}")
        return said


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things lie and how they are told. `explained` puts the numbers of a refusal into the
    rule's unit: its code or number, level, (limit, current, would be,
    working), scales of price and quantity."""

    directory: Path
    ring_directory: str
    out: Path
    out_ring: Path
    explained: Callable[[str | int, int, Sequence[int], tuple[int, int]], Mapping[str, Any]]
    marks: Mapping[str, str] = field(default_factory=dict)
    rows_max: int = 1000
    progress: Callable[[int], None] = lambda sequence: None


def differences(assumption: Assumption, settings: Settings) -> Row:
    """Both worlds and where they part. WhatIfFault: the assumption names what is not there.
    RuntimeError: the journal is damaged or its beginning is gone."""
    replica = _followed(settings)
    _check_names(assumption, replica)
    _check_moments(assumption, int(replica.sequence))
    until = min(assumption.last, int(replica.sequence))
    native = _opened(assumption, settings)
    notes = Notes(settings.rows_max)
    while native.advance(_RECORDS_PER_STEP, until):
        notes.add(native.take_differences())
        settings.progress(native.sequence)
    native.finish()
    notes.add(native.take_differences())
    worlds = Worlds.read(settings, native.sequence, native.other_sequence, assumption.method)
    return _told(assumption, native, notes, worlds, settings)


def _followed(settings: Settings) -> Any:
    """The whole day's state. A damaged file is named: what lies behind it is no end of the day."""
    verified = reader.verify(settings.directory, settings.ring_directory)
    if verified["faults"]:
        fault = verified["faults"][0]
        where = f"segment {fault['segment']}, offset {fault['offset']}"
        raise RuntimeError(f"journal: {fault['code']} at {where}: {fault['text']}")
    return reader.replica_at_end(
        settings.directory, settings.ring_directory, progress=settings.progress
    )


def _check_names(assumption: Assumption, replica: Any) -> None:
    for kind, names in (("strategy", assumption.strategies_left_out),
                        ("account", assumption.accounts_left_out)):  # fmt: skip
        known = sorted(str(row["name"]) for row in replica.registry(kind))
        for name in names:
            if name not in known:
                rule = f"the journal knows {', '.join(known) or 'none'}"
                raise WhatIfFault(f"UNKNOWN_{kind.upper()}", kind, name, rule)
    bound = {(row["level"], "" if row["level"] == "firm" else row["name"])
             for row in replica.limits()}  # fmt: skip
    for each in assumption.limits:
        if (each.level, each.name) not in bound:
            there = ", ".join(sorted(name for level, name in bound if level == each.level))
            rule = f"no limits of this {each.level} in the journal; of {there or 'none'} there are"
            raise WhatIfFault("NOT_FOUND", each.level, each.name, rule)


def _check_moments(assumption: Assumption, last: int) -> None:
    if not last:
        raise RuntimeError("journal: it holds no record")
    if assumption.first > last:
        rule = f"the journal ends at sequence {last}"
        raise WhatIfFault("OUT_OF_RANGE", "from", assumption.first, rule)
    if assumption.last < max(assumption.first, 1):
        rule = f"it must not lie before sequence {max(assumption.first, 1)}, where it begins"
        raise WhatIfFault("OUT_OF_RANGE", "to", assumption.last, rule)


def _opened(assumption: Assumption, settings: Settings) -> Any:
    from gateway._core.counterfactual import Counterfactual

    limits = [
        (LEVELS.index(each.level), each.name, each.field, each.value) for each in assumption.limits
    ]
    try:
        return Counterfactual(
            str(settings.directory),
            settings.ring_directory,
            str(settings.out),
            str(settings.out_ring),
            assumption.first,
            limits,
            list(assumption.strategies_left_out),
            list(assumption.accounts_left_out),
            FILLS.index(assumption.fills),
        )
    except ValueError as error:
        code_and_rule, _, place = str(error).partition(" | ")
        code, _, rule = code_and_rule.partition(" ")
        name, _, value = place.partition(" | ")
        raise WhatIfFault(code, name, value, rule) from None


def _told(
    assumption: Assumption, native: Any, notes: Notes, worlds: Worlds, settings: Settings
) -> Row:
    was, here = native.hashes()
    counts = native.counts()
    identical = bool(native.is_identical)
    rows = notes.rows(worlds, settings.explained)
    positions, balances = worlds.positions(), worlds.balances()
    is_equal = not any(row["is_other"] for row in [*positions, *balances])
    is_same_orders = is_equal and not notes.what and worlds.has_same_orders()
    return {
        "assumed": assumption.words(),
        "sequence": native.sequence,
        "other_sequence": native.other_sequence,
        "time_ns": native.time_ns,
        "state_hash": {"fact": was, "here": here},
        "is_identical": identical,
        "equal": "journal" if identical else "state" if was == here else
                 "rows" if is_same_orders else "positions" if is_equal else "no",
        "parted": notes.parted(worlds),
        "counts": counts,
        "differences": rows,
        "is_cut": notes.is_cut,
        "orders": worlds.order_counts(notes.orders),
        "fills_gone": notes.fills_gone(worlds),
        "positions": positions,
        "balances": balances,
        "profit": worlds.profit(),
        "unknown": _unknown(counts, notes.what),
    }  # fmt: skip


# What an answer does not and cannot know, by the count that it bears on.
_UNKNOWN = (
    ("refusals_kept", "refusals stand as in fact: no limit refused them, or their records have no "
     "trigger, expiry, leg, link or clock to ask them again with"),
    ("references_old", "refused orders were asked again with the newest reference price that an "
     "earlier order kept: a refusal keeps none of its own"),
    ("own_steps_kept", "steps of the gateway's own were taken from the record: what led to them "
     "(marks, contradictions) leaves none"),
    ("assumed_fill", "fills are assumed; no venue told them"),
    ("funding_scaled", "funding payments were scaled by the position held; the rates and marks "
     "are those of the day"),
    ("funding_as_told", "funding payments stand as told: there is no position in fact to scale "
     "them by"),
    ("change_refused", "cancels or replaces are refused here: those orders go on as they were, "
     "and later facts about them are those of the day"),
    ("repeated", "orders came again under a client order id that was accepted here earlier, so "
     "they stand for that one"),
)  # fmt: skip
_OPEN = ("orders were accepted here alone: no venue has seen them, so they stay open with an "
         "unknown outcome and their exposure reserved")  # fmt: skip
_NEVER = "liquidations, told margins and the moves of other traders are not recalculated"


def _unknown(counts: Mapping[str, int], what: Counter[str]) -> list[str]:
    said = [f"{counts[name]} {words}" for name, words in _UNKNOWN if counts[name]]
    if open_orders := counts["accepted"] - counts["assumed_fill"]:
        said.append(f"{open_orders} {_OPEN}")
    return [*said, _NEVER] if sum(what.values()) else said

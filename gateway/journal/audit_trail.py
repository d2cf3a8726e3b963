"""The audit trail of a journal: of every record who, what, when and why. Reads records in their
order and leaves none out but by a filter; keeps no secret, for records hold none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.journal.names import NamesLearned
from gateway.journal.words import LEVELS, RECORD_KINDS, TRADING_STATES, WORDS

__all__ = ["KINDS", "OPERATIONS", "AuditFilter", "ClockQuality", "trail"]

Row = Mapping[str, Any]

OPERATIONS = (
    "", "configuration_loaded", "configuration_reloaded", "configuration_refused", "plugin_loaded",
    "plugin_unloaded", "plugin_refused", "logged_in", "login_refused", "logged_out",
    "clock_quality", "control_command", "margin_called",
)  # fmt: skip
# What AuditFilter.kinds may name: kinds of records, operations, and what a trading state became.
KINDS = frozenset({*RECORD_KINDS, *OPERATIONS, "kill", "enable", "reduce"} - {""})
_ANOMALIES = (
    "", "illegal event", "unknown order", "overfill", "range", "duplicate fill",
    "unknown instrument", "unknown fill", "no trade id", "linked overfill", "linked uncovered",
    "time", "price", "fee", "may be booked already",
)  # fmt: skip
_BALANCES = ("opening", "interest", "deposit", "withdrawal", "transfer", "settlement")
_SESSIONS = ("down", "gap open", "reconciled")
_KILL = 3  # LatchCause::kKill
_BOOTS = ("after a crash", "after a clean stop", "epoch raised while running")
_FROM_VENUE = frozenset({
    "order_accepted", "order_rejected", "order_canceled", "order_expired", "order_replaced",
    "cancel_rejected", "replace_rejected", "order_filled", "fill_busted", "fill_corrected",
    "order_adopted", "anomaly", "venue_state", "balance_changed", "funding",
    "position_collateral",
})  # fmt: skip


class ClockQuality(msgspec.Struct, frozen=True):
    """How good the clock was held to be when a record was written; -1 = not known."""

    source: str = "unknown"
    is_synchronised: bool = False
    bound_ns: int = -1


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted; empty = all. `kinds` are kinds of records or operations."""

    actor: str = ""
    kinds: frozenset[str] = frozenset()
    order_id: int = 0
    first: int = 1
    last: int = (1 << 63) - 1
    from_ns: int = 0
    to_ns: int = (1 << 63) - 1

    def takes(self, row: Row) -> bool:
        """Whether a row of the trail is wanted."""
        return (
            self.first <= row["sequence"] <= self.last
            and self.from_ns <= row["time_ns"] <= self.to_ns
            and (not self.actor or self.actor in (row["who"], row["principal"]))
            and (not self.kinds or bool(self.kinds & {row["kind"], row["what"]}))
            and (not self.order_id or row["order_id"] == str(self.order_id))
        )


def trail(
    records: Iterable[Row], wanted: AuditFilter | None = None, known: Iterable[Row] = ()
) -> Iterator[dict[str, Any]]:
    """One row per record. `records` begin at the journal's first one: names, orders and the clock
    are learned from them. When they begin later, `known` are definitions from before."""
    scribe = _Scribe(known)
    for record in records:
        row = scribe.row(record)
        if wanted is None or wanted.takes(row):
            yield row


class _Scribe:
    """Knows what earlier records said."""

    def __init__(self, known: Iterable[Row]) -> None:
        self._names = NamesLearned()
        for definition in known:
            self._names.learn(definition)
        self._clock = ClockQuality()
        self._owners: dict[int, tuple[int, int]] = {}  # order -> principal, instrument
        self._plugins: dict[str, tuple[str, str]] = {}

    def row(self, record: Row) -> dict[str, Any]:
        self._names.learn(record)
        if record["kind"] == "boot":
            self._clock = ClockQuality()  # another machine, maybe
        what, subject, why = self._told(record)
        order_id = record.get("order_id", 0)
        principal = self._names.name("principal", record["actor"]) if record["actor"] else ""
        return {
            "sequence": record["sequence"],
            "time_ns": record["time_ns"],
            "time": instant(record["time_ns"]),
            "kind": record["kind"],
            "what": what,
            "who": self._who(record, principal),
            "principal": principal,
            "order_id": str(order_id) if order_id else "",
            "subject": subject,
            "why": why,
            "cause": record["cause"],
            "epoch": record["epoch"],
            "origin_port": record["origin_port"],
            "digest": record.get("digest", ""),
            "clock": msgspec.structs.asdict(self._clock),
        }

    def _who(self, record: Row, principal: str) -> str:
        for field in ("operation_actor", "limits_actor", "state_actor", "measured_actor",
                      "adopted_by"):  # fmt: skip
            if record.get(field):
                return str(record[field])
        if principal:
            return principal
        if record["kind"] in _FROM_VENUE:
            return self._venue_of(record)
        return "gateway"

    def _venue_of(self, record: Row) -> str:
        names, number = self._names, 0
        try:
            if "venue" in record:
                number = record["venue"]
            elif "account" in record:
                number = names.row("account", record["account"])["venue"]
            elif record.get("order_id") in self._owners:
                instrument = self._owners[record["order_id"]][1]
                number = names.row("instrument", instrument)["venue"]
        except KeyError:
            return "venue"
        return f"venue {names.name('venue', number)}" if number else "venue"

    def _told(self, record: Row) -> tuple[str, str, str]:
        """What happened, to what, and why."""
        kind = record["kind"]
        tell = getattr(self, f"_{kind}", None)
        if tell is not None:
            told: tuple[str, str, str] = tell(record)
            return told
        if kind.endswith("_defined"):
            name = record.get("name") or record.get("symbol") or record.get("code", "")
            return kind, str(name), f"version {record.get('definition_version', 1)}"
        if "order_id" in record:
            return kind, self._order(record["order_id"]), _fact_words(record)
        return kind, "", ""

    def _order(self, order_id: int) -> str:
        if order_id not in self._owners:
            return ""
        return self._names.name("instrument", self._owners[order_id][1])

    def _order_new(self, record: Row) -> tuple[str, str, str]:
        self._owners[record["order_id"]] = record["actor"], record["instrument"]
        reference = record["reference_price"]
        why = f"passed limits {record['limits_version']}"
        if reference:
            why += f" against {reference} of {record['reference_age_ms']} ms"
        return "order_new", self._intent(record), why

    def _order_adopted(self, record: Row) -> tuple[str, str, str]:
        self._owners[record["order_id"]] = record["actor"], record["instrument"]
        return "order_adopted", self._intent(record), "found at the venue"

    def _order_refused(self, record: Row) -> tuple[str, str, str]:
        why = (
            f"{record['refusal']} at {_level_word(record['level'])}: limit {record['limit']}, "
            f"current {record['current']}, would be {record['would_be']}"
        )
        return "order_refused", self._intent(record), why

    def _intent(self, record: Row) -> str:
        names = self._names
        side = _word(WORDS["side"], record["side"])
        return (
            f"{side} {self._scaled(record, 'quantity')} "
            f"{names.name('instrument', record['instrument'])} at {self._scaled(record, 'price')} "
            f"for {names.name('strategy', record['strategy'])} "
            f"in {names.name('account', record['account'])}"
        )

    def _scaled(self, record: Row, field: str) -> str:
        try:
            rules = self._names.row("instrument", record["instrument"])
        except KeyError:
            return str(record[field])
        scale = record.get(f"{field}_scale", rules[f"{field}_scale"])
        return decimal_text(record[field], scale)

    def _order_filled(self, record: Row) -> tuple[str, str, str]:
        return "order_filled", self._fill(record), f"trade {record['trade_id']}"

    def _fill_busted(self, record: Row) -> tuple[str, str, str]:
        return record["kind"], self._fill(record), f"revision {record['revision']} of the venue"

    _fill_corrected = _fill_busted

    def _fill(self, record: Row) -> str:
        return (
            f"{_word(WORDS['side'], record['side'])} {self._scaled(record, 'quantity')} "
            f"{self._names.name('instrument', record['instrument'])} "
            f"at {self._scaled(record, 'price')} in "
            f"{self._names.name('account', record['account'])}"
        )

    def _cancel_requested(self, record: Row) -> tuple[str, str, str]:
        why = _word(WORDS["cancel_reason"], record["reason"])
        return "cancel_requested", self._order(record["order_id"]), why

    def _anomaly(self, record: Row) -> tuple[str, str, str]:
        return "anomaly", self._order(record["order_id"]), _word(_ANOMALIES, record["code"])

    def _limits_set(self, record: Row) -> tuple[str, str, str]:
        subject = self._names.level(record["level"], record["id"])
        return "limits_set", subject, record["reason"]

    def _guards_set(self, record: Row) -> tuple[str, str, str]:
        return "guards_set", self._names.level(record["level"], record["id"]), "with its limits"

    def _risk_measured(self, record: Row) -> tuple[str, str, str]:
        return "risk_measured", self._names.level(record["level"], record["id"]), ""

    def _override_used(self, record: Row) -> tuple[str, str, str]:
        why = f"limit {record['limit']}, would be {record['would_be']}"
        return "override_used", self._order(record["order_id"]), why

    def _trading_state_set(self, record: Row) -> tuple[str, str, str]:
        state = _word(TRADING_STATES, record["state"])
        latch = " with a latch" if record["is_latch"] else ""
        latch += ", its orders canceled" if record["latch_cause"] == _KILL else ""
        subject = f"{self._names.level(record['level'], record['id'])} {state}{latch}"
        what = {"halted": "kill", "active": "enable"}.get(state, "reduce")
        return what, subject, record["reason"]

    def _venue_state(self, record: Row) -> tuple[str, str, str]:
        name = self._names.name("venue", record["venue"])
        return "venue_state", f"{name} {_word(_SESSIONS, record['state'])}", record["text"]

    def _balance_changed(self, record: Row) -> tuple[str, str, str]:
        what = _word(_BALANCES, record["reason"]) if record["reason"] < 6 else "adjustment"
        return "balance_changed", f"{what} {self._money(record)}", record["reference"]

    def _funding(self, record: Row) -> tuple[str, str, str]:
        instrument = self._names.name("instrument", record["instrument"])
        return "funding", f"{self._money(record)} on {instrument}", record["reference"]

    def _position_collateral(self, record: Row) -> tuple[str, str, str]:
        instrument = self._names.name("instrument", record["instrument"])
        leg, account = _word(WORDS["leg"], record["leg"]), record["account"]
        where = f"{instrument} {leg} of {self._names.name('account', account)}"
        why = {1: "told by its stream", 2: "its answer"}.get(record["evidence"], "")
        mode = _word(WORDS["venue_margin_mode"], record["venue_margin_mode"])
        subject = f"{record['amount']} in {where}" + (f", {mode}" if mode else "")
        return "position_collateral", subject, why

    def _money(self, record: Row) -> str:
        return (
            f"{record['amount']} {self._names.name('currency', record['currency'])} "
            f"in {self._names.name('account', record['account'])}"
        )

    def _position_adopted(self, record: Row) -> tuple[str, str, str]:
        return "position_adopted", self._fill(record), record["reference"]

    def _currency_rate_set(self, record: Row) -> tuple[str, str, str]:
        name = self._names.name("currency", record["currency"])
        return "currency_rate_set", f"{name} {decimal_text(record['rate_e8'], 8)}", ""

    def _boot(self, record: Row) -> tuple[str, str, str]:
        subject = f"epoch {record['epoch']} of build {record['build']}"
        return "boot", subject, _word(_BOOTS, record["clean_shutdown"])

    def _clock_tick(self, record: Row) -> tuple[str, str, str]:
        return "clock_tick", "trading period ends" if record["purpose"] == 1 else "", ""

    def _stopped(self, record: Row) -> tuple[str, str, str]:
        return "stopped", f"{record['open_orders']} open orders", ""

    def _operation_noted(self, record: Row) -> tuple[str, str, str]:
        what = _word(OPERATIONS, record["operation"])
        subject = " ".join(filter(None, (record["subject"], record["detail"])))
        why = record["reason"]
        if what == "clock_quality":
            is_synchronised = record["detail"] == "synchronised"
            self._clock = ClockQuality(record["subject"], is_synchronised, record["bound_ns"])
        if what == "plugin_loaded":
            why = why or self._plugin_change(record)
        if record["unnoted"]:
            why = f"{why}; {record['unnoted']} before it were too fast to be noted".lstrip("; ")
        return what, subject, why

    def _plugin_change(self, record: Row) -> str:
        before = self._plugins.get(record["subject"])
        now = self._plugins[record["subject"]] = record["detail"], record["digest"]
        if before is None or before == now:
            return "" if before else "new"
        return f"upgraded from {before[0]} {before[1][:12]}"


def _fact_words(record: Row) -> str:
    words = (_word(WORDS["reason"], record.get("reason", 0)), str(record.get("text", "")))
    return ": ".join(filter(None, words))


def _word(words: Sequence[str | None], number: int) -> str:
    return words[number] or "" if 0 <= number < len(words) else str(number)


def _level_word(level: int) -> str:
    return LEVELS[level] if 0 <= level < len(LEVELS) else "no level"


def decimal_text(mantissa: int, scale: int) -> str:
    """A mantissa with its decimals, exact."""
    digits = str(abs(mantissa)).rjust(scale + 1, "0")
    sign = "-" if mantissa < 0 else ""
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else f"{sign}{digits}"


def instant(time_ns: int) -> str:
    """UTC with nanoseconds."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"

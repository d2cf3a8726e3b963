"""Interest that a journal says was paid, beside what the schedule of the venue makes of what was
owed: each settlement with its estimate, the difference by name, its parts by strategy. Exact; it
reads records and moves nothing. What is owed is what a balance lacks: no record tells a loan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from gateway.api.decimal_text import plain_text
from gateway.journal.names import EXTERNAL, NamesLearned
from gateway.ledger.borrow import (
    DAY_NS,
    HOUR_NS,
    BorrowTerms,
    Charge,
    DayCount,
    Steps,
    accrual,
    charges,
    settled,
)
from gateway.ledger.funding import fair_shares
from gateway.ledger.statement import Day, Movements

__all__ = ["InterestAudit", "Schedule", "schedules_of"]

Row = Mapping[str, Any]
Key = tuple[str, str]  # account, currency
_EXACT = Context(prec=120)
_ZERO = Decimal(0)
_SPOT, _INTEREST = 1, 1
_EVER = Day(-(2**63), 2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOLERANCE_BPS = 100  # of the estimate; venues lend by the minute, records tell of fills
_UNITS_MAX = 1  # of the currency's last digit: rounding is no difference


class Schedule(NamedTuple):
    """How a currency's interest is reckoned, and its rates of a year with the times they began."""

    terms: BorrowTerms
    rates: Steps


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    """One currency of a schedule file."""

    rates: dict[str, str]  # UTC time: rate of a year
    period: str = "hour"
    charges_at_start: bool = False
    is_compound: bool = False
    day_count: DayCount = "actual/365"
    unit: str = "0.00000001"


def schedules_of(text: bytes) -> dict[str, Schedule]:
    """Currencies of a JSON file. ValueError says what is wrong with it."""
    found = {}
    for currency, each in msgspec.json.decode(text, type=dict[str, _Written]).items():
        periods = {"hour": HOUR_NS, "8 hours": 8 * HOUR_NS, "day": DAY_NS}
        if each.period not in periods:
            raise ValueError(f"{currency}: period {each.period!r} is none of {', '.join(periods)}")
        unit, rates = _number(currency, each.unit), []
        if unit <= 0:
            raise ValueError(f"{currency}: unit {each.unit} is not above zero")
        for written, rate in each.rates.items():
            at = datetime.fromisoformat(written)
            if at.tzinfo is None:
                raise ValueError(f"{currency}: {written} has no time zone")
            rates.append(((at - _EPOCH) // timedelta(microseconds=1) * 1000,
                          _number(currency, rate)))  # fmt: skip
        terms = BorrowTerms(
            periods[each.period], each.charges_at_start, each.is_compound, each.day_count, unit
        )
        found[currency] = Schedule(terms, sorted(rates))
    return found


def _number(currency: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{currency}: {text!r} is no number")
    return number


class _Owed:
    """What one strategy owes of a currency, and for how long it has since the last settlement."""

    __slots__ = ("area", "owed", "since_ns")

    def __init__(self) -> None:
        self.owed = self.area = self.since_ns = 0

    def move(self, owed: int, now_ns: int) -> None:
        self.area += self.owed * (now_ns - self.since_ns)
        self.owed, self.since_ns = owed, now_ns


class InterestAudit:
    """Shown all records, in order."""

    def __init__(
        self, schedules: Mapping[str, Schedule], tolerance_bps: int = _TOLERANCE_BPS
    ) -> None:
        self._schedules = schedules
        self._tolerance_bps = tolerance_bps
        self._names = NamesLearned()
        self._moved = Movements(_EVER)
        self._principals: dict[Key, list[tuple[int, Decimal]]] = defaultdict(list)
        self._orders: dict[int, int] = {}  # strategy
        # by account and currency, then by instrument and strategy
        self._owed: dict[Key, dict[tuple[int, int], _Owed]] = defaultdict(dict)
        self._paid: list[dict[str, Any]] = []
        self._now_ns = 0

    def run(self, records: Iterable[Row]) -> dict[str, list[dict[str, Any]]]:
        """{payments, outstanding}: each settlement of interest, and what has accrued since."""
        for record in records:
            self._names.learn(record)
            kind, self._now_ns = record["kind"], record["time_ns"]
            if kind in ("order_new", "order_adopted"):
                self._orders[record["order_id"]] = record["strategy"]
            elif "position_cost" in record:
                self._hold(record)
            if kind == "balance_changed" and record["reason"] == _INTEREST:
                self._pay(record)
            self._moved.add(record)
            self._moved.fills.clear()
            self._owe(record)
        return self._judged()

    def _hold(self, record: Row) -> None:
        """A short on spot owes its coins, a long one at most its cost: as the books split it."""
        rules = self._names.row("instrument", record["instrument"])
        if rules["instrument_kind"] != _SPOT:
            return
        known = self._orders.get(record.get("order_id", 0))
        strategy: int = record.get("strategy", 0) if known is None else known
        quantity = record["position_quantity"]
        coins = -quantity * 10 ** (18 - rules["quantity_scale"])
        cost = int(Decimal(record["position_cost"]).scaleb(18, _EXACT))
        account = self._names.name("account", record["account"])
        for currency, owed in ((rules["base"], coins), (rules["quote"], cost)):
            is_owed = quantity < 0 if currency == rules["base"] else quantity > 0
            books = self._owed[account, self._names.name("currency", currency)]
            book = books.setdefault((record["instrument"], strategy), _Owed())
            book.move(max(owed, 0) if is_owed else 0, record["time_ns"])

    def _owe(self, record: Row) -> None:
        """Balances of the account behind the record: what is below zero is borrowed. Interest is
        left out; whether it is owed too is the schedule's."""
        if "account" not in record:
            return
        account = self._names.name("account", record["account"])
        for key, sums in self._moved.cash.items():
            if key[0] != account:
                continue
            held = _ZERO
            for word, amount in sums.items():
                held = held if word == "interest" else _EXACT.add(held, amount)
            steps, owed = self._principals[key], max(held.copy_negate(), _ZERO)
            if steps and steps[-1][0] == record["time_ns"]:
                steps[-1] = (record["time_ns"], owed)
            elif (steps[-1][1] if steps else _ZERO) != owed:
                steps.append((record["time_ns"], owed))

    def _pay(self, record: Row) -> None:
        account = self._names.name("account", record["account"])
        currency = self._names.name("currency", record["currency"])
        amount, now_ns = Decimal(record["amount"]), record["time_ns"]
        areas: dict[str, int] = defaultdict(int)
        sizes: dict[str, int] = defaultdict(int)
        for (_, strategy), book in self._owed[account, currency].items():
            book.move(book.owed, now_ns)
            name = self._names.name("strategy", strategy)
            areas[name], sizes[name] = areas[name] + book.area, sizes[name] + book.owed
            book.area = 0
        parts, basis = {EXTERNAL: amount}, "none"  # what is received is nobody's loan
        if amount < 0:
            parts, basis = fair_shares(amount, areas, sizes)
        self._paid.append(
            {
                "sequence": record["sequence"], "time_ns": now_ns, "account": account,
                "currency": currency, "reference": record["reference"], "amount": amount,
                "parts": {name: plain_text(part) for name, part in parts.items()},
                "parts_by": basis,
            }
        )  # fmt: skip

    def _judged(self) -> dict[str, list[dict[str, Any]]]:
        due: dict[Key, list[Charge]] = {}
        for key, principals in self._principals.items():
            schedule = self._schedules.get(key[1])
            if schedule is not None:
                due[key] = charges(principals, schedule.rates, schedule.terms, self._now_ns)
        last_ns: dict[Key, int] = {}
        for row in self._paid:
            key = row["account"], row["currency"]
            self._judge(row, due.get(key), last_ns.get(key, -1))
            if row.pop("is_charge"):
                last_ns[key] = row["time_ns"]
        outstanding = [
            self._outstanding(key, found, last_ns.get(key, -1)) for key, found in due.items()
        ]
        return {"payments": self._paid, "outstanding": [row for row in outstanding if row]}

    def _judge(self, row: dict[str, Any], due: list[Charge] | None, last_ns: int) -> None:
        """Completes the row of one settlement: all charges since the one before are in it."""
        paid: Decimal = row["amount"].copy_negate()
        row["amount"] = plain_text(row["amount"])
        row["is_charge"] = paid > 0
        row["expected"] = row["difference"] = None
        row["faults"] = []
        if paid <= 0:
            row["faults"].append("RECEIVED")
            return
        if due is None:
            row["faults"].append("NO_RATE")
            return
        terms = self._schedules[row["currency"]].terms
        of_it = [each for each in due if last_ns < each.time_ns <= row["time_ns"]]
        expected = settled(of_it, terms)
        away = _EXACT.subtract(paid, expected)
        row["expected"], row["difference"] = plain_text(expected), plain_text(away)
        if not of_it:
            row["faults"].append("NOTHING_DUE")
        elif away.copy_abs() > _UNITS_MAX * terms.unit:
            bps = Fraction(away.copy_abs()) * 10_000 / Fraction(expected or terms.unit)
            if bps > self._tolerance_bps:
                row["faults"].append(f"AMOUNT_AWAY {int(bps)} bps")

    def _outstanding(self, key: Key, due: list[Charge], last_ns: int) -> dict[str, Any] | None:
        """What was charged and not settled yet, and what the time since the last charge makes."""
        terms, rates = self._schedules[key[1]]
        steps = self._principals[key]
        unpaid = [each for each in due if each.time_ns > last_ns]
        if not steps or not (unpaid or steps[-1][1]):
            return None
        principal = steps[-1][1]
        since_ns = due[-1].time_ns if due else steps[-1][0]
        rate = next((rate for at, rate in reversed(rates) if at <= self._now_ns), _ZERO)
        running = accrual(principal, rate, self._now_ns - since_ns, terms)
        period_ns = terms.period_ns
        is_late = bool(unpaid) and self._now_ns - unpaid[0].time_ns >= 2 * period_ns
        return {
            "account": key[0], "currency": key[1], "principal": plain_text(principal),
            "charged": plain_text(settled(unpaid, terms)),
            "accrued": plain_text(settled([Charge(0, principal, rate, running)], terms)),
            "faults": ["NOT_PAID"] if is_late else [],
        }  # fmt: skip

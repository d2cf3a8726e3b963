"""Rows of two worlds side by side: what came out differently order by order, and what each holds
and earned at the end. Exact decimals; reads the two journals and decides nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from gateway.analytics.waterfall import CAUSES, waterfall_rows
from gateway.api.decimal_text import plain_text
from gateway.journal import reader
from gateway.journal.words import LEVELS, WORDS
from gateway.ledger import Bounds, open_books

if TYPE_CHECKING:
    from gateway.analytics.counterfactual import Settings

__all__ = ["Notes", "Worlds"]

Row = dict[str, Any]
Verdict = tuple[int, int, int, int, int, int]
Told = tuple[str, bytes | None, bytes | None, Verdict, int]
_EXACT = Context(prec=100)
_KINDS = ("instrument", "account", "strategy")
_POSITION = ("account", "strategy", "instrument", "leg", "margin_mode")
_HELD = ("quantity", "cost", "realised", "unrealised", "fees")
_PROFIT = ("account", "strategy", "currency")
_ORDERS_MAX = 4_000_000
_ALWAYS = 2**62  # no mark given by hand is too old


class Notes:
    """The differences as they come: all of them counted, the first of each sort kept."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._kept: dict[str, list[tuple[Row | None, Row | None, Verdict, int]]] = defaultdict(list)
        self._first: tuple[str, Row | None, Row | None] | None = None
        self._strategies: dict[int, int] = {}  # of orders that do not stand here
        self._fills: Counter[tuple[int, int, int, str]] = Counter()
        self._fill_sums: dict[tuple[int, int, int, str], list[Decimal]] = {}
        self.what: Counter[str] = Counter()
        self.orders: dict[str, Counter[int]] = defaultdict(Counter)
        self.is_cut = False

    def add(self, told: Sequence[Told]) -> None:
        """The next differences, in their order."""
        for what, was, here, verdict, reference in told:
            fact = None if was is None else reader.decode(was)
            other = None if here is None else reader.decode(here)
            self._note(what, fact, other)
            self.what[what] += 1
            if len(self._kept[what]) < self._rows_max:
                self._kept[what].append((fact, other, verdict, reference))
            else:
                self.is_cut = True

    def _note(self, what: str, fact: Row | None, other: Row | None) -> None:
        if what != "assumed" and self._first is None:
            self._first = what, fact, other
        either = fact or other
        assert either is not None
        if fact is not None and fact["kind"] == "order_new":
            self._strategies[int(fact["order_id"])] = int(fact["strategy"])
        if "strategy" in either and what != "assumed":
            self.orders[what][int(either["strategy"])] += 1
        if fact is not None and fact["kind"] == "order_filled":
            self._note_fill(fact)

    def _note_fill(self, fill: Row) -> None:
        side = WORDS["side"][fill["side"]] or ""
        strategy = self._strategies.get(int(fill["order_id"]), 0)
        key = int(fill["account"]), strategy, int(fill["instrument"]), side
        sums = self._fill_sums.setdefault(key, [Decimal(0), Decimal(0), Decimal(0)])
        self._fills[key] += 1
        for place, amount in enumerate((fill["quantity"], fill["value"], fill["fee"])):
            sums[place] = _EXACT.add(sums[place], Decimal(amount))

    def parted(self, worlds: Worlds) -> Row | None:
        """The first thing that came out differently; None = nothing did."""
        if self._first is None:
            return None
        what, fact, other = self._first
        either = fact or other
        assert either is not None
        return {
            "sequence": 0 if fact is None else fact["sequence"],
            "other_sequence": 0 if other is None else other["sequence"],
            "time_ns": either["time_ns"],
            "what": what,
            **worlds.named(either),
            "refusal": (other or {}).get("refusal", ""),
        }

    def rows(self, worlds: Worlds, explained: Callable[..., Mapping[str, Any]]) -> dict[str, Any]:
        """Every sort of difference with its rows."""
        return {
            what: [worlds.difference(*each, explained) for each in kept]
            for what, kept in sorted(self._kept.items())
        }

    def fills_gone(self, worlds: Worlds) -> list[Row]:
        """Fills of the day that did not happen here, summed up."""
        rows: list[Row] = []
        for (account, strategy, instrument, side), count in sorted(self._fills.items()):
            quantity, value, fees = self._fill_sums[account, strategy, instrument, side]
            scale = worlds.scales(instrument)[1]
            rows.append({
                "account": worlds.name("account", account),
                "strategy": worlds.name("strategy", strategy),
                "instrument": worlds.name("instrument", instrument),
                "side": side,
                "fills": count,
                "quantity": plain_text(quantity.scaleb(-scale)),
                "value": plain_text(value),
                "fees": plain_text(fees),
            })  # fmt: skip
        return rows


class Worlds:
    """The day as it was and as it is here, at their ends."""

    def __init__(self, fact: _World, here: _World, registry: Mapping[str, list[Row]]) -> None:
        self._fact, self._here = fact, here
        self._names = {
            kind: {int(row["id"]): str(row["name"]) for row in rows}
            for kind, rows in registry.items()
        }
        self._numbers = {name: number for number, name in self._names["instrument"].items()}
        self._scales = {
            int(row["id"]): (int(row["price_scale"]), int(row["quantity_scale"]))
            for row in registry["instrument"]
        }

    @classmethod
    def read(cls, settings: Settings, sequence: int, other_sequence: int, method: str) -> Worlds:
        """Both journals up to where they were decided. The method of lots is that of here."""
        replica = _replica_at(settings.directory, settings.ring_directory, sequence)
        kinds = (*_KINDS, "venue")
        registry = {kind: replica.registry(kind) for kind in kinds}
        books = _booked(settings.directory, settings.ring_directory, sequence)
        fact = _World(replica, books, settings.marks, "wac")
        other = _replica_at(settings.out, str(settings.out_ring), other_sequence)
        books = _booked(settings.out, str(settings.out_ring), other_sequence)
        here = _World(other, books, settings.marks, method)
        return cls(fact, here, registry)

    def name(self, kind: str, number: int) -> str:
        """What it is called."""
        if kind == "strategy" and number == 0:
            return "EXTERNAL"
        return self._names[kind].get(number, f"{kind} {number}")

    def scales(self, instrument: int) -> tuple[int, int]:
        """Decimals of price and quantity."""
        return self._scales.get(instrument, (0, 0))

    def named(self, record: Row) -> Row:
        """Whom and what a record is about, as text."""
        row: Row = {"kind": record["kind"]}
        row |= {kind: self.name(kind, record[kind]) for kind in _KINDS if kind in record}
        instrument = int(record.get("instrument", 0))
        if order_id := int(record.get("order_id") or 0):
            row["order_id"] = str(order_id)
            order = self._fact.order(order_id) or self._here.order(order_id) or {}
            row = {kind: order[kind] for kind in _KINDS if kind in order} | row
            instrument = instrument or self._numbers.get(str(row.get("instrument")), 0)
        if client := record.get("client_id") or record.get("client_number"):
            row["client_order_id"] = str(client)
        row |= self._amounts(record, instrument)
        for name in ("side", "type"):
            if name in record and record["kind"].startswith("order_"):
                row[name] = WORDS[name][record[name]]
        if "level" in record and "id" in record:
            row["level"] = LEVELS[record["level"]]
            row["name"] = "" if row["level"] == "firm" else self.name(row["level"], record["id"])
        row |= {name: str(record[name]) for name in ("trade_id", "amount") if record.get(name)}
        return row

    def _amounts(self, record: Row, instrument: int) -> Row:
        prices, quantities = self.scales(instrument)
        scales = {"price": int(record.get("price_scale", prices)), "quantity": quantities}
        return {
            name: plain_text(Decimal(record[name]).scaleb(-scale))
            for name, scale in scales.items()
            if instrument and isinstance(record.get(name), int) and record[name]
        }

    def difference(
        self, fact: Row | None, other: Row | None, verdict: Verdict, reference: int,
        explained: Callable[..., Mapping[str, Any]],
    ) -> Row:  # fmt: skip
        """One difference: who, when, and why it is refused in either world."""
        either = fact or other
        assert either is not None
        row: Row = {
            "sequence": 0 if fact is None else fact["sequence"],
            "other_sequence": 0 if other is None else other["sequence"],
            "time_ns": either["time_ns"],
            **self.named(either),
        }
        for world, record in (("fact", fact), ("here", other)):
            if record is not None and record["kind"] == "order_refused":
                row[f"refusal_{world}"] = self._refusal(record, explained)
        if verdict[0] and "refusal_here" not in row:
            scales = self.scales(self._numbers.get(str(row.get("instrument")), 0))
            row["refusal_here"] = dict(explained(verdict[0], verdict[1], verdict[2:], scales))
        if reference:
            row["reference_sequence"] = reference
        if fact is not None and other is not None and fact["kind"] == other["kind"] == "funding":
            row["amount_here"] = other["amount"]
        return row

    def _refusal(self, record: Row, explained: Callable[..., Mapping[str, Any]]) -> Row:
        level = record["level"]
        numbers = [record[name] for name in ("limit", "current", "would_be", "working")]
        told = dict(explained(record["refusal"], level if level < len(LEVELS) else -1, numbers,
                              self.scales(record["instrument"])))  # fmt: skip
        return {"code": record["refusal"], **told}

    def order_counts(self, orders: Mapping[str, Counter[int]]) -> list[Row]:
        """How many of each strategy's commands came out differently."""
        strategies = sorted({number for counts in orders.values() for number in counts})
        return [
            {"strategy": self.name("strategy", number),
             **{what: counts[number] for what, counts in sorted(orders.items()) if counts[number]}}
            for number in strategies
        ]  # fmt: skip

    def has_same_orders(self) -> bool:
        """Whether every remembered order is the same in both, but for when it was last touched."""
        both = (self._fact.orders(), self._here.orders())
        return both[0] == both[1]

    def positions(self) -> list[Row]:
        """Every book of either world."""
        return _beside(self._fact.positions, self._here.positions, _POSITION, _HELD)

    def balances(self) -> list[Row]:
        """Every balance of either world."""
        return _beside(self._fact.balances, self._here.balances, ("account", "currency"),
                       ("total",))  # fmt: skip

    def profit(self) -> list[Row]:
        """What was earned by cause, per account, strategy and currency."""
        return _beside(self._fact.profit, self._here.profit, _PROFIT, (*CAUSES, "total"))


class _World:
    """One journal at its end: what it holds and what it earned."""

    def __init__(self, replica: Any, books: Any, marks: Mapping[str, str], method: str) -> None:
        self.order = replica.order
        self._replica = replica
        self.balances = replica.balances()
        self.positions = _by_method(
            books.positions("wac", marks=dict(marks)), books.positions(method), marks
        )
        valued = [
            {**row, "mark_age_ms": 0 if row["unrealised"] is not None else None}
            for row in self.positions
        ]
        self.profit = waterfall_rows(books.accounts(method), valued, _ALWAYS)

    def orders(self) -> list[Row]:
        """Every remembered order, without when it was last touched."""
        rows: list[Row] = self._replica.orders(open_only=False, limit=_ORDERS_MAX)
        return [{name: row[name] for name in row if name != "updated_ns"} for row in rows]


def _by_method(weighted: Sequence[Row], rows: Sequence[Row], marks: Mapping[str, str]) -> list[Row]:
    """Rows of a method with their unrealised result: the value is the same, the cost is not."""
    made: list[Row] = []
    for wac, row in zip(weighted, rows, strict=True):
        unrealised = wac["unrealised"] if row["instrument"] in marks else None
        if unrealised is not None:
            cost = _EXACT.subtract(Decimal(wac["cost"]), Decimal(row["cost"]))
            unrealised = plain_text(_EXACT.add(Decimal(unrealised), cost))
        made.append({**row, "unrealised": unrealised})
    return made


def _replica_at(directory: Any, ring: str, sequence: int) -> Any:
    return reader.replica_at_end(directory, ring, use_snapshot=False, until=sequence)


def _booked(directory: Any, ring: str, sequence: int) -> Any:
    return open_books(directory, ring, as_of=Bounds(sequence=sequence), keeps_all=False)


def _beside(
    was: Sequence[Row], here: Sequence[Row], key: Sequence[str], fields: Sequence[str]
) -> list[Row]:
    """Rows of both worlds by key; what is absent is zero, what is not known is null."""
    both: dict[tuple[str, ...], tuple[Row, Row]] = {}
    for side, rows in enumerate((was, here)):
        for row in rows:
            place = both.setdefault(tuple(str(row[name]) for name in key), ({}, {}))
            place[side].update(row)
    made: list[Row] = []
    for names, (one, other) in sorted(both.items()):
        row = dict(zip(key, names, strict=True))
        told = {
            "fact": {name: one.get(name, "0") for name in fields},
            "here": {name: other.get(name, "0") for name in fields},
        }
        changes = {
            name: None
            if told["fact"][name] is None or told["here"][name] is None
            else plain_text(
                _EXACT.subtract(Decimal(told["here"][name]), Decimal(told["fact"][name]))
            )
            for name in fields
        }
        is_other = any(change not in (None, "0") for change in changes.values())
        made.append({**row, **told, "change": changes, "is_other": is_other})
    return made

"""The statement of one day: what each account held before it, what moved, what it holds after it.
The movements are added up from the records themselves and held against the ledger; a statement that
does not tie to the last digit is refused. Exact decimals; reads files alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal
from pathlib import Path
from typing import Any, NamedTuple

from gateway.api.decimal_text import plain_text
from gateway.journal import reader
from gateway.journal.names import NamesLearned

__all__ = ["MOVEMENTS", "Day", "Movements", "NotTied", "statement"]

Row = Mapping[str, Any]
Cash = dict[tuple[str, str], dict[str, Decimal]]
Book = tuple[str, str, str, str, str]
_EXACT = Context(prec=100)
_ZERO = Decimal(0)
_STEP = 262_144
_BUY, _SPOT = 1, 1
_LEGS = ("net", "long", "short")
_REASONS = ("opening", "interest", "deposits", "withdrawals", "transfers", "settlement")
MOVEMENTS = ("trades", "fees", "funding", *_REASONS, "adjustment")
_BOOK = ("account", "strategy", "instrument", "leg", "margin_mode")
_RESULTS = ("realised", "fees", "funding", "interest")
_OTHER = ("settlement", "adjustment", "rounding")  # purposes told together
_TOLD = (*_RESULTS, "other", "unrealised")
Earned = dict[tuple[str, str, str, str], Decimal]  # account, strategy, currency, result


class NotTied(Exception):
    """What the ledger says is not what the records add up to; nothing is stated."""


class Day(NamedTuple):
    """From `start_ns` on, up to and without `end_ns`: TradingDay.bounds_ns."""

    start_ns: int
    end_ns: int


def statement(
    directory: Path,
    day: Day,
    *,
    ring_directory: str = "",
    account: str = "",
    marks: Mapping[str, Decimal] | None = None,
    progress: Callable[[int], None] = lambda sequence: None,
) -> dict[str, Any]:
    """Balances, positions and results of a day. RuntimeError: the journal cannot be read. NotTied:
    its books do not agree with its records."""
    from gateway._core.ledger import Ledger

    books = Ledger(str(directory), ring_directory, False)
    opening = _Side.at(books, day.start_ns - 1, progress)
    closing = _Side.at(books, day.end_ns - 1, progress)
    books.follow(0)
    if books.is_empty:
        raise RuntimeError(f"no journal: no record in {directory} nor in the ring")
    moved = Movements(day)
    for record in reader.decoded(directory, ring_directory=ring_directory):
        if record["time_ns"] >= day.end_ns:
            moved.is_beyond = True
            break
        moved.add(record)
    _tie(opening, closing, moved)
    held = _positions(opening, closing, moved, account, marks or {})
    return {
        "start_ns": day.start_ns,
        "end_ns": day.end_ns,
        "first_sequence": opening.sequence + 1,
        "last_sequence": closing.sequence,
        "is_complete": moved.is_beyond,
        "accounts": moved.accounts(),
        "balances": _balances(opening, closing, moved, account),
        "positions": held,
        "results": _results(opening, closing, held, account),
        "fills": [row for row in moved.fills if account in ("", row["account"])],
        "excluded": sorted({row["instrument"] for row in held if row["unrealised"] is None}),
    }


class _Side(NamedTuple):
    """The ledger at one instant."""

    sequence: int
    cash: dict[tuple[str, str], Decimal]
    books: dict[Book, Row]
    earned: Earned
    fault: str

    @classmethod
    def at(cls, books: Any, until_ns: int, progress: Callable[[int], None]) -> _Side:
        while until_ns > 0 and books.follow(_STEP, 0, until_ns) == _STEP:
            progress(books.sequence)
        cash: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        earned: Earned = defaultdict(Decimal)
        for row in books.accounts():
            purpose = "other" if row["purpose"] in _OTHER else row["purpose"]
            if purpose == "cash":
                key = row["account"], row["currency"]
                cash[key] = _EXACT.add(cash[key], Decimal(row["balance"]))
            elif purpose in _TOLD:  # what was earned is a credit
                place = row["account"], row["strategy"], row["currency"], purpose
                earned[place] = _EXACT.subtract(earned[place], Decimal(row["balance"]))
        fault = ""
        if not books.is_balanced():
            fault = "the trial balance is not zero"
        elif books.unbooked_count:
            fault = f"{books.unbooked_count} records are not in the books"
        rows = {tuple(row[name] for name in _BOOK): row for row in books.positions()}
        return cls(books.sequence, dict(cash), rows, dict(earned), fault)


class Movements:
    """What the records of a day moved, added up without the ledger."""

    def __init__(self, day: Day) -> None:
        self.cash: Cash = defaultdict(lambda: dict.fromkeys(MOVEMENTS, _ZERO))
        self.quantities: dict[Book, Decimal] = defaultdict(Decimal)
        self.fills: list[dict[str, Any]] = []
        self.is_beyond = False
        self._day, self._names = day, NamesLearned()
        self._orders: dict[int, tuple[int, int]] = {}  # strategy, margin mode
        self._realised: dict[tuple[int, int, int, int, int], Decimal] = defaultdict(Decimal)
        self._seen: dict[int, Row] = {}  # by the engine's own count of executions
        self._executions = 0

    def add(self, record: Row) -> None:
        """The next record of the journal, from its first one on."""
        kind = record["kind"]
        self._names.learn(record)
        if kind == "order_new":
            self._orders[record["order_id"]] = record["strategy"], record["margin_mode"]
        elif kind == "order_adopted":
            self._orders[record["order_id"]] = record["strategy"], self._mode(record)
        elif kind in ("order_filled", "position_adopted"):
            self._executions += 1
            self._execution(record, self._executions, None)
        elif kind in ("fill_busted", "fill_corrected"):
            ordinal = record["fill_ordinal"]
            self._execution(record, ordinal, self._seen.get(ordinal))
        elif kind == "funding":
            self._cash(record, record["currency"], "funding", Decimal(record["amount"]))
        elif kind == "balance_changed":
            reason = record["reason"]
            word = _REASONS[reason] if reason < len(_REASONS) else "adjustment"
            self._cash(record, record["currency"], word, Decimal(record["amount"]))

    def _execution(self, record: Row, ordinal: int, before: Row | None) -> None:
        """A fill, a position that was taken over, or another fill in the place of `before`."""
        self._seen[ordinal] = record
        rules = self._names.row("instrument", record["instrument"])
        strategy, mode = self._book(record)
        place = (record["account"], record["instrument"], strategy, record["leg"], mode)
        realised = Decimal(record["position_realised"])
        gained = _EXACT.subtract(realised, self._realised[place])
        self._realised[place] = realised
        if rules["instrument_kind"] == _SPOT:
            for each, sign in ((before, -1), (record, 1)):
                if each is not None:
                    self._spot(each, rules, sign)
        else:
            self._cash(record, rules["settle"], "trades", gained)
        for each, sign in ((before, -1), (record, 1)):
            if each is not None and "fee" in each and Decimal(each["fee"]):
                fee = _EXACT.multiply(Decimal(each["fee"]), -sign)
                self._cash(record, each["fee_currency"], "fees", fee)
        self._quantity(record, before, (strategy, mode), gained)

    def _spot(self, fill: Row, rules: Row, sign: int) -> None:
        side = sign if fill["side"] == _BUY else -sign
        coins = Decimal(fill["quantity"]).scaleb(-rules["quantity_scale"], _EXACT)
        self._cash(fill, rules["base"], "trades", _EXACT.multiply(coins, side))
        self._cash(fill, rules["quote"], "trades", _EXACT.multiply(Decimal(fill["value"]), -side))

    def _quantity(
        self, record: Row, before: Row | None, book: tuple[int, int], gained: Decimal
    ) -> None:
        if record["time_ns"] < self._day.start_ns:
            return
        rules = self._names.row("instrument", record["instrument"])
        strategy, mode = book
        scale, names = rules["quantity_scale"], self._names
        now, old = (_signed(each, scale) if each else _ZERO for each in (record, before))
        key = (
            names.name("account", record["account"]), names.name("strategy", strategy),
            rules["symbol"], _LEGS[record["leg"]], ("cash", "cross", "isolated")[mode],
        )  # fmt: skip
        self.quantities[key] = _EXACT.add(self.quantities[key], _EXACT.subtract(now, old))
        self.fills.append(
            {
                "sequence": record["sequence"], "time_ns": record["time_ns"],
                "kind": record["kind"], "account": key[0], "strategy": key[1],
                "instrument": key[2], "leg": key[3],
                "trade_id": record.get("trade_id", record.get("reference", "")),
                "quantity": plain_text(now), "value": record["value"],
                "fee": record.get("fee", "0"),
                "fee_currency": names.name("currency", record["fee_currency"])
                if Decimal(record.get("fee", "0")) else "",
                "realised": plain_text(gained), "currency": names.name("currency", rules["settle"]),
            }
        )  # fmt: skip

    def accounts(self) -> list[str]:
        """The names of all accounts the journal knew until the end of the day."""
        return sorted(row["name"] for row in self._names.all("account").values())

    def rules(self, symbol: str) -> Row:
        """The newest definition of the instrument with this name."""
        rows = self._names.all("instrument").values()
        return next(row for row in rows if row["symbol"] == symbol)

    def _book(self, record: Row) -> tuple[int, int]:
        known = self._orders.get(record.get("order_id", 0))
        return known or (record.get("strategy", 0), self._mode(record))

    def _mode(self, record: Row) -> int:
        if self._names.row("instrument", record["instrument"])["instrument_kind"] == _SPOT:
            return 0
        mode: int = self._names.row("account", record["account"])["margin_mode"]
        return mode

    def _cash(self, record: Row, currency: int, movement: str, amount: Decimal) -> None:
        if record["time_ns"] < self._day.start_ns:
            return
        names = self._names
        key = names.name("account", record["account"]), names.name("currency", currency)
        sums = self.cash[key]
        sums[movement] = _EXACT.add(sums[movement], amount)


def _tie(opening: _Side, closing: _Side, moved: Movements) -> None:
    """Opening, movements and closing of every balance and every position. NotTied names them."""
    faults = [side.fault for side in (opening, closing) if side.fault]
    for key in sorted({*opening.cash, *closing.cash, *moved.cash}):
        expected = _EXACT.add(opening.cash.get(key, _ZERO), _sum(moved.cash[key].values()))
        found = closing.cash.get(key, _ZERO)
        if expected != found:
            faults.append(
                f"{' '.join(key)}: records say {plain_text(expected)}, ledger {plain_text(found)}"
            )
    for book in sorted({*opening.books, *closing.books, *moved.quantities}):
        before, after = (_quantity_of(side.books.get(book)) for side in (opening, closing))
        expected = _EXACT.add(before, moved.quantities[book])
        if expected != after:
            faults.append(
                f"{' '.join(book)}: records say {plain_text(expected)}, ledger {plain_text(after)}"
            )
    if faults:
        raise NotTied("; ".join(faults[:20]))


def _balances(
    opening: _Side, closing: _Side, moved: Movements, account: str
) -> list[dict[str, Any]]:
    rows = []
    for key in sorted({*opening.cash, *closing.cash}):
        if account in ("", key[0]):
            told = {name: plain_text(amount) for name, amount in moved.cash[key].items()}
            ends = (plain_text(side.cash.get(key, _ZERO)) for side in (opening, closing))
            first, last = ends
            names = {"account": key[0], "currency": key[1]}
            rows.append({**names, "before": first, **told, "after": last})
    return rows


def _positions(
    opening: _Side, closing: _Side, moved: Movements, account: str, marks: Mapping[str, Decimal]
) -> list[dict[str, Any]]:
    """Every book that held or moved something."""
    rows = []
    for book in sorted({*opening.books, *closing.books}):
        if account not in ("", book[0]):
            continue
        before, after = opening.books.get(book), closing.books.get(book)
        some = after or before or {}
        rows.append(
            {
                **dict(zip(_BOOK, book, strict=True)),
                "before": plain_text(_quantity_of(before)),
                "moved": plain_text(moved.quantities[book]),
                "after": plain_text(_quantity_of(after)),
                "currency": some["currency"],
                "cost": "0" if after is None else after["cost"],
                **{name: plain_text(_difference(before, after, name)) for name in _RESULTS},
                "unrealised": _unrealised(after, moved.rules(book[2]), marks),
            }
        )
    return rows


def _results(
    opening: _Side, closing: _Side, positions: Iterable[Row], account: str
) -> list[dict[str, Any]]:
    """What each strategy made of the day in each currency, from the accounts of the ledger: fees
    in a third currency, interest and what else belongs to no book is there too."""
    sums: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(
        lambda: dict.fromkeys(_TOLD, _ZERO)
    )
    for place in sorted({*opening.earned, *closing.earned}):
        if account in ("", place[0]):
            before, after = (side.earned.get(place, _ZERO) for side in (opening, closing))
            found = sums[place[1], place[2]]
            found[place[3]] = _EXACT.add(found[place[3]], _EXACT.subtract(after, before))
    for row in positions:
        found = sums[row["strategy"], row["currency"]]
        found["unrealised"] = _EXACT.add(found["unrealised"], Decimal(row["unrealised"] or 0))
    return [
        {
            "strategy": key[0],
            "currency": key[1],
            **{name: plain_text(each) for name, each in row.items()},
        }
        for key, row in sorted(sums.items())
    ]


def _unrealised(book: Row | None, rules: Row, marks: Mapping[str, Decimal]) -> str | None:
    """At the closing mark; None where a position is open and nobody told one."""
    quantity = _quantity_of(book)
    if book is None or not quantity:
        return "0"
    mark = marks.get(rules["symbol"])
    if mark is None:
        return None
    multiplier = Decimal(rules["multiplier"]).scaleb(-rules["multiplier_scale"], _EXACT)
    units = _EXACT.multiply(quantity, multiplier)
    if rules["instrument_kind"] == 3:
        worth = _EXACT.divide(units, mark).quantize(Decimal(1).scaleb(-18), context=_EXACT)
        worth = worth.copy_negate()
    else:
        worth = _EXACT.multiply(units, mark)
    return plain_text(_EXACT.subtract(worth, Decimal(book["cost"])))


def _difference(before: Row | None, after: Row | None, name: str) -> Decimal:
    first, last = (Decimal(side[name]) if side else _ZERO for side in (before, after))
    return _EXACT.subtract(last, first)


def _quantity_of(book: Row | None) -> Decimal:
    return Decimal(book["quantity"]) if book else _ZERO


def _signed(record: Row, scale: int) -> Decimal:
    quantity = Decimal(record["quantity"]).scaleb(-scale, _EXACT)
    return quantity if record["side"] == _BUY else quantity.copy_negate()


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total

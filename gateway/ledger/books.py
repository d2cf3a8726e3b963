"""Opens the books of a journal as of a point in it, and holds a report of disposals to them. Sums
here are exact (Decimal with room for every digit); nothing is rounded and no file is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.api.decimal_text import plain_text

if TYPE_CHECKING:
    from gateway._core.ledger import Ledger

__all__ = [
    "METHODS",
    "RULES",
    "Bounds",
    "Designation",
    "books_to_follow",
    "open_books",
    "realised_totals",
    "undecided",
    "unmet",
]

METHODS = ("fifo", "lifo", "hifo", "specific", "wac")
RULES = ("none", "us_wash_sale")
_RECORDS_PER_STEP = 262_144
_DAY_NS = 86_400_000_000_000
_WINDOW_DAYS = 30  # of us_wash_sale
_EXACT = Context(prec=100)
_AMOUNTS = ("realised", "disallowed", "carried", "taxable")

Row = Mapping[str, Any]


class Bounds(NamedTuple):
    """The last record that counts; 0 = no bound."""

    sequence: int = 0
    time_ns: int = 0


EVERYTHING = Bounds()


class Designation(NamedTuple):
    """Which lot a closing record takes, and how much of it (decimal text)."""

    closed_by: int
    lot: int
    quantity: str


def open_books(
    directory: Path,
    ring_directory: str = "",
    *,
    as_of: Bounds = EVERYTHING,
    keeps_all: bool = True,
    designations: Sequence[Designation] = (),
    progress: Callable[[int], None] = lambda sequence: None,
) -> Ledger:
    """Every record up to `as_of`, booked. RuntimeError and ValueError name what is wrong: a journal
    that is damaged on the way there is never cut short, and no journal is no empty one."""
    from gateway._core.ledger import Ledger

    books = Ledger(str(directory), ring_directory, keeps_all, list(designations))
    while books.follow(_RECORDS_PER_STEP, as_of.sequence, as_of.time_ns) == _RECORDS_PER_STEP:
        progress(books.sequence)
    books.follow(0)  # raises when it was a damage that ended it
    if books.is_empty:
        raise RuntimeError(f"no journal: no record in {directory} nor in the ring")
    return books


def books_to_follow(directory: Path, ring_directory: str) -> Ledger:
    """Books for who follows for ever: nothing is booked yet, and memory stays bounded."""
    from gateway._core.ledger import Ledger

    return Ledger(str(directory), ring_directory, False)


def unmet(books: Ledger, as_of: Bounds = EVERYTHING) -> list[Designation]:
    """Designations that met nothing, but for those of closes beyond `as_of`."""
    found = [Designation(*each) for each in books.unmet_designations()]
    return [each for each in found if as_of == EVERYTHING or each.closed_by <= books.sequence]


def undecided(disposals: Iterable[Row], time_ns: int) -> int:
    """Losses that count at this point, and that a purchase after it could still disallow."""
    today = time_ns // _DAY_NS
    return sum(
        Decimal(row["taxable"]) < 0 and row["closed_ns"] // _DAY_NS + _WINDOW_DAYS >= today
        for row in disposals
    )


def realised_totals(
    disposals: Iterable[Row], accounts: Iterable[Row], stopped: Iterable[Row] = ()
) -> list[dict[str, Any]]:
    """What the disposals of each currency add up to, beside the ledger's own account of it.
    `accounts` are those of the same method; profit is a credit, so its sign turns. Books in
    which a record is missing (`stopped` positions) are not in the report and are taken off."""
    sums: dict[str, dict[str, Decimal]] = {}

    def add(currency: str, name: str, amount: Decimal) -> None:
        found = sums.setdefault(currency, dict.fromkeys((*_AMOUNTS, "ledger"), Decimal(0)))
        found[name] = _EXACT.add(found[name], amount)

    for row in disposals:
        for name in _AMOUNTS:
            add(row["currency"], name, Decimal(row[name]))
    for row in accounts:
        if row["purpose"] == "realised":
            add(row["currency"], "ledger", Decimal(row["balance"]).copy_negate())
    for row in stopped:
        add(row["currency"], "ledger", Decimal(row["realised"]).copy_negate())
    return [
        {
            "currency": currency,
            **{name: plain_text(amount) for name, amount in found.items()},
            "is_tied": found["realised"] == found["ledger"],
        }
        for currency, found in sorted(sums.items())
    ]

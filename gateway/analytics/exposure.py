"""What is held, valued at its marks and rolled up by instrument, asset, strategy, account, venue
and firm. Exact decimals: the parts of a level add up to the firm to the last digit. A position
without a fresh mark, or an amount without a rate, is named and left out, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

from gateway.api.decimal_text import plain_text

__all__ = ["LEVELS", "Contract", "Rate", "contracts_of", "exposure_rows", "is_open"]

LEVELS = ("instrument", "asset", "strategy", "account", "venue", "firm")
FIRM = "firm"
UNKNOWN = "unknown"  # asset of what nobody defined
_EXACT = Context(prec=100)  # far beyond any product of 18-digit numbers: nothing is rounded
_MONEY = Decimal(1).scaleb(-18)

Row = Mapping[str, Any]


class Contract(NamedTuple):
    """How a quantity of an instrument becomes money."""

    kind: str  # spot, linear, inverse, quanto
    asset: str
    currency: str  # in which a position counts its profit
    multiplier: Decimal


class Rate(NamedTuple):
    """Worth of one unit of a currency in the reporting currency, and since when."""

    rate: Decimal
    time_ns: int


def contracts_of(instruments: Iterable[Row]) -> dict[str, Contract]:
    """Instrument name -> contract, from the registry's rows."""
    return {
        row["name"]: Contract(row["kind"], row["base"], row["settle"], Decimal(row["multiplier"]))
        for row in instruments
    }


def is_open(position: Row) -> bool:
    return bool(position["quantity"].strip("-0."))


def worth_of(position: Row, contract: Contract) -> Decimal:
    """Signed worth at its mark, in the contract's currency. Inverse contracts divide by the mark;
    that alone is rounded, half-even at 10^-18, once per position."""
    quantity, mark = Decimal(position["quantity"]), Decimal(position["mark"])
    units = _EXACT.multiply(quantity, contract.multiplier)
    if contract.kind == "inverse":
        worth = _EXACT.divide(units, mark)
        return worth.quantize(_MONEY, ROUND_HALF_EVEN, _EXACT)
    return _EXACT.multiply(units, mark)


@dataclass(slots=True)
class _Sums:
    long: Decimal = Decimal(0)
    short: Decimal = Decimal(0)
    excluded: set[str] = field(default_factory=set)

    def add(self, worth: Decimal) -> None:
        if worth > 0:
            self.long = _EXACT.add(self.long, worth)
        else:
            self.short = _EXACT.add(self.short, worth)


def exposure_rows(
    positions: Iterable[Row],
    contracts: Mapping[str, Contract],
    rates: Mapping[str, Rate],
    mark_age_ms_max: int,
) -> list[dict[str, Any]]:
    """One row per (level, name, currency); `short` is negative or zero, net = long + short and
    gross = long - short, summed over positions and never over nets. Names in `excluded` are in no
    total: instruments without a fresh mark, `unknown:INSTRUMENT` that nobody defined, and
    `rate:CURRENCY`, which is missing in `reporting` alone."""
    sums: dict[tuple[str, str, str], _Sums] = {}
    for row in positions:
        if not is_open(row):
            continue
        contract = contracts.get(row["instrument"])
        currency = row["currency"] if contract is None else contract.currency
        worth = _worth(row, contract, mark_age_ms_max)
        for level, name in _names_of(row, contract):
            found = sums.setdefault((level, name, currency), _Sums())
            if isinstance(worth, str):
                found.excluded.add(worth)
            else:
                found.add(worth)
    return [_row(*key, found, rates.get(key[2])) for key, found in sums.items()]


def _worth(row: Row, contract: Contract | None, mark_age_ms_max: int) -> Decimal | str:
    """In money, or under which name it is left out."""
    if contract is None:
        return f"unknown:{row['instrument']}"
    is_fresh = row["mark"] is not None and 0 <= row["mark_age_ms"] <= mark_age_ms_max
    return worth_of(row, contract) if is_fresh else str(row["instrument"])


def _names_of(row: Row, contract: Contract | None) -> Iterable[tuple[str, str]]:
    names = (
        row["instrument"],
        UNKNOWN if contract is None else contract.asset,
        row["strategy"],
        row["account"],
        row["venue"],
        FIRM,
    )
    return zip(LEVELS, names, strict=True)


def _row(level: str, name: str, currency: str, sums: _Sums, rate: Rate | None) -> dict[str, Any]:
    excluded = sorted(sums.excluded)
    if rate is None:
        excluded.append(f"rate:{currency}")
    return {
        "level": level,
        "name": name,
        "currency": currency,
        **_amounts(sums, Decimal(1)),
        "reporting": None if rate is None else _reported(sums, rate),
        "excluded": excluded,
    }


def _reported(sums: _Sums, rate: Rate) -> dict[str, Any]:
    told = {"rate": plain_text(rate.rate), "rate_time_ns": rate.time_ns}
    return {**_amounts(sums, rate.rate), **told}


def _amounts(sums: _Sums, rate: Decimal) -> dict[str, str]:
    long, short = _EXACT.multiply(sums.long, rate), _EXACT.multiply(sums.short, rate)
    return {
        "net": plain_text(_EXACT.add(long, short)),
        "gross": plain_text(_EXACT.subtract(long, short)),
        "long": plain_text(long),
        "short": plain_text(short),
    }

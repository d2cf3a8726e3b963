"""Greeks of everything a desk holds, from rows of positions, instruments and marks: implied
volatility from option marks, sums by instrument, asset, strategy, account, venue and firm. Floats;
estimates; pure. What has no price, rate or volatility is named and in no sum, never guessed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from gateway.analytics.expiry import years_between
from gateway.analytics.portfolio_greeks import (
    Excluded,
    GreekRow,
    Market,
    OptionFacts,
    PortfolioGreeks,
    Quote,
    portfolio_greeks,
)
from gateway.valuation.greeks import CALENDAR_DAYS, TRADING_DAYS, implied_volatility
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionBook, OptionTerms

__all__ = [
    "GREEK_LEVELS",
    "SUMS",
    "GreekBook",
    "GreekInput",
    "Shock",
    "aged_marks",
    "book_of",
    "greek_rows",
    "plain",
    "position_rows",
    "shock_row",
    "unit_rows",
]

Row = Mapping[str, Any]
GREEK_LEVELS = ("instrument", "asset", "strategy", "account", "venue", "firm")
SUMS = ("delta_cash", "gamma_cash", "vega", "theta", "rho")
_DIGITS = 10  # significant ones that are told


class GreekInput(NamedTuple):
    """What greeks are made from. `rates`: reporting currency for one unit. `volatilities`: told by
    somebody, before those of the marks; `assets`: of an instrument map."""

    positions: Sequence[Row]
    instruments: Sequence[Row]
    options: OptionBook
    marks: Mapping[str, MarkPrice]
    rates: Mapping[str, float]
    now_ns: int
    age_ms_max: int
    volatilities: Mapping[str, float] = {}
    assets: Mapping[str, str] = {}  # of instruments whose own names do not say it


class ToldMark(Protocol):
    """A price that the running gateway told, and when."""

    @property
    def instrument(self) -> str: ...
    @property
    def price(self) -> str: ...
    @property
    def time_ns(self) -> int: ...


def aged_marks(
    told: Callable[[], Iterable[ToldMark]], clock_ns: Callable[[], int]
) -> tuple[dict[str, MarkPrice], int]:
    """Marks with their age, and the time of it: read after them, so that none of them seems to be
    from the future."""
    marks = list(told())
    now_ns = clock_ns()
    aged = {
        each.instrument: MarkPrice(each.price, (now_ns - each.time_ns) // 1_000_000)
        for each in marks
    }
    return aged, now_ns


class Shock(NamedTuple):
    """A move of every underlying, as a share of its price, and of every volatility, in units of
    volatility: 0.05 = five points up."""

    spot: float = 0.0
    vol: float = 0.0


class GreekBook(NamedTuple):
    """One calculation: what it was made from, and the greeks."""

    held: list[Row]
    facts: Mapping[str, OptionFacts]
    market: Market
    greeks: PortfolioGreeks
    reasons: Mapping[str, str]  # of instruments without a volatility
    age_ms_max: int
    now_ns: int


def book_of(given: GreekInput) -> GreekBook:
    """Greeks of all positions that are not zero."""
    held = [row for row in given.positions if row["quantity"].strip("-0.")]
    rows = {row["name"]: row for row in given.instruments}
    options = given.options.settings
    names = {row["instrument"] for row in held if row["instrument"] in rows}
    facts = {name: _named_facts(rows[name], given) for name in names}
    volatilities, reasons = _volatilities(facts, given)
    underlyings = {each.underlying for each in facts.values()} | {options.benchmark}
    quotes = {
        name: Quote(float(given.marks[name].price), given.marks[name].age_ms)
        for name in underlyings
        if name in given.marks
    }
    assets = {name: facts[name].asset for name in facts}
    market = Market(
        underlyings=quotes,
        volatilities=volatilities,
        currencies=given.rates,
        rate=float(options.interest_rate),
        betas={
            facts[name].underlying: float(options.betas[asset])
            for name, asset in assets.items()
            if asset in options.betas
        },
        benchmark_price=_benchmark(options.benchmark, rows, given),
    )
    found = portfolio_greeks(held, facts, market, given.now_ns, age_ms_max=given.age_ms_max)
    named = [
        each._replace(reason=reasons.get(each.instrument, each.reason))
        if each.reason == "no volatility"
        else each
        for each in found.excluded
    ]
    book = found._replace(excluded=named)
    return GreekBook(held, facts, market, book, reasons, given.age_ms_max, given.now_ns)


def position_rows(book: GreekBook, venues: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each position: greeks of all of it. Numbers as decimal text."""
    told = []
    for row in book.greeks.rows:
        facts = book.facts[row.instrument]
        volatility = book.market.volatilities.get(row.instrument)
        numbers = {name: plain(getattr(row, name)) for name in ("delta", "gamma", *SUMS)}
        told.append(
            {
                "account": row.account,
                "strategy": row.strategy,
                "instrument": row.instrument,
                "leg": row.leg,
                "margin_mode": row.margin_mode,
                "venue": venues.get(row.instrument, ""),
                "asset": facts.asset,
                "kind": facts.kind,
                "underlying": facts.underlying,
                "underlying_price": plain(book.market.underlyings[facts.underlying].price),
                "volatility": None if volatility is None else plain(volatility),
                "value": plain(row.value) if facts.kind != "linear" else None,
                **numbers,
            }
        )
    return told


def greek_rows(
    book: GreekBook, venues: Mapping[str, str], levels: Iterable[str] = GREEK_LEVELS
) -> list[dict[str, Any]]:
    """{level, name, delta_cash, gamma_cash, vega, theta, theta_trading_day, rho, beta_delta,
    excluded[]} in the reporting currency; `excluded` names what is in no sum of this row, and why.
    The parts of a level add up to the firm within rounding."""
    told = []
    for level in levels:
        parts: dict[str, list[GreekRow]] = defaultdict(list)
        left_out: dict[str, list[Excluded]] = defaultdict(list)
        for row in book.greeks.rows:
            parts[_name(level, row, book, venues)].append(row)
        for each in book.greeks.excluded:
            left_out[_name(level, each, book, venues)].append(each)
        for name in sorted(parts.keys() | left_out.keys()):
            told.append({"level": level, "name": name, **_sums(parts[name], book.market),
                         "excluded": _named(left_out[name])})  # fmt: skip
    return told


def unit_rows(given: GreekInput, names: Iterable[str]) -> list[tuple[str, GreekRow | str]]:
    """Greeks of one long unit of quantity of each instrument, or why there are none: what a gate
    needs to know of what may be traded."""
    one = [
        {"account": "", "strategy": "", "instrument": name, "quantity": "1"}
        for name in dict.fromkeys(names)
    ]
    book = book_of(given._replace(positions=one))
    found: dict[str, GreekRow | str] = {row.instrument: row for row in book.greeks.rows}
    found |= {each.instrument: each.reason for each in book.greeks.excluded}
    return list(found.items())


def shock_row(book: GreekBook, shock: Shock) -> dict[str, Any]:
    """What the book would make at once, and its greeks there; every option valued afresh.
    ValueError: a price or a volatility would not be above zero."""
    if not shock.spot > -1.0 or not math.isfinite(shock.spot) or not math.isfinite(shock.vol):
        raise ValueError("spot must lie above -1, and both must be numbers")
    then = book.market._replace(
        underlyings={
            name: quote._replace(price=quote.price * (1.0 + shock.spot))
            for name, quote in book.market.underlyings.items()
        },
        volatilities={
            name: max(each + shock.vol, 0.0) for name, each in book.market.volatilities.items()
        },
    )
    counted = {
        (row.account, row.strategy, row.instrument, row.leg, row.margin_mode)
        for row in book.greeks.rows
    }
    held = [row for row in book.held if _position_of(row) in counted]
    found = portfolio_greeks(held, book.facts, then, book.now_ns, age_ms_max=book.age_ms_max)
    before = math.fsum(row.value for row in book.greeks.rows)
    after = math.fsum(row.value for row in found.rows)
    sums = _sums(found.rows, then)
    return {
        "spot": plain(shock.spot),
        "vol": plain(shock.vol),
        "profit": plain(after - before),
        **sums,
        "excluded": _named([*book.greeks.excluded, *found.excluded]),
    }


def _position_of(row: Row) -> tuple[str, ...]:
    whole = {"leg": "", "margin_mode": "", **row}
    return tuple(
        whole[name] for name in ("account", "strategy", "instrument", "leg", "margin_mode")
    )


def plain(number: float) -> str:
    """Decimal text of ten significant digits, without exponent."""
    return format(Decimal(f"{number:.{_DIGITS}g}"), "f") if number else "0"


def _named_facts(row: Row, given: GreekInput) -> OptionFacts:
    found = _facts(row, given)
    return found._replace(asset=given.assets.get(row["name"], found.asset))


def _facts(row: Row, given: GreekInput) -> OptionFacts:
    """An inverse contract is worth a fixed number of its quote, so it moves as so many coins as
    that buys at its mark now."""
    terms = given.options.terms.get(row["name"])
    if terms is not None:
        return OptionFacts(
            underlying=terms.underlying,
            kind=terms.kind,
            strike=float(terms.strike),
            expiry_ns=terms.expiry_ns,
            multiplier=float(terms.multiplier),
            currency=terms.priced_in,
            model="black_scholes" if terms.is_american else "black_76",
            is_american=terms.is_american,
            asset=terms.asset,
        )
    multiplier, currency = float(row["multiplier"]), row["settle"]
    if row["kind"] == "inverse":
        mark, currency = given.marks.get(row["name"]), row["quote"]
        multiplier = multiplier / float(mark.price) if mark else math.nan
    return OptionFacts(row["name"], "linear", multiplier=multiplier, currency=currency,
                       asset=row["base"])  # fmt: skip


def _volatilities(
    facts: Mapping[str, OptionFacts], given: GreekInput
) -> tuple[dict[str, float], dict[str, str]]:
    found, reasons = {}, {}
    for name, each in facts.items():
        if each.kind == "linear":
            continue
        if name in given.volatilities:
            found[name] = given.volatilities[name]
            continue
        answer = _implied(given.options.terms[name], each, given)
        if isinstance(answer, str):
            reasons[name] = answer
        else:
            found[name] = answer
    return found, reasons


def _implied(terms: OptionTerms, facts: OptionFacts, given: GreekInput) -> float | str:
    """Volatility of an option's own mark, or why there is none."""
    mark, underlying = given.marks.get(terms.instrument), given.marks.get(terms.underlying)
    if not terms.underlying:
        return "no underlying is named"
    if underlying is None:
        return f"no mark of {terms.underlying}"
    if mark is None:
        return "no mark, so no volatility"
    if not 0 <= mark.age_ms <= given.age_ms_max:
        return f"its mark is {mark.age_ms} ms old"
    spot = float(underlying.price)
    price = float(mark.price) * (spot if terms.is_in_coin else 1.0)
    found = implied_volatility(
        "call" if terms.kind == "call" else "put",
        price=price,
        spot=spot,
        strike=facts.strike,
        years=years_between(given.now_ns, facts.expiry_ns),
        rate=float(given.options.settings.interest_rate),
        model="black_scholes" if terms.is_american else "black_76",
    )
    return f"no volatility: {found.reason}" if found.volatility is None else found.volatility


def _benchmark(name: str, rows: Mapping[str, Row], given: GreekInput) -> float:
    """Its price in the reporting currency; 0 = it has none that may be used."""
    mark = given.marks.get(name)
    if name not in rows or mark is None or not 0 <= mark.age_ms <= given.age_ms_max:
        return 0.0
    return float(mark.price) * given.rates.get(rows[name]["quote"], 0.0)


def _name(level: str, row: GreekRow | Excluded, book: GreekBook, venues: Mapping[str, str]) -> str:
    if level == "firm":
        return "firm"
    if level == "asset":
        return book.facts[row.instrument].asset if row.instrument in book.facts else "unknown"
    if level == "venue":
        return venues.get(row.instrument, "")
    return str(getattr(row, level))


def _sums(rows: Sequence[GreekRow], market: Market) -> dict[str, Any]:
    sums = {name: math.fsum(getattr(row, name) for row in rows) for name in SUMS}
    beta = None
    if market.benchmark_price > 0.0:
        weighted = (row.delta_cash * market.betas.get(row.underlying, 0.0) for row in rows)
        beta = plain(math.fsum(weighted) / market.benchmark_price)
    told: dict[str, Any] = {name: plain(each) for name, each in sums.items()}
    told["theta_trading_day"] = plain(sums["theta"] * CALENDAR_DAYS / TRADING_DAYS)
    without = {row.underlying for row in rows} - market.betas.keys()
    return told | {
        "beta_delta": beta,
        "without_beta": sorted(without) if market.benchmark_price > 0.0 else [],
    }


def _named(left_out: Iterable[Excluded]) -> list[str]:
    return sorted({f"{each.instrument}: {each.reason}" for each in left_out})

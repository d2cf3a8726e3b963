"""Greeks of a book of options, futures and coins: sums with multipliers, currencies and betas, and
limits on them. Floats; estimates. What cannot be valued is named and left out, never guessed.

Advice is a body for `PUT /v1/measures`; it must never be sent from here. docs/concepts/greeks.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gateway.analytics.expiry import years_between
from gateway.valuation.greeks import (
    COLUMNS,
    INPUTS,
    Model,
    OptionKind,
    american_greeks,
    greeks_columns,
)
from gateway.valuation.margin import MARK_AGE_MS_MAX

__all__ = [
    "Breach",
    "Excluded",
    "GreekLimits",
    "GreekRow",
    "Market",
    "OptionFacts",
    "PortfolioGreeks",
    "Quote",
    "Totals",
    "breaches",
    "portfolio_greeks",
    "unit_greeks_command",
]

Row = Mapping[str, Any]
KINDS = ("call", "put", "linear")
_GATE_DECIMALS = 8  # of the greeks a gate is told


class OptionFacts(NamedTuple):
    """What an instrument is. kind "linear": one unit moves as its underlying does."""

    underlying: str
    kind: OptionKind | str  # call | put | linear
    strike: float = 0.0
    expiry_ns: int = 0
    multiplier: float = 1.0
    currency: str = "USD"  # its value is in
    model: Model = "black_scholes"  # black_76: the underlying's price is that of the future
    is_american: bool = False
    asset: str = ""  # what it is rolled up under


class Quote(NamedTuple):
    """A price and how old it is."""

    price: float
    age_ms: int = 0


class Market(NamedTuple):
    """What the book is valued with: prices by underlying, volatility by instrument, one
    continuously compounded rate, yields and betas by underlying, reporting currency per unit."""

    underlyings: Mapping[str, Quote]
    volatilities: Mapping[str, float]
    currencies: Mapping[str, float]
    rate: float = 0.0
    carries: Mapping[str, float] = {}
    betas: Mapping[str, float] = {}  # to the benchmark; an underlying without one is left out
    benchmark_price: float = 0.0  # in the reporting currency; 0 = no beta weighting


class GreekRow(NamedTuple):
    """One position, already times quantity and multiplier: `value`, `vega`, `theta` and `rho` in
    the reporting currency, `delta` and `gamma` in units of the underlying, `delta_cash` what a
    move of the underlying by all of its price would make, `gamma_cash` how much delta_cash changes
    with one percent."""

    account: str
    strategy: str
    instrument: str
    underlying: str
    value: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    delta_cash: float
    gamma_cash: float
    leg: str = ""
    margin_mode: str = ""


class Totals(NamedTuple):
    """Sums over rows. `beta_delta`: units of the benchmark that move as much; None without one."""

    value: float
    delta_cash: float
    gamma_cash: float
    vega: float
    theta: float
    rho: float
    beta_delta: float | None


class Excluded(NamedTuple):
    """A position that is in no sum, and why."""

    account: str
    instrument: str
    reason: str
    strategy: str = ""


class PortfolioGreeks(NamedTuple):
    """Rows, their sum, the sums by underlying, and what is in none of them."""

    rows: list[GreekRow]
    total: Totals
    by_underlying: dict[str, Totals]
    excluded: list[Excluded]


class GreekLimits(NamedTuple):
    """Largest absolute sums; inf = no limit."""

    delta_cash: float = math.inf
    gamma_cash: float = math.inf
    vega: float = math.inf


class Breach(NamedTuple):
    """A sum beyond its limit."""

    name: str
    value: float
    limit: float


class _Taken(NamedTuple):
    position: Row
    facts: OptionFacts
    spot: float
    size: float  # quantity x multiplier
    rate: float  # reporting currency for one unit of its own
    terms: tuple[float, ...]  # in the order of INPUTS; empty for linear


def portfolio_greeks(
    positions: Iterable[Row],
    facts: Mapping[str, OptionFacts],
    market: Market,
    now_ns: int,
    *,
    age_ms_max: int = MARK_AGE_MS_MAX,
) -> PortfolioGreeks:
    """Greeks of position rows (account, strategy, instrument, quantity as decimal text)."""
    taken: list[_Taken] = []
    excluded: list[Excluded] = []
    for position in positions:
        if float(position["quantity"]) == 0.0:
            continue
        found = _take(position, facts, market, now_ns, age_ms_max)
        if isinstance(found, str):
            excluded.append(_left_out(position, found))
        else:
            taken.append(found)
    rows = []
    for each, numbers in zip(taken, _units(taken), strict=True):
        if not all(map(math.isfinite, numbers)):
            excluded.append(_left_out(each.position, "no value at these terms"))
        else:
            rows.append(_row(each, numbers))
    return PortfolioGreeks(rows, _totals(rows, market), _by_underlying(rows, market), excluded)


def breaches(total: Totals, limits: GreekLimits) -> list[Breach]:
    """The exact check after a trade: every sum beyond its limit. NaN breaks every limit."""
    sums = {"delta_cash": total.delta_cash, "gamma_cash": total.gamma_cash, "vega": total.vega}
    return [
        Breach(name, value, getattr(limits, name))
        for name, value in sums.items()
        if not abs(value) <= getattr(limits, name)
    ]


def unit_greeks_command(
    instrument: str, delta: float, gamma: float, vega: float, actor: str
) -> dict[str, Any]:
    """Greeks of one unit of an instrument as the body of `PUT /v1/measures`, by which the guards
    `delta_max`, `gamma_max` and `vega_max` judge an order before it is sent. ValueError: NaN or
    infinite."""
    numbers = {"delta": delta, "gamma": gamma, "vega": vega}
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ValueError(f"{instrument}: {name} is {number}")
    fields = {name: f"{number:.{_GATE_DECIMALS}f}" for name, number in numbers.items()}
    return {"level": "instrument", "name": instrument, "fields": fields, "actor": actor}


def _left_out(position: Row, reason: str) -> Excluded:
    return Excluded(position["account"], position["instrument"], reason, position["strategy"])


def _take(
    position: Row,
    known: Mapping[str, OptionFacts],
    market: Market,
    now_ns: int,
    age_ms_max: int,
) -> _Taken | str:
    """A position with everything its value needs, or what is missing."""
    facts = known.get(position["instrument"])
    if facts is None:
        return "what it is is not known"
    if facts.kind not in KINDS:
        return f"{facts.kind[:32]} is no kind"
    quote = market.underlyings.get(facts.underlying)
    if quote is None or not (quote.price > 0.0 and math.isfinite(quote.price)):
        return f"no mark of {facts.underlying}"
    if quote.age_ms < 0:
        return f"the mark of {facts.underlying} is from the future"
    if quote.age_ms > age_ms_max:
        return f"the mark of {facts.underlying} is {quote.age_ms} ms old"
    rate = market.currencies.get(facts.currency)
    if rate is None or not math.isfinite(rate) or rate <= 0.0:
        return f"no rate of {facts.currency}"
    size = float(position["quantity"]) * facts.multiplier
    if not math.isfinite(size):
        return "no size"
    if facts.kind == "linear":
        return _Taken(position, facts, quote.price, size, rate, ())
    volatility = market.volatilities.get(position["instrument"])
    if volatility is None or not volatility >= 0.0:
        return "no volatility"
    if facts.expiry_ns <= now_ns:
        return "expired"
    years = years_between(now_ns, facts.expiry_ns)
    carry = market.carries.get(facts.underlying, 0.0)
    if facts.model == "black_76":
        carry = market.rate
    terms = (quote.price, facts.strike, years, volatility, market.rate, carry)
    return _Taken(position, facts, quote.price, size, rate, terms)


def _units(taken: list[_Taken]) -> list[tuple[float, ...]]:
    """Price and greeks of one unit of each, in the order of COLUMNS: European ones in columns."""
    found: dict[int, tuple[float, ...]] = {}
    for model in ("black_scholes", "black_76"):
        places = [
            place
            for place, each in enumerate(taken)
            if each.terms and not each.facts.is_american and each.facts.model == model
        ]
        table = np.array([taken[place].terms for place in places], np.float64).reshape(-1, 6)
        options = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(INPUTS)}
        is_call = np.array([taken[place].facts.kind == "call" for place in places], np.uint8)
        columns = greeks_columns(
            options, is_call, model="black_76" if model == "black_76" else "black_scholes"
        ).columns
        for index, place in enumerate(places):
            found[place] = tuple(float(columns[name][index]) for name in COLUMNS)
    for place, each in enumerate(taken):
        if not each.terms:
            found[place] = (each.spot, 1.0, 0.0, 0.0, 0.0, 0.0)
        elif each.facts.is_american:
            kind: OptionKind = "call" if each.facts.kind == "call" else "put"
            terms = dict(zip(INPUTS, each.terms, strict=True))
            found[place] = american_greeks(kind, **terms)[:6]  # type: ignore[arg-type]
    return [found[place] for place in range(len(taken))]


def _row(each: _Taken, unit: tuple[float, ...]) -> GreekRow:
    price, delta, gamma, vega, theta, rho = (number * each.size for number in unit)
    return GreekRow(
        each.position["account"],
        each.position["strategy"],
        each.position["instrument"],
        each.facts.underlying,
        price * each.rate,
        delta,
        gamma,
        vega * each.rate,
        theta * each.rate,
        rho * each.rate,
        delta * each.spot * each.rate,
        gamma * each.spot * each.spot / 100 * each.rate,
        each.position.get("leg", ""),
        each.position.get("margin_mode", ""),
    )


def _totals(rows: Iterable[GreekRow], market: Market) -> Totals:
    rows = list(rows)

    def total(name: str) -> float:
        return math.fsum(getattr(row, name) for row in rows)

    beta_delta = None
    if market.benchmark_price > 0.0:
        weighted = [
            row.delta_cash * market.betas[row.underlying]
            for row in rows
            if row.underlying in market.betas
        ]
        beta_delta = math.fsum(weighted) / market.benchmark_price
    return Totals(
        value=total("value"),
        delta_cash=total("delta_cash"),
        gamma_cash=total("gamma_cash"),
        vega=total("vega"),
        theta=total("theta"),
        rho=total("rho"),
        beta_delta=beta_delta,
    )


def _by_underlying(rows: Iterable[GreekRow], market: Market) -> dict[str, Totals]:
    parts: dict[str, list[GreekRow]] = {}
    for row in rows:
        parts.setdefault(row.underlying, []).append(row)
    return {name: _totals(part, market) for name, part in sorted(parts.items())}

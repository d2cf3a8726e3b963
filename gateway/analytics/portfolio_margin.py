"""Margin of a whole account: the worst of a grid of prices and volatilities over everything that
settles in one currency, and add-ons. Floats, told with ten digits; an estimate beside the venue's
own number, whose parameters its venue may change without notice. Rules: conf/options.toml.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.analytics.expiry import years_between
from gateway.analytics.greek_book import GreekBook, GreekInput, book_of, plain
from gateway.api.decimal_text import plain_text
from gateway.valuation.greeks import INPUTS, greeks_columns
from gateway.valuation.margin import state_of
from gateway.valuation.margin_inputs import mode_of
from gateway.valuation.option_terms import OptionTerms, PortfolioRule

__all__ = ["portfolio_rows", "with_portfolio"]

Row = Mapping[str, Any]
Doubles = NDArray[np.float64]
_EXACT = Context(prec=100)
_DAYS = 30.0
_E12 = Decimal("1e-12")


class _Held(NamedTuple):
    """One position: its size in coins or contracts' worth, at a price now."""

    row: Row
    rules: Row
    terms: OptionTerms | None
    spot: float
    volatility: float
    size: float  # quantity x multiplier


def portfolio_rows(given: GreekInput) -> list[dict[str, Any]]:
    """{account, currency, maintenance, initial, loss, price_move, volatility_move, short_options,
    offset_futures, source, excluded[]} of each account with a rule and each currency it settles
    in, amounts in that currency. `price_move` and `volatility_move` are the worst scenario."""
    given = given._replace(rates=_alone(given.instruments))
    book = book_of(given)
    rules = {row["name"]: row for row in given.instruments}
    held: dict[tuple[str, str], list[_Held]] = defaultdict(list)
    excluded: dict[tuple[str, str], set[str]] = defaultdict(set)
    left_out = {(each.account, each.instrument): each.reason for each in book.greeks.excluded}
    for row in book.held:
        if given.options.portfolio_rule(row["account"]) is None or row["instrument"] not in rules:
            continue
        key = row["account"], rules[row["instrument"]]["settle"]
        if mode_of(row) != "cross":
            continue
        reason = left_out.get((row["account"], row["instrument"]), "")
        if reason:
            excluded[key].add(f"{row['instrument']}: {reason}")
        else:
            held[key].append(_held(row, rules[row["instrument"]], book, given))
    return [
        _account_row(key, held[key], given, sorted(excluded[key]))
        for key in sorted(held.keys() | excluded.keys())
    ]


def _alone(instruments: Iterable[Row]) -> dict[str, float]:
    """Portfolio margin stays in the currency it settles in: no rate changes it."""
    return {row[name]: 1.0 for row in instruments for name in ("quote", "settle")} | {"USD": 1.0}


def with_portfolio(accounts: Iterable[Row], portfolio: Iterable[Row]) -> list[dict[str, Any]]:
    """Margin rows (margin_rows) in which accounts under a portfolio rule ask for what it says, and
    are named as estimates; open orders and isolated positions keep asking for what the schedules
    say. What the rule left out is excluded there too."""
    found = {(row["account"], row["currency"]): row for row in portfolio}
    return [
        _replaced(row, found[row["account"], row["currency"]])
        if (row["account"], row["currency"]) in found
        else dict(row)
        for row in accounts
    ]


def _replaced(row: Row, by: Row) -> dict[str, Any]:
    initial = _EXACT.add(Decimal(by["initial"]), Decimal(row["initial_orders"]))
    told = dict(row) | {"initial": plain_text(initial), "maintenance": by["maintenance"]}
    told["excluded"] = sorted({*row["excluded"], *by["excluded"]})
    told["estimates"] = [*row["estimates"], f"portfolio margin: {by['source']}"]
    due = Decimal(by["maintenance"])
    if row["equity"] is None:
        told["partial_ratio"] = _rescaled(row["partial_ratio"], Decimal(row["maintenance"]), due)
        return told
    equity = Decimal(row["equity"])
    told["headroom"] = plain_text(_EXACT.subtract(equity, initial))
    told["ratio"] = None
    if equity > 0:
        told["ratio"] = plain_ratio(due, equity)
    elif due <= 0:
        told["ratio"] = "0"
    state = state_of(told["ratio"], by["maintenance"])
    is_unknown = not row["is_balance_known"] or (state == "ok" and told["excluded"])
    told["state"] = "unknown" if is_unknown else state
    return told


def _rescaled(partial: str | None, standard: Decimal, due: Decimal) -> str | None:
    """The same equity under another maintenance."""
    if partial is None or not standard:
        return partial
    return plain_ratio(_EXACT.multiply(Decimal(partial), due), standard)


def plain_ratio(due: Decimal, equity: Decimal) -> str:
    """due / equity at 10^-12, rounded up."""
    whole = _EXACT.divide(due, equity).quantize(_E12, "ROUND_CEILING", _EXACT)
    return plain_text(whole)


def _held(row: Row, rules: Row, book: GreekBook, given: GreekInput) -> _Held:
    terms = given.options.terms.get(rules["name"])
    facts = book.facts[rules["name"]]
    size = float(row["quantity"]) * float(rules["multiplier"])
    spot = book.market.underlyings[facts.underlying].price
    return _Held(row, rules, terms, spot, book.market.volatilities.get(rules["name"], 0.0), size)


def _account_row(
    key: tuple[str, str], held: Sequence[_Held], given: GreekInput, excluded: list[str]
) -> dict[str, Any]:
    rule = given.options.portfolio_rule(key[0])
    assert rule is not None, "only accounts with a rule are collected"
    moves = _moves(rule)
    each_profits = _profits(held, rule, moves, given)
    is_finite = [bool(np.isfinite(profits).all()) for profits in each_profits]
    names = [each.rules["name"] for each, found in zip(held, is_finite, strict=True) if not found]
    excluded = sorted({*excluded, *(f"{name}: no value under the shocks" for name in names)})
    held = [each for each, found in zip(held, is_finite, strict=True) if found]
    profits = each_profits[is_finite].sum(axis=0)
    worst = int(np.argmin(profits))
    loss = max(-float(profits[worst]), 0.0)
    short, offset = _short_options(held, rule), _offset_futures(held, rule)
    maintenance = loss + short + offset
    return {
        "account": key[0],
        "currency": key[1],
        "maintenance": plain(maintenance),
        "initial": plain(maintenance * float(rule.initial_factor)),
        "loss": plain(loss),
        "price_move": plain(moves[worst][0]),
        "volatility_move": ("down", "same", "up")[moves[worst][1] + 1],
        "short_options": plain(short),
        "offset_futures": plain(offset),
        "source": f"{rule.source} ({rule.date})",
        "excluded": excluded,
    }


def _moves(rule: PortfolioRule) -> list[tuple[float, int]]:
    """Every price move with every volatility move, no move at all first."""
    steps, reach = rule.price_steps, float(rule.price_range)
    prices = sorted((reach * step / steps for step in range(-steps, steps + 1)), key=abs)
    return [(price, way) for price in prices for way in (0, -1, 1)]


def _profits(
    held: Sequence[_Held], rule: PortfolioRule, moves: Sequence[tuple[float, int]],
    given: GreekInput,
) -> Doubles:  # fmt: skip
    """Of each position and scenario, in the currency they settle in; NaN where it has no value."""
    profits = np.zeros((len(held), len(moves)))
    for place, each in enumerate(held):
        if each.terms is None:
            profits[place] = [_contract(each, price) for price, _ in moves]
    places = [place for place, each in enumerate(held) if each.terms is not None]
    options = [held[place] for place in places]
    if not options:
        return profits
    shocked = np.array([_scenario(each, rule, move, given) for each in options for move in moves])
    now = np.array([_scenario(each, rule, (0.0, 0), given) for each in options])
    is_call = np.array([_of(each).kind == "call" for each in options], np.uint8)
    before = _values(now, is_call)
    after = _values(shocked, np.repeat(is_call, len(moves))).reshape(len(options), len(moves))
    for number, each in enumerate(options):
        was, is_then = before[number], after[number]
        if _of(each).is_in_coin:
            was = was / each.spot
            is_then = is_then / (each.spot * (1.0 + np.array([price for price, _ in moves])))
        profits[places[number]] = each.size * (is_then - was)
    return profits


def _of(held: _Held) -> OptionTerms:
    assert held.terms is not None, "an option"
    return held.terms


def _contract(held: _Held, move: float) -> float:
    if held.rules["kind"] == "inverse":
        return held.size / held.spot * (1.0 - 1.0 / (1.0 + move))
    return held.size * held.spot * move


def _scenario(
    held: _Held, rule: PortfolioRule, move: tuple[float, int], given: GreekInput
) -> tuple[float, ...]:
    """In the order of INPUTS. The change of volatility is relative and grows towards expiry."""
    terms = _of(held)
    years = years_between(given.now_ns, terms.expiry_ns)
    days = max(years * 365.0, 1.0)
    change = float(rule.volatility_range) * (_DAYS / days) ** float(rule.volatility_power)
    volatility = max(held.volatility * (1.0 + move[1] * change), 0.0)
    rate = float(given.options.settings.interest_rate)
    return held.spot * (1.0 + move[0]), float(terms.strike), years, volatility, rate, rate


def _values(table: Doubles, is_call: NDArray[np.uint8]) -> Doubles:
    columns = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(INPUTS)}
    return greeks_columns(columns, np.ascontiguousarray(is_call), model="black_76").columns["price"]


def _short_options(held: Sequence[_Held], rule: PortfolioRule) -> float:
    """For each option that is sold net at a strike, calls and puts of all expiries together."""
    nets: dict[tuple[str, str], float] = defaultdict(float)
    units: dict[tuple[str, str], float] = {}
    for each in held:
        if each.terms is not None:
            strike = each.terms.asset, each.terms.strike
            nets[strike] += each.size
            units[strike] = 1.0 if each.terms.is_in_coin else each.spot
    share = float(rule.short_option)
    return sum(max(-net, 0.0) * share * units[strike] for strike, net in nets.items())


def _offset_futures(held: Sequence[_Held], rule: PortfolioRule) -> float:
    """For what futures of one asset offset each other."""
    sides: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for each in held:
        if each.terms is None:
            inverse = each.rules["kind"] == "inverse"
            worth = each.size / each.spot if inverse else each.size * each.spot
            sides[each.rules["base"]][worth < 0] += abs(worth)
    return sum(min(sums) for sums in sides.values()) * float(rule.offset_futures)

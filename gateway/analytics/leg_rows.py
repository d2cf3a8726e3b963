"""Groups of legs as one position: joint fill state, what of each leg executed against its ratio,
what stands alone by asset, the price of the spread, what it has made and its fees. Pure. Amounts
are exact until they are told, at 18 digits; what has no price or rate is named and left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from gateway.analytics.aggregation import InstrumentMap
from gateway.analytics.exposure import Rate
from gateway.analytics.greek_book import GreekInput, book_of, greek_rows
from gateway.analytics.leg_groups import LegFault, LegGroup, LegMember
from gateway.analytics.leg_state import (
    Leg,
    canceled_legs,
    is_balanced,
    late_legs,
    state_of,
    units_of,
)
from gateway.api.decimal_text import plain_text

__all__ = ["REPORTING", "Fees", "fault_row", "leg_rows", "order_faults", "rates_of"]

Row = Mapping[str, Any]
# By order and currency, above zero paid; None of an order: not all of its fills are known.
Fees = Mapping[int, Mapping[str, Decimal] | None]
REPORTING = "reporting"  # the currency of a spread whose legs are told in several
_EXACT, _SCALE = Context(prec=100), 18
_RATIO = 10**4
_WHOSE = ("account", "strategy", "instrument", "venue", "principal", "leg")
_ORDER = (
    "instrument", "account", "strategy", "venue", "client_order_id", "side", "type", "state",
    "pending", "quantity", "cumulative_quantity", "price", "trigger_price", "average_price",
)  # fmt: skip


class _Sources(NamedTuple):
    orders: Mapping[int, Row]
    greeks: Mapping[str, Row]  # by group
    map: InstrumentMap
    given: GreekInput
    rates: Mapping[str, Rate]
    fees: Fees

    def mark(self, instrument: str) -> Decimal | None:
        """None: there is no fresh one."""
        mark = self.given.marks.get(instrument)
        is_fresh = mark is not None and 0 <= mark.age_ms <= self.given.age_ms_max
        return Decimal(mark.price) if mark is not None and is_fresh else None


def leg_rows(
    groups: Iterable[LegGroup],
    orders: Mapping[int, Row],
    given: GreekInput,
    instruments: InstrumentMap,
    rates: Mapping[str, Rate],
    *,
    fees: Fees,
) -> list[dict[str, Any]]:
    """One row for each group: {group, kind "legs", state, units, legs[], members[], canceled[],
    late[], spread_price, spread_currency, profit {currency: {realised, unrealised, fees, net}},
    realised, unrealised, fees, net, risk[], leg_risk, greek sums, faults[], excluded[], ...};
    docs/concepts/legs.md says what they mean. `orders` has the rows of the members that are known;
    `rates` are of the reporting currency for one unit."""
    rules = {row["name"]: row for row in given.instruments}
    found = [(group, *_legs(group, orders, rules)) for group in groups]
    greeks = _greeks({group.name: legs for group, legs, _ in found}, given)
    sources = _Sources(orders, greeks, instruments, given, rates, fees)
    return [_group_row(*each, sources) for each in found]


def order_faults(
    group: LegGroup, orders: Mapping[int, Row], instruments: Iterable[Row]
) -> list[LegFault]:
    """What is wrong with the orders that a group names."""
    _, faults = _legs(group, orders, {row["name"]: row for row in instruments})
    unknown = [each for number, each in group.members.items() if number not in orders]
    return [*faults, *map(_unknown, unknown)]


def fault_row(fault: LegFault) -> dict[str, Any]:
    """As it is told."""
    row = msgspec.structs.asdict(fault)
    return row | {"order_id": str(fault.order_id) if fault.order_id else None}


def rates_of(currencies: Iterable[Row]) -> dict[str, Rate]:
    """Of the rows of the registry; one without a rate is in none."""
    found = {row["name"]: Rate(Decimal(row["rate"]), 0) for row in currencies}
    return {name: each for name, each in found.items() if each.rate}


def _group_row(
    group: LegGroup, legs: Sequence[Leg], misfits: Sequence[LegFault], sources: _Sources
) -> dict[str, Any]:
    orders = sources.orders
    forgotten = [each for each in group.members if each not in orders]
    faults = [*group.faults, *misfits, *(_unknown(group.members[each]) for each in forgotten)]
    sums = dict(sources.greeks.get(group.name, {"excluded": ()}))
    excluded = set(sums.pop("excluded"))
    if forgotten:
        excluded.add(
            f"orders: {', '.join(map(str, forgotten))} are not in the state of the journal"
        )
    is_whole = len(legs) == group.legs
    state = "unknown" if forgotten else state_of(legs) if is_whole else "incomplete"
    units = units_of(legs) if is_whole else Fraction(0)
    is_in_ratio = is_whole and is_balanced([leg.now() for leg in legs])
    risk = [] if forgotten or is_in_ratio else _risk(legs, units, sources, excluded)
    members = [_member(each, orders[each.order_id], group) for each in _placed(group)
               if each.order_id in orders]  # fmt: skip
    rows = [orders[each] for each in group.members if each in orders]
    return {
        "group": group.name,
        "linked_to": group.name,  # where it stands among linked orders
        "kind": "legs",
        "state": state,
        "units": None if forgotten else _text(units),
        "legs": [_leg_row(leg, legs) for leg in legs],
        "missing": _missing(group, legs, forgotten),
        "canceled": canceled_legs(legs),
        "late": late_legs(legs),
        **_spread(legs, sources, excluded, is_whole=is_whole),
        **_profit(legs, _fees(group, sources, excluded), sources, excluded),
        "risk": risk,
        "leg_risk": None if forgotten else _total(risk),
        **sums,
        "faults": [fault_row(each) for each in faults],
        "excluded": sorted(excluded),
        "members": members,
        "members_forgotten": len(forgotten),
        **{name: _common(rows, name) for name in _WHOSE},
        "updated_ns": max((row["updated_ns"] for row in rows), default=0),
        "sequence": max([group.sequence, *(row["sequence"] for row in rows)]),
    }


def _legs(
    group: LegGroup, orders: Mapping[int, Row], rules: Mapping[str, Row]
) -> tuple[list[Leg], list[LegFault]]:
    """Of the orders that fit; what is wrong with the others."""
    legs: dict[int, Leg] = {}
    faults = []
    for member in _placed(group):
        row = orders.get(member.order_id)
        if row is None:
            continue
        leg = legs.get(member.leg)
        fault = _misfit(member, row, leg)
        if fault is not None:
            faults.append(fault)
            continue
        if leg is None:
            leg = legs[member.leg] = Leg(member.leg, member.ratio, rules[row["instrument"]])
        leg.add(row, is_exit=member.is_exit)
    return [legs[number] for number in sorted(legs)], faults


def _misfit(member: LegMember, row: Row, leg: Leg | None) -> LegFault | None:
    at = member.note.sequence
    if leg is not None and row["instrument"] != leg.instrument:
        rule = f"leg {member.leg} is of {leg.instrument}"
        return LegFault(
            "LEG_INSTRUMENT", "instrument", row["instrument"], rule, at, member.order_id
        )
    side = "buy" if (member.ratio > 0) != member.is_exit else "sell"
    if row["side"] != side:
        what = "an exit of a leg" if member.is_exit else "an order of a leg"
        rule = f"{what} with the ratio {member.ratio:+f} is a {side}"
        return LegFault("LEG_SIDE", "side", row["side"], rule, at, member.order_id)
    return None


def _missing(group: LegGroup, legs: Iterable[Leg], forgotten: Iterable[int]) -> list[int]:
    """Legs that no order fits; of one that is not known nobody can say."""
    have = {leg.number for leg in legs} | {group.members[each].leg for each in forgotten}
    return [number for number in range(1, group.legs + 1) if number not in have]


def _unknown(member: LegMember) -> LegFault:
    rule = "an order that the state of the journal remembers"
    number, at = member.order_id, member.note.sequence
    return LegFault("LEG_ORDER_UNKNOWN", "order_id", str(number), rule, at, number)


def _placed(group: LegGroup) -> list[LegMember]:
    return sorted(group.members.values(), key=lambda each: (each.leg, each.order_id))


def _member(member: LegMember, row: Row, group: LegGroup) -> dict[str, Any]:
    quantity, done = Fraction(row["quantity"]), Fraction(row["cumulative_quantity"])
    return {
        "order_id": str(member.order_id),
        "place": member.leg - 1,
        "legs": group.legs,
        "ratio": plain_text(member.ratio),
        "is_exit": member.is_exit,
        "actor": member.note.actor,
        **{name: row.get(name) for name in _ORDER},
        "fill_ratio": _share(done / quantity) if quantity else "0",
    }


def _leg_row(leg: Leg, legs: Sequence[Leg]) -> dict[str, Any]:
    """`share`: of what the leg that is ahead has done."""
    ahead = max((abs(each.units) for each in legs), default=Fraction(0))
    return {
        "leg": leg.number,
        "instrument": leg.instrument,
        "ratio": plain_text(leg.ratio),
        "executed": _text(leg.entered),
        "exited": _text(leg.exited),
        "units": _text(leg.units),
        "share": _share(abs(leg.units) / ahead) if ahead else "0",
        "average_price": None if leg.average is None else _text(leg.average),
        "exit_price": None if leg.exit_average is None else _text(leg.exit_average),
        "is_open": leg.is_open,
    }


# What stands alone.


def _risk(
    legs: Sequence[Leg], units: Fraction, sources: _Sources, excluded: set[str]
) -> list[dict[str, Any]]:
    """By asset: what executed beyond `units` spreads, as units of the asset and in the reporting
    currency."""
    nets: dict[str, Decimal] = defaultdict(Decimal)
    for leg in legs:
        alone = leg.alone(units)
        if not alone:
            continue
        mark = sources.mark(leg.instrument)
        delta = sources.map.delta(leg.instrument, _decimal(alone), mark, sources.rates)
        asset = sources.map.economic(leg.instrument).asset
        if delta is None:
            excluded.add(f"{leg.instrument}: no fresh mark or rate, so no leg risk")
        else:
            nets[asset] = _EXACT.add(nets[asset], delta)
    told = []
    for asset, delta in sorted(nets.items()):
        rate = sources.rates.get(asset)
        if rate is None:
            excluded.add(f"rate:{asset}")
        value = None if rate is None else plain_text(_EXACT.multiply(delta, rate.rate))
        told.append({"asset": asset, "delta": plain_text(delta), "value": value})
    return told


def _total(risk: Iterable[Row]) -> str:
    """Without regard to sides: two assets that stand alone do not hedge each other."""
    total = Decimal(0)
    for row in risk:
        if row["value"] is not None:
            total = _EXACT.add(total, Decimal(row["value"]).copy_abs())
    return plain_text(total)


# Prices and profit.


def _spread(
    legs: Sequence[Leg], sources: _Sources, excluded: set[str], *, is_whole: bool
) -> dict[str, Any]:
    """The sum of ratio times average price: in the currency the legs are quoted in, else in the
    reporting currency. None until every leg executed."""
    told: dict[str, Any] = {"spread_price": None, "spread_currency": None}
    if not is_whole or any(leg.average is None for leg in legs):
        return told
    quotes = [str(leg.rule["quote"]) for leg in legs]
    is_one = len(set(quotes)) == 1
    total = Fraction(0)
    for leg, quote in zip(legs, quotes, strict=True):
        rate = Fraction(1) if is_one else _rate(sources.rates, quote)
        if rate is None:
            excluded.add(f"rate:{quote}")
            return told
        assert leg.average is not None, "each leg executed"
        total += Fraction(leg.ratio) * leg.average * rate
    return {"spread_price": _text(total), "spread_currency": quotes[0] if is_one else REPORTING}


def _profit(
    legs: Sequence[Leg], fees: Mapping[str, Fraction] | None, sources: _Sources, excluded: set[str]
) -> dict[str, Any]:
    """By the currency it is made and paid in, and all of it in the reporting currency. `net` is
    both parts of the profit less the fees; None where one of them is not known."""
    sums: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0), Fraction(0)])
    is_whole = fees is not None
    for leg in legs:
        if not leg.entered and not leg.exited:
            continue
        found = leg.profit(sources.mark(leg.instrument))
        if found is None:
            excluded.add(f"{leg.instrument}: no fresh mark, so no profit")
            is_whole = False
            continue
        for place, amount in enumerate(found):
            sums[leg.rule["settle"]][place] += amount
    for currency, amount in (fees or {}).items():
        sums[currency][2] += amount
    reported, is_reported = [Fraction(0)] * 3, True
    for currency, amounts in sums.items():
        rate = _rate(sources.rates, currency)
        if rate is None:
            excluded.add(f"rate:{currency}")
            is_reported = False
            continue
        reported = [sum_ + each * rate for sum_, each in zip(reported, amounts, strict=True)]
    profit = {
        currency: _profit_texts(amounts, is_whole=is_whole, has_fees=fees is not None)
        for currency, amounts in sorted(sums.items())
    }
    total = _profit_texts(reported, is_whole=is_whole, has_fees=fees is not None)
    return {"profit": profit} | (total if is_reported else dict.fromkeys(total))


def _profit_texts(
    amounts: Sequence[Fraction], *, is_whole: bool, has_fees: bool
) -> dict[str, str | None]:
    realised, unrealised, fees = amounts
    return {
        "realised": _text(realised),
        "unrealised": _text(unrealised),
        "fees": _text(fees) if has_fees else None,
        "net": _text(realised + unrealised - fees) if is_whole else None,
    }


def _fees(group: LegGroup, sources: _Sources, excluded: set[str]) -> dict[str, Fraction] | None:
    """Of all its orders by currency, above zero paid; None when one of them has unknown ones."""
    unknown = sorted(each for each in group.members if sources.fees.get(each) is None)
    if unknown:
        excluded.add(f"fees: not all fills of {', '.join(map(str, unknown))} are known")
        return None
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for number in group.members:
        for currency, amount in (sources.fees[number] or {}).items():
            sums[currency] += Fraction(amount)
    return sums


def _rate(rates: Mapping[str, Rate], currency: str) -> Fraction | None:
    rate = rates.get(currency)
    return None if rate is None else Fraction(rate.rate)


def _greeks(groups: Mapping[str, Sequence[Leg]], given: GreekInput) -> dict[str, Row]:
    """By group the sums of what its legs hold, in the reporting currency, and `excluded`; none of a
    group that holds nothing."""
    held = [
        {"account": name, "strategy": "", "instrument": leg.instrument,
         "quantity": _text(leg.signed_net)}
        for name, legs in groups.items()
        for leg in legs
        if leg.net
    ]  # fmt: skip
    rows = greek_rows(book_of(given._replace(positions=held)), {}, ("account",))
    return {
        row["name"]: {name: row[name] for name in row if name not in ("level", "name")}
        for row in rows
    }


# How they are told.


def _common(rows: Sequence[Row], name: str) -> str:
    """What all have, "" when they differ."""
    values = {row[name] for row in rows}
    return str(values.pop()) if len(values) == 1 else ""


def _decimal(amount: Fraction) -> Decimal:
    """Half-even at 18 digits."""
    return _EXACT.scaleb(Decimal(round(amount * 10**_SCALE)), -_SCALE)


def _text(amount: Fraction) -> str:
    return plain_text(_decimal(amount))


def _share(part: Fraction) -> str:
    """Cut behind four digits."""
    return plain_text(_EXACT.scaleb(Decimal(part * _RATIO // 1), -4))

"""One desk across venues: the same economic instrument wherever it trades, what each asset adds up
to, groups of linked orders, what is on its way between venues. Parts add up to their whole to the
last digit; what has no price or rate is named and left out, never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path
from typing import Any

import msgspec

from gateway.analytics.exposure import Contract, Rate, contracts_of
from gateway.api.decimal_text import plain_text
from gateway.config.toml_file import read_toml

__all__ = [
    "BY",
    "OPEN_STATES",
    "EconomicInstrument",
    "InstrumentMap",
    "MapEntry",
    "asset_rows",
    "consolidated_rows",
    "contracts_by_map",
    "linked_rows",
    "load_map",
]

Row = Mapping[str, Any]
_EXACT = Context(prec=100)
_UNIT = Decimal(1).scaleb(-18)
_ZERO = Decimal(0)
_RATIO = Decimal("0.0001")
_NO_RATES: Mapping[str, Rate] = {}
OPEN_STATES = frozenset({"PENDING_NEW", "NEW", "PARTIALLY_FILLED", "UNTRIGGERED", "UNKNOWN"})
BY = ("venue", "account", "strategy", "firm")


class MapEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an instrument or a coin is for economics, where its names do not say it."""

    asset: str
    units: str = "1"  # of the asset in one unit of the base: 1000 for 1000PEPE


class EconomicInstrument(msgspec.Struct, frozen=True, order=True):
    """What two venues list alike."""

    asset: str
    against: str
    kind: str  # spot, or derivative for every contract on it

    def __str__(self) -> str:
        return f"{self.asset}/{self.against} {self.kind}"


class InstrumentMap:
    """Instruments of the registry, with multipliers, as assets. `entries` names coins or
    instruments that are the same asset as another; all else follows from base, quote and kind."""

    def __init__(self, instruments: Iterable[Row], entries: Mapping[str, MapEntry]) -> None:
        self._rows = {row["name"]: row for row in instruments}
        self._entries = entries

    def asset(self, coin: str) -> tuple[str, Decimal]:
        """What a coin is, and how many units of it one coin has."""
        entry = self._entries.get(coin)
        return (coin, Decimal(1)) if entry is None else (entry.asset, Decimal(entry.units))

    def economic(self, instrument: str) -> EconomicInstrument:
        """KeyError: the registry does not have it."""
        row = self._rows[instrument]
        asset, _ = self._own(instrument)
        kind = "spot" if row["kind"] == "spot" else "derivative"
        return EconomicInstrument(asset, self.asset(row["quote"])[0], kind)

    def delta(
        self,
        instrument: str,
        quantity: Decimal,
        mark: Decimal | None,
        rates: Mapping[str, Rate] = _NO_RATES,
    ) -> Decimal | None:
        """Units of the asset that move as this position does; None: an inverse contract without a
        mark, or a quanto one, which pays in another coin, without the rates of both."""
        row = self._rows[instrument]
        _, units = self._own(instrument)
        coins = _EXACT.multiply(quantity, Decimal(row["multiplier"]))
        if row["kind"] == "inverse":
            if mark is None:
                return None
            coins = _EXACT.divide(coins, mark).quantize(_UNIT, ROUND_HALF_EVEN, _EXACT)
        elif self.needs_rates(instrument):
            # So much of the settlement coin for each unit of quote that the price moves.
            paid, moved = rates.get(row["settle"]), rates.get(row["quote"])
            if paid is None or moved is None or not moved.rate:
                return None
            worth = _EXACT.divide(_EXACT.multiply(coins, paid.rate), moved.rate)
            coins = worth.quantize(_UNIT, ROUND_HALF_EVEN, _EXACT)
        return _EXACT.multiply(coins, units)

    def needs_rates(self, instrument: str) -> bool:
        """Whether it pays in another coin than its price is told in."""
        row = self._rows[instrument]
        return bool(row["kind"] == "quanto" and row["settle"] != row["quote"])

    def _own(self, instrument: str) -> tuple[str, Decimal]:
        if instrument in self._entries:
            entry = self._entries[instrument]
            return entry.asset, Decimal(entry.units)
        return self.asset(self._rows[instrument]["base"])


def load_map(path: Path) -> dict[str, MapEntry]:
    """conf/instrument_map.toml. ValueError names what is wrong with it."""
    faults, data = read_toml(path)
    if data is None:
        raise ValueError("; ".join(str(fault) for fault in faults.found))
    try:
        entries = msgspec.convert(data.get("same", {}), dict[str, MapEntry])
        extra = data.keys() - {"same"}
        wrong = [name for name, each in entries.items() if not Decimal(each.units) > 0]
    except (msgspec.ValidationError, ArithmeticError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    if extra or wrong:
        raise ValueError(f"{path.name}: {', '.join(sorted([*extra, *wrong]))} is not understood")
    return entries


def contracts_by_map(
    instruments: Sequence[Row], entries: Mapping[str, MapEntry]
) -> dict[str, Contract]:
    """Instrument name -> contract, each of the asset that the map makes of it."""
    names = InstrumentMap(instruments, entries)
    return {
        name: contract._replace(asset=names.economic(name).asset)
        for name, contract in contracts_of(instruments).items()
    }


def consolidated_rows(
    positions: Iterable[Row],
    instruments: InstrumentMap,
    by: str = "venue",
    rates: Mapping[str, Rate] = _NO_RATES,
) -> list[dict[str, Any]]:
    """Delta-equivalents of each economic instrument, split by venue, account or strategy; the parts
    of a row are its total. Instruments that could not be counted are in `excluded`."""
    parts: dict[EconomicInstrument, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    excluded: dict[EconomicInstrument, set[str]] = defaultdict(set)
    for row in positions:
        quantity = Decimal(row["quantity"])
        if not quantity:
            continue
        economic = instruments.economic(row["instrument"])
        mark = None if row["mark"] is None else Decimal(row["mark"])
        delta = instruments.delta(row["instrument"], quantity, mark, rates)
        part = "firm" if by == "firm" else row[by]
        if delta is None:
            excluded[economic].add(row["instrument"])
            delta = _ZERO
        parts[economic][part] = _EXACT.add(parts[economic][part], delta)
    return [
        {
            "instrument": str(economic),
            "asset": economic.asset,
            "total": plain_text(_sum(found.values())),
            "long": plain_text(_sum(each for each in found.values() if each > 0)),
            "short": plain_text(_sum(each for each in found.values() if each < 0)),
            "parts": {name: plain_text(each) for name, each in sorted(found.items())},
            "excluded": sorted(excluded[economic]),
        }
        for economic, found in sorted(parts.items())
    ]


class _Asset:
    __slots__ = ("collateral", "derivatives", "excluded", "in_transit", "long", "short", "spot")

    def __init__(self) -> None:
        self.spot = self.collateral = self.derivatives = self.in_transit = _ZERO
        self.long = self.short = _ZERO
        self.excluded: set[str] = set()


def asset_rows(
    positions: Iterable[Row],
    balances: Iterable[Row],
    transit: Mapping[str, Decimal],
    instruments: InstrumentMap,
    rates: Mapping[str, Rate],
    *,
    collateral_accounts: frozenset[str],
) -> list[dict[str, Any]]:
    """What each asset adds up to: coins in spot accounts, coins that are collateral of derivatives,
    what derivatives move like, and what is on its way. Spot positions are not counted beside the
    coins they brought. Net and gross in the reporting currency at the dated rate of the asset."""
    found: dict[str, _Asset] = defaultdict(_Asset)
    for row in balances:
        name, units = instruments.asset(row["currency"])
        coins = _EXACT.multiply(Decimal(row["total"]), units)
        place = "collateral" if row["account"] in collateral_accounts else "spot"
        _put(found[name], place, coins)
    for currency, amount in transit.items():
        name, units = instruments.asset(currency)
        _put(found[name], "in_transit", _EXACT.multiply(amount, units))
    for row in positions:
        economic = instruments.economic(row["instrument"])
        quantity = Decimal(row["quantity"])
        if economic.kind == "spot" or not quantity:
            continue
        mark = None if row["mark"] is None else Decimal(row["mark"])
        delta = instruments.delta(row["instrument"], quantity, mark, rates)
        if delta is None:
            found[economic.asset].excluded.add(row["instrument"])
        else:
            _put(found[economic.asset], "derivatives", delta)
    return [_asset_row(name, each, rates.get(name)) for name, each in sorted(found.items())]


def _put(asset: _Asset, place: str, amount: Decimal) -> None:
    setattr(asset, place, _EXACT.add(getattr(asset, place), amount))
    if amount > 0:
        asset.long = _EXACT.add(asset.long, amount)
    else:
        asset.short = _EXACT.add(asset.short, amount)


def _asset_row(name: str, asset: _Asset, rate: Rate | None) -> dict[str, Any]:
    parts = {
        "spot": asset.spot,
        "collateral": asset.collateral,
        "derivatives": asset.derivatives,
        "in_transit": asset.in_transit,
    }
    excluded = sorted(asset.excluded)
    if rate is None:
        excluded.append(f"rate:{name}")
    sums = {
        "net": _EXACT.add(asset.long, asset.short),
        "gross": _EXACT.subtract(asset.long, asset.short),
        "long": asset.long,
        "short": asset.short,
    }
    reported = None
    if rate is not None:
        worth = {key: plain_text(_EXACT.multiply(each, rate.rate)) for key, each in sums.items()}
        reported = {**worth, "rate": plain_text(rate.rate), "rate_time_ns": rate.time_ns}
    return {
        "asset": name,
        **{key: plain_text(each) for key, each in parts.items()},
        **{key: plain_text(each) for key, each in sums.items()},
        "reporting": reported,
        "excluded": excluded,
    }


def linked_rows(orders: Iterable[Row]) -> list[dict[str, Any]]:
    """Linked orders as one thing: how far the group is, what each member executed and which part
    of its quantity that is, and the leg risk: what executed on one side and no member of the other
    one executed or still works for."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in orders:
        if row.get("linked_to"):
            groups[row["linked_to"]].append(row)
    return [_linked_row(head, members) for head, members in sorted(groups.items())]


def _linked_row(head: str, members: list[Row]) -> dict[str, Any]:
    executed, working = dict.fromkeys(("buy", "sell"), _ZERO), dict.fromkeys(("buy", "sell"), _ZERO)
    rows, is_open = [], False
    for row in sorted(members, key=lambda each: int(each["order_id"])):
        done = Decimal(row["cumulative_quantity"])
        executed[row["side"]] = _EXACT.add(executed[row["side"]], done)
        if row["state"] in OPEN_STATES:
            is_open = True
            left = _EXACT.subtract(Decimal(row["quantity"]), done)
            working[row["side"]] = max(working[row["side"]], left)
        names = ("order_id", "instrument", "side", "state", "quantity", "cumulative_quantity")
        told = {name: row[name] for name in names}
        rows.append({**told, "fill_ratio": _fill_ratio(done, Decimal(row["quantity"]))})
    some = executed["buy"] or executed["sell"]
    state = ("working" if not some else "partial") if is_open else ("ended" if some else "void")
    return {
        "linked_to": head,
        "kind": members[0]["link"],
        "state": state,
        "members": rows,
        "executed_buy": plain_text(executed["buy"]),
        "executed_sell": plain_text(executed["sell"]),
        "leg_risk": plain_text(_leg_risk(members, executed, working)),
    }


def _fill_ratio(done: Decimal, quantity: Decimal) -> str:
    """What of an order executed, cut behind four digits; "0" of an order of nothing."""
    if not quantity:
        return "0"
    return plain_text(_EXACT.divide(done, quantity).quantize(_RATIO, ROUND_DOWN, _EXACT))


def _leg_risk(
    members: list[Row], executed: Mapping[str, Decimal], working: Mapping[str, Decimal]
) -> Decimal:
    """Signed quantity that stands alone: executed, and neither closed nor about to be. Members on
    one side alone are alternatives of each other and leave nothing open."""
    if len({row["side"] for row in members}) < 2:
        return _ZERO
    net = _EXACT.subtract(executed["buy"], executed["sell"])
    cover = working["sell"] if net > 0 else working["buy"]
    left = max(_EXACT.subtract(net.copy_abs(), cover), _ZERO)
    return left if net > 0 else left.copy_negate()


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total

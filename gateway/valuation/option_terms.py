"""What an option is: strike, expiry, underlying and its venue's margin rule, from conf/options.toml
and from the way its venue spells it. What a name does not say is never guessed.

Spellings and the hour of settlement, 08:00 UTC at all three: OKX docs-v5, get instruments, copy of
2026-06-15; Binance Options API, exchangeInfo; Deribit API, naming. docs/concepts/greeks.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from gateway.config.faults import Faults
from gateway.config.small_file import load_small_file

__all__ = [
    "OptionBook",
    "OptionMarginRule",
    "OptionSettings",
    "OptionTerms",
    "PortfolioRule",
    "expiry_of",
    "load_options",
]

Row = Mapping[str, Any]
Number = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?$")]
Moment = Annotated[
    str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z$")
]
_SETTLED_AT_HOUR = 8  # UTC
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DIGITS = r"(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)"
_WORDS = r"(?P<day>\d{1,2})(?P<name>[A-Z]{3})(?P<year>\d\d)"
_TAIL = r"-(?P<strike>\d+(?:[.d]\d+)?)-(?P<kind>[CP])$"
_OPTIONS = tuple(
    re.compile(f"^(?P<family>[A-Z0-9]+(?:[-_][A-Z]+)?)-{day}{_TAIL}") for day in (_DIGITS, _WORDS)
)
_FUTURES = tuple(
    re.compile(f"^(?P<family>[A-Z0-9]+(?:[-_][A-Z]+)?)[-_]{day}$") for day in (_DIGITS, _WORDS)
)
# The perpetual of a family as OKX, Deribit and Binance spell it; the first that is registered.
_PERPETUALS = ("{}-SWAP", "{}-PERPETUAL", "{}USDT", "{}")


class OptionTerms(NamedTuple):
    """One option. `underlying` is the instrument whose mark is its underlying's price; "" = none is
    known. `is_in_coin`: premium and margin are counted in the coin, its value is mark x price."""

    instrument: str
    venue: str
    kind: Literal["call", "put"]
    strike: str
    expiry_ns: int
    underlying: str
    asset: str
    currency: str  # it settles in
    priced_in: str  # strike and value
    multiplier: str
    is_in_coin: bool
    is_american: bool


class ListedOption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An option whose name does not say what it is, or says it wrongly."""

    kind: Literal["call", "put"]
    strike: Number
    expiry: Moment
    underlying: str = ""  # "" = of its family, as for every other
    is_american: bool = False


class OptionMarginRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a venue asks of who sold an option, as a share of the underlying."""

    source: str
    date: str
    initial_rate: Number
    initial_floor: Number
    maintenance_rate: Number
    factor: Number = "1"  # of the seller's tier
    initial_covers_maintenance: bool = False
    order_floor: Number = "0"  # an order to sell asks for at least this
    is_estimate: bool = False  # the document gives the rates and not the whole rule


class PortfolioRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Margin of a whole account: the worst of a grid of prices and volatilities, and add-ons."""

    source: str
    date: str
    price_range: Number  # the furthest move, as a share of the price
    price_steps: Annotated[int, Meta(ge=1, le=50)] = 8  # on each side of no move
    volatility_range: Number = "0"  # relative, at 30 days
    volatility_power: Number = "0"  # (30 / days) to this power
    short_option: Number = "0"  # of the underlying for each net sold option of a strike
    offset_futures: Number = "0"  # of the underlying for what futures offset each other
    initial_factor: Number = "1"  # initial margin as a multiple of maintenance


class OptionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """conf/options.toml. `underlyings`: a family, with or without its expiry, as VENUE:FAMILY or
    VENUE:FAMILY-EXPIRY -> the instrument whose mark is its price. `betas`: of an asset to
    `benchmark`, an instrument."""

    options: dict[str, ListedOption] = {}
    underlyings: dict[str, str] = {}
    margin: dict[str, OptionMarginRule] = {}
    venues: dict[str, str] = {}  # venue -> rule of `margin`
    portfolio: dict[str, PortfolioRule] = {}
    accounts: dict[str, str] = {}  # account -> rule of `portfolio`
    betas: dict[str, Number] = {}
    benchmark: str = ""
    interest_rate: Number = "0"  # continuously compounded, a year


class OptionBook:
    """The options among the instruments of a registry."""

    def __init__(self, settings: OptionSettings, instruments: Iterable[Row]) -> None:
        self.settings, self.source = settings, instruments
        rows = {row["name"]: row for row in instruments}
        self._names = {
            (row["venue"], row.get("venue_symbol", "")): name for name, row in rows.items()
        }
        found = ((name, self._terms(row)) for name, row in rows.items())
        self.terms: dict[str, OptionTerms] = {name: terms for name, terms in found if terms}

    @classmethod
    def over(
        cls, before: OptionBook | None, settings: OptionSettings, instruments: Sequence[Row]
    ) -> OptionBook:
        """The one before while `instruments` is the same list: names are read once."""
        if before is not None and before.source is instruments:
            return before
        return cls(settings, instruments)

    def margin_rule(self, venue: str) -> OptionMarginRule | None:
        return self.settings.margin.get(self.settings.venues.get(venue, ""))

    def portfolio_rule(self, account: str) -> PortfolioRule | None:
        return self.settings.portfolio.get(self.settings.accounts.get(account, ""))

    def _terms(self, row: Row) -> OptionTerms | None:
        listed = self.settings.options.get(row["name"])
        spelled = _match(_OPTIONS, row.get("venue_symbol", ""))
        if listed is None and spelled is None:
            return None
        family = str(spelled["family"]) if spelled else row["base"]
        day = _day_of(spelled) if spelled else None
        if listed is not None:
            expiry_ns = _nanoseconds(datetime.fromisoformat(listed.expiry))
            kind, strike, underlying = listed.kind, listed.strike, listed.underlying
        elif spelled is None or day is None:
            return None
        else:
            kind = "call" if spelled["kind"] == "C" else "put"
            expiry_ns, strike, underlying = _settled(day), spelled["strike"].replace("d", "."), ""
        is_in_coin = row["settle"] == row["base"]
        dollars = family.replace("_", "-").partition("-")[2] or "USD"
        return OptionTerms(
            instrument=row["name"],
            venue=row["venue"],
            kind=kind,
            strike=strike,
            expiry_ns=expiry_ns,
            underlying=underlying or self._underlying(row["venue"], family, day),
            asset=row["base"],
            currency=row["settle"],
            priced_in=dollars if is_in_coin else row["settle"],
            multiplier=row["multiplier"],
            is_in_coin=is_in_coin,
            is_american=listed is not None and listed.is_american,
        )

    def _underlying(self, venue: str, family: str, day: date | None) -> str:
        named = self.settings.underlyings
        own = f"{venue}:{family}-{day:%y%m%d}" if day else ""
        found = named.get(own) or named.get(f"{venue}:{family}")
        spelled = (self._names.get((venue, each.format(family))) for each in _PERPETUALS)
        return found or next((name for name in spelled if name), "")


def expiry_of(row: Row) -> int | None:
    """When a dated future is settled, by its name; None: it has no date. An option has its own."""
    spelled = None if row["kind"] == "spot" else _match(_FUTURES, row.get("venue_symbol", ""))
    day = _day_of(spelled) if spelled else None
    return None if day is None else _settled(day)


def load_options(path: Path) -> OptionSettings:
    """ConfigError names everything that is wrong with the file."""
    return load_small_file(path, OptionSettings, _judge)


def _judge(settings: OptionSettings, faults: Faults) -> None:
    named = (("venues", settings.venues, settings.margin),
             ("accounts", settings.accounts, settings.portfolio))  # fmt: skip
    for section, names, rules in named:
        for name, wanted in names.items():
            if wanted not in rules:
                faults.add("UNKNOWN_NAME", f"{section}.{name}", "the name of a rule", wanted)
    for name, listed in settings.options.items():
        if Decimal(listed.strike) <= 0:
            faults.add("OUT_OF_RANGE", f"options.{name}.strike", "above zero", listed.strike)
        try:
            datetime.fromisoformat(listed.expiry)
        except ValueError:
            faults.add("OUT_OF_RANGE", f"options.{name}.expiry", "a moment", listed.expiry)
    for name, rule in settings.portfolio.items():
        if not 0 < Decimal(rule.price_range) < 1:
            where = f"portfolio.{name}.price_range"
            faults.add("OUT_OF_RANGE", where, "above 0 and below 1", rule.price_range)


def _match(patterns: Iterable[re.Pattern[str]], symbol: str) -> re.Match[str] | None:
    return next((found for each in patterns if (found := each.match(symbol))), None)


def _day_of(spelled: re.Match[str]) -> date | None:
    parts = spelled.groupdict()
    month = parts.get("month")
    try:
        number = _MONTHS.index(parts["name"]) + 1 if month is None else int(month)
        return date(2000 + int(parts["year"]), number, int(parts["day"]))
    except ValueError:
        return None


def _settled(day: date) -> int:
    return _nanoseconds(datetime(day.year, day.month, day.day, _SETTLED_AT_HOUR, tzinfo=UTC))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9

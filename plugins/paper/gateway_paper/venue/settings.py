"""The venue process's configuration: one TOML file, unknown keys refused, numbers as text."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import msgspec
import tomli

from gateway.api.instruments import InstrumentKindName
from gateway.matching import (
    AllocationName,
    FeeTier,
    FeeTiers,
    MatchingRules,
    RemainderName,
    SelfTradeScopeName,
)
from gateway_paper.venue.exact import decimals, mantissa, number_text

__all__ = [
    "AccountSettings",
    "FeeTierSettings",
    "KeySettings",
    "Listing",
    "VenueSettings",
    "load_settings",
]


class FeeTierSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates from a volume on: what the account traded in the instrument in 30 days, by value."""

    volume_min: str
    maker_rate: str
    taker_rate: str


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument and its rules. Rates are decimal text; negative maker rate = rebate."""

    symbol: str  # the venue's spelling, e.g. "BTCUSDT"
    name: str  # long name from which the gateway makes its own symbol, e.g. "BTC-USDT"
    kind: InstrumentKindName
    base: str
    quote: str
    settle: str
    tick: str
    lot: str
    multiplier: str = "1"
    quantity_min: str = "0"
    quantity_max: str = "0"
    notional_min: str = "0"
    maker_rate: str = "0.0002"
    taker_rate: str = "0.0005"
    fee_tiers: tuple[FeeTierSettings, ...] = ()  # from volume 0 upwards; wins over the rates above
    fee_currency: Literal["settle", "base_on_buy"] = "settle"
    allocation: AllocationName = "price_time"
    remainder: RemainderName = "largest"  # of pro_rata, as is the next
    allocation_min: str = "0"
    # Not offered: decrement, since here nothing changes a quantity behind its owner's back.
    self_trade: Literal["allowed", "cancel_newest", "cancel_oldest", "cancel_both"] = "allowed"
    self_trade_scope: SelfTradeScopeName = "account"
    funding_rate: str = "0.0001"
    start_price: str = "100"  # where the generator begins
    level_quantity: str = "10"  # typical quantity of a generated level

    def __post_init__(self) -> None:
        if self.fee_tiers:
            self.tiers()

    def tiers(self) -> FeeTiers:
        """The tiers, or one with the plain rates. Raises ValueError."""
        plain = FeeTier("0", self.maker_rate, self.taker_rate)
        given = [FeeTier(t.volume_min, t.maker_rate, t.taker_rate) for t in self.fee_tiers]
        return FeeTiers(given or [plain])

    def rules(self) -> MatchingRules:
        return MatchingRules(
            allocation=self.allocation,
            remainder=self.remainder,
            allocation_min=self.quantity(self.allocation_min),
            self_trade=self.self_trade,
            self_trade_scope=self.self_trade_scope,
        )

    @property
    def price_scale(self) -> int:
        return decimals(self.tick)

    @property
    def quantity_scale(self) -> int:
        return decimals(self.lot)

    def price(self, text: str) -> int:
        return mantissa(text, self.price_scale)

    def quantity(self, text: str) -> int:
        return mantissa(text, self.quantity_scale)

    def price_text(self, value: int) -> str:
        return number_text(value, self.price_scale)

    def quantity_text(self, value: int) -> str:
        return number_text(value, self.quantity_scale)

    def value(self, price: int, quantity: int) -> Fraction:
        """Exact value in the settlement currency (the quote currency for spot)."""
        size = Fraction(quantity, 10**self.quantity_scale) * Fraction(self.multiplier)
        rate = Fraction(price, 10**self.price_scale)
        return size / rate if self.kind == "inverse" else size * rate


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Opening state; what the record says about the account wins over it."""

    name: str
    is_hedge_mode: bool = False
    group: str = ""  # for self-trade prevention; empty = none
    firm: str = ""
    balances: dict[str, str] = {}


class KeySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One API key. No `accounts` = all."""

    key: str
    secret: str = ""
    secret_file: str = ""  # relative to the configuration file
    accounts: tuple[str, ...] = ()


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the process needs. Times in the unit of their name."""

    record: str  # the venue's own append-only record, relative to the configuration file
    host: str = "127.0.0.1"
    port: int = 0
    admin_key: str = ""  # empty = the admin calls are closed
    market: Literal["generator", "recorded", "manual"] = "generator"
    recorded_data: str = (
        ""  # folder; empty = GATEWAY_RECORDED_DATA, then ../shared/data/binance_usdm
    )
    seed: int = 1
    step_ms: int = 100
    latency_ms: int = 0
    reject_rate: str = "0"
    fill_quantity_max: str = "0"  # a larger fill is reported in pieces; 0 = whole
    funding_interval_s: int = 0  # 0 = no funding
    mark_interval_ms: int = 250
    receive_window_ms: int = 5_000
    stream_history_max: int = 100_000
    stream_queue_max: int = 10_000
    orders_max: int = 65_536
    accounts: tuple[AccountSettings, ...] = (AccountSettings(name="paper"),)
    keys: tuple[KeySettings, ...] = ()
    instruments: tuple[Listing, ...] = ()


def load_settings(path: Path) -> VenueSettings:
    """Read, check and resolve paths. Raises ValueError naming file and key."""
    try:
        settings = msgspec.convert(tomli.loads(path.read_text()), VenueSettings)
    except (msgspec.ValidationError, tomli.TOMLDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    keys = tuple(_with_secret(key, path.parent) for key in settings.keys)
    record = str(path.parent / settings.record)
    return msgspec.structs.replace(settings, keys=keys, record=record)


def _with_secret(key: KeySettings, directory: Path) -> KeySettings:
    secret = key.secret
    if key.secret_file:
        secret = (directory / key.secret_file).read_text().strip()
    if not secret:
        raise ValueError(f"key {key.key}: secret or secret_file is needed")
    return msgspec.structs.replace(key, secret=secret, secret_file="")

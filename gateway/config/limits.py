"""limits.toml: the rows of the risk gate, by level and name. A missing row is a fault or a refused
order, never "no limit"."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.config.faults import ConfigError, Faults
from gateway.config.toml_file import read_toml
from gateway.config.walker import walk

__all__ = ["LEVELS", "LevelName", "LimitRow", "Limits", "check_limits", "load_limits"]

LevelName = Literal["instrument", "strategy", "account", "venue", "firm"]
LEVELS: tuple[LevelName, ...] = ("instrument", "strategy", "account", "venue", "firm")
DEFAULT = "default"  # The table that applies to every entity without its own.

# A limit in its stored scale stays at or below 2^61, so admitted orders cannot overflow.
STORED_MAX = 2**61
SCALE_QUANTITY = 8
SCALE_MONEY = 4

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,30}$")]
Quantity = Annotated[str, Meta(pattern=r"^[0-9]{1,19}(\.[0-9]{1,8})?$")]
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,19}(\.[0-9]{1,4})?$")]
Count = Annotated[int, Meta(ge=0, le=4294967295)]
Flag = Annotated[int, Meta(ge=0, le=1)]
Repeats = Annotated[int, Meta(ge=0, le=65536)]
GuardMoney = Annotated[str, Meta(pattern=r"^([0-9]{1,19}(\.[0-9]{1,4})?|off)$")]
OFF = "off"  # The word of a guard that is reached by nothing.


class LimitRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one instrument, strategy, account, venue or of the firm. All limits are
    required; guards, from `loss_max` on, are not: what is absent stays as it stands, at first off.

    Quantities in units of the instrument, money in the reporting currency, as decimal text."""

    order_quantity_max: Annotated[Quantity, Meta(description="Largest quantity of one order.")]
    order_notional_max: Annotated[Money, Meta(description="Largest value of one order.")]
    position_long_max: Annotated[
        Quantity, Meta(description="Largest long position, working orders filled.")
    ]
    position_short_max: Annotated[
        Quantity, Meta(description="Largest short position, working orders filled.")
    ]
    gross_exposure_max: Annotated[Money, Meta(description="Largest sum of absolute values.")]
    net_exposure_max: Annotated[Money, Meta(description="Largest absolute sum of signed values.")]
    credit_max: Annotated[Money, Meta(description="Largest credit in use.")]
    collar_bps: Annotated[
        Count,
        Meta(description="Distance from the reference price on the losing side, basis points."),
    ]
    reference_age_ms_max: Annotated[
        Count, Meta(description="Oldest usable reference price, in ms.")
    ]
    orders_per_second: Annotated[Count, Meta(description="New and replace messages per second.")]
    order_burst: Annotated[Count, Meta(description="New and replace messages at once.")]
    cancels_per_second: Annotated[Count, Meta(description="Cancel messages per second.")]
    cancel_burst: Annotated[Count, Meta(description="Cancel messages at once.")]
    open_orders_side_max: Annotated[
        Count,
        Meta(description="Open orders: per side on the instrument level, in total on the others."),
    ]
    duplicate_window_ms: Annotated[
        Count, Meta(description="Time in which the same order again is refused, in ms; 0 = off.")
    ]
    loss_max: Annotated[
        GuardMoney | None, Meta(description="Largest loss of the trading period, or off.")
    ] = None
    drawdown_max: Annotated[
        GuardMoney | None, Meta(description="Largest fall below the period's best result, or off.")
    ] = None
    delta_max: Annotated[
        GuardMoney | None, Meta(description="Largest delta in the worst case, or off.")
    ] = None
    gamma_max: Annotated[
        GuardMoney | None, Meta(description="Largest gamma in the worst case, or off.")
    ] = None
    vega_max: Annotated[
        GuardMoney | None, Meta(description="Largest vega in the worst case, or off.")
    ] = None
    breaker_loss_max: Annotated[
        GuardMoney | None, Meta(description="Realised loss within the breaker's window, or off.")
    ] = None
    margin_bps: Annotated[
        Count | None, Meta(description="Margin of an order in basis points of its value; 0 = off.")
    ] = None
    self_trade_refused: Annotated[
        Flag | None, Meta(description="1 = an order that would meet an own working one is refused.")
    ] = None
    repeat_orders_max: Annotated[
        Repeats | None, Meta(description="Orders of one side in the window that latch; 0 = off.")
    ] = None
    repeat_fills_max: Annotated[
        Repeats | None, Meta(description="Fills of one side in the window that latch; 0 = off.")
    ] = None
    repeat_window_ms: Annotated[
        Count | None, Meta(description="Window of repeated execution, in ms.")
    ] = None
    fat_finger_soft: Annotated[
        Count | None,
        Meta(description="Deviations above the usual order that need an override; 0 = off."),
    ] = None
    fat_finger_hard: Annotated[
        Count | None,
        Meta(description="Deviations above the usual order that nobody overrides; 0 = off."),
    ] = None
    breaker_window_ms: Annotated[
        Count | None, Meta(description="Window of the circuit breaker, in ms; 0 = no breaker.")
    ] = None
    breaker_rejects_max: Annotated[
        Count | None, Meta(description="Rejects by venues within the window; 0 = not watched.")
    ] = None
    breaker_errors_max: Annotated[
        Count | None,
        Meta(description="Unknown outcomes and lost sessions in the window; 0 = not watched."),
    ] = None
    breaker_messages_max: Annotated[
        Count | None,
        Meta(description="Orders, replaces and cancels in the window; 0 = not watched."),
    ] = None
    breaker_move_bps: Annotated[
        Count | None,
        Meta(description="Move of an instrument's price in the window; 0 = not watched."),
    ] = None
    headroom_age_ms_max: Annotated[
        Count | None,
        Meta(description="Age of the told margin headroom, in ms; 0 = it never grows old."),
    ] = None
    greeks_age_ms_max: Annotated[
        Count | None,
        Meta(description="Age of the told greeks where one is limited, in ms; 0 = never old."),
    ] = None

    def fields(self) -> dict[str, str | int]:
        """The row as the engine takes it; guards that are not given are left out."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in given.items() if value is not None}


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """limits.toml as a whole."""

    instrument: dict[Name, LimitRow] = {}
    strategy: dict[Name, LimitRow] = {}
    account: dict[Name, LimitRow] = {}
    venue: dict[Name, LimitRow] = {}
    firm: LimitRow | None = None

    def row(self, level: LevelName, name: str = "") -> LimitRow | None:
        """The row that binds one entity: its own, else the level's default, else None."""
        if level == "firm":
            return self.firm
        rows: dict[str, LimitRow] = getattr(self, level)
        return rows.get(name) or rows.get(DEFAULT)

    def names(self) -> list[tuple[LevelName, str]]:
        """Level and name of each row that is of one entity."""
        found: list[tuple[LevelName, str]] = [] if self.firm is None else [("firm", "")]
        for level in LEVELS[:-1]:
            found += [(level, name) for name in getattr(self, level) if name != DEFAULT]
        return found


def load_limits(path: Path | str) -> Limits:
    """Read and check one limits file alone. Raises ConfigError with all faults."""
    faults, data = read_toml(Path(path))
    limits = check_limits(data, faults) if data is not None else None
    if faults.found or limits is None:
        raise ConfigError(faults.found)
    return limits


def check_limits(data: dict[str, object], faults: Faults) -> Limits | None:
    """Turn the parsed file into rows; a row with a fault is absent. Look at the faults first."""
    limits = walk(Limits, data, "", faults)
    if limits is None:
        return None
    for level in LEVELS:
        rows = {"": limits.firm} if level == "firm" else getattr(limits, level)
        for name, row in rows.items():
            if row is not None:
                _check_room(row, f"{level}.{name}".rstrip("."), faults)
    return limits


def _check_room(row: LimitRow, path: str, faults: Faults) -> None:
    for name, value in row.fields().items():
        if not isinstance(value, str) or value == OFF:
            continue
        is_money = not name.endswith(("quantity_max", "long_max", "short_max"))
        scale = SCALE_MONEY if is_money else SCALE_QUANTITY
        whole, _, decimals = value.partition(".")
        if int(whole + decimals.ljust(scale, "0")) > STORED_MAX:
            expected = f"at most {STORED_MAX // 10**scale}"
            faults.add("LIMIT_TOO_LARGE", f"{path}.{name}", expected, value)

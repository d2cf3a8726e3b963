"""Margin schedules of venues as data: steps of size with their rates, read from conf/margin.toml.

What cannot be a schedule is refused by name. The numbers are those of the venues' documents of the
date beside them; a desk keeps its own file current. docs/concepts/margin.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from gateway._core import valuation as native
from gateway.config.faults import Faults
from gateway.config.small_file import load_small_file
from gateway.valuation.mark import money_array

__all__ = ["BracketTables", "Brackets", "Schedule", "Step", "load_brackets", "mantissa"]

Decimal = Annotated[str, Meta(pattern=r"^[0-9]{1,19}(\.[0-9]{1,12})?$")]
Leverage = Annotated[int, Meta(ge=0, le=1000)]
LeverageText = Annotated[str, Meta(pattern=r"^[0-9]{1,3}$")]
STEPS_MAX = 64
_TYPES = native.margin_dtypes()
_MEASURES = {"notional": 1, "contracts": 2}
_INITIALS = {"mark": 0, "entry": 1}


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes above the cap of the step before, up to and including `cap`."""

    cap: Decimal = "0"  # 0 = no cap: the last step alone
    leverage_max: Leverage = 0  # 0 = initial_rate alone says it
    initial_rate: Decimal = "0"
    maintenance_rate: Decimal
    slope: Decimal = "0"  # added to both rates for each unit of notional


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The steps of one or more instruments and the rules of their venue around them."""

    source: str  # the document
    date: str  # of the document
    measure: Literal["notional", "contracts"] = "notional"
    fee_rate: Decimal = "0"  # of a forced close, counted with maintenance
    isolated_initial: Literal["mark", "entry"] = "mark"
    legs: Literal["separate", "summed"] = "separate"  # which size of a hedged pair names the step
    order_open_loss: bool = False  # an open order asks for what it would lose at once, too
    steps: list[Step]


class Leverages(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was chosen at the venue for an account; 0 = the most each step allows."""

    default: Leverage = 0
    instruments: dict[str, LeverageText] = {}


class Brackets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All schedules, which instrument has which, and the leverage of accounts."""

    schedules: dict[str, Schedule] = {}
    instruments: dict[str, str] = {}
    leverage: dict[str, Leverages] = {}

    def leverage_of(self, account: str, instrument: str) -> int:
        chosen = self.leverage.get(account, Leverages())
        return int(chosen.instruments.get(instrument, chosen.default))

    def schedule_of(self, instrument: str) -> Schedule | None:
        return self.schedules.get(self.instruments.get(instrument, ""))


class BracketTables:
    """Schedules as the native core reads them. ValueError names the first that cannot be one."""

    def __init__(self, schedules: Mapping[str, Schedule]) -> None:
        self.places = {name: place for place, name in enumerate(schedules)}
        self.schedules: NDArray[np.void] = np.zeros(len(schedules), _TYPES["schedule"])
        parts = [steps_of(schedule) for schedule in schedules.values()]
        self.brackets: NDArray[np.void] = (
            np.concatenate(parts) if parts else np.zeros(0, _TYPES["bracket"])
        )
        first = 0
        for place, (name, schedule) in enumerate(schedules.items()):
            row = self.schedules[place]
            row["first"], row["count"] = first, len(schedule.steps)
            row["fee_rate_e12"] = mantissa(schedule.fee_rate, 12)
            row["measure"] = _MEASURES[schedule.measure]
            row["isolated_initial"] = _INITIALS[schedule.isolated_initial]
            first += len(schedule.steps)
            if fault := native.schedule_fault(self.schedules, self.brackets, place):
                raise ValueError(f"{name}: {fault}")


def steps_of(schedule: Schedule) -> NDArray[np.void]:
    """The steps of one schedule; maintenance amounts of steps of notional follow from the rates."""
    rows = np.zeros(len(schedule.steps), _TYPES["bracket"])
    caps = [mantissa(step.cap, 18) for step in schedule.steps]
    rows["cap_e18"] = money_array(caps)
    rows["floor_e18"] = money_array([0, *caps[:-1]][: len(caps)])
    for row, step in zip(rows, schedule.steps, strict=True):
        row["leverage_max"] = step.leverage_max
        row["initial_rate_e12"] = mantissa(step.initial_rate, 12)
        row["maintenance_rate_e12"] = mantissa(step.maintenance_rate, 12)
        row["slope_e12"] = mantissa(step.slope, 12)
    if schedule.measure == "notional":
        native.fill_amounts(rows)
    return rows


def mantissa(text: str, scale: int) -> int:
    """Decimal text as an integer at 10^-scale, exactly. ValueError: no such text, or more digits
    than fit."""
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.removeprefix("-").partition(".")
    part = part.rstrip("0") if len(part) > scale else part
    digits = whole + part
    if not (whole and digits.isascii() and digits.isdigit()) or len(part) > scale:
        raise ValueError(f"{text[:64]!r} is no decimal text of at most {scale} decimals")
    return sign * int(digits + "0" * (scale - len(part)))


def load_brackets(path: Path) -> Brackets:
    """The schedules of a file. ConfigError names everything that is wrong with it."""
    return load_small_file(path, Brackets, _judge)


def _judge(brackets: Brackets, faults: Faults) -> None:
    for name, schedule in brackets.schedules.items():
        where = f"schedules.{name}"
        if not 1 <= len(schedule.steps) <= STEPS_MAX:
            faults.add("OUT_OF_RANGE", where, f"1 to {STEPS_MAX} steps", len(schedule.steps))
            continue
        try:
            BracketTables({name: schedule})
        except (ValueError, OverflowError) as error:
            faults.add("CLASH", where, "steps that can be a schedule", str(error))
    for instrument, wanted in brackets.instruments.items():
        if wanted not in brackets.schedules:
            faults.add(
                "UNKNOWN_NAME", f"instruments.{instrument}", "the name of a schedule", wanted
            )

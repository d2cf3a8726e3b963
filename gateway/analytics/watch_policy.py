"""The policy of a risk watch (conf/risk_watch.toml): what it watches, what it answers, how often it
tells. Data, checked once when it is loaded; must never hold state."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.analytics.greek_book import GREEK_LEVELS
from gateway.analytics.margin_watch import Thresholds
from gateway.config.faults import Faults
from gateway.config.small_file import load_small_file

__all__ = ["LIMIT_LEVELS", "GreekLimit", "WatchPolicy", "load_policy"]

Ratio = Annotated[str, Meta(pattern=r"^0\.[0-9]{1,6}$")]
Amount = Annotated[str, Meta(pattern=r"^([0-9]{1,15}(\.[0-9]{1,8})?)?$")]
Answer = Literal["reduce", "alert"]
LIMIT_LEVELS = ("instrument", "strategy", "account", "venue", "firm")


class GreekLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Largest absolute sums of one level entity, in the reporting currency; "" = no limit."""

    delta_cash: Amount = ""
    gamma_cash: Amount = ""
    vega: Amount = ""
    on_breach: Answer = "reduce"


class WatchPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """conf/risk_watch.toml."""

    actor: Annotated[str, Meta(pattern=r"^[!-~]{1,40}\Z")] = "risk-watch"  # as the engine takes it
    interval_ms: Annotated[int, Meta(ge=100, le=60_000)] = 1_000
    mark_age_ms_max: Annotated[int, Meta(ge=100, le=3_600_000)] = 60_000
    warning: Ratio = "0.7"
    call: Ratio = "0.85"
    clear: Ratio = "0.05"  # how far below its beginning a state or a breach ends
    on_call: Answer = "reduce"
    on_liquidation: Answer = "reduce"
    accounts: list[str] = []  # watched ones; none = every account on margin
    tells_headroom: bool = True
    tells_greeks: bool = True
    instruments: list[str] = []  # patterns; greeks of these are told beside those that are held
    tell_change: Ratio = "0.005"  # what moved by less is told only when it is due
    tell_again_seconds: Annotated[int, Meta(ge=1, le=3_600)] = 15
    greek_limits: dict[str, GreekLimit] = {}  # "account:main", "strategy:alpha", "firm"

    def thresholds(self) -> Thresholds:
        return Thresholds(Decimal(self.warning), Decimal(self.call), Decimal(self.clear))


def load_policy(path: Path) -> WatchPolicy:
    """ConfigError names everything that is wrong with the file."""
    return load_small_file(path, WatchPolicy, _check_policy)


def _check_policy(policy: WatchPolicy, faults: Faults) -> None:
    for spelled in policy.greek_limits:
        level = spelled.partition(":")[0]
        if level not in LIMIT_LEVELS or (level == "firm") == (":" in spelled):
            rule = "firm, or LEVEL:NAME of " + ", ".join(set(GREEK_LEVELS) & set(LIMIT_LEVELS))
            faults.add("BAD_NAME", f"greek_limits.{spelled}", rule, spelled)
    try:
        policy.thresholds().check()
    except ValueError as error:
        faults.add("CLASH", "call", str(error), policy.call)

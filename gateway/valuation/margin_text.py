"""What the margin core found as decimal text: amounts, ratios and liquidation prices of the rows of
`margin_rows`. Must never round what is exact."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from gateway.valuation.option_margin import OptionAmounts

__all__ = [
    "PAST",
    "isolated_ratio",
    "liquidation_of",
    "no_price",
    "option_row",
    "ratio_e12",
    "ratio_text",
    "text",
    "without_margin",
]

Row = Mapping[str, Any]
_RATE_ONE = 10**12
_NO_EQUITY = 2**63 - 1
PAST = "past"  # the mark has reached the liquidation price
_REACHED = ("", "unreachable", PAST, "no mark", "bad numbers", "out of range")
_WIDE = Context(prec=80)


def option_row(amounts: OptionAmounts) -> dict[str, Any]:
    told = {name: text(amount) for name, amount in amounts._asdict().items()}
    return told | {"ratio": None, "state": None} | no_price("an option")


def isolated_ratio(row: Any, amounts: Mapping[str, int]) -> str | None:
    low, high = row["isolated_e18"].item()
    equity = high * 2**64 + low + amounts["unrealised"]
    if equity <= 0:
        return None
    return text(-(-amounts["maintenance"] * _RATE_ONE // equity), 12)


def without_margin(reason: str) -> dict[str, Any]:
    names = ("notional", "unrealised", "initial", "maintenance", "ratio", "state")
    nothing = dict.fromkeys((*names, "liquidation_price", "liquidation_distance_percent"))
    return nothing | {"reason": reason}


def no_price(reason: str) -> dict[str, Any]:
    return {"liquidation_price": None, "liquidation_distance_percent": None, "reason": reason}


def liquidation_of(rules: Row, row: Any, found: Any) -> dict[str, Any]:
    """The nearer of two prices where a hedged pair has both. The distance is signed: how far the
    mark would have to move."""
    mark = Decimal(int(row["mark"])).scaleb(-int(row["mark_scale"]), _WIDE)
    prices = [
        Decimal(int(found[side])).scaleb(-rules["price_scale"], _WIDE)
        for side in ("lower", "upper")
        if found[side]
    ]
    if not prices:
        return no_price(_REACHED[int(found["status"])])
    price = min(prices, key=lambda each: abs(each - mark))
    percent = ((price - mark) * 100 / mark).quantize(Decimal("0.01"))
    return {
        "liquidation_price": format(price.normalize(_WIDE), "f"),
        "liquidation_distance_percent": format(percent, "f"),
        "reason": "",
    }


def text(amount: int, scale: int = 18) -> str:
    """Decimal text without trailing zeros."""
    value = Decimal(amount).scaleb(-scale, _WIDE)
    return format(value.normalize(_WIDE), "f") if amount else "0"


def ratio_text(ratio_e12: int) -> str | None:
    return None if ratio_e12 == _NO_EQUITY else text(ratio_e12, 12)


def ratio_e12(maintenance: int, equity: int) -> int:
    """As ratio_of of margin.hpp: rounded up."""
    if maintenance <= 0:
        return 0
    return _NO_EQUITY if equity <= 0 else min(-(-maintenance * _RATE_ONE // equity), _NO_EQUITY)

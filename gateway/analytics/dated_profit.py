"""What was earned, in the reporting currency: each amount at the rate of when it was booked, and
what rates did since as `fx`. Exact; what 18 decimals cannot hold is told as `rounding`, and
without a rate of now nothing is told."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from gateway.analytics.exposure import Rate

__all__ = ["BOOKED", "DatedProfit", "Key", "fresh_rates"]

BOOKED = ("price", "carry", "fees", "slippage", "other")  # causes a booking has by itself
_EXACT = Context(prec=100)
_MONEY = Decimal(1).scaleb(-18)
_ZERO = Decimal(0)

Key = tuple[str, str, str]  # account, strategy, currency
Causes = Mapping[str, Decimal]


def fresh_rates(
    rates: Mapping[str, Rate], now_ns: int, age_ms_max: int, reporting_currency: str
) -> dict[str, Rate]:
    """Those that may be used now. 0 = of any age; the reporting currency's own never ages."""
    oldest_ns = now_ns - age_ms_max * 1_000_000
    return {
        currency: rate
        for currency, rate in rates.items()
        if not age_ms_max or currency == reporting_currency or rate.time_ns >= oldest_ns
    }


class DatedProfit:
    """Remembers what was booked at which rate. One thread at a time may call it."""

    def __init__(self, reporting_currency: str = "") -> None:
        self._currency = reporting_currency
        self._rates: Mapping[str, Rate] = {}
        self._settled: dict[Key, dict[str, Decimal]] = {}  # at rates that stand no more
        self._booked: dict[Key, Causes] = {}  # what that was in its own currency

    def turn(self, booked: Mapping[Key, Causes], rates: Mapping[str, Rate]) -> None:
        """`rates` stand from here on; what is `booked` by now belongs to those before. What was
        booked before a currency had a rate takes its first one."""
        for key, causes in booked.items():
            before, now = self._rates.get(key[2]), rates.get(key[2])
            if before is not None and (now is None or now.rate != before.rate):
                self._settled[key] = self._dated(key, causes, before.rate)
                self._booked[key] = dict(causes)
        self._rates = dict(rates)

    def report(
        self, key: Key, booked: Causes, unrealised: Decimal, rate: Rate | None
    ) -> dict[str, Any] | None:
        """The causes and their total, which they are exactly; None without a rate. What is not
        booked yet has no date and takes the rate of now."""
        if rate is None:
            return None
        causes = self._dated(key, booked, rate.rate)
        causes["price"] = _EXACT.add(causes["price"], _EXACT.multiply(unrealised, rate.rate))
        earned = _sum(booked.values(), unrealised)
        total = _EXACT.multiply(earned, rate.rate)
        causes["fx"] = _EXACT.subtract(total, _sum(causes.values()))
        told = {
            name: amount.quantize(_MONEY, ROUND_HALF_EVEN, _EXACT)
            for name, amount in causes.items()
        }
        whole = total.quantize(_MONEY, ROUND_HALF_EVEN, _EXACT)
        rounding = _EXACT.subtract(whole, _sum(told.values()))
        told["other"] = _EXACT.add(told["other"], rounding)
        amounts = {**told, "total": whole, "rounding": rounding, "rate": rate.rate}
        return {"currency": self._currency, **amounts, "rate_time_ns": rate.time_ns}

    def _dated(self, key: Key, causes: Causes, rate: Decimal) -> dict[str, Decimal]:
        """Everything booked by now, the part since the last turn at `rate`."""
        settled, booked = self._settled.get(key, {}), self._booked.get(key, {})
        dated: dict[str, Decimal] = {}
        for name in BOOKED:
            newly = _EXACT.subtract(causes[name], booked.get(name, _ZERO))
            dated[name] = _EXACT.add(settled.get(name, _ZERO), _EXACT.multiply(newly, rate))
        return dated


def _sum(amounts: Any, start: Decimal = _ZERO) -> Decimal:
    total = start
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total

"""Rates of past fundings, each asked for once. Must never ask beyond the limit that the venue puts
on this question: what follows is a ban of the address, and then no cancel leaves either."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from gateway.api import VenueRateLimited
from gateway.transport import DOCUMENT_BYTES_MAX, JsonReader
from gateway_binance.capabilities import FUNDING_RATE_LIMIT
from gateway_binance.messages import FundingRateRow
from gateway_binance.rest import BinanceRest

__all__ = ["FundingRates"]

log = logging.getLogger(__name__)

_RATES = JsonReader(list[FundingRateRow], "funding rates", bytes_max=DOCUMENT_BYTES_MAX)
_PAGE = 1_000
_TOLD_MAX = 200_000
_LONGEST_INTERVAL_MS = 9 * 3_600_000  # between two fundings, and a margin
_FOLLOWS_MS = 60_000  # a payment may stand a little before the time of its funding
_SETTLED_MS = 600_000  # by then the venue lists the funding of a payment, or never will


class FundingRates:
    """By symbol and time of the payment."""

    def __init__(self, rest: BinanceRest) -> None:
        self._rest = rest
        self._told: dict[tuple[str, int], str] = {}

    async def of(
        self, payments: Iterable[tuple[str, int]], *, is_needed: bool
    ) -> dict[tuple[str, int], str]:
        """The rate of the last funding at or before each payment, "0" when the venue tells none.
        When the limit is spent a rate that is not `is_needed` is told as "0" and asked for another
        time. Raises VenueRateLimited when it is."""
        found: dict[tuple[str, int], str] = {}
        missing: dict[str, list[int]] = {}
        for symbol, time_ms in payments:
            rate = self._told.get((symbol, time_ms))
            if rate is None:
                missing.setdefault(symbol, []).append(time_ms)
            found[symbol, time_ms] = rate or "0"
        for symbol, times in missing.items():
            try:
                rows = await self._ask(symbol, min(times), max(times))
            except VenueRateLimited as error:
                if is_needed:
                    raise
                log.warning("funding rates are told as 0: %s", error)
                break
            for time_ms in times:
                found[symbol, time_ms] = self._settle(symbol, time_ms, rows)
        return found

    def _settle(self, symbol: str, time_ms: int, rows: list[FundingRateRow]) -> str:
        earliest, latest = time_ms - _LONGEST_INTERVAL_MS, time_ms + _FOLLOWS_MS
        near = [row for row in rows if earliest <= row.funding_time <= latest]
        last = max(near, key=lambda row: row.funding_time, default=None)
        rate = last.funding_rate if last else "0"
        is_its_own = last is not None and last.funding_time >= time_ms - _FOLLOWS_MS
        now_ms = self._rest.clock.now_ns() // 1_000_000
        if is_its_own or time_ms < now_ms - _SETTLED_MS:
            self._told[symbol, time_ms] = rate
            if len(self._told) > _TOLD_MAX:
                del self._told[next(iter(self._told))]
        return rate

    async def _ask(self, symbol: str, first_ms: int, last_ms: int) -> list[FundingRateRow]:
        """All of one symbol in one question, or in as many as there are thousands."""
        rows: list[FundingRateRow] = []
        start, end = first_ms - _LONGEST_INTERVAL_MS, last_ms + _FOLLOWS_MS
        while True:
            terms = {"symbol": symbol, "startTime": str(start), "endTime": str(end)}
            terms["limit"] = str(_PAGE)
            page = await self._rest.public(
                "/fapi/v1/fundingRate", _RATES, terms, weight=0, limit=FUNDING_RATE_LIMIT
            )
            rows += page
            if len(page) < _PAGE:
                return rows
            start = max(row.funding_time for row in page) + 1

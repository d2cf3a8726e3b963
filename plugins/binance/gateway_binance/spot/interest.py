"""The interest of cross-margin loans, read to its end: newest first, a hundred rows a page, thirty
days a question (Get Interest History, Margin Trading, developers.binance.com, read 2026-11)."""

from __future__ import annotations

from gateway.transport import DOCUMENT_BYTES_MAX, JsonReader
from gateway_binance.rest import BinanceRest
from gateway_binance.spot.messages import InterestPage, InterestRow

__all__ = ["InterestHistory"]

_READER = JsonReader(InterestPage, "interest", bytes_max=DOCUMENT_BYTES_MAX)
_PATH = "/sapi/v1/margin/interestHistory"
_PAGE = 100
_WINDOW_MS = 30 * 86_400_000 - 1


class InterestHistory:
    """Of one key."""

    def __init__(self, rest: BinanceRest) -> None:
        self._rest = rest

    async def since(self, since_ms: int, now_ms: int) -> list[InterestRow]:
        """Oldest first. Rows that come while pages are turned push others on to the next page: seen
        twice they are told once."""
        found: dict[int, InterestRow] = {}
        start = since_ms
        while start <= now_ms:
            end = min(start + _WINDOW_MS, now_ms)
            found |= await self._window(start, end)
            start = end + 1
        return sorted(found.values(), key=lambda row: (row.interest_accured_time, row.tx_id))

    async def _window(self, start_ms: int, end_ms: int) -> dict[int, InterestRow]:
        rows: dict[int, InterestRow] = {}
        page_number = 1
        while True:
            terms = {"startTime": str(start_ms), "endTime": str(end_ms)}
            terms |= {"current": str(page_number), "size": str(_PAGE)}
            page = await self._rest.ask(_PATH, _READER, terms, is_long=True)
            rows |= {row.tx_id: row for row in page.rows}
            if len(page.rows) < _PAGE:
                return rows
            page_number += 1

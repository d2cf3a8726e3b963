"""Answers about the account from scripted pages: the order of what they tell, and whose it is."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from gateway_okx.known_orders import KnownOrders
from gateway_okx.questions import Questions
from gateway_okx.rest import read_rows

from gateway.api import VenueProtocolError

PAYLOADS = Path(__file__).parent / "payloads"
NOW_MS = 1_795_261_200_000


def row_of(name: str, **changes: str) -> dict[str, Any]:
    found = json.loads((PAYLOADS / f"{name}.json").read_text())
    return {**(found[0] if isinstance(found, list) else found), **changes}


class Pages:
    """OkxRest's questions, answered by what `rows` holds for the place; an error is raised."""

    def __init__(self, **rows: Any) -> None:
        self.rows = rows
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.clock = SimpleNamespace(now_ns=lambda: NOW_MS * 1_000_000)

    async def get(self, place: str, query: Mapping[str, str], type: type) -> list[Any]:
        self.asked.append((place, dict(query)))
        found = self.rows.get(place.rpartition("/")[2].replace("-", "_"), [])
        if isinstance(found, Exception):
            raise found
        return read_rows([msgspec.Raw(json.dumps(row).encode()) for row in found], type, place)

    async def pages(
        self, place: str, query: Mapping[str, str], type: type, key: Callable[[Any], str]
    ) -> list[Any]:
        return await self.get(place, query, type)


def questions(pages: Pages, known: KnownOrders | None = None) -> Questions:
    rest: Any = pages
    return Questions(rest, known or KnownOrders(), "main", ["SWAP"], Counter())


def test_fills_and_funding_of_one_millisecond_are_told_oldest_first() -> None:
    ids = ["1000", "999", "998"]  # as OKX pages them: newest first; as text 1000 would be the least
    fills = [row_of("fills_history", billId=each, tradeId=each, clOrdId="g1") for each in ids]
    bills = [row_of("bills", billId=each) for each in ids]
    asked = questions(Pages(fills_history=fills, bills_archive=bills))
    assert [fill.trade_id for fill in asyncio.run(asked.fills(0))] == ["998", "999", "1000"]
    assert [row.reference for row in asyncio.run(asked.funding(0))] == ["998", "999", "1000"]


def test_a_bill_without_a_number_is_named() -> None:
    asked = questions(Pages(bills_archive=[row_of("bills", billId="first")]))
    with pytest.raises(VenueProtocolError, match="billId 'first'"):
        asyncio.run(asked.funding(0))

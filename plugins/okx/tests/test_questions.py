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

from gateway.api import VenueError, VenueProtocolError, VenueRejected, VenueUnavailable

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


RECENT = {"ts": str(NOW_MS - 1_000), "clOrdId": "", "ordId": "11"}
OLD = {"ts": str(NOW_MS - 7_200_000), "clOrdId": "", "ordId": "11"}


def order_row(**changes: str) -> dict[str, Any]:
    return row_of("order_push", ordId="11", clOrdId="", **changes)


def test_the_order_itself_names_its_parent_while_the_algo_history_lags() -> None:
    child = order_row(algoId="7", algoClOrdId="g7")
    pages = Pages(
        fills_history=[row_of("fills_history", **RECENT)], orders_algo_history=[], order=[child]
    )
    (fill,) = asyncio.run(questions(pages).fills(0))
    assert fill.client_order_id == "g7"


@pytest.mark.parametrize("algo_id", ["", "7"])
def test_a_fill_is_foreign_once_its_order_says_so_and_is_not_asked_for_again(algo_id: str) -> None:
    child = order_row(algoId=algo_id, algoClOrdId="")
    pages = Pages(fills_history=[row_of("fills_history", **RECENT)], order=[child])
    asked = questions(pages)
    for _ in range(2):
        (fill,) = asyncio.run(asked.fills(0))
        assert fill.client_order_id == ""
    assert [place for place, _ in pages.asked].count("trade/order") == 1


@pytest.mark.parametrize(
    "error", [VenueRejected("51603", "Order does not exist"), VenueUnavailable("timeout")]
)
def test_a_fill_is_not_told_while_nobody_says_whose_it_is(error: VenueError) -> None:
    pages = Pages(fills_history=[row_of("fills_history", **RECENT)], order=error)
    asked = questions(pages)
    with pytest.raises(VenueUnavailable):
        asyncio.run(asked.fills(0))
    pages.rows["order"] = [order_row(algoId="7", algoClOrdId="g7")]
    (fill,) = asyncio.run(asked.fills(0))
    assert fill.client_order_id == "g7", "a question that failed is no answer"


def test_the_answer_about_another_order_names_no_parent() -> None:
    other = order_row(algoId="7", algoClOrdId="g7") | {"ordId": "12"}
    pages = Pages(fills_history=[row_of("fills_history", **RECENT)], order=[other])
    with pytest.raises(VenueProtocolError, match="not the order 11"):
        asyncio.run(questions(pages).fills(0))


def test_parents_of_a_past_fill_are_found_in_the_history_without_a_question_each() -> None:
    parent = row_of("algo_push", algoClOrdId="g7", state="effective") | {"ordIdList": ["11"]}
    pages = Pages(fills_history=[row_of("fills_history", **OLD)], orders_algo_history=[parent])
    (fill,) = asyncio.run(questions(pages).fills(0))
    assert fill.client_order_id == "g7"
    assert "trade/order" not in [place for place, _ in pages.asked]


@pytest.mark.parametrize("state", ["effective", "canceled", "order_failed"])
def test_algo_orders_that_are_over_are_done_and_waiting_ones_are_not(state: str) -> None:
    known = KnownOrders()
    over = row_of("algo_push", algoId="7", algoClOrdId="g7", state=state) | {"ordIdList": []}
    waiting = row_of("algo_push", algoId="8", algoClOrdId="g8", state="live") | {"ordIdList": []}
    asked = questions(Pages(orders_algo_pending=[over, waiting]), known)
    asyncio.run(asked.open_orders())
    ends = {name: order.is_ended for name in ("g7", "g8") if (order := known.get(name))}
    assert ends == {"g7": True, "g8": False}

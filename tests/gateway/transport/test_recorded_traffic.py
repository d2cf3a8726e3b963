"""Recorded traffic of Binance USD-M through the decoders of its adapter: what they tell is what an
independent reading of the same bytes finds."""

import json
from decimal import Decimal

import pytest
from gateway_binance import gateway_create_adapter, translate
from gateway_binance.messages import ExchangeInfo, SymbolRow
from recorded_traffic import recorded_lines

from gateway.transport import DOCUMENT_BYTES_MAX, JsonReader, LargeDocument

SECRETS = {"key": "k", "secret": "s"}


def exchange_information():
    return next(text for address, text in recorded_lines("exchange_info.txt")
                if "/exchangeInfo" in address)  # fmt: skip


class Port:
    def __init__(self):
        self.marks = []

    def marked(self, mark):
        self.marks.append(mark)


def listed():
    """(row of the adapter, row as plain JSON) of every recorded instrument."""
    text = exchange_information()
    reader = JsonReader(ExchangeInfo, "exchangeInfo", bytes_max=DOCUMENT_BYTES_MAX)
    rows = [JsonReader(SymbolRow).read(bytes(raw)) for raw in reader.read(text.encode()).symbols]
    return list(zip(rows, json.loads(text)["symbols"], strict=True))


def test_every_recorded_instrument_is_read_with_the_rules_it_has():
    pairs = listed()
    assert len(pairs) > 50
    for row, plain in pairs:
        found = translate.instrument("binance", row)
        rules = {each["filterType"]: each for each in plain["filters"]}
        assert found.venue_symbol == plain["symbol"]
        assert Decimal(found.tick) == Decimal(rules["PRICE_FILTER"]["tickSize"])
        assert Decimal(found.lot) == Decimal(rules["LOT_SIZE"]["stepSize"])
        assert Decimal(1).scaleb(-found.price_scale) <= Decimal(found.tick)
        assert Decimal(1).scaleb(-found.quantity_scale) <= Decimal(found.lot)
        assert (found.base, found.quote, found.settle) == (
            plain["baseAsset"], plain["quoteAsset"], plain["marginAsset"],
        )  # fmt: skip
        assert found.is_tradable == (plain["status"] == "TRADING")


def test_a_large_document_read_in_parts_says_the_same():
    document = LargeDocument(exchange_information().encode(), "exchangeInfo")
    assert document.count("/symbols") == len(listed())
    for found, (row, _) in zip(document.each("/symbols", SymbolRow), listed(), strict=True):
        assert found == row


@pytest.mark.asyncio
async def test_every_recorded_best_price_becomes_a_mark_and_nothing_else_does():
    adapter = gateway_create_adapter("binance", {"account": "main"}, SECRETS)
    adapter.questions.instruments_by_symbol = {row.symbol: row for row, _ in listed()}
    adapter._port = port = Port()
    plain = []
    for _, frame in recorded_lines("ws.txt"):
        adapter._on_market(frame.encode())
        data = json.loads(frame)["data"]
        if data["e"] == "bookTicker":
            plain.append((data["s"], data["b"], data["a"], data["T"] * 1_000_000))
    assert len(plain) > 500
    told = [(mark.instrument, mark.bid, mark.ask, mark.venue_time_ns) for mark in port.marks]
    assert told == plain
    assert all(mark.mark is None and mark.last is None for mark in port.marks)

"""Recorded traffic of Binance USD-M, told by a venue on this machine to the adapter: what comes out
at its port is what an independent reading of the same bytes finds."""

import json
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from binance_simulator import rest
from binance_simulator.server import BinanceSimulator
from binance_simulator.sockets import StreamHub
from gateway_binance import gateway_create_adapter
from gateway_binance.messages import SymbolRow
from recorded_traffic import recorded_lines

from gateway.testing.recording_port import RecordingPort
from gateway.transport import JsonReader, LargeDocument

pytestmark = pytest.mark.asyncio
SECRETS = {"key": "main-key", "secret": "main-secret"}


def exchange_information():
    return next(text for address, text in recorded_lines("exchange_info.txt")
                if "/exchangeInfo" in address)  # fmt: skip


class RecordedStreams(StreamHub):
    """Whoever wants best prices gets every recorded frame, of whatever kind, in its order."""

    def greet(self, reader, name):
        if name == "!bookTicker":
            for _, frame in recorded_lines("ws.txt"):
                reader.put(frame)


class RecordedVenue(BinanceSimulator):
    """Lists what was listed; has no market of its own."""

    def __init__(self):
        super().__init__(listings=())
        document = json.loads(exchange_information())
        listing = {("GET", "/fapi/v1/exchangeInfo"): lambda *_: document}
        self.public = {**rest.PUBLIC, **listing}

    def make_hub(self):
        return RecordedStreams(self.venue, self.faults, self.listen_keys)


@asynccontextmanager
async def adapter_of_the_recorded_venue():
    venue = RecordedVenue()
    await venue.start()
    settings = {"account": "main", "url": venue.url, "stream_url": venue.stream_url}
    adapter = gateway_create_adapter("binance", settings, SECRETS)
    try:
        yield adapter, RecordingPort()
    finally:
        await adapter.close()
        await venue.stop()


async def test_every_recorded_instrument_is_read_with_the_rules_it_has():
    plain = {each["symbol"]: each for each in json.loads(exchange_information())["symbols"]}
    assert len(plain) > 50
    async with adapter_of_the_recorded_venue() as (adapter, port):
        await adapter.connect(port)
        told = {each.venue_symbol: each for each in await adapter.instruments()}
    assert told.keys() == plain.keys()
    for symbol, found in told.items():
        row = plain[symbol]
        rules = {each["filterType"]: each for each in row["filters"]}
        assert Decimal(found.tick) == Decimal(rules["PRICE_FILTER"]["tickSize"])
        assert Decimal(found.lot) == Decimal(rules["LOT_SIZE"]["stepSize"])
        assert Decimal(1).scaleb(-found.price_scale) <= Decimal(found.tick)
        assert Decimal(1).scaleb(-found.quantity_scale) <= Decimal(found.lot)
        assert (found.base, found.quote, found.settle) == (
            row["baseAsset"], row["quoteAsset"], row["marginAsset"],
        )  # fmt: skip
        assert found.is_tradable == (row["status"] == "TRADING")


async def test_a_large_document_read_in_parts_says_the_same():
    text = exchange_information()
    plain = json.loads(text)["symbols"]
    document = LargeDocument(text.encode(), "exchangeInfo")
    assert document.count("/symbols") == len(plain)
    whole = JsonReader(SymbolRow)
    for found, row in zip(document.each("/symbols", SymbolRow), plain, strict=True):
        assert found == whole.read(json.dumps(row).encode())


async def test_every_recorded_best_price_becomes_a_mark_and_nothing_else_does():
    rows = [json.loads(frame)["data"] for _, frame in recorded_lines("ws.txt")]
    plain = [
        (row["s"], row["b"], row["a"], row["T"] * 1_000_000)
        for row in rows
        if row["e"] == "bookTicker"
    ]
    assert len(rows) > len(plain) > 500
    async with adapter_of_the_recorded_venue() as (adapter, port):
        await adapter.connect(port)

        def is_all_read():
            return adapter.counts()["frames_public_stream"] >= len(rows)

        await port.until(is_all_read, "the last frame")
        counts = adapter.counts()
    marks = [fact.get("mark", 0) for fact in port.of("marked")]
    assert [(mark.instrument, mark.bid, mark.ask, mark.venue_time_ns) for mark in marks] == plain
    assert all(mark.mark is None and mark.last is None for mark in marks)
    assert counts["unreadable_rows"] == 0

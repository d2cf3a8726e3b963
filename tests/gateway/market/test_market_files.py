"""Market data out of the process that hosts an adapter: what is shown is read, a gap and a dead
writer are told, and nothing that is no book ever looks like one."""

import asyncio
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from gateway._core.market import TRADES_KEPT, MarketFile, MarketWriter
from gateway.api import VenueUnavailable
from gateway.market import (
    LatestBooks,
    MarketFileSink,
    MarketHost,
    MarketReader,
    MarketTerms,
    market_path,
)
from gateway.testing import until

NAME, SYMBOL = "BTC-USDT.paper", "BTCUSDT"


class Clock:
    """A monotonic clock that the test moves."""

    def __init__(self):
        self.now = 10_000_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def writer_of(directory, *, names=(NAME,), created_ns=1):
    path = market_path(directory, "paper")
    return MarketWriter(str(path), "paper", list(names), os.getpid(), created_ns)


def sink_of(writer):
    return MarketFileSink(writer, {SYMBOL: 0}, lambda: 77)


def reader_of(directory, clock):
    reader = MarketReader(directory, clock)
    assert reader.look() == []
    return reader


def test_a_book_comes_out_as_it_went_in(tmp_path, clock):
    writer = writer_of(tmp_path)
    writer.beat(clock.now)
    sink, reader = sink_of(writer), reader_of(tmp_path, clock)
    assert [book.state for book in reader.changes().books] == ["empty"]
    levels = [("100.50", "1.0"), ("100.4", "2")]
    sink.book(SYMBOL, levels, [["101", "3", "extra"]], sequence=9, venue_time_ns=5)
    (book,) = reader.changes().books
    assert book == (
        "paper", NAME, "live", 9, 5, [["100.5", "1"], ["100.4", "2"]], [["101", "3"]],
    )  # fmt: skip
    assert reader.changes().books == []
    sink.book_lost(SYMBOL, "cut")
    (book,) = reader.changes().books
    assert (book.state, book.bids, book.asks) == ("gap", [], [])
    assert sink.counters == {"market_books": 1, "market_gaps": 1}


@pytest.mark.parametrize(
    "bids",
    [
        [("1", "1"), ("2", "1")],
        [("1", "0")],
        [("x", "1")],
        [(1, 2)],
        [("1",)],
        ["1"],
        [None],
        None,
        [("1" * 40, "1")],
        [("\ud800", "1")],
    ],
    ids=repr,
)
def test_what_is_no_book_is_a_gap_and_raises_nothing(tmp_path, clock, bids):
    writer = writer_of(tmp_path)
    writer.beat(clock.now)
    sink, reader = sink_of(writer), reader_of(tmp_path, clock)
    sink.book(SYMBOL, [("1", "1")], [])
    sink.book(SYMBOL, bids, [], sequence=2)
    (book,) = reader.changes().books
    assert (book.state, book.bids) == ("gap", [])
    assert sink.counters["market_gaps"] == 1


def test_trades_marks_and_rates_come_out_and_nonsense_is_counted(tmp_path, clock):
    writer = writer_of(tmp_path)
    sink, reader = sink_of(writer), reader_of(tmp_path, clock)
    sink.traded(SYMBOL, "100.10", "0.50", side="sell", trade_id="T1", venue_time_ns=3)
    sink.traded(SYMBOL, "0", "1")
    sink.traded("ELSE", "1", "1")
    sink.marked(SYMBOL, "99.5", venue_time_ns=4)
    sink.marked(SYMBOL, None)
    sink.funding_rate(SYMBOL, "-0.00010", 1_000, venue_time_ns=4)
    changes = reader.changes()
    assert changes.trades == [("paper", NAME, 1, 1, "100.1", "0.5", "sell", 3, "T1")]
    assert changes.references == [("paper", NAME, "99.5", 4, "-0.0001", 1_000)]
    assert reader.changes().trades == []
    assert sink.counters["market_refused"] == 2
    assert sink.counters["market_unasked"] == 1


def test_a_slow_reader_misses_trades_and_holds_nobody_back(tmp_path, clock):
    writer = writer_of(tmp_path)
    sink, reader = sink_of(writer), reader_of(tmp_path, clock)
    for number in range(1, 1_001):
        sink.traded(SYMBOL, str(number), "1")
    numbers = [trade.number for trade in reader.changes().trades]
    assert numbers == list(range(1_001 - TRADES_KEPT, 1_001))


def test_a_writer_that_shows_no_life_is_stale_until_it_does(tmp_path, clock):
    writer = writer_of(tmp_path)
    sink = sink_of(writer)
    sink.book(SYMBOL, [("1", "1")], [])
    writer.beat(clock.now)
    reader = reader_of(tmp_path, clock)
    assert reader.changes().books[0].state == "live"
    clock.now += 2_000_000_001
    (book,) = reader.changes().books
    assert (book.state, book.bids) == ("stale", [])
    assert reader.changes().books == []
    writer.beat(clock.now)
    (book,) = reader.changes().books
    assert (book.state, book.bids) == ("live", [["1", "1"]])
    writer.close()
    assert reader.changes().books[0].state == "stale"


def test_a_process_killed_while_it_writes_leaves_a_stale_book(tmp_path):
    path = market_path(tmp_path, "paper")
    code = (
        "import sys, time, itertools\n"
        "from gateway._core.market import MarketWriter\n"
        f"writer = MarketWriter({str(path)!r}, 'paper', ['A'])\n"
        "print('up', flush=True)\n"
        "for n in itertools.count(1):\n"
        "    writer.show(0, [(str(n), '1')], [], n, n, n)\n"
        "    writer.beat(time.monotonic_ns())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"up\n"
        reader = MarketReader(tmp_path)
        reader.look()
        seen = []
        while len(seen) < 20:
            seen += [book for book in reader.changes().books if book.state == "live"]
        assert all(book.bids == [[str(book.sequence), "1"]] for book in seen)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    later = MarketReader(tmp_path, lambda: MarketFile(str(path)).beat_ns + 3_000_000_000)
    later.look()
    assert all(book.state == "stale" and not book.bids for book in later.changes().books)


def test_a_book_whose_writer_died_within_it_is_stale_and_never_half(tmp_path, clock):
    writer = writer_of(tmp_path)
    writer.beat(clock.now)
    sink_of(writer).book(SYMBOL, [("1", "1")], [])
    with market_path(tmp_path, "paper").open("r+b") as file:
        file.seek(256 + 64)  # the version of the first book: odd is within
        file.write((3).to_bytes(8, "little"))
    reader = reader_of(tmp_path, clock)
    assert reader.changes().books == []
    clock.now += 3_000_000_000
    assert [(book.state, book.bids) for book in reader.changes().books] == [("stale", [])]


def test_a_new_run_takes_over_and_what_it_lacks_is_stale(tmp_path, clock):
    writer = writer_of(tmp_path, names=(NAME, "OLD"))
    writer.beat(clock.now)
    sink, reader = sink_of(writer), reader_of(tmp_path, clock)
    sink.traded(SYMBOL, "1", "1")
    reader.changes()
    fresh = writer_of(tmp_path, created_ns=2)
    fresh.beat(clock.now)
    assert [(book.instrument, book.state) for book in reader.look()] == [("OLD", "stale")]
    sink_of(fresh).traded(SYMBOL, "2", "1")
    assert [(trade.run_ns, trade.number) for trade in reader.changes().trades] == [(2, 1)]
    market_path(tmp_path, "paper").unlink()
    assert [(book.instrument, book.state) for book in reader.look()] == [(NAME, "stale")]
    assert reader.changes() == ([], [], [])


def test_a_file_that_is_cut_or_foreign_is_named_and_no_more(tmp_path, clock):
    writer = writer_of(tmp_path)
    writer.beat(clock.now)
    reader = reader_of(tmp_path, clock)
    path = market_path(tmp_path, "paper")
    os.truncate(path, 300)
    assert [book.state for book in reader.changes().books] == ["stale"]
    assert "cut" in reader.faults[path.name]
    market_path(tmp_path, "other").write_bytes(b"not a market file" * 100)
    reader.look()
    assert "not a market file" in reader.faults["market-other.map"]


@pytest.mark.parametrize("bytes_left", [0, 100, 300])
def test_a_file_that_is_cut_ends_no_reader(tmp_path, clock, bytes_left):
    (tmp_path / "writer").mkdir()
    writer = writer_of(tmp_path / "writer")
    writer.beat(clock.now)
    path = market_path(tmp_path, "paper")  # a copy: a writer maps what it writes
    path.write_bytes(market_path(tmp_path / "writer", "paper").read_bytes())
    file, reader = MarketFile(str(path)), reader_of(tmp_path, clock)
    latest = LatestBooks(tmp_path, clock)
    assert latest.of(NAME).state == "empty"
    os.truncate(path, bytes_left)
    for read in (lambda: file.beat_ns, lambda: file.is_closed, file.moved, lambda: file.book(0)):
        with pytest.raises(ValueError, match="cut"):
            read()
    clock.now += 60_000_000
    assert latest.of(NAME).state == "stale"
    assert [book.state for book in reader.changes().books] == ["stale"]


def test_a_sign_of_life_from_another_boot_is_none(tmp_path, clock):
    writer = writer_of(tmp_path)
    sink_of(writer).book(SYMBOL, [("1", "1")], [])
    writer.beat(clock.now + 86_400 * 10**9)  # the machine was up for longer then
    reader = reader_of(tmp_path, clock)
    assert [(book.state, book.bids) for book in reader.changes().books] == [("stale", [])]
    writer.beat(clock.now + 1_000)  # between the reader's clock and its look
    assert [book.state for book in reader.changes().books] == ["live"]


def test_a_file_speaks_for_the_venue_of_its_name_alone(tmp_path, clock):
    writer = MarketWriter(str(market_path(tmp_path, "other")), "paper", [NAME], 1, 1)
    writer.beat(clock.now)
    sink_of(writer).book(SYMBOL, [("1", "1")], [])
    reader = reader_of(tmp_path, clock)
    assert reader.changes().books == []
    assert "speaks for paper" in reader.faults["market-other.map"]


def test_the_latest_book_is_read_alone_and_not_too_often(tmp_path, clock, monkeypatch):
    writer = writer_of(tmp_path, names=(NAME, "OTHER"))
    writer.beat(clock.now)
    sink, latest = sink_of(writer), LatestBooks(tmp_path, clock)
    assert latest.of("UNKNOWN") is None
    monkeypatch.setattr(MarketReader, "changes", None)  # it would read every row and trade
    sink.book(SYMBOL, [("1", "1")], [])
    assert latest.of(NAME).bids == [["1", "1"]]
    sink.book(SYMBOL, [("2", "1")], [])
    assert latest.of(NAME).bids == [["1", "1"]]
    clock.now += 60_000_000
    assert latest.of(NAME).bids == [["2", "1"]]
    assert latest.of("OTHER").state == "empty"
    market_path(tmp_path, "paper").unlink()
    clock.now += 1_000_000_000
    assert (latest.of(NAME).state, latest.of(NAME).bids) == ("stale", [])


class Adapter:
    """Shows one book when it is asked; refuses as often as it is told."""

    def __init__(self, failures=0):
        self.failures = failures
        self.asked = []

    async def instruments(self):
        return [SimpleNamespace(symbol=NAME, venue_symbol=SYMBOL)]

    async def publish_market(self, sink, instruments):
        if self.failures:
            self.failures -= 1
            raise VenueUnavailable("later")
        self.asked.append(list(instruments))
        for symbol in instruments:
            sink.book(symbol, [("1", "1")], [("2", "1")])


@pytest.mark.asyncio
async def test_a_host_asks_until_the_adapter_publishes_and_ends_in_order(tmp_path):
    adapter = Adapter(failures=2)
    path = str(market_path(tmp_path, "paper"))
    terms = MarketTerms(path=path, venue="paper", instruments=(NAME, "NONE.paper"))
    host = MarketHost(terms, adapter, jitter=lambda: -0.5)
    host.start()
    host.start()
    await until(lambda: adapter.asked)
    assert adapter.asked == [[SYMBOL]]
    reader = MarketReader(tmp_path)
    reader.look()
    shown = {book.instrument: book.state for book in reader.changes().books}
    assert shown == {NAME: "live", "NONE.paper": "empty"}
    assert host.counts() == {"market_books": 1, "market_failures": 2}
    await host.stop()
    assert {book.state for book in reader.changes().books} == {"stale"}
    assert MarketFile(path).is_closed


@pytest.mark.asyncio
async def test_a_file_that_cannot_be_made_keeps_nobody_from_trading(tmp_path):
    path = str(market_path(tmp_path / "missing", "paper"))
    host = MarketHost(MarketTerms(path=path, venue="paper", instruments=(NAME,)), Adapter())
    host.start()
    await asyncio.sleep(0)
    assert host.counts() == {"market_failures": 1}
    await host.stop()

"""Market data as channels: rows under their keys, bounded trades, marks from both sources, and what
a client of the stream is sent of them."""

import json

import pytest

from gateway._core.market import MarketWriter
from gateway.market import MarketFileSink, MarketReader, market_path
from gateway.stream.authority import NOTHING
from gateway.stream.market_stream import TRADES_MAX, MarketRows
from gateway.stream.subscriptions import Filter, Subscription
from gateway.stream.view import View

BTC, ETH = "BTC-USDT.paper", "ETH-USDT.paper"


class World:
    """One venue with two instruments, a clock that the test moves, and the view."""

    def __init__(self, directory):
        self.directory = directory
        self.seconds = 100.0
        self.writer = MarketWriter(str(market_path(directory, "paper")), "paper", [BTC, ETH], 1, 5)
        self.sink = MarketFileSink(self.writer, {"btc": 0, "eth": 1}, lambda: 50)
        self.beat()
        monotonic = lambda: self.seconds  # noqa: E731
        reader = MarketReader(directory, lambda: int(self.seconds * 1e9))
        self.rows = MarketRows(directory, monotonic, reader)
        self.view = View(monotonic)

    def beat(self):
        self.writer.beat(int(self.seconds * 1e9))

    def step(self):
        changes = self.rows.step()
        self.view.take_market(changes)
        return changes


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_book_is_a_row_under_its_instrument(world):
    world.sink.book("btc", [("100", "1")], [("101", "2")], sequence=7, venue_time_ns=9)
    changes = world.step()
    assert changes["books"][BTC] == {
        "venue": "paper",
        "instrument": BTC,
        "state": "live",
        "sequence": 7,
        "time_ns": 9,
        "bids": [["100", "1"]],
        "asks": [["101", "2"]],
    }
    assert changes["books"][ETH]["state"] == "empty"
    assert world.step() == {}


def test_a_dead_writer_makes_every_book_stale(world):
    world.sink.book("btc", [("100", "1")], [])
    world.step()
    world.seconds += 3
    rows = world.step()["books"]
    assert {row["state"] for row in rows.values()} == {"stale"}
    assert rows[BTC]["bids"] == []


def test_only_the_newest_trades_are_kept(world):
    for number in range(1, TRADES_MAX + 201):
        world.sink.traded("btc", str(number), "1", side="buy", venue_time_ns=number)
        if number % 200 == 0:
            world.step()
    rows = world.view.channels["trades"].rows
    assert len(rows) == TRADES_MAX
    assert [row["number"] for row in rows.values()] == list(range(201, TRADES_MAX + 201))
    assert rows[f"{BTC}|5|1200"]["price"] == "1200"


def test_marks_are_of_the_engine_and_of_the_venue_whichever_is_newer(world):
    marks = {BTC: {"mark": "99", "time_ns": 10}, "ELSE.x": {"mark": "5", "time_ns": 3}}
    (world.directory / "marks.json").write_text(json.dumps(marks))
    world.sink.marked("btc", "100", venue_time_ns=9)
    world.sink.funding_rate("btc", "0.0001", 77, venue_time_ns=9)
    rows = world.step()["marks"]
    assert rows[BTC] == {
        "venue": "paper",
        "instrument": BTC,
        "price": "99",
        "time_ns": 10,
        "funding_rate": "0.0001",
        "next_funding_ns": 77,
    }
    assert rows["ELSE.x"]["price"] == "5"
    world.sink.marked("btc", "101", venue_time_ns=11)
    assert world.step()["marks"][BTC]["price"] == "101"
    world.seconds += 1.5
    assert "marks" not in world.step()  # the older one of the engine changes nothing


def test_a_client_gets_a_snapshot_then_what_changed_whatever_its_authority(world):
    world.sink.book("btc", [("100", "1")], [])
    world.step()
    channel = world.view.channels["books"]
    client = Subscription(channel, Filter("books", {"instrument": "BTC*"}, NOTHING), "s")
    (snapshot,) = map(json.loads, client.messages())
    assert [row["instrument"] for row in snapshot["rows"]] == [BTC]
    world.sink.book("eth", [("1", "1")], [])
    world.step()
    assert list(client.messages()) == []
    world.sink.book_lost("btc", "cut")
    world.step()
    (delta,) = map(json.loads, client.messages())
    assert [(row["instrument"], row["state"]) for row in delta["rows"]] == [(BTC, "gap")]

"""Market data from the venue to a client of the stream and to a reader of shared memory, with the
adapter in a process of its own: what a dead process left is never shown as live."""

import asyncio
import os
import signal

import aiohttp
import pytest
import real_programs
from real_programs import until

from gateway.market import MarketReader

NAME = "BTC-USDT.paper"
pytestmark = pytest.mark.timeout(900)  # each wait is bounded for itself


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """The real programs; the adapter is isolated and shows its market."""
    wanted = f'isolation = "process"\nmarket_data = ["{NAME}", "NO.paper"]\n'
    wanted += "process_silence_ms_max = 600000"  # the test decides when it is ended
    text = real_programs.GATEWAY.replace('isolation = "in_process"', wanted)
    assert text != real_programs.GATEWAY
    monkeypatch.setattr(real_programs, "GATEWAY", text)
    with real_programs.all_started(tmp_path) as run:
        yield run


class Client:
    """The three channels as docs/reference/stream.md says."""

    def __init__(self):
        self.tables = {"books": {}, "trades": {}, "marks": {}}
        self.states = []

    def take(self, message):
        table = self.tables[message["channel"]]
        for row in message["rows"]:
            table[row["instrument"], row.get("run_ns"), row.get("number")] = row
            if message["channel"] == "books" and row["instrument"] == NAME:
                assert bool(row["bids"] or row["asks"]) <= (row["state"] == "live"), row
                self.states.append(row["state"])

    async def follow(self, run, is_done):
        headers = {"Authorization": f"Bearer {run.key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.ws_connect(f"{run.observer_url}/v1/stream") as socket,
            asyncio.timeout(300),
        ):
            for channel in self.tables:
                await socket.send_json({"op": "subscribe", "channel": channel})
            while not is_done(self):
                self.take(await socket.receive_json())


def holds_all(client):
    book = client.tables["books"].get((NAME, None, None))
    mark = client.tables["marks"].get((NAME, None, None))
    return client.tables["trades"] and mark and mark["price"] and book and book["state"] == "live"


def test_clients_see_the_market_and_never_what_a_dead_process_left(gateway):
    client = Client()
    asyncio.run(client.follow(gateway, holds_all))
    book = client.tables["books"][NAME, None, None]
    assert (book["venue"], len(book["bids"]) > 3, len(book["asks"]) > 3) == ("paper", True, True)
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])
    assert client.tables["books"]["NO.paper", None, None]["state"] == "empty"
    trade = next(iter(client.tables["trades"].values()))
    assert (trade["venue"], trade["side"] in ("buy", "sell")) == ("paper", True)

    reader = MarketReader(gateway.ring)
    reader.look()
    shared = {each.instrument: each for each in reader.changes().books}
    assert shared[NAME].state == "live"
    assert len(shared[NAME].bids) > 3

    def venue():
        return gateway.call("GET", "/v1/status")[1]["venues"][0]

    pid = venue()["process"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    asyncio.run(client.follow(gateway, lambda each: each.states[-1] == "stale"))
    assert all(each.state == "stale" and not each.bids for each in reader.changes().books)
    os.kill(pid, signal.SIGKILL)
    asyncio.run(client.follow(gateway, lambda each: each.states[-1] == "live"))
    until(lambda: venue()["reconciled"] and venue()["process"]["pid"] != pid, what="the next one")
    gateway.wait_order(gateway.submit("buy", "0.5")["order_id"], "FILLED")

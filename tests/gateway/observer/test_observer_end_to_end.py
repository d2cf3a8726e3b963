"""The real observer beside the real daemon: what it tells is what the daemon knows, through kill,
restart and its own death, and its snapshots shorten the next start."""

import asyncio
import json
import shutil
import urllib.request
from decimal import Decimal

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from real_programs import until

from gateway._core.journal import Replica
from gateway.stream.carry_stream import NO_CARRY

# What moves without a record, and what the books add behind the row.
VALUATION = {"mark", "mark_age_ms", "unrealised", *NO_CARRY}
pytestmark = pytest.mark.timeout(900)  # each wait is bounded for itself


def trade(run):
    """One filled, one canceled, one working order; returns their ids."""
    filled = run.submit("buy", "0.5")["order_id"]
    run.wait_order(filled, "FILLED")
    canceled = run.submit("sell", "0.1", "52000")["order_id"]
    run.wait_order(canceled, "NEW")
    assert run.call("DELETE", f"/v1/orders/{canceled}")[0] == 202
    run.wait_order(canceled, "CANCELED")
    working = run.submit("buy", "0.2", "49000")["order_id"]
    run.wait_order(working, "NEW")
    return filled, canceled, working


def journaled(rows):
    """Rows without what comes from marks and books, in the order of their keys."""
    bare = ({name: row[name] for name in row if name not in VALUATION} for row in rows)
    return sorted(bare, key=lambda row: json.dumps(row, sort_keys=True))


def live_rows(run, channel):
    path = "orders?open=false" if channel == "orders" else channel
    return journaled(run.call("GET", f"/v1/{path}")[1][channel])


def row_key(channel, row):
    names = {
        "orders": ("order_id",),
        "positions": ("account", "instrument", "leg", "margin_mode", "strategy"),
        "balances": ("account", "currency"),
    }[channel]
    return "|".join(row[name] for name in names)


class Client:
    """What a stream client holds: a table per channel, kept as docs/reference/stream.md says."""

    def __init__(self):
        self.tables = {}
        self.sequences = {}
        self.streams = {}
        self.snapshots = 0

    def take(self, message):
        assert message["type"] in ("snapshot", "delta"), message
        channel = message["channel"]
        if message["type"] == "snapshot":
            self.tables[channel] = {}
            self.streams[channel] = message["stream"]
            self.snapshots += 1
        table = self.tables[channel]
        table.update({row_key(channel, row): row for row in message["rows"]})
        for key in message["removed"] if message["type"] == "delta" else ():
            table.pop(key)
        self.sequences[channel] = message["sequence"]

    def rows(self, channel):
        return journaled(self.tables.get(channel, {}).values())

    async def follow(self, run, is_done):
        """Connect, subscribe to all channels, read until `is_done`."""
        headers = {"Authorization": f"Bearer {run.key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.ws_connect(f"{run.observer_url}/v1/stream") as socket,
            asyncio.timeout(300),
        ):
            for channel in ("orders", "positions", "balances"):
                request = {"op": "subscribe", "channel": channel}
                if channel in self.streams:
                    resume = {"resume": self.sequences[channel], "stream": self.streams[channel]}
                    request |= resume
                await socket.send_json(request)
            while not is_done():
                self.take(await socket.receive_json())


def assert_equal(run, client):
    for channel in ("orders", "positions", "balances"):
        assert client.rows(channel) == live_rows(run, channel), channel


def test_snapshot_and_deltas_are_the_daemons_rows_also_after_a_resume(shared_gateway):
    gateway = shared_gateway
    first = trade(gateway)
    gateway.settled()
    client = Client()

    def holds_all():
        return len(client.tables) == 3 and all(
            client.rows(channel) == live_rows(gateway, channel) for channel in client.tables
        )

    async def while_trading():
        following = asyncio.create_task(client.follow(gateway, lambda: traded[0] and holds_all()))
        await asyncio.to_thread(trade, gateway)
        traded[0] = True
        # The next mark wakes the reader if all deltas were read before the flag.
        await following

    traded = [False]
    asyncio.run(while_trading())
    assert client.snapshots == 3
    assert set(first) <= set(client.tables["orders"])
    trade(gateway)
    gateway.settled()
    asyncio.run(client.follow(gateway, holds_all))
    assert client.snapshots == 3, "a resume brings what was missed, not everything again"
    assert_equal(gateway, client)


def test_the_streams_profit_is_the_daemons_at_the_same_mark(shared_gateway):
    gateway = shared_gateway
    gateway.wait_order(gateway.submit("buy", "0.5")["order_id"], "FILLED")

    # The mark moves between two questions, and the observer hears of a fill a moment later; over a
    # while both sides have told the same quantity at the same mark.
    live, seen = {}, {}

    def has_same_mark():
        for told, rows in (
            (live, gateway.call("GET", "/v1/positions")[1]["positions"]),
            (seen, gateway.observe("positions")["positions"]),
        ):
            told.update({(r["quantity"], r["mark"]): r["unrealised"] for r in rows if r["mark"]})
        return live.keys() & seen.keys()

    same = until(has_same_mark, what="the same quantity and mark on both sides")
    assert {live[each] for each in same} == {seen[each] for each in same}
    assert all(live[mark] == seen[mark] is not None for mark in same)


def test_how_long_positions_are_held_and_what_is_linked_is_served(shared_gateway):
    gateway = shared_gateway
    gateway.wait_order(gateway.submit("buy", "0.5")["order_id"], "FILLED")
    legs = [
        {"client_order_id": f"leg-{price}", "account": "main", "strategy": "alpha",
         "instrument": "BTC-USDT.paper", "side": "buy", "type": "limit", "time_in_force": "gtc",
         "quantity": "0.1", "price": price}
        for price in ("48001", "48002")
    ]  # fmt: skip
    status, told = gateway.call("POST", "/v1/linked-orders", {"link": "oco", "orders": legs})
    assert status in (201, 202), told
    gateway.settled()

    def held():
        rows = gateway.observe("ageing")["ageing"]
        live = {
            row["instrument"]: row["quantity"] for row in gateway.observe("positions")["positions"]
        }
        row = next((row for row in rows if row["instrument"] == "BTC-USDT.paper"), None)
        return row if row and row["quantity"] == live["BTC-USDT.paper"] else None

    row = until(held, what="the age of the position")
    now_ns = gateway.observe("status")["time_ns"]
    assert 0 <= now_ns - row["average_opened_ns"] < 600 * 10**9
    assert sum(map(Decimal, row["buckets"].values())) == Decimal(row["quantity"])

    def linked():
        rows = gateway.observe("linked")["linked"]
        return next((row for row in rows if len(row["members"]) == 2), None)

    row = until(linked, what="the group")
    assert (row["kind"], row["state"], row["leg_risk"]) == ("oco", "working", "0")
    assert [leg["client_order_id"] for leg in row["members"]] == ["leg-48001", "leg-48002"]
    assert gateway.observe("linked?strategy=nobody")["linked"] == []


def test_a_mark_values_positions_and_is_no_part_of_the_state(shared_gateway):
    gateway = shared_gateway
    gateway.wait_order(gateway.submit("buy", "0.5")["order_id"], "FILLED")
    gateway.settled()
    replica = Replica(str(gateway.folder / "journal"), str(gateway.ring), use_snapshot=False)
    assert replica.set_mark("BTC-USDT.paper", "50000", 1) is False, "nothing read yet"
    replica.follow()
    before = replica.state_hash()
    [flat] = replica.positions()
    assert flat["mark"] is None and flat["unrealised"] is None
    assert replica.set_mark("BTC-USDT.paper", "51000.05", 1) is True
    [valued] = replica.positions()
    assert valued["mark"] == "51000.05"
    gain = Decimal("51000.05") * Decimal(valued["quantity"]) - Decimal(valued["cost"])
    assert Decimal(valued["unrealised"]) == gain
    assert replica.state_hash() == before
    assert replica.set_mark("NO-SUCH", "1", 1) is False
    for price in ("0", "-1", "1e3", "", "x", "0." + "1" * 40):
        with pytest.raises(ValueError, match="positive decimal"):
            replica.set_mark("BTC-USDT.paper", price, 1)


def test_metrics_name_orders_positions_fills_and_lag(gateway):
    trade(gateway)
    gateway.settled()

    def samples():
        with urllib.request.urlopen(f"{gateway.observer_url}/metrics", timeout=300) as answer:
            text = answer.read().decode()
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    # How many fills one market order takes is up to the book; the daemon counted them.
    fills = gateway.call("GET", "/v1/status")[1]["counters"]["fills"]
    assert fills >= 1
    sent = ("gateway_venue_events_total", "sent_new", "paper")
    expected = {("gateway_orders_by_state", state): 1 for state in ("NEW", "FILLED", "CANCELED")}
    expected |= {("gateway_positions_open",): 1, ("gateway_engine_counter", "fills"): fills}
    expected[sent] = 3
    expected[("gateway_observer_lag_records",)] = expected[("gateway_observer_lag_seconds",)] = 0
    # Three orders since the observer stood at the end. Labels come in alphabetical order.
    name = "gateway_order_outcomes_total"

    def of(outcome, kind):
        return (name, outcome, "alpha", kind, "paper")

    expected |= {of("entered", "limit"): 2, of("entered", "market"): 1, of("canceled", "limit"): 1}
    expected[of("fills", "market")] = fills
    accepted = ("gateway_venue_outcomes_total", "accepted", "paper")

    def are_told():
        """The daemon writes its counters down every so often, fills and those of a venue apart; the
        observer reads rows in frames."""
        now = samples()
        at_least = now.get(("gateway_fills_seen_total",), 0) >= 1 and now.get(accepted, 0) >= 2
        return now if expected.items() <= now.items() and at_least else None

    found = until(are_told, what=str(expected))
    assert found[("gateway_observer_up",)] == 1
    assert found[("gateway_venue_reconciled", "paper")] == 1
    for event in ("cycles", "instructions", "last_level_misses"):
        is_available = found[("gateway_cache_events_available", event)]
        assert is_available == (("gateway_cache_events_total", event) in found)

    # No counter falls when the daemon comes back, and what it does then is counted on.
    before = {key: value for key, value in found.items() if key[0] == name}
    gateway.daemon.kill()
    gateway.start_daemon()
    trade(gateway)
    gateway.settled()
    after = until(
        lambda: (
            {of("entered", "market"): 2, of("entered", "limit"): 4}.items()
            <= (now := samples()).items()
            and now
        ),
        what="new outcomes",
    )
    assert all(after[key] >= value for key, value in before.items())


def recovery_of(run):
    said = [line for line in run.daemon.json_lines() if "recovery" in line]
    return said[0]["recovery"]


def test_a_killed_daemon_is_followed_again_and_starts_from_the_observers_snapshot(gateway):
    trade(gateway)
    before = gateway.settled()
    gateway.daemon.kill()
    gateway.start_daemon()  # the start seals the segment of the dead one
    orders = {row["order_id"]: row["state"] for row in live_rows(gateway, "orders")}
    assert sorted(orders.values()) == ["CANCELED", "FILLED", "NEW"]
    gateway.settled()
    journal = gateway.folder / "journal"
    until(lambda: list(journal.glob("snapshot-*.state")), what="a snapshot at the seal")
    trade(gateway)
    gateway.settled()
    gateway.daemon.kill()
    gateway.start_daemon()
    recovery = recovery_of(gateway)
    assert recovery["snapshot_sequence"] >= before["sequence"]
    assert recovery["snapshot_sequence"] < recovery["sequence"]
    live = gateway.settled()
    assert live["epoch"] == before["epoch"] + 2
    gateway.observer.kill()
    row = gateway.submit("sell", "0.1")
    gateway.wait_order(row["order_id"], "FILLED")  # no order notices the observer's death
    gateway.start_observer()
    gateway.settled()
    assert journaled(gateway.observe("positions")["positions"]) == live_rows(gateway, "positions")
    assert gateway.observer.stop() == 0
    assert not (gateway.ring / "observe.json").exists()
    assert gateway.daemon.stop() == 0
    assert not (gateway.ring / "counters.json").exists()


def test_a_snapshot_of_records_that_were_lost_is_not_used(gateway, tmp_path):
    journal = gateway.folder / "journal"
    trade(gateway)
    gateway.settled()
    synced = gateway.call("GET", "/v1/status")[1]["sequence"]
    until(
        lambda: gateway.call("GET", "/v1/status")[1]["counters"]["synced_sequence"] >= synced,
        what="the sync",
    )
    unnamed = shutil.ignore_patterns("*.tmp")  # being made while the copy is
    # What a lost machine would leave.
    copy = shutil.copytree(journal, tmp_path / "copy", ignore=unnamed)
    trade(gateway)
    gateway.settled()
    ahead = Replica(str(journal), str(gateway.ring), use_snapshot=False)
    ahead.follow()
    shutil.copy(ahead.write_snapshot(), copy)
    opened = Replica(str(copy))
    opened.follow()
    plain = Replica(str(copy), use_snapshot=False)
    plain.follow()
    assert synced <= opened.sequence < ahead.sequence
    assert (opened.sequence, opened.state_hash()) == (plain.sequence, plain.state_hash())


def test_the_observer_follows_a_daemon_whose_ring_was_lost(gateway):
    trade(gateway)
    before = gateway.settled()
    gateway.daemon.kill()
    (gateway.ring / "journal.ring").unlink()
    gateway.start_daemon()
    after = gateway.settled()
    assert after["epoch"] > before["epoch"]
    trade(gateway)
    gateway.settled()
    assert journaled(gateway.observe("positions")["positions"]) == live_rows(gateway, "positions")


def test_a_segment_sealed_while_running_gets_its_snapshot(shared_gateway):
    gateway = shared_gateway
    journal = gateway.folder / "journal"
    seals = len(list(journal.glob("*.seal")))
    snapshots = set(journal.glob("snapshot-*.state"))

    async def fill_a_segment():
        headers = {"Authorization": f"Bearer {gateway.key}"}
        async with aiohttp.ClientSession(gateway.url, headers=headers) as http:

            async def churn(name):
                for number in range(10_000):
                    if len(list(journal.glob("*.seal"))) > seals:
                        return
                    body = {
                        "client_order_id": f"{name}-{number}",
                        "account": "main",
                        "instrument": "BTC-USDT.paper",
                        "strategy": "alpha",
                        "side": "buy",
                        "type": "limit",
                        "time_in_force": "ioc",
                        "quantity": "0.001",
                        "price": "49000",
                    }
                    async with http.post("/v1/orders", json=body) as answer:
                        assert answer.status == 201, await answer.text()

            async with asyncio.timeout(300):
                await asyncio.gather(*(churn(f"w{worker}") for worker in range(8)))

    asyncio.run(fill_a_segment())
    until(lambda: set(journal.glob("snapshot-*.state")) - snapshots, what="a snapshot at the seal")
    gateway.settled()

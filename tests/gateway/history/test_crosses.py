"""Fills that no venue knows: history tells which they were and whom they met, `why` puts it in
words, and an archive of before its files had a place for it is read as before."""

import os
import shutil
import tempfile
from collections import Counter
from decimal import Decimal

import msgspec
import pyarrow.parquet as pq
import pytest
from engine_world import BUY, SELL, STRATEGY, World
from past_world import BEGIN_NS, wait_for

from gateway.history.archive import Archiver
from gateway.history.catalog import Catalog
from gateway.history.columns import ADDED
from gateway.history.compaction import merge_next_day
from gateway.history.queries import History, Moment
from gateway.history.views import Views
from gateway.history.why import why_order, why_position
from gateway.journal import reader

CROSS_MS = 50
ROUNDS = 120


class Desk:
    """Orders of two strategies that meet inside, in several sealed segments over midnight."""

    def __init__(self, place, ring):
        self.directory, self.ring = place / "journal", f"{ring}/journal"
        self.world = World(str(self.directory), self.ring, segment_bytes=1 << 16,
                           ring_bytes=1 << 20)  # fmt: skip
        self.world.engine.set_time(BEGIN_NS + 3_600_000_000_000)
        self.pairs = []  # (buy of 2, sell of 0.5)

    def price(self):
        world = self.world
        world.session(2)
        assert world.adapter.marked(world.perpetual, "100", "99", "101", "")
        world.turn()

    def keep(self, side, quantity, price, strategy):
        return self.world.order(side, quantity, price, strategy=strategy,
                                instrument=self.world.perpetual, flags=CROSS_MS << 16)  # fmt: skip

    def pair(self):
        """alpha's buy of 2 meets beta's sell of 0.5, and the rest goes out and is filled."""
        world = self.world
        self.price()
        buy = self.keep(BUY, "2", "101", world.strategy)
        self.pairs.append((buy, self.keep(SELL, "0.5", "99", world.other_strategy)))
        world.pass_time((CROSS_MS + 1) * 1_000_000)
        world.turn()
        world.sent()
        world.fact("accepted", buy, f"V{buy}", False, 1, 1)
        world.fill(buy, "1.5", "100.5", instrument=world.perpetual, time_ns=world.engine.now_ns())
        world.pass_time(60_000_000_000)

    def ended(self):
        """A kept order whose strategy is halted when its time is over."""
        world = self.world
        self.price()
        order = self.keep(BUY, "1", "101", world.strategy)
        world.state(STRATEGY, 2)
        world.pass_time((CROSS_MS + 1) * 1_000_000)
        world.turn()
        world.state(STRATEGY, 0)
        return order


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    ring = tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-")
    desk = Desk(tmp_path_factory.mktemp("crosses"), ring)
    desk.rest = desk.ended()
    for _ in range(ROUNDS):
        desk.pair()
        assert desk.world.engine.wait_synced(desk.world.engine.state_hash()[0], 60_000)
    wait_for(lambda: len(list(desk.directory.glob("segment-*.seal"))) >= 3, "three seals")
    desk.world.engine.stop()
    yield desk
    shutil.rmtree(ring, ignore_errors=True)


def archived(desk, archive, segments=None):
    archiver = Archiver(desk.directory, archive)
    done = 0
    while (segments is None or done < segments) and archiver.step():
        done += 1
    archiver.close()
    return archive


def as_written_before(archive):
    """The files as the build before wrote them: without these columns, under version 1."""
    for manifest in Catalog(archive).manifests:
        files = []
        for file in manifest.files:
            path = archive / file.path
            table = pq.ParquetFile(path).read()
            added = [name for name in ADDED.get(file.table, ()) if name in table.column_names]
            pq.write_table(table.drop_columns(added), path)
            files.append(msgspec.structs.replace(file, bytes=path.stat().st_size))
        old = msgspec.structs.replace(manifest, version=1, files=tuple(files))
        Catalog(archive).write(old, lambda name: None)


@pytest.fixture(scope="module", params=["tail", "archive", "before", "both", "merged"])
def history(desk, request, tmp_path_factory):
    """The same journal through every way that rows can come."""
    archive = tmp_path_factory.mktemp(request.param)
    if request.param != "tail":
        archived(desk, archive, 1 if request.param in ("both", "merged") else None)
    if request.param in ("before", "both", "merged"):
        as_written_before(archive)
        archived(desk, archive)
    while request.param == "merged" and merge_next_day(archive, 0):
        pass
    views = Views(desk.directory, archive, desk.ring, threads=1)
    yield History(views)
    views.close()


def crossed_fills(desk):
    return {
        record["sequence"]: record
        for record in reader.decoded(desk.directory, ring_directory=desk.ring)
        if record["kind"] == "order_filled" and "crossed_with" in record
    }


def test_every_fill_says_whether_it_was_a_cross_and_with_whom(desk, history):
    wanted = crossed_fills(desk)
    assert len(wanted) == 2 * ROUNDS
    rows = history.range("fills", Moment(), Moment(), limit=10_000).rows
    assert len(rows) == 3 * ROUNDS
    is_old = 0
    for row in rows:
        record = wanted.get(row["sequence"])
        if record is None:
            assert row["crossed_with"] == 0 and row["cross_bid"] is None, row
        elif row["crossed_with"] is None:  # of a file that had no place for it
            is_old += 1
            assert row["trade_id"].startswith("cross-")
        else:
            assert row["crossed_with"] == record["crossed_with"]
            assert (row["cross_bid"], row["cross_ask"]) == ("99", "101")
            assert row["cross_age_ns"] == record["cross_age_ns"]
            assert Decimal(row["price"]) == 100
    versions = {each.version for each in history.views.catalog.manifests}
    assert (is_old > 0) == (1 in versions)


def test_crosses_are_asked_for_like_any_rows(desk, history):
    buy, sell = desk.pairs[-1]
    found = history.sql(f"SELECT order_id FROM fills WHERE crossed_with = {sell}").rows
    known = [row["order_id"] for row in found]
    assert known == ([buy] if 1 not in versions_of(history) or has_new(history) else [])
    orders = history.range("orders", Moment(), Moment(), {"order_id": str(buy)}).rows
    if orders[-1]["cross_ms"] is not None:
        assert {row["cross_ms"] for row in orders} == {CROSS_MS}
        assert orders[-1]["crossed_quantity"] == "0.5"
        assert Counter(row["crossed_quantity"] for row in orders[:1]) == {"0": 1}


def versions_of(history):
    return {each.version for each in history.views.catalog.manifests}


def has_new(history):
    return 2 in versions_of(history) or bool(history.views.tail)


def words_of(found):
    return {step["event"]: step["words"] for step in found["chain"]}


def test_why_names_the_other_order_of_a_cross_whatever_wrote_the_archive(desk, history):
    for buy, sell in (desk.pairs[0], desk.pairs[-1]):
        found = why_order(history, str(buy))
        (fill,) = [step for step in found["chain"] if "cross" in step["fields"]]
        assert fill["fields"]["cross"]["crossed_with"] == str(sell)
        assert f"met order {sell} of strategy beta here: 0.5 at 100" in fill["words"]
        assert "no venue heard of it" in fill["words"]
        assert "position 0.5" in fill["words"] or "position" in fill["words"]
        (other,) = [
            step for step in why_order(history, str(sell))["chain"] if "cross" in step["fields"]
        ]
        assert other["fields"]["cross"]["crossed_with"] == str(buy)
        # What the venue filled afterwards is the venue's.
        last = [step for step in found["chain"] if step["event"] == "order_filled"][-1]
        assert last["words"].startswith("sim executed 1.5 at 100.5")


def test_why_tells_what_became_of_a_kept_order(desk, history):
    found = why_order(history, str(desk.pairs[-1][0]))
    words = words_of(found)
    if found["order"]["cross_ms"] is not None:
        assert f"kept here for {CROSS_MS} ms to be crossed" in words["order_new"]
        assert "what is left of it, 1.5, counts as sent to sim" in words["order_triggered"]
        (fill,) = [step for step in found["chain"] if "cross" in step["fields"]]
        assert "the middle of 99 and 101, 0 ms old" in fill["words"]


def test_why_says_why_the_rest_of_a_kept_order_ended(desk, history):
    found = why_order(history, str(desk.rest))
    words = words_of(found)
    assert "it was never sent (cross_ended)" in words["order_not_sent"]
    assert words["order_refused"].startswith("the risk gate did not let it go, buy 1 BTC-PERP")
    assert "TRADING_HALTED" in words["order_refused"]
    assert "None" not in " ".join(words.values())


def test_a_position_s_chain_names_the_cross(desk, history):
    key = {"account": "main", "instrument": "BTC-PERP", "strategy": "beta"}
    last = why_position(history, key, limit=1)["chain"][-1]
    if last["fields"]["fill"]["crossed_with"] is not None:
        assert f"crossed here with order {desk.pairs[-1][0]}" in last["words"]


def test_open_orders_as_of_the_past_say_what_was_crossed(desk, history):
    wanted = crossed_fills(desk)
    at = max(sequence for sequence, record in wanted.items() if record["side"] == 1)
    rows = history.as_of("orders", Moment(sequence=at)).rows
    (row,) = [row for row in rows if row["order_id"] == desk.pairs[-1][0]]
    assert row["crossed_quantity"] in ("0.5", None)
    assert row["cumulative_quantity"] == "0.5"

"""The store of a FIX session over the journal: what it promised is there in the next life, and what
it refused left nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway._core.engine import Engine
from gateway._core.journal import Reader, Replica, decode
from gateway.api import RefusedError
from gateway.core.fix_store import FixJournal, JournalSessionStore
from gateway.transport.fix_session import (
    SessionIdentity,
    SessionSettings,
    SessionStore,
    StoreBehind,
    StoreError,
)
from gateway.transport.fix_session.message import decode_own, encode
from gateway.transport.fix_session.outbound import Outbound
from gateway.transport.fix_session.tags import MessageType, Tag, secret_tags

NAME = "FIX.4.4:US->THEM"
Open = Callable[[], Engine]


def message(number: int, text: str = "hello", kind: str = "8") -> bytes:
    return encode([
        (8, b"FIX.4.4"), (35, kind.encode()), (34, b"%d" % number), (58, text.encode()),
    ])  # fmt: skip


@pytest.fixture
def open_engine(tmp_path: Path, ring_directory: str) -> Iterator[Open]:
    """The engine over one journal, again and again."""
    opened: list[Engine] = []

    def opener() -> Engine:
        for each in opened:
            each.stop()
        engine = Engine(
            str(tmp_path / "journal"), ring_directory, ring_bytes=1 << 20, segment_bytes=1 << 20,
            orders_max=64, idempotency_max=64, positions_max=32, is_virtual_clock=True,
        )  # fmt: skip
        opened.append(engine)
        return engine

    yield opener
    for each in opened:
        each.stop()


def records(tmp_path: Path, ring_directory: str) -> list[dict[str, Any]]:
    reader = Reader(str(tmp_path / "journal"), ring_directory)
    found: list[dict[str, Any]] = []
    while batch := reader.read():
        found.extend(decode(record) for _, record in batch)
    return [each for each in found if each["kind"].startswith("fix_")]


def numbers(store: JournalSessionStore) -> tuple[int, int, int]:
    return store.next_outgoing, store.next_expected, store.created_ns


def test_a_session_goes_on_in_the_next_life_where_it_was(open_engine: Open) -> None:
    store: SessionStore = FixJournal(open_engine()).open(NAME, now_ns=5)
    for number in range(1, 601):
        store.save(number, message(number))
    store.set_next_expected(9)
    store.flush()
    again = FixJournal(open_engine()).open(NAME, now_ns=77)
    assert numbers(again) == (601, 9, 5)
    assert list(again.range(1, 999)) == [(n, message(n)) for n in range(1, 601)]
    assert list(again.range(300, 301)) == [(300, message(300)), (301, message(301))]
    assert list(again.range(601, 700)) == []


def test_what_was_not_flushed_is_not_promised_and_a_range_flushes_first(open_engine: Open) -> None:
    store = FixJournal(open_engine()).open(NAME, now_ns=5)
    store.save(1, message(1))
    assert list(store.range(1, 1)) == [(1, message(1))]
    store.save(2, message(2))
    again = FixJournal(open_engine()).open(NAME, now_ns=5)
    assert again.next_outgoing == 2


def test_admin_messages_are_kept_and_left_out_of_a_range(open_engine: Open) -> None:
    store = FixJournal(open_engine()).open(NAME, now_ns=5)
    for number, kind in enumerate(["A", "0", "8", "1", "8", "5"], start=1):
        store.save(number, message(number, kind=kind))
    assert [number for number, _ in store.range(1, 6)] == [3, 5]


def test_a_reset_begins_a_new_period_also_after_a_restart(open_engine: Open) -> None:
    store = FixJournal(open_engine()).open(NAME, now_ns=5)
    store.save(1, message(1, "old"))
    store.set_next_expected(4)
    store.reset(99)
    store.save(1, message(1, "new"))
    store.set_next_expected(2)
    store.flush()
    again = FixJournal(open_engine()).open(NAME, now_ns=100)
    assert numbers(again) == (2, 2, 99)
    assert list(again.range(1, 5)) == [(1, message(1, "new"))]


def test_an_operator_s_numbers_rise_and_a_lower_one_begins_a_period(open_engine: Open) -> None:
    store = FixJournal(open_engine()).open(NAME, now_ns=5)
    store.save(1, message(1))
    store.set_next_expected(3)
    store.set_next_outgoing(10)
    store.save(10, message(10))
    store.flush()
    assert [number for number, _ in store.range(1, 99)] == [1, 10]
    store.set_next_outgoing(4)
    store.flush()
    again = FixJournal(open_engine()).open(NAME, now_ns=5)
    assert numbers(again) == (4, 3, 5)
    assert list(again.range(1, 99)) == []
    again.set_next_expected(2)
    again.flush()
    assert FixJournal(open_engine()).open(NAME, now_ns=5).next_expected == 2


def test_all_sessions_of_a_turn_are_one_group_and_only_the_newest_incoming_number_counts(
    open_engine: Open, tmp_path: Path, ring_directory: str
) -> None:
    journal = FixJournal(open_engine())
    stores = [journal.open(f"{NAME}:{each}", now_ns=5) for each in "ABC"]
    for store in stores:
        store.save(1, message(1))
        store.set_next_expected(2)
        store.set_next_expected(3)
    before = journal.sequence
    stores[0].flush()
    sequence = journal.sequence
    stores[1].flush()
    assert (before, journal.sequence) == (0, sequence)
    found = records(tmp_path, ring_directory)
    kinds = [each["kind"] for each in found]
    assert kinds == ["fix_session_defined"] * 3 + ["fix_message_sent"] * 3 + ["fix_numbers_set"] * 3
    assert {each["next_incoming"] for each in found[6:]} == {3}
    assert found[3]["text"].startswith("8=FIX.4.4|9=")
    assert found[3]["number"] == 1
    assert found[0]["name"] == f"{NAME}:A"


def test_more_than_a_group_may_hold_goes_into_several(open_engine: Open) -> None:
    store = FixJournal(open_engine()).open(NAME, now_ns=5)
    sent = [message(number, "x" * 60_000) for number in range(1, 8)]
    for number, data in enumerate(sent, start=1):
        store.save(number, data)
    store.flush()
    again = FixJournal(open_engine()).open(NAME, now_ns=5)
    assert [data for _, data in again.range(1, 9)] == sent


def test_passwords_are_in_no_record_and_what_had_one_is_not_sent_again(
    open_engine: Open, tmp_path: Path, ring_directory: str
) -> None:
    store = FixJournal(open_engine()).open(NAME, now_ns=5)
    logon = [
        (8, b"FIX.4.4"), (35, b"A"), (34, b"1"), (108, b"30"), (95, b"9"), (96, b"s3cr\x01et=1"),
        (553, b"me"), (554, b"s3cret"), (925, b"s3cret2"),
    ]  # fmt: skip
    store.save(1, encode(logon))
    store.save(2, encode([(8, b"FIX.4.4"), (35, b"BE"), (34, b"2"), (554, b"s3cret")]))
    store.save(3, encode([(8, b"FIX.4.4"), (35, b"B"), (34, b"3"), (95, b"4"), (96, b"open")]))
    assert [number for number, _ in store.range(1, 3)] == [3]
    found = records(tmp_path, ring_directory)[1:]
    assert "553=" not in found[0]["text"]
    assert "|96=open|" in found[2]["text"]
    for file in (*tmp_path.rglob("*"), *Path(ring_directory).iterdir()):
        if file.is_file():
            assert b"s3cr" not in file.read_bytes(), file


@pytest.mark.parametrize("kind", [b"A", b"BE", b"8"])
@pytest.mark.parametrize("tag", sorted(secret_tags(b"A") | {58, 91, 95, 553, 1401, 1403}))
def test_the_engine_itself_refuses_what_the_session_layer_calls_secret(
    open_engine: Open, kind: bytes, tag: int
) -> None:
    engine = open_engine()
    engine.define_fix_session(NAME, 5)
    before = engine.sequence
    entry = (1, 1, 0, False, b"8=FIX.4.4\x0135=%b\x01%d=pw\x01" % (kind, tag))
    if tag not in secret_tags(kind) - {553}:  # a name: left out by the stores, no password
        assert engine.journal_fix([entry]) > before
        return
    with pytest.raises(ValueError, match="NOT_PERMITTED bytes 1: no tag 554"):
        engine.journal_fix([entry])
    assert engine.sequence == before


@pytest.mark.parametrize(
    ("entry", "refusal"),
    [
        ((1, 2, 0, True, b"x"), "RANGE number 2: the next outgoing number"),
        ((9, 1, 0, True, b"x"), "NOT_FOUND session 9"),
        ((1, 1, 0, True, b"x" * 65_537), "RANGE bytes 65537"),
        ((1, "incoming", 0, 1, 0), "RANGE next_incoming 1"),
        ((1, "backwards", 1, 1, 0), "BAD_ENUM why backwards"),
        ((1, 1, 0, True), "BAD_TYPE entries"),
        ((1, -1, 0, True, b"x"), "BAD_TYPE entries"),
        (None, "BAD_TYPE entries"),
    ],
)
def test_what_may_not_be_is_refused_with_all_of_its_turn(
    open_engine: Open, entry: Any, refusal: str
) -> None:
    engine = open_engine()
    session = engine.define_fix_session(NAME, 5)
    before = engine.sequence, engine.state_hash()
    with pytest.raises(ValueError, match=refusal):
        engine.journal_fix([(session, "operator", 1, 2, 0), entry])
    assert (engine.sequence, engine.state_hash()) == before


@pytest.mark.parametrize(
    "name", ["", "FIX.4.4", "FIX.4.4:A->", "FIX.4.4:Ä->B", "FIX.4.4:" + 120 * "A"]
)
def test_a_name_that_is_none_is_refused(open_engine: Open, name: str) -> None:
    with pytest.raises(RefusedError, match="BAD_SYMBOL"):
        FixJournal(open_engine()).open(name, now_ns=5)


def test_a_session_is_open_once(open_engine: Open) -> None:
    journal = FixJournal(open_engine())
    store = journal.open(NAME, now_ns=5)
    with pytest.raises(StoreError, match="open already"):
        journal.open(NAME, now_ns=5)
    store.close()
    assert journal.open(NAME, now_ns=6).created_ns == 5


def test_one_session_s_mistake_holds_back_no_other(open_engine: Open) -> None:
    journal = FixJournal(open_engine())
    bad, good = (journal.open(f"{NAME}:{each}", now_ns=5) for each in "AB")
    bad.save(7, message(7))
    good.save(1, message(1))
    good.flush()
    with pytest.raises(StoreError, match="RANGE"):
        bad.flush()
    assert list(good.range(1, 9)) == [(1, message(1))]
    bad.save(8, message(8))
    with pytest.raises(StoreError):
        bad.flush()
    journal.close(bad.session)
    assert journal.open(f"{NAME}:A", now_ns=5).next_outgoing == 1


class FullEngine:
    """An engine whose journal has no room for a while."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.is_full = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def journal_fix(self, entries: list[Any]) -> int:
        if self.is_full:
            raise ValueError("JOURNAL_BEHIND journal 1: room for these bytes (entry 0)")
        return self._engine.journal_fix(entries)


def test_what_found_no_room_is_kept_in_order_and_journaled_later(open_engine: Open) -> None:
    engine = FullEngine(open_engine())
    store = FixJournal(engine).open(NAME, now_ns=5)
    store.save(1, message(1))
    store.flush()
    engine.is_full = True
    store.save(2, message(2))
    store.set_next_expected(5)
    for _ in range(2):
        with pytest.raises(StoreError, match="JOURNAL_BEHIND"):
            store.flush()
    engine.is_full = False
    store.save(3, message(3))
    store.set_next_expected(6)
    store.flush()
    again = FixJournal(open_engine()).open(NAME, now_ns=5)
    assert numbers(again) == (4, 6, 5)
    assert [number for number, _ in again.range(1, 9)] == [1, 2, 3]


def test_what_belongs_together_is_journaled_whole_and_in_order(open_engine: Open) -> None:
    """Also behind much that others keep, and after there was no room."""
    engine = RecordingEngine(open_engine())
    journal = FixJournal(engine)
    ours, theirs = (journal.open(f"{NAME}:{name}", now_ns=5) for name in ("A", "B"))
    engine.is_full = True
    for turn in range(8):
        for _ in range(turn):
            theirs.save(theirs.next_outgoing, message(theirs.next_outgoing, "y" * 30_000))
        journal.mark()
        for _ in range(80):
            ours.save(ours.next_outgoing, message(ours.next_outgoing, f"turn{turn}" + "x" * 400))
        ours.set_next_expected(10 + turn)
        ours.mark()
        with pytest.raises(StoreBehind):
            ours.flush()
    engine.is_full = False
    flush_when_there_is_room(ours)
    for turn in range(8):
        (group,) = [group for group in engine.groups if any(
            isinstance(entry[4], bytes) and b"turn%d" % turn in entry[4] for entry in group)
        ]  # fmt: skip
        texts = [entry[4] for entry in group if isinstance(entry[4], bytes)]
        assert sum(b"turn%d" % turn in each for each in texts) == 80
        assert (ours.session, "incoming", 0, 10 + turn, 0) in group
    sent = [e[1] for group in engine.groups for e in group if e[0] == ours.session and e[3] is True]
    assert sent == sorted(sent) and len(sent) == 640


class RecordingEngine(FullEngine):
    """And remembers each group."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.groups: list[list[Any]] = []

    def journal_fix(self, entries: list[Any]) -> int:
        sequence = super().journal_fix(entries)
        self.groups.append(list(entries))
        return sequence


def test_level_disk_waits_for_the_disk_and_says_so_when_it_is_behind(open_engine: Open) -> None:
    engine = open_engine()
    store = FixJournal(engine).open(NAME, now_ns=5, is_synced=True, sync_timeout_ms=60_000)
    store.save(1, message(1))
    store.flush()
    assert store.is_stored()
    assert not engine.wait_synced(engine.sequence + 1, 0)
    with pytest.raises(StoreError, match="behind record"):
        behind(engine).open(NAME, now_ns=5, is_synced=True, sync_timeout_ms=1).flush()


def behind(engine: Engine) -> FixJournal:
    journal = FixJournal(engine)
    journal.sequence = engine.sequence + 1_000
    return journal


def flush_when_there_is_room(store: JournalSessionStore) -> None:
    """The ring is small, and the disk may be behind."""
    deadline = time.monotonic() + 300
    while True:
        try:
            return store.flush()
        except StoreError as error:
            assert "JOURNAL_BEHIND" in str(error) and time.monotonic() < deadline
            time.sleep(0.01)


def test_a_follower_has_the_same_sessions_and_the_same_hash(
    open_engine: Open, tmp_path: Path, ring_directory: str
) -> None:
    engine = open_engine()
    store = FixJournal(engine).open(NAME, now_ns=5)
    for number in range(1, 300):
        store.save(number, message(number, "x" * (number * 20)))
        store.set_next_expected(number + 1)
        flush_when_there_is_room(store)
    replica = Replica(str(tmp_path / "journal"), ring_directory)
    while replica.follow():
        pass
    row = engine.fix_session(store.session)
    assert replica.fix_sessions() == [row]
    assert (row["next_outgoing"], row["next_incoming"], row["last_number"]) == (300, 300, 299)
    assert (replica.sequence, replica.state_hash()) == engine.state_hash()
    replica.write_snapshot()
    engine = open_engine()
    assert engine.recovery["snapshot_sequence"] > 0
    again = FixJournal(engine).open(NAME, now_ns=5)
    assert len(list(again.range(1, 999))) == 299


def test_a_pinned_engine_journals_and_reads_as_well(open_engine: Open) -> None:
    engine = open_engine()
    engine.start_pinned(-1)
    store = FixJournal(engine).open(NAME, now_ns=5)
    for number in range(1, 101):
        store.save(number, message(number))
        store.set_next_expected(number + 1)
        store.flush()
    assert [number for number, _ in store.range(1, 999)] == list(range(1, 101))
    assert numbers(store) == (101, 101, 5)


def test_a_long_history_is_read_in_pages_after_one_walk(open_engine: Open) -> None:
    engine = open_engine()
    store = FixJournal(engine).open(NAME, now_ns=5)
    for first in range(1, 3001, 250):
        for number in range(first, first + 250):
            if number % 1000 < 400:
                store.save(number, message(number, kind="8" if number % 7 else "0"))
            else:
                store.set_next_outgoing(number + 1)
        store.flush()
    wanted = [each for each in range(5, 2990) if each % 1000 < 400 and each % 7]
    assert [number for number, _ in store.range(5, 2989)] == wanted
    pages = engine.fix_pages(1, 5, 2989, 256)
    assert all(last - first < 256 for first, last, _ in pages)
    assert [first for first, _, _ in pages] == sorted(first for first, _, _ in pages)
    for first, last, position in pages:
        found = [row[0] for row in engine.fix_messages(1, first, last, position)]
        assert found == [row[0] for row in engine.fix_messages(1, first, last)] and found
    with pytest.raises(ValueError, match="RANGE numbers 0"):
        engine.fix_pages(1, 1, 9, 0)


def test_a_run_of_a_million_volatile_numbers_is_pages_of_which_few_hold_anything(
    open_engine: Open,
) -> None:
    engine = open_engine()
    store = FixJournal(engine).open(NAME, now_ns=5)
    orders = (7, 3_000, 500_000, 1_000_000)
    for number in orders:
        store.set_next_outgoing(number)
        store.save(number, message(number))
        for volatile in range(number + 1, number + 2_001):  # prices: of them the type is kept
            store.save(volatile, message(volatile, kind="W"))
        flush_when_there_is_room(store)
    pages = list(store.pages(1, 1_002_000))
    assert [number for page in pages for number, _ in page] == list(orders)
    assert max(map(len, pages)) == 1 and len(pages) < 40
    assert all(first % 256 == 0 or first == 1 for first, _, _ in engine.fix_pages(1, 1, 10**6, 256))


def test_what_lay_in_deleted_segments_is_gap_filled_in_a_resend(tmp_path, ring_directory):
    """Retention takes the oldest segments beside a session that may still be asked for them: what
    is left is sent again, and before it one gap fill takes the place of what went."""
    from gateway.history.archive import Archiver
    from gateway.history.retention import Retention, apply_retention

    directory = tmp_path / "journal"
    engine = Engine(
        str(directory), ring_directory, ring_bytes=1 << 16, segment_bytes=1 << 15, orders_max=64,
        idempotency_max=64, positions_max=32, is_virtual_clock=True,
    )  # fmt: skip
    try:
        journal = FixJournal(engine)
        store = journal.open(NAME, now_ns=5)
        for number in range(1, 601):
            store.save(number, message(number))
            if number % 20 == 0:
                store.flush()
                assert engine.wait_synced(journal.sequence, 10_000)
        assert [number for number, _ in store.range(1, 600)] == list(range(1, 601))
        deadline = time.monotonic() + 300
        while len(list(directory.glob("segment-*.seal"))) < 4:  # an idle thread makes them
            assert time.monotonic() < deadline
            time.sleep(0.005)
        for _ in range(2):  # retention asks for two that are younger than what goes
            replica = Replica(str(directory), ring_directory, use_snapshot=False)
            while replica.follow():
                pass
            replica.write_snapshot()
            store.save(store.next_outgoing, message(store.next_outgoing))
            store.flush()
            assert engine.wait_synced(journal.sequence, 10_000)
        newest = store.next_outgoing - 1
        archive = tmp_path / "history"
        archiver = Archiver(directory, archive)
        while archiver.step():
            pass
        gone = apply_retention(
            directory, archive, Retention(bytes_max=1, deletes_segments=True), now_ns=0
        )
        assert gone["journal_segments"] >= 3
        kept = [number for number, _ in store.range(1, newest)]
        assert kept == list(range(kept[0], newest + 1)) and 1 < kept[0] < 600
        assert [number for number, _ in store.range(1, kept[0] - 1)] == []
        assert [number for number, _ in store.range(kept[0] - 5, kept[0] + 5)] == kept[:6]
        assert resent(store, newest) == [("gap fill", 1, kept[0]), *(("again", n) for n in kept)]
    finally:
        engine.stop()


def resent(store: JournalSessionStore, newest: int) -> list[tuple[Any, ...]]:
    """What the session layer answers a request for everything with."""
    identity = SessionIdentity("FIX.4.4", "US", "THEM")
    outbound = Outbound(SessionSettings(identity=identity), store)
    assert outbound.resend(1, newest, 7, lambda _: True)
    found: list[tuple[Any, ...]] = []
    while outbound.has_more:
        for data in outbound.take():
            sent = decode_own(data)
            if sent.message_type == MessageType.SEQUENCE_RESET:
                found.append(("gap fill", sent.number, int(sent.get(Tag.NEW_SEQ_NO) or b"0")))
            else:
                found.append(("again", sent.number))
    return found

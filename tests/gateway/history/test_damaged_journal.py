"""No program takes damage inside a journal for its end: each that follows one says where, ends with
1 or shows the fault, and never shows a past that was cut as a whole one."""

import json
import struct

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.history.archive import Archiver
from gateway.history.faults import ArchiveFault
from gateway.journal import Follower, FollowFault, JournalPlace, reader
from gateway.journal.replica import open_native_replica
from gateway.ledger import Bounds, open_books
from gateway.stream import BalanceReader, OrderReader, PositionReader
from gateway.stream.view import View

PAGE_BYTES = 4096


def records_in(data):
    """Offsets of the records of a segment."""
    at = PAGE_BYTES
    while at < len(data) and (length := struct.unpack_from("<I", data, at)[0]):
        yield at, length
        at += length


def flip(path, at, mask=0x10):
    data = bytearray(path.read_bytes())
    data[at] ^= mask
    path.write_bytes(data)


def middle_record(path):
    places = list(records_in(path.read_bytes()))
    return places[len(places) // 2]


def flip_length(segments):
    """The header of a record in the middle: the record seems to end elsewhere, or nowhere."""
    flip(segments[1], middle_record(segments[1])[0])


def flip_payload(segments):
    at, length = middle_record(segments[1])
    flip(segments[1], at + length - 1)


def flip_segment_header(segments):
    flip(segments[2], 20)


def flip_in_the_open_segment(segments):
    """The one that is still written: nothing but later records say that there was more."""
    flip(segments[-1], middle_record(segments[-1])[0] + 8)


def zero_in_the_open_segment(segments):
    at, length = middle_record(segments[-1])
    data = bytearray(segments[-1].read_bytes())
    data[at : at + length] = bytes(length)
    segments[-1].write_bytes(data)


def take_one_out(segments):
    segments[2].unlink()


def cut_one(segments):
    data = segments[1].read_bytes()
    segments[1].write_bytes(data[: middle_record(segments[1])[0]])


DAMAGES = [
    flip_length, flip_payload, flip_segment_header, flip_in_the_open_segment,
    zero_in_the_open_segment, take_one_out, cut_one,
]  # fmt: skip
every_damage = pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)


@pytest.fixture
def damaged(copied, damage):
    """A journal with several sealed segments and one that is open, without snapshots."""
    segments = sorted(copied.glob("segment-*.journal"))
    assert len(segments) >= 4
    for path in copied.glob("snapshot-*"):
        path.unlink()
    damage(segments)
    return copied


def readers():
    return [OrderReader(), PositionReader(), BalanceReader()]


@every_damage
def test_every_way_to_read_names_the_place(damaged):
    ways = {
        "records": lambda: list(reader.decoded(damaged)),
        "replica": lambda: reader.replay(damaged, lambda: 0),
        "ledger": lambda: open_books(damaged, "", Bounds()),
    }
    for name, read in ways.items():
        with pytest.raises(
            RuntimeError, match=r"segment-\d{10}\.journal: offset \d+, sequence \d+"
        ):
            read()
            pytest.fail(name)


@every_damage
def test_the_observer_shows_the_fault_and_no_rows(damaged, tmp_path):
    follower = Follower(JournalPlace(damaged, tmp_path), open_native_replica, readers())
    view = View(lambda: 0.0)
    for _ in range(3):  # and it stays so, however often it is tried
        with pytest.raises(FollowFault, match="segment-"):
            for _ in range(100):
                view.apply(follower.step())
        assert not view.is_ready
        view.wait("as the observer does")
    assert view.channels["orders"].rows == {} and view.reopened == 0


def test_an_observer_that_has_read_more_keeps_its_last_true_state(past, copied, tmp_path):
    """What it follows is damaged behind its back: the rows that it shows stay, with the fault."""
    follower = Follower(JournalPlace(copied, tmp_path), open_native_replica, readers())
    view = View(lambda: 0.0)
    while not view.is_ready:
        view.apply(follower.step())
    rows, sequence = dict(view.channels["positions"].rows), view.sequence
    for path in copied.glob("snapshot-*"):
        path.unlink()
    flip_length(sorted(copied.glob("segment-*.journal")))
    follower.close()  # as when the daemon begins anew
    with pytest.raises(FollowFault, match="offset") as fault:
        for _ in range(100):
            view.apply(follower.step())
    view.wait(str(fault.value))
    assert (view.state, view.sequence, view.is_caught_up) == ("waiting", sequence, False)
    assert view.channels["positions"].rows == rows and "sequence" in view.reason


COMMANDS = [
    ["journal", "cat"], ["journal", "stat"], ["replay"], ["audit", "show"], ["audit", "recheck"],
    ["audit", "export"], ["ledger", "trial-balance"], ["ledger", "funding"],
    ["ledger", "interest"], ["ledger", "share-matching"], ["statement"], ["verify"], ["holdings"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@every_damage
def test_every_command_that_reads_it_ends_with_one(damaged, words, tmp_path):
    more = {
        "audit export": ["--out", str(tmp_path / "out.jsonl")],
        "statement": ["--day", "2026-11-21"],
    }.get(" ".join(words), [])
    ended = CliRunner().invoke(root, [*words, str(damaged), *more])
    assert ended.exit_code == 1, ended.output
    assert "segment-" in ended.output


@every_damage
def test_the_writer_of_history_takes_nothing_behind_the_place(damaged, tmp_path):
    """Sealed segments alone become history; one that does not match its seal does not."""
    whole = len(list(damaged.glob("segment-*.seal")))
    archiver, taken = Archiver(damaged, tmp_path / "history"), 0
    try:
        while archiver.step():
            taken += 1
    except (ArchiveFault, RuntimeError) as fault:
        assert "segment-" in str(fault)
        assert taken < whole
    else:
        # It is the open segment that is damaged: none of it is history yet.
        assert taken == whole


def test_a_whole_journal_is_read_by_all_of_them(copied, tmp_path):
    for words in COMMANDS:
        more = {
            "audit export": ["--out", str(tmp_path / "out.jsonl")],
            "statement": ["--day", "2026-11-21"],
        }.get(" ".join(words), [])
        ended = CliRunner().invoke(root, [*words, str(copied), *more])
        assert ended.exit_code == 0, (words, ended.output)


def test_a_failure_is_told_as_json_too(copied):
    flip_length(sorted(copied.glob("segment-*.journal")))
    ended = CliRunner().invoke(root, ["journal", "stat", str(copied), "--json"])
    error = json.loads(ended.stdout)["error"]
    assert (ended.exit_code, error["code"]) == (1, "BAD_JOURNAL")
    assert "gateway verify" in error["hint"]

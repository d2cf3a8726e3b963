"""The real observer stands still, or is not there, while the real daemon goes on for longer than
the ring holds. It catches up from the segments, says how far it is behind meanwhile, and what it
and its clients hold is what a replay of the whole journal gives."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from many_orders import trade_until
from merged_stream import MergedStream
from real_programs import RealGateway, until
from replayed import answered, held, holds_all, judge_observer, judge_told, wait_for_books

from gateway.journal import JournalPlace
from gateway.journal.beginning import first_kept
from gateway.journal.replica import open_native_replica

LAPS = 3
CHANNELS = ("orders", "positions", "balances", "fills", "profit")
pytestmark = pytest.mark.timeout(2400)  # each wait is bounded for itself


@pytest.fixture
def small_ring(tmp_path):
    """The three programs, with a ring of one segment."""
    run = RealGateway(tmp_path)
    run.ring_mib = 1
    try:
        run.start_paper()
        run.start_daemon()
        run.start_observer()
        wait_for_books(run)
        yield run
    finally:
        run.close()


def seals(run):
    return len(list((run.folder / "journal").glob("segment-*.seal")))


def trade_laps(run, seconds=0.0, laps=LAPS):
    """A segment is as large as the ring: each seal is once around. And for so long at least."""
    end, wanted = time.monotonic() + seconds, seals(run) + laps
    trade_until(run, lambda: seals(run) >= wanted and time.monotonic() >= end)


def trade_some(run):
    left = iter(range(200))
    trade_until(run, lambda: next(left, None) is None)


@contextmanager
def stopped(program):
    """Stands still within the block, and has gone on behind it."""
    program.process.send_signal(signal.SIGSTOP)
    try:
        stat = Path(f"/proc/{program.process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", what="it stands")
        yield
    finally:
        os.kill(program.process.pid, signal.SIGCONT)


def ask_while_it_stands(run):
    """Asks for the status: the first thing that the observer answers when it goes on."""
    told = []
    asking = threading.Thread(target=lambda: told.append(run.observe("status")))
    asking.start()
    return asking, told


def end_and_judge(run, *clients):
    """The desk ends, and everybody holds what a replay gives."""
    run.settled()
    assert run.daemon.stop() == 0
    last = judge_observer(run)
    for client in clients:
        client.come_again()
        client.wait(
            lambda client=client: holds_all(run, client, CHANNELS), "the rows of the observer"
        )
    assert judge_told(run, *clients) >= len(clients) * 10
    return last


@pytest.mark.parametrize("seconds", [0.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_an_observer_that_the_ring_lapped_while_it_stood_still_misses_nothing(small_ring, seconds):
    run = small_ring
    with MergedStream(run.key, run.observer_url, CHANNELS) as client:
        trade_some(run)
        run.settled()
        before = run.observe("status")
        with stopped(run.observer):
            trade_laps(run, seconds)
            live = run.call("GET", "/v1/status")[1]["sequence"]
            asking, told = ask_while_it_stands(run)
        asking.join(300)
        assert told[0]["lag_records"] > 0, (told, live)
        trade_some(run)
        assert end_and_judge(run, client) > live
        # It went on with the state it had: nobody was told that the journal was opened again.
        assert run.observe("status")["stream"] == before["stream"]
        for channel, reasons in client.reasons.items():
            assert "journal_reopened" not in reasons, channel


def test_an_observer_that_was_not_there_for_laps_of_the_ring_starts_with_all_of_it(small_ring):
    run = small_ring
    with MergedStream(run.key, run.observer_url, CHANNELS) as client:
        trade_some(run)
        run.observer.kill()
        trade_laps(run)
        run.start_observer()
        client.come_again(run.observer_url)
        # Sequences of another run are not resumed, and it says so.
        for channel in CHANNELS:
            assert client.reasons[channel][-1] == "resume_too_old"
        trade_some(run)
        end_and_judge(run, client)


def test_segments_that_went_while_the_observer_stood_still_are_named(small_ring):
    """It goes on from the newest snapshot; lots have none, so the books say what they miss."""
    run = small_ring
    journal = run.folder / "journal"
    with MergedStream(run.key, run.observer_url, CHANNELS) as client:
        trade_some(run)
        run.settled()
        with stopped(run.observer):
            for laps in (4, 1):
                trade_laps(run, laps=laps)
                write_snapshot(run)
            history(run, "build")
            # No disk has so much room: everything goes but what is needed for a start.
            gone = history(
                run, "prune", "--free-mib-min", str(1 << 30), "--delete-journal-segments"
            )
            # The one it stands in is open; what it needs next must be gone.
            assert gone["journal_segments"] >= 2
        live = run.settled()
        client.wait(
            lambda: client.reasons["orders"][-1] == "journal_reopened", "a snapshot that says so"
        )
        missing = (
            f"sequence 1 is older than the oldest segment, which starts at {first_kept(journal)}"
        )
        until(lambda: missing in run.observe("status")["books"]["reason"], what="books that say so")
        told = answered(run, "profit")
        assert told["profit"] == []
        assert missing in told["waiting"]
        replica = open_native_replica(JournalPlace(journal, run.ring))
        while replica.follow():
            pass
        assert (replica.sequence, replica.state_hash()) == (live["sequence"], live["state_hash"])
        rows = held("positions", replica.take_positions(True))
        client.wait(lambda: held("positions", client.rows("positions")) == rows, "its positions")


def write_snapshot(run):
    """As the observer has them written, which stands still."""
    names = (str(run.folder / "journal"), str(run.ring), str(os.getpid()))
    subprocess.run(
        [sys.executable, "-m", "gateway.journal.snapshots", *names], check=True, timeout=300
    )


def history(run, *arguments):
    name, *more = arguments
    said = subprocess.run(
        [sys.executable, "-m", "gateway", "history", name, str(run.folder / "journal"), *more,
         "--json"], check=True, timeout=300, stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    return json.loads(said)

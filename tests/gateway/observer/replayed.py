"""What an observer shows, against a replay of the whole journal from its first record: state hash,
rows, books and totals at one sequence, and what a client held at each sequence it was told."""

import time
from decimal import Decimal

from real_programs import until

from gateway.journal import JournalPlace, LiveFiles
from gateway.journal.replica import open_whole_native_replica
from gateway.stream.books import Books, BooksOptions, open_native_ledger
from gateway.stream.fill_stream import FILLS_MAX
from gateway.stream.order_stream import OPEN_ORDERS_MAX, is_terminal

# What records alone make of a row; marks, margin and books come from elsewhere.
HELD = {
    "orders": ("order_id", "state", "pending", "cumulative_quantity", "average_price", "sequence"),
    "positions": ("account", "instrument", "leg", "strategy", "quantity", "cost", "realised",
                  "fees", "sequence"),
    "balances": ("account", "currency", "total", "sequence"),
    "fills": ("sequence", "order_id", "side", "quantity", "price", "fee", "trade_id", "revision"),
}  # fmt: skip
BOOKED = ("profit", "exposure")
STEP = 65_536


def held(channel, rows):
    """The rows as one value that can be compared; of orders those that are open."""
    names = HELD[channel]
    shown = (row for row in rows if channel != "orders" or not is_terminal(row))
    return frozenset(tuple(row[name] for name in names) for row in shown)


class Replay:
    """One replica that goes from the first record on."""

    def __init__(self, run):
        self.place = JournalPlace(run.folder / "journal", run.ring)
        self.replica = open_whole_native_replica(self.place)

    def go_to(self, sequence):
        while self.replica.sequence < sequence and self.replica.follow(STEP, sequence):
            pass
        assert self.replica.sequence == sequence

    def held(self, channel):
        replica = self.replica
        rows = {
            "orders": lambda: replica.orders(True, OPEN_ORDERS_MAX),
            "positions": lambda: replica.take_positions(True),
            "balances": lambda: replica.take_balances(True),
            "fills": lambda: replica.take_fills(FILLS_MAX),
        }[channel]()
        return held(channel, rows)


def judge_told(run, *clients):
    """Whatever clients held behind a whole message is what a replay gives at its sequence. Returns
    how many such states were compared."""
    told = {}
    for client in clients:
        for place, found in client.told.items():
            told.setdefault(place, set()).update(found)
    replay = Replay(run)
    for channel, sequence in sorted(told, key=lambda place: place[1]):
        if channel == "fills":  # the newest of all records; judged at the end
            continue
        replay.go_to(sequence)
        assert told[channel, sequence] == {replay.held(channel)}, (channel, sequence)
    return len(told)


def judge_observer(run):
    """The observer of a desk that has ended stands at the last record, and shows what a replay of
    everything gives. Returns its sequence."""
    replay = Replay(run)
    while replay.replica.follow(STEP):
        pass
    last = replay.replica.sequence
    status = until(
        lambda: (
            (now := run.observe("status?state_hash=true"))["sequence"] == last
            and now["books"]["sequence"] == last
            and now
        ),
        what=f"sequence {last}",
    )
    assert status["state_hash"] == replay.replica.state_hash()
    assert status["lag_records"] == 0
    assert replay.replica.differing_total() == ""
    for channel in HELD:
        until(
            lambda name=channel: held(name, answered(run, name)[name]) == replay.held(name),
            seconds_max=60,
            what=f"the {channel} of a replay",
        )
    judge_books(run, replay)
    return last


def answered(run, channel):
    """The whole channel over HTTP, with its sequence."""
    more = "&open=false" if channel == "orders" else ""
    return run.call("GET", f"/v1/{channel}?limit=100000{more}", url=run.observer_url)[1]


def wait_for_books(run):
    """A channel that waits for its rows begins anew when they are there: behind this, none does."""
    until(lambda: "waiting" not in answered(run, "profit"), what="books that are read")


def holds_all(run, client, channels):
    """What the client has is the answer over HTTP at the same sequence, the age of marks apart."""
    for channel in channels:
        told = answered(run, channel)
        bare = [
            sorted(({**row, "mark_age_ms": None} for row in rows), key=str)
            for rows in (told[channel], client.rows(channel))
        ]
        if client.sequences[channel] != told["sequence"] or bare[0] != bare[1]:
            return False
    return True


def judge_books(run, replay):
    """Profit and exposure are those of books that were opened now, and the books balance."""
    marks = LiveFiles(run.ring).marks
    books = Books(
        BooksOptions(replay.place, open_native_ledger, marks, time.time_ns, time.monotonic,
                     time.sleep, 60_000, reporting_currency="USD")
    )  # fmt: skip
    while books.follow(0):
        pass
    fresh = books.tell(replay.replica.registry("instrument"))
    assert fresh.sequence == replay.replica.sequence
    assert fresh.is_balanced
    assert fresh.rows["profit"]
    for name in BOOKED:
        wanted = sorted(fresh.rows[name].values(), key=str)
        until(
            lambda name=name, wanted=wanted: sorted(answered(run, name)[name], key=str) == wanted,
            seconds_max=60,
            what=f"the {name} of books opened now",
        )
    spent = sum(Decimal(row["fees"]) for row in fresh.rows["profit"].values())
    assert spent == -sum(Decimal(row["fees"]) for row in replay.replica.take_positions(True))

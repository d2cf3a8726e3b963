"""One life of the core alone: engine and journal in a process that submits, sends and is killed.
What it "sent" it first writes to a file, as the venue would see it; that file is all it knows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from gateway._core.engine import Engine
from gateway.core.native import Notice, OutboundEntry
from gateway.core.refusals import describe_number
from gateway.core.vocabulary import (
    DURABILITIES,
    EVIDENCE,
    LEVELS,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    RecordKind,
)

__all__ = ["Life", "VenueFile"]

BEHIND = {"JOURNAL_BEHIND", "VENUE_QUEUE_FULL"}

LIMITS: dict[str, str | int] = {
    "order_quantity_max": "1000", "order_notional_max": "1000000",
    "position_long_max": "1000000", "position_short_max": "1000000",
    "gross_exposure_max": "1000000000", "net_exposure_max": "1000000000",
    "credit_max": "1000000000", "collar_bps": 5000, "reference_age_ms_max": 60000,
    "orders_per_second": 1000000, "order_burst": 1000000, "cancels_per_second": 1000000,
    "cancel_burst": 1000000, "open_orders_side_max": 100000, "duplicate_window_ms": 0,
}  # fmt: skip


class VenueFile:
    """Append-only lines, one write each: a kill never takes a line back that was written. One that
    a kill cut short (a write ends at a page when SIGKILL is waiting) is a message the venue never
    got: it is not read, and the next life takes its beginning away.

    boot EPOCH SEQUENCE HASH · intent N · new N ORDER · fill ORDER TRADE QUANTITY · end ORDER ·
    acknowledged N ORDER"""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def mend(self) -> None:
        """Take away the beginning of a line that was cut. While nobody writes."""
        text = self.path.read_bytes()
        os.ftruncate(self._fd, text.rfind(b"\n") + 1)

    def write(self, *words: object) -> None:
        os.write(self._fd, (" ".join(map(str, words)) + "\n").encode())

    def read(self) -> Iterator[list[str]]:
        for line in self.path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield line.split()

    def close(self) -> None:
        os.close(self._fd)


class Life:
    """Opens the engine, reconciles with the venue's file, then trades until it is killed."""

    def __init__(
        self, directory: Path, ring_directory: Path, seen: VenueFile, seed: int, durability: str
    ) -> None:
        self.random = Random(seed)
        self.seen = seen
        seen.mend()
        self.native = Engine(
            str(directory), str(ring_directory), ring_bytes=1 << 20, segment_bytes=1 << 17,
            orders_max=32768, idempotency_max=32768, positions_max=64,
        )  # fmt: skip
        seen.write("boot", self.native.epoch, *self.native.state_hash())
        self._define(durability)
        self.client = self.native.open_client_port("client")
        self.venue = self.native.open_venue_port(1)
        self.requests: dict[int, int] = {}
        self.working: list[int] = []
        self.trades = 0

    def _define(self, durability: str) -> None:
        native = self.native
        money = native.define_currency("USD")
        native.set_currency_rate(money, "1")
        types, times = (sum(1 << n for n in t.values()) for t in (ORDER_TYPES, TIMES_IN_FORCE))
        venue = native.define_venue("v", True, types, times, 3, 1, 1000)
        native.define_instrument(
            venue, "I", "I", 2, money, money, money, 1, 0, 0, "0.1", "1", "1", "1", "1000", "0",
            True,
        )  # fmt: skip
        native.define_account(venue, "a", DURABILITIES[durability], False, 1)
        native.define_strategy("s")
        native.define_principal("p", 7, None, None, None)
        held = {(row["level"], row["name"]) for row in native.limits()}
        for level, number in LEVELS.items():
            if level not in {each for each, _ in held}:
                native.set_limits(number, 0 if level == "firm" else 1, LIMITS, "test", "first")

    def reconcile(self) -> None:
        """Every open order by the venue's own lines; nothing is in flight while nobody lives."""
        sent: dict[int, list[list[str]]] = {}
        intents: dict[int, bool] = {}
        for kind, *words in self.seen.read():
            if kind == "new":
                sent[int(words[1])] = []
            elif kind in ("fill", "end"):
                sent[int(words[0])].append([kind, *words])
                self.trades = max(self.trades, int(words[1]) if kind == "fill" else 0)
            elif kind in ("intent", "acknowledged"):
                intents[int(words[0])] = kind == "acknowledged"
        for row in self.native.orders(open_only=True, limit=100_000):
            order_id = int(row["order_id"])
            if order_id not in sent:
                self.tell("not_sent", order_id, 0, "", EVIDENCE["gateway"])
                continue
            self.tell("accepted", order_id, f"v{order_id}", False, 1, 0, EVIDENCE["query"])
            for kind, *words in sent[order_id]:
                if kind == "fill":
                    self.fill(order_id, int(words[1]), words[2])
                else:
                    self.tell("canceled", order_id, 1, "", "", 1, 0, EVIDENCE["query"])
            self.native.turn()
            after = self.native.order(order_id)
            if after is not None and after["state"] in ("NEW", "PARTIALLY_FILLED"):
                self.working.append(order_id)
        self.tell("marked", 1, "100", "100", "100", "100")
        self.tell("session", 2, "reconciled")
        while self.native.turn():  # one turn takes no more than so many facts
            pass
        self.number = max(intents, default=0)
        for number in [each for each, is_done in intents.items() if not is_done]:
            self.submit(number)  # the answer was lost: the same intent again
            self.turn()

    def tell(self, fact: str, *values: Any) -> None:
        while not getattr(self.venue, fact)(*values):
            self.native.turn()

    def fill(self, order_id: int, trade: int, quantity: str) -> None:
        row = self.native.order(order_id)
        assert row is not None
        self.tell(
            "filled", order_id, 1, 1, SIDES[row["side"]], 0, "100", quantity, "", "0.01", 1, 1,
            f"t{trade}", f"v{order_id}", 1, 0,
        )  # fmt: skip

    def submit(self, number: int) -> None:
        """An intent is a pure function of its number, so a repeat has the same content."""
        side = SIDES["buy" if number % 2 else "sell"]
        request = self.client.submit(
            1, f"c{number}", 1, 1, 1, side, ORDER_TYPES["limit"], TIMES_IN_FORCE["gtc"],
            str(1 + number % 7), "100",
        )  # fmt: skip
        if request:  # else the lane is full, and the next life asks again
            self.requests[request] = number

    def step(self) -> None:
        """A burst of intents, one turn, everything sent that the engine put out."""
        self.tell("marked", 1, "100", "100", "100", "100")
        for _ in range(self.random.randint(1, 8)):
            self.number += 1
            self.seen.write("intent", self.number)
            self.submit(self.number)
        if len(self.working) > 20:
            for order_id in self.random.sample(self.working, 10):
                self.client.cancel(1, order_id)
        self.turn()

    def turn(self) -> None:
        self.native.turn()
        self.hear()
        for entry in (OutboundEntry(*each) for each in self.venue.take()):
            self.send(entry)

    def hear(self) -> None:
        for notice in (Notice(*each) for each in self.client.notices()):
            number = self.requests.pop(notice.request, None) if notice.request else None
            if number is None:
                continue
            if notice.kind == RecordKind.ORDER_REFUSED:
                # The disk is behind on a loaded machine: nothing was taken; asked again next life.
                assert describe_number(notice.refusal).name in BEHIND, notice
                time.sleep(0.001)
                continue
            self.seen.write("acknowledged", number, notice.order_id)

    def send(self, entry: OutboundEntry) -> None:
        """The venue sees it: the line is written first, then the facts come back, or never do."""
        order_id = entry.order_id
        if entry.kind == RecordKind.CANCEL_REQUESTED:
            self.seen.write("end", order_id)
            self.tell("canceled", order_id, 1, "", "", 1, 0)
            if order_id in self.working:
                self.working.remove(order_id)
            return
        row = self.native.order(order_id)
        assert row is not None
        self.seen.write("new", row["client_order_id"][1:], order_id)
        self.tell("accepted", order_id, f"v{order_id}", False, 1, 0)
        if self.random.random() < 0.5:
            self.working.append(order_id)
            return
        self.trades += 1
        self.seen.write("fill", order_id, self.trades, row["quantity"])
        self.fill(order_id, self.trades, row["quantity"])

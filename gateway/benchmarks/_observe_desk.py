"""A desk that trades at a given pace in a process of its own: orders, acknowledgements and fills
through a real engine into a journal. The observe bench runs it."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gateway.benchmarks._limits import WIDE
from gateway.core.batch import ORDER_ROW, submit_batch, take_notices
from gateway.core.engine import EngineSettings, open_native_engine

__all__ = ["ORDERS_PER_TURN", "RECORDS_PER_ORDER", "main", "until_told"]

ORDERS_PER_TURN = 33
RECORDS_PER_ORDER = 3
_PROCESS, _CROSS, _LINEAR, _ALL, _LIMIT, _GTC, _NET = 1, 1, 2, 0xFF, 2, 1, 0


class Desk:
    """One engine, one venue that fills everything at once."""

    def __init__(self, directory: str, ring_directory: str) -> None:
        settings = EngineSettings(directory=directory, ring_directory=ring_directory)
        self.engine = open_native_engine(settings)
        engine = self.engine
        self.currency = engine.define_currency("USDT")
        engine.set_currency_rate(self.currency, "1")
        venue = engine.define_venue("bench", True, _ALL, _ALL, 3, 1, 5000)
        self.instrument = engine.define_instrument(
            venue, "BTC-USDT", "BTCUSDT", _LINEAR, self.currency, self.currency, self.currency,
            2, 3, 0, "0.01", "0.001", "1", "0.001", "0", "0", True,
        )  # fmt: skip
        self.account = engine.define_account(venue, "main", _PROCESS, False, _CROSS)
        strategy = engine.define_strategy("quotes")
        self.principal = engine.define_principal("desk", 15, None, None, None)
        levels = ((0, self.instrument), (1, strategy), (2, self.account), (3, venue), (4, 0))
        for level, number in levels:
            engine.set_limits(level, number, WIDE, "bench", "bench")
        self.client = engine.open_client_port("bench", 4096)
        self.adapter = engine.open_venue_port(venue, 4096)
        self.adapter.session(2, "")
        self.mark()
        self.rows = np.zeros(ORDERS_PER_TURN, ORDER_ROW)
        rows = self.rows
        rows["price"], rows["quantity"] = 5_999_000, 10
        rows["instrument"], rows["account"] = self.instrument, self.account
        rows["strategy"], rows["type"], rows["time_in_force"] = strategy, _LIMIT, _GTC
        self.sides = (np.arange(ORDERS_PER_TURN) % 2 + 1).astype("u1")
        self.number = 0
        self.trades = 0

    def mark(self) -> None:
        self.adapter.marked(self.instrument, "59990", "59989", "59991", "59990")
        self.engine.turn()

    def trade(self) -> None:
        """Orders of one turn, each acknowledged and filled as a whole."""
        rows, engine, adapter = self.rows, self.engine, self.adapter
        rows["side"] = self.sides if self.number // ORDERS_PER_TURN % 2 else 3 - self.sides
        rows["client_number"] = np.arange(self.number + 1, self.number + 1 + len(rows))
        self.number += len(rows)
        submit_batch(self.client, self.principal, rows)
        engine.turn(4096)
        notices = take_notices(self.client)
        if len(notices) < len(rows) or notices["refusal"].any():
            raise RuntimeError(f"bench: an order was refused, code {notices['refusal'].max()}")
        orders = notices["order_id"].tolist()
        for order in orders:
            adapter.accepted(order, f"V{order}", False, 1, 1)
        for order, side in zip(orders, rows["side"].tolist(), strict=True):
            self.trades += 1
            adapter.filled(
                order, self.account, self.instrument, side, _NET, "59990", "0.01", "", "0.01",
                self.currency, 1, f"T{self.trades}", f"V{order}", 1, 1,
            )  # fmt: skip
        engine.turn(4096)
        take_notices(self.client)
        adapter.take()


def turns(desk: Desk, pace: float, goes_on: Callable[[], bool]) -> Iterator[None]:
    """One turn after the other, as many as make `pace` records a second."""
    interval_ns = round(1e9 * ORDERS_PER_TURN * RECORDS_PER_ORDER / pace)
    due = mark_at = time.monotonic_ns()
    while goes_on():
        desk.trade()
        yield
        if time.monotonic_ns() > mark_at:
            desk.mark()
            mark_at += 1_000_000_000
        due += interval_ns
        wait_ns = due - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)


def _is_told() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def until_told(directory: str, ring_directory: str, pace: str, cpu: str) -> None:
    """Trade on one CPU until a line comes; then say the sequence and the state's hash."""
    if int(cpu) >= 0:  # before the engine starts its threads, which stay there too
        os.sched_setaffinity(0, {int(cpu)})
    desk = Desk(directory, ring_directory)
    print("ready", flush=True)
    for _ in turns(desk, float(pace), lambda: not _is_told()):
        pass
    print(*desk.engine.state_hash(), flush=True)
    desk.engine.stop()


def main(directory: str, ring_directory: str, pace: str, seconds: str, stamps: str) -> None:
    """Trade at `pace` records a second. `stamps`: file of (sequence, monotonic ns) per turn."""
    desk = Desk(directory, ring_directory)
    noted: list[tuple[int, int]] = []
    print("ready", flush=True)
    sys.stdin.readline()
    end_ns = time.monotonic_ns() + round(float(seconds) * 1e9)
    for _ in turns(desk, float(pace), lambda: time.monotonic_ns() < end_ns):
        noted.append((desk.engine.sequence, time.monotonic_ns()))
    desk.engine.stop()
    Path(stamps).write_bytes(np.array(noted, np.int64).tobytes())


if __name__ == "__main__":
    (until_told if len(sys.argv) == 5 else main)(*sys.argv[1:])

"""Submission from Python: ClientPort.submit and one turn, beside an empty call of its shape."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gateway._core import bench as native_bench
from gateway.benchmarks._limits import WIDE
from gateway.core.batch import ORDER_ROW, submit_batch, take_notices
from gateway.core.engine import EngineSettings, open_native_engine

if TYPE_CHECKING:
    from gateway.core.native import ClientPort

__all__ = ["measure"]

_CHUNK = 64
_BATCH = 4096
_BATCHES = 24
_PROCESS, _CROSS, _LINEAR = 1, 1, 2
_ALL = 0xFF


def measure(directory: str, ring_directory: str, scale: float) -> dict[str, float]:
    """Median nanoseconds of one call, in chunks of 64; ports are drained between chunks."""
    engine = open_native_engine(EngineSettings(directory=directory, ring_directory=ring_directory))
    try:
        currency = engine.define_currency("USDT")
        engine.set_currency_rate(currency, "1")
        venue = engine.define_venue("bench", True, _ALL, _ALL, 3, 1, 5000)
        instrument = engine.define_instrument(
            venue, "BTC-USDT", "BTCUSDT", _LINEAR, currency, currency, currency, 2, 3, 0,
            "0.01", "0.001", "1", "0.001", "0", "0", True,
        )  # fmt: skip
        account = engine.define_account(venue, "main", _PROCESS, False, _CROSS)
        strategy = engine.define_strategy("quotes")
        principal = engine.define_principal("desk", 15, None, None, None)
        levels = ((0, instrument), (1, strategy), (2, account), (3, venue), (4, 0))
        for level, number in levels:
            engine.set_limits(level, number, WIDE, "bench", "bench")
        client = engine.open_client_port("bench", 4 * _BATCH)
        adapter = engine.open_venue_port(venue, 4 * _BATCH)
        adapter.session(2, "")
        adapter.marked(instrument, "60000", "59999", "60001", "60000")
        engine.turn()

        def submit(name: str) -> None:
            client.submit(
                principal, name, instrument, account, strategy, 1, 2, 1, "0.01", "59990.00"
            )
            engine.turn()

        def between() -> None:
            adapter.take()
            refused = [notice for notice in client.notices() if notice[4]]
            if refused:
                raise RuntimeError(f"bench: an order was refused, code {refused[0][4]}")

        form = client.compile_template(
            principal, instrument, account, strategy, 1, 2, 1, 3
        )  # quantity and price are open
        numbers = itertools.count(1_000_000_000)  # numbers rise: after those of the batches

        def submit_filled(_: str) -> None:
            client.submit_template(form, next(numbers), 10, 5_999_000)
            engine.turn()

        rounds = int(1_500 * scale) + 20
        port = native_bench.EmptyPort()
        single = _median_ns(submit, rounds, between)
        empty = _median_ns(
            lambda name: port.submit(
                principal, name, instrument, account, strategy, 1, 2, 1, "0.01", "59990.00"
            ),
            rounds,
            lambda: None,
        )
        names = (instrument, account, strategy)
        batches = max(3, int(_BATCHES * scale))
        batch = _batch_ns(
            client, principal, names, batches=batches, turn=engine.turn, take=adapter.take
        )
        filled = _median_ns(submit_filled, rounds // 4, between)
    finally:
        engine.stop()
    return {
        "single_p50": single,
        "template_p50": filled,
        "empty_call": empty,
        "batch_per_order": batch,
    }


def _batch_ns(
    client: ClientPort,
    principal: int,
    names: tuple[int, int, int],
    *,
    batches: int,
    turn: Callable[[int], int],
    take: Callable[[int], object],
) -> float:
    """Median nanoseconds an order: rows into the lane, the engine's turn, verdicts into rows."""
    rows = np.zeros(_BATCH, ORDER_ROW)
    rows["price"], rows["quantity"] = 5_999_000, 10
    rows["instrument"], rows["account"], rows["strategy"] = names
    rows["type"], rows["side"], rows["time_in_force"] = 2, 1, 1
    taken = []
    for number in range(batches):
        rows["client_number"] = np.arange(number * _BATCH + 1, (number + 1) * _BATCH + 1)
        begin = time.perf_counter_ns()
        submit_batch(client, principal, rows)
        turn(_BATCH)
        verdicts = take_notices(client, _BATCH)
        taken.append((time.perf_counter_ns() - begin) / _BATCH)
        take(2 * _BATCH)
        if len(verdicts) != _BATCH or verdicts["refusal"].any():
            raise RuntimeError("bench: an order of a batch was refused")
    return statistics.median(taken)


def _median_ns(call: Callable[[str], object], rounds: int, between: Callable[[], None]) -> float:
    taken = []
    for number in range(rounds):
        names = [f"order-{number * _CHUNK + i}" for i in range(_CHUNK)]
        begin = time.perf_counter_ns()
        for name in names:
            call(name)
        taken.append((time.perf_counter_ns() - begin) / _CHUNK)
        between()
    return statistics.median(taken)

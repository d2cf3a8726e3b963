"""The valuation part of the observe bench: margin of a book and greeks of an option book, on one
core, through the Python door, from seeded inputs. The figures: docs/reference/bench.md."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.valuation.brackets import BracketTables, Schedule, Step
from gateway.valuation.greeks import greeks_columns
from gateway.valuation.margin_arrays import MARGIN_TYPES, margin_arrays
from gateway.valuation.mark import chosen_level, levels, money_array

__all__ = ["measure"]

_OPTIONS = 8192
_POSITIONS = 10_000
_ACCOUNTS = 20
_RATES = ("0.004", "0.005", "0.01", "0.025", "0.05", "0.1")
_CAPS = ("50000", "250000", "1000000", "10000000", "20000000", "0")


def measure(progress: Callable[[str], None]) -> dict[str, Any]:
    """Both figures; less than a second together."""
    progress("greeks and margin")
    greeks = greeks_per_second()
    return {
        "greeks_per_second": greeks[str(greeks["level"])],
        "greeks": greeks,
        "margin_10k_positions_ms": margin_10k_positions_ms(),
    }


def margin_10k_positions_ms(rounds: int = 201) -> float:
    """Median time of margin of 10,000 positions of 20 accounts: linear, inverse and quanto, cross
    and isolated, six steps each, with the sums of every account."""
    tables = BracketTables({"six": _schedule()})
    rows = _rows()
    orders = np.zeros(0, MARGIN_TYPES["order"])
    positions = np.zeros(_POSITIONS, MARGIN_TYPES["position"])
    pools = np.zeros(_ACCOUNTS, MARGIN_TYPES["pool"])
    pools["balance_e18"] = money_array([10**25] * _ACCOUNTS)
    times = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        margin_arrays(rows, orders, tables, positions, pools)
        times.append(time.perf_counter_ns() - began)
    if positions["status"].any():
        raise RuntimeError("a position of the margin bench has no margin")
    return round(statistics.median(times) / 1e6, 4)


def greeks_per_second(rounds: int = 101) -> dict[str, int | str]:
    """Options a second with value and five greeks, on each level this machine has: the median
    round over 8,192 options whose columns the caches hold."""
    options, is_call = _options()
    found: dict[str, int | str] = {"level": chosen_level({})}
    out = greeks_columns(options, is_call).columns
    for level in levels():
        times = []
        for _ in range(rounds if level != "scalar" else rounds // 5):
            began = time.perf_counter_ns()
            done = greeks_columns(options, is_call, out=out, level=level)
            times.append(time.perf_counter_ns() - began)
            if done.without_value:
                raise RuntimeError("an option of the greeks bench has no value")
        found[level] = round(_OPTIONS * 1e9 / statistics.median(times))
    return found


def _options() -> tuple[dict[str, NDArray[np.float64]], NDArray[np.uint8]]:
    rng = np.random.default_rng(2)
    options = {
        "spot": rng.uniform(20_000, 90_000, _OPTIONS),
        "strike": rng.uniform(10_000, 150_000, _OPTIONS),
        "years": rng.uniform(0.001, 1.5, _OPTIONS),
        "volatility": rng.uniform(0.2, 1.5, _OPTIONS),
        "rate": rng.uniform(0.0, 0.06, _OPTIONS),
        "carry": rng.uniform(0.0, 0.03, _OPTIONS),
    }
    return options, rng.integers(0, 2, _OPTIONS).astype(np.uint8)


def _schedule() -> Schedule:
    steps = [
        Step(cap=cap, leverage_max=20, maintenance_rate=rate)
        for cap, rate in zip(_CAPS, _RATES, strict=True)
    ]
    return Schedule(source="the bench", date="", steps=steps)


def _rows() -> NDArray[np.void]:
    rng = random.Random(1)
    rows: NDArray[np.void] = np.zeros(_POSITIONS, MARGIN_TYPES["row"])
    columns: dict[str, list[Any]] = {
        "quantity": [rng.choice((1, -1)) * rng.randrange(1, 10**6) for _ in rows],
        "mark": [rng.randrange(10**4, 10**7) for _ in rows],
        "kind": [rng.choice((2, 2, 2, 3, 4)) for _ in rows],
        "mode": [rng.choice((1, 1, 1, 2)) for _ in rows],
        "pool": [rng.randrange(_ACCOUNTS) for _ in rows],
        "instrument": [rng.randrange(500) for _ in rows],
        "leverage": [rng.choice((0, 5, 10, 20)) for _ in rows],
    }
    for name, values in columns.items():
        rows[name] = values
    rows["multiplier"], rows["tick"] = 1, 10
    rows["mark_scale"] = rows["price_scale"] = 2
    rows["quantity_scale"] = 3
    return rows

"""The venue layer: signing, events, the way to the wire, books and memory, beside what others do
with the same input in the same run. What each figure means: docs/reference/bench.md."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from gateway.benchmarks import _machine, _place

__all__ = ["measure"]

_PLUGINS = ("gateway_binance", "gateway_okx")
_PEERS = ("ccxt",)
Progress = Callable[[str], None]


def measure(progress: Progress, *, is_quick: bool = False) -> dict[str, Any]:
    """All sections in one run; `is_quick` shortens them, its figures are not for comparison. What
    needs a package that is not here is absent, and `not_installed` names the package."""
    missing = [name for name in (*_PLUGINS, *_PEERS) if importlib.util.find_spec(name) is None]
    result: dict[str, Any] = {"machine": _machine.facts(), "not_installed": missing}
    if set(_PLUGINS) & set(missing):
        progress(f"not installed: {', '.join(missing)}: nothing to measure")
        return result
    has_ccxt = "ccxt" not in missing
    if not has_ccxt:
        progress("ccxt is not installed: no figures beside it")
    with _few_words():
        # First, in a process that holds nothing else yet.
        memory = _memory(progress, is_quick=is_quick)
        result |= _signing(progress, is_quick=is_quick, has_ccxt=has_ccxt)
        result |= _events(progress, is_quick=is_quick)
        result |= _wire(progress, is_quick=is_quick, has_ccxt=has_ccxt)
        result |= _books(progress, is_quick=is_quick)
    result["memory"] = memory
    return result


@contextmanager
def _few_words() -> Iterator[None]:
    """Writing log lines is not what is measured."""
    log = logging.getLogger("gateway")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _signing(progress: Progress, *, is_quick: bool, has_ccxt: bool) -> dict[str, Any]:
    from gateway.benchmarks import _venue_sign

    began = time.monotonic()
    found = _venue_sign.measure(20 if is_quick else 400, has_ccxt=has_ccxt)
    progress(f"sign: {time.monotonic() - began:.1f} s")
    result: dict[str, Any] = {"sign_us": found}
    if has_ccxt:
        result["sign_vs_ccxt"] = {name: each["ratio_of_minimums"] for name, each in found.items()}
    return result


def _events(progress: Progress, *, is_quick: bool) -> dict[str, Any]:
    from gateway.benchmarks import _venue_events

    events = 1_600 if is_quick else 32_000
    found: dict[str, Any] = {}
    for name, section in (("binance", _venue_events.binance), ("okx", _venue_events.okx)):
        began = time.monotonic()
        with _place.directories() as (directory, ring):
            found[name] = _run(section(directory, ring, events))
        progress(f"events {name}: {time.monotonic() - began:.1f} s")
    ratios = {name: each["ratio_of_minimums"] for name, each in found.items()}
    return {"event_us": found, "event_vs_msgspec": ratios}


def _wire(progress: Progress, *, is_quick: bool, has_ccxt: bool) -> dict[str, Any]:
    from gateway.benchmarks import _venue_wire

    began = time.monotonic()
    with _place.directories() as (directory, ring):
        orders = 60 if is_quick else 1_000
        found = _run(_venue_wire.measure(directory, ring, orders, has_ccxt=has_ccxt))
    progress(f"order to wire: {time.monotonic() - began:.1f} s")
    result: dict[str, Any] = {"order_to_wire_us": found["adapter"], "wire_us": found}
    if has_ccxt:
        result["order_to_wire_vs_ccxt"] = {
            name: round(found["ccxt"][name] / found["adapter"][name], 3) for name in ("p50", "min")
        }
    return result


def _books(progress: Progress, *, is_quick: bool) -> dict[str, Any]:
    from gateway.benchmarks import _venue_books

    instruments, rounds, updates = (100, 2, 5) if is_quick else (1_000, 5, 10)
    found = _run(_venue_books.measure(instruments, rounds, updates, progress))
    return {"books": found}


def _memory(progress: Progress, *, is_quick: bool) -> dict[str, Any]:
    from gateway.benchmarks import _venue_memory

    with _place.directories() as (directory, ring):
        hours, seconds_max = (0.005, 5.0) if is_quick else (1.0, 75.0)
        warm_hours = 0.001 if is_quick else 0.06  # more orders than anybody keeps
        work = _venue_memory.measure(
            directory, ring, hours, seconds_max, progress, warm_hours=warm_hours
        )
        found: dict[str, Any] = _run(work)
    return found


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """On the event loop of the daemon."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)

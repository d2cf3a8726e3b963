"""RINGDIR/counters.json and RINGDIR/marks.json: what other processes may know of the live one
beyond its journal. Volatile, replaced as a whole, written off the order path; nothing reads them
back into the engine.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.config.places import COUNTERS_FILE, MARKS_FILE

if TYPE_CHECKING:
    from gateway._core.engine import Engine as NativeEngine

__all__ = ["keep_live_files", "write_live_files"]

log = logging.getLogger(__name__)
INTERVAL_SECONDS = 1.0


async def keep_live_files(
    native: NativeEngine,
    directory: Path,
    interval_seconds: float = INTERVAL_SECONDS,
    *,
    more: Callable[[], Mapping[str, int]] = dict,
) -> None:
    """Write both files again and again, until cancelled; then remove them. `more`: what others in
    this process count."""
    refused = {
        event: value for event, value in native.cache_counters().items() if isinstance(value, str)
    }
    if refused:
        log.info("cache events are not counted", extra={"cache_events": refused})
    try:
        while True:
            # Numbers are taken on the loop, the disk is touched in a thread.
            contents = _contents(native, more())
            try:
                await asyncio.to_thread(write_live_files, directory, contents)
            except OSError as error:
                log.error("counters and marks not written: %s", error)
            await asyncio.sleep(interval_seconds)
    finally:
        for name in (COUNTERS_FILE, MARKS_FILE):
            (directory / name).unlink(missing_ok=True)


def _contents(native: NativeEngine, more: Mapping[str, int]) -> dict[str, Any]:
    marks = {name: {"mark": price, "time_ns": time} for name, price, time in native.marks()}
    counters = native.counters() | {"sequence": native.sequence, "epoch": native.epoch}
    counters["clock_ahead_ns"] = native.clock_ahead_ns
    for event, value in native.cache_counters().items():
        # The page that reads them says "unavailable" by name; the kernel's reason is in the log.
        counters[f"cache_event_{event}"] = value if isinstance(value, int) else -1
    return {COUNTERS_FILE: {**more, **counters}, MARKS_FILE: marks}


def write_live_files(directory: Path, contents: dict[str, Any]) -> None:
    """Replace each file as a whole: a reader sees the old or the new one, never half."""
    for name, content in contents.items():
        temporary = directory / f"{name}.new"  # one daemon per ring directory
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
        temporary.replace(directory / name)

"""The history bench: an archive of many rows, made by the archive's own writer, and questions as of
a moment in it, before its first day is merged and behind it. By hand `--rows 100000000`; what each
figure means: docs/reference/bench.md."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from gateway.benchmarks import _machine, _past, _place

if TYPE_CHECKING:
    from gateway.history.queries import History, Moment

__all__ = ["ROWS", "measure"]

ROWS = 5_000_000
_ROUNDS = 15
_ANYWHERE = 40
Progress = Callable[[str], None]


def measure(
    progress: Progress, *, is_quick: bool = False, rows: int | None = None
) -> dict[str, Any]:
    """`rows` of positions; without it a few seconds' worth. Only `machine` without the extra."""
    result: dict[str, Any] = {"machine": _machine.facts()}
    try:
        import duckdb  # noqa: F401
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        return result
    wanted = rows or int(ROWS * _place.scale_of(is_quick))
    with _place.directories() as (directory, _):
        archive = Path(directory)
        result["past"] = _past.build(archive, wanted, progress)
        result["as_of_ms"] = _questions(archive)
        result["merged"] = _past.merge(archive, progress)
        result["as_of_merged_ms"] = _questions(archive)
    progress(f"history: {result['past']['rows']} rows")
    return result


def _questions(archive: Path) -> dict[str, float]:
    from gateway.history.queries import History, Moment
    from gateway.history.views import Views

    began = time.perf_counter()
    views = Views(None, archive)
    figures = {"open": round((time.perf_counter() - began) * 1000, 2)}
    try:
        views.hold_tail(*_past.tail(views.sequence))
        history = History(views)
        past, newest = Moment(sequence=views.catalog.sequence * 2 // 3), Moment()
        for name, moment in (("", past), ("_newest", newest)):
            figures[f"one_key{name}"] = _warm(history, moment, _past.KEY)
            figures[f"all_keys{name}"] = _warm(history, moment, {})
        figures["one_key_anywhere"] = _anywhere(history)
    finally:
        views.close()
    return figures


def _asked(history: History, moment: Moment, filters: dict[str, str]) -> float:
    """ms of one question. RuntimeError: an answer with another number of keys."""
    began = time.perf_counter()
    found = len(history.as_of("positions", moment, filters).rows)
    taken = (time.perf_counter() - began) * 1000
    if found != (1 if filters else _past.KEYS):
        raise RuntimeError(f"bench: as of {moment} there are {found} positions")
    return taken


def _warm(history: History, moment: Moment, filters: dict[str, str]) -> float:
    _asked(history, moment, filters)
    return round(median(_asked(history, moment, filters) for _ in range(_ROUNDS)), 2)


def _anywhere(history: History) -> float:
    """Each time another moment, so another file."""
    from gateway.history.queries import Moment

    chance = random.Random(46)
    first, last = _past.KEYS * _past.RECORDS_PER_ROW, history.views.catalog.sequence
    moments = [Moment(sequence=chance.randint(first, last)) for _ in range(_ANYWHERE)]
    return round(median(_asked(history, moment, _past.KEY) for moment in moments), 2)

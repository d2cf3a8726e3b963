"""How the gateway and its observer are doing, as rows of figures: lag, rates, clients, margin,
queues, venues. Counts only: no row names an account, a strategy or an order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gateway.journal import Row
from gateway.stream.books import BooksStep
from gateway.stream.channels import key_of
from gateway.stream.margin_figures import MarginFigures
from gateway.stream.venue_metrics import VENUE_PREFIX
from gateway.telemetry import Queue

__all__ = ["HealthInput", "HealthRows"]

LAG_MS_MAX = 2_000  # as on the page: later the numbers count as old


class HealthInput(NamedTuple):
    """What is known at one moment. Totals only ever rise."""

    view: Mapping[str, int]  # lag_ms, sequence, reopened
    lag_records: int | None  # None = nobody knows
    totals: Mapping[str, int]  # records, messages, conflated, cut_off
    clients: int
    books: BooksStep
    engine: Mapping[str, int]  # the daemon's counters file
    queues: Mapping[str, Queue]
    margin: MarginFigures | None = None  # None = it is not known


class HealthRows:
    """Rows by key. Rates are of the time since the last look. Event-loop thread only."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._totals: Mapping[str, int] = {}

    def rows(self, found: HealthInput) -> dict[str, Row]:
        now = self._monotonic()
        rates = self._rates(found.totals, now - self._looked_at)
        self._looked_at, self._totals = now, dict(found.totals)
        told = [*_observer(found, rates), *_books(found), *_stream(found, rates)]
        told += [*_margin(found.margin), *_queues(found.queues), *_venues(found.engine)]
        return {key_of("health", row): {**row, "rank": rank} for rank, row in enumerate(told)}

    def _rates(self, totals: Mapping[str, int], seconds: float) -> dict[str, int | None]:
        if seconds <= 0 or not self._totals:
            return dict.fromkeys(totals)
        return {
            name: round(max(0, count - self._totals.get(name, 0)) / seconds)
            for name, count in totals.items()
        }


def _figure(
    part: str, name: str, value: object, unit: str = "", *, of: int | None = None, state: str = ""
) -> dict[str, Any]:
    shown = None if value is None else str(value)
    most = None if of is None else str(of)
    return {
        "part": part,
        "name": name,
        "value": shown,
        "of": most,
        "unit": unit,
        "state": state,
    }


def _late(lag_ms: int) -> str:
    return "warning" if lag_ms > LAG_MS_MAX else ""


def _observer(found: HealthInput, rates: Mapping[str, int | None]) -> Iterator[Row]:
    view = found.view
    yield _figure("observer", "records", rates.get("records"), "1/s")
    yield _figure("observer", "lag", view["lag_ms"], "ms", state=_late(view["lag_ms"]))
    yield _figure("observer", "lag in records", found.lag_records)
    yield _figure("observer", "journal opened", view["reopened"], "times")


def _books(found: HealthInput) -> Iterator[Row]:
    books = found.books
    is_there = books.state == "following"
    behind = max(0, found.view["sequence"] - books.sequence)
    yield _figure("books", "state", books.state, state="" if is_there else "warning")
    yield _figure("books", "lag in records", behind)
    yield _figure("books", "records booked", books.posted)
    unbooked = sum(books.unbooked.values())
    yield _figure("books", "not booked", unbooked, state="fault" if unbooked else "")
    if books.is_balanced is not None:
        word = "balanced" if books.is_balanced else "NOT ZERO"
        state = "" if books.is_balanced else "fault"
        yield _figure("books", "trial balance", word, state=state)


def _stream(found: HealthInput, rates: Mapping[str, int | None]) -> Iterator[Row]:
    yield _figure("stream", "clients", found.clients)
    yield _figure("stream", "messages", rates.get("messages"), "1/s")
    yield _figure("stream", "changes conflated", rates.get("conflated"), "1/s")
    cut_off = found.totals["cut_off"]
    yield _figure("stream", "clients cut off", cut_off, state="warning" if cut_off else "")


def _margin(figures: MarginFigures | None) -> Iterator[Row]:
    """How many accounts are not at ease; nothing where nobody knows."""
    if figures is None:
        return
    tones = {"warning": "warning", "call": "fault", "liquidation": "fault", "unknown": "warning"}
    for name, tone in tones.items():
        count = figures.states[name]
        yield _figure("margin", name, count, "accounts", state=tone if count else "")


def _queues(queues: Mapping[str, Queue]) -> Iterator[Row]:
    """How full each queue is, the journal's ring first."""
    for name in sorted(queues, key=lambda each: (each != "journal_ring", each)):
        queue = queues[name]
        state = "warning" if queue.depth >= queue.threshold > 0 else ""
        yield _figure("queues", name, queue.depth, queue.unit, of=queue.capacity, state=state)


def _venues(engine: Mapping[str, int]) -> Iterator[Row]:
    for key, value in sorted(engine.items()):
        if not key.startswith(VENUE_PREFIX):
            continue
        venue, _, word = key.removeprefix(VENUE_PREFIX).partition(":")
        if word == "reconciled":
            shown, state = ("reconciled", "") if value else ("not reconciled", "warning")
            yield _figure(f"venue {venue}", "state", shown, state=state)
        elif word == "adapter.banned_ms":
            yield _figure(f"venue {venue}", "ban", value, "ms", state="fault" if value else "")
        elif word == "adapter.clock_offset_us":
            yield _figure(f"venue {venue}", "clock offset", value, "µs")
        elif word.startswith("adapter.reconnects."):
            line = word.removeprefix("adapter.reconnects.")
            yield _figure(f"venue {venue}", f"reconnects {line}", value)

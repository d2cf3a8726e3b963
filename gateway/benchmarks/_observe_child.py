"""An observer that tells again and again what it shows, and waits to be killed. The observe bench
runs it, and makes the same words of a whole replay."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from gateway.journal import JournalPlace, Row
from gateway.observer import Observer, ObserverOptions, settle_interpreter
from gateway.stream.books import BooksStep
from gateway.stream.order_stream import is_terminal

__all__ = ["accounts_word", "main", "rows_word"]

TELL_SECONDS = 0.1
# What records make of them; marks and margin come from elsewhere.
_ORDER = ("order_id", "state", "cumulative_quantity", "leaves_quantity", "average_price")
_POSITION = ("account", "instrument", "leg", "strategy", "quantity", "cost", "realised", "fees")
_BALANCE = ("account", "currency", "total")


def _word(parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _columns(rows: Iterable[Row], names: Sequence[str]) -> list[list[Any]]:
    return sorted([row[name] for name in names] for row in rows)


def rows_word(orders: Iterable[Row], positions: Iterable[Row], balances: Iterable[Row]) -> str:
    """One word for open orders, positions and balances of one sequence."""
    found = [order for order in orders if not is_terminal(order)]
    shown = (_columns(found, _ORDER), _columns(positions, _POSITION), _columns(balances, _BALANCE))
    return _word(shown)


def accounts_word(accounts: Iterable[Row]) -> str:
    """One word for every account of the books."""
    return _word(sorted(msgspec.json.encode(row, order="sorted").decode() for row in accounts))


def _tell_books(observer: Observer) -> None:
    """In the books' own thread, whenever they are looked at: their accounts of that sequence."""
    tell = observer.books.tell

    def telling(instruments: Sequence[Row]) -> BooksStep:
        step = tell(instruments)
        if step.state == "following":
            accounts = accounts_word(observer.books.accounts())
            print(f"books {step.sequence} {accounts} {step.is_balanced}\n", end="", flush=True)
        return step

    observer.books.tell = telling  # type: ignore[method-assign]


async def _run(directory: str, ring_directory: str) -> None:
    place = JournalPlace(Path(directory), Path(ring_directory))
    observer = Observer(ObserverOptions(place, "127.0.0.1", 0, place.directory / "no.keys"))
    _tell_books(observer)
    running = asyncio.create_task(observer.run(lambda _: None))
    while not observer.view.is_ready:  # noqa: ASYNC110 - a thread is what it waits for
        await asyncio.sleep(0.005)
    print("view {} {}\n".format(*await observer.state_hash()), end="", flush=True)
    while not running.done():
        channels = observer.view.channels
        word = rows_word(*(channels[n].rows.values() for n in ("orders", "positions", "balances")))
        print(f"rows {observer.view.sequence} {word}\n", end="", flush=True)
        await asyncio.sleep(TELL_SECONDS)
    await running


def main(directory: str, ring_directory: str) -> None:
    settle_interpreter()
    uvloop.run(_run(directory, ring_directory))


if __name__ == "__main__":
    main(*sys.argv[1:])

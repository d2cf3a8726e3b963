"""An observer that tells what it stands at and waits to be killed. The observe bench runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from gateway.journal import JournalPlace
from gateway.observer import Observer, ObserverOptions, settle_interpreter

__all__ = ["main"]


async def _run(directory: str, ring_directory: str) -> None:
    place = JournalPlace(Path(directory), Path(ring_directory))
    observer = Observer(ObserverOptions(place, "127.0.0.1", 0, place.directory / "no.keys"))
    running = asyncio.create_task(observer.run(lambda _: None))
    while not observer.view.is_ready:  # noqa: ASYNC110 - a thread is what it waits for
        await asyncio.sleep(0.005)
    print("view", *await observer.state_hash(), flush=True)
    while observer.books_step.state != "following":  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    print("books", observer.books_step.sequence, observer.books_step.is_balanced, flush=True)
    await running


def main(directory: str, ring_directory: str) -> None:
    settle_interpreter()
    uvloop.run(_run(directory, ring_directory))


if __name__ == "__main__":
    main(*sys.argv[1:])

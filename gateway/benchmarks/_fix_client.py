"""The near end of the FIX bench, a program of its own: orders by our session layer with its file
store, one after the other or with a window of them on the way. Prints one JSON object.

`python -m gateway.benchmarks._fix_client PORT DIRECTORY CLIENT window COUNT WINDOW`, or with the
number of clients and `many`: all of them at once, COUNT orders each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import uvloop

from gateway.benchmarks._fix_server import GATEWAY, SECRET, client_name
from gateway.transport.fix_session import (
    BusinessReject,
    Field,
    FileStore,
    FixInitiator,
    FixMessage,
    FixSession,
    InitiatorSettings,
    QuietApplication,
    SessionIdentity,
    SessionSettings,
)

_WARM_UP = 50
_SIDES = (b"1", b"2")


class Client(QuietApplication):
    """Keeps `window` orders on the way until `count` were answered."""

    def __init__(self, count: int, window: int, warm_up: int) -> None:
        self._total, self._window, self._warm_up = count + warm_up, window, warm_up
        self.sent = self.answered = 0
        self._begun: dict[int, int] = {}
        self.taken_ns: list[int] = []
        self.started_ns = self.ended_ns = 0
        self.done = asyncio.Event()

    def fill_logon(
        self, session: FixSession, header: Mapping[int, bytes], body: list[Field]
    ) -> list[Field]:
        name = session.identity.sender_comp_id.encode()
        return [*body, (553, name), (554, SECRET.encode())]

    def on_logon(self, session: FixSession) -> None:
        self.started_ns = time.perf_counter_ns()
        for _ in range(min(self._window, self._total)):
            self._order(session)

    def on_message(
        self, session: FixSession, message: FixMessage, now_ns: int
    ) -> BusinessReject | None:
        data = message.data
        at = data.index(b"\x0111=") + 4
        number = int(data[at : data.index(b"\x01", at)])
        now = time.perf_counter_ns()
        self.answered += 1
        if self.answered == self._warm_up:
            self.started_ns = now
        elif self.answered > self._warm_up:
            self.taken_ns.append(now - self._begun.pop(number))
        if self.answered == self._total:
            self.ended_ns = now
            self.done.set()
        elif self.sent < self._total:
            self._order(session)
        return None

    def _order(self, session: FixSession) -> None:
        self.sent += 1
        now_ns = time.time_ns()
        self._begun[self.sent] = time.perf_counter_ns()
        fields = [
            (11, b"%d" % self.sent), (55, b"BTC-USDT"), (54, _SIDES[self.sent & 1]),
            (60, b"20260728-12:34:56.789"), (40, b"2"), (38, b"0.01"), (44, b"59990.00"),
            (59, b"1"), (1, b"main"), (21, b"1"),
        ]  # fmt: skip
        session.send(b"D", fields, now_ns)


async def _run(
    port: int, directory: Path, numbers: range, count: int, window: int
) -> dict[str, float]:
    """All sessions at once; the figures of all their orders together."""
    warm_up = _WARM_UP if len(numbers) == 1 else 0
    clients = [Client(count, window, warm_up) for _ in numbers]
    initiators = [
        _initiator(port, directory, client_name(number), client)
        for number, client in zip(numbers, clients, strict=True)
    ]
    for initiator in initiators:
        initiator.start()
    try:
        async with asyncio.timeout(80):
            await asyncio.gather(*(client.done.wait() for client in clients))
    finally:
        await asyncio.gather(*(initiator.stop() for initiator in initiators))
    taken = sorted(each for client in clients for each in client.taken_ns)
    begin = min(client.started_ns for client in clients)
    seconds = (max(client.ended_ns for client in clients) - begin) / 1e9
    return {
        "p50": taken[len(taken) // 2] / 1e3,
        "p99": taken[len(taken) * 99 // 100] / 1e3,
        "per_second": len(taken) / seconds,
    }


def _initiator(port: int, directory: Path, name: str, client: Client) -> FixInitiator:
    identity = SessionIdentity("FIX.4.4", name, GATEWAY)
    store = FileStore(directory / f"{name}.session", now_ns=time.time_ns())
    settings = SessionSettings(identity=identity, is_initiator=True)
    return FixInitiator(
        FixSession(settings, store, client),
        InitiatorSettings(host="127.0.0.1", port=port),
        now_ns=time.time_ns,
        random=Random(1),
    )


def main() -> None:
    port, directory, number, kind, count, window = sys.argv[1:7]
    numbers = range(int(number)) if kind == "many" else range(int(number), int(number) + 1)
    work = _run(int(port), Path(directory), numbers, int(count), int(window))
    print(json.dumps(uvloop.run(work)), flush=True)


if __name__ == "__main__":
    main()

"""The FIX door of the daemon as the far end of the bench: keys, queues, desk, router, event pump
and all, over an engine whose venue ring is drained and never answered.

`python -m gateway.benchmarks._fix_door DIRECTORY RING_DIRECTORY SESSIONS` prints its port and ends
with stdin.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from gateway.benchmarks._fix_server import (
    GATEWAY,
    SECRET,
    Definitions,
    answer_questions,
    client_name,
    open_engine,
)
from gateway.config.fix import CounterpartySettings
from gateway.core.drive import InlineDrive
from gateway.core.engine import Engine
from gateway.entry.desk import Desk
from gateway.entry.fix_acceptor import FixDoor, FixTerms
from gateway.entry.fix_acceptor.order_entry import OrderEntry
from gateway.entry.keys import KeyRing, write_private
from gateway.execution.router import Router

if TYPE_CHECKING:
    from gateway.core.native import VenuePort

_SCOPES = frozenset(("read", "trade", "cancel"))


def _keys(directory: Path, names: list[str]) -> KeyRing:
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    rows = [
        f'[keys.{name}]\nsha256 = "{digest}"\nprincipal = "{name}"\nscopes = ["read", "trade"]\n'
        for name in names
    ]
    write_private(directory / "keys.toml", "\n".join(rows))
    return KeyRing(directory / "keys.toml", dict.fromkeys(names, _SCOPES))


async def _serve(directory: str, ring_directory: str, clients: int) -> None:
    native = open_engine(directory, ring_directory)
    try:
        defined = Definitions(native, clients)
        venue = native.open_venue_port(defined.venue, 65_536)
        engine, drive = Engine(native), InlineDrive(native)

        def drain() -> None:
            venue.take(4096)

        drive.watch(venue, drain)
        router = Router(engine, drive, name="fix")
        desk = Desk(engine, router)
        desk.state = "running"
        names = [client_name(number) for number in range(clients)]
        sessions = {
            name: CounterpartySettings(
                target_comp_id=name, principal=name, accounts=["main"], strategies=["quotes"]
            )
            for name in names
        }
        keys = _keys(Path(directory), names)
        terms = FixTerms(sender_comp_id=GATEWAY, sessions=sessions)
        door = FixDoor(engine, [router], keys, terms)
        door.plug(OrderEntry(desk, door.tracks, door.tell_events))
        venue.session(2, "")
        marking = asyncio.get_running_loop().create_task(_keep_marked(drive, venue, defined))
        await asyncio.sleep(0)
        drive.start()
        await door.start()
        print(door.port, flush=True)
        await answer_questions()
        marking.cancel()
        await door.stop(0.2)
        drive.close()
    finally:
        native.stop()


async def _keep_marked(drive: InlineDrive, venue: VenuePort, defined: Definitions) -> None:
    """Reference prices age."""
    while True:
        venue.marked(defined.instrument, "60000", "59999", "60001", "60000")
        drive.kick()
        await asyncio.sleep(5)


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))

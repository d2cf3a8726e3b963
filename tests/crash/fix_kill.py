"""Kills a process that keeps FIX sessions, again and again, and judges after each kill. Its own
program, because it forks: `python fix_kill.py DIRECTORY RING_DIRECTORY KILLS SEED`."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from hashlib import blake2b
from pathlib import Path
from random import Random

from gateway._core.engine import Engine
from gateway.core.fix_store import FixJournal, JournalSessionStore
from gateway.transport.fix_session import StoreError

NAMES = ("FIX.4.4:US->A", "FIXT.1.1:US->B:NIGHT")
MEAN_LIFE_S = 0.01
RECOVERY_S = 0.1
START_SECONDS_MAX = 300


def message(session: int, number: int, salt: int) -> bytes:
    size = 9_000 if salt % 13 == 0 else 20
    return b"8=FIX.4.4\x0135=8\x0134=%d\x0158=%d.%d.%b\x01" % (number, session, salt, b"x" * size)


def digest(data: bytes) -> str:
    """Short enough for a line."""
    return blake2b(data, digest_size=16).hexdigest()


class Wire:
    """What the counterparties saw: a line of 128 bytes each, so that no line crosses a page and a
    kill leaves none in half."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, *words: object) -> None:
        line = " ".join(map(str, words)).ljust(127) + "\n"
        assert len(line) == 128
        os.write(self._file, line.encode())

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self._path.read_text().splitlines()]


class Life:
    """One process: journals, then writes to the wire, until it is killed."""

    def __init__(self, directory: Path, ring_directory: Path, wire: Wire, seed: int) -> None:
        self.engine = Engine(
            str(directory), str(ring_directory), ring_bytes=1 << 20, segment_bytes=1 << 17,
            orders_max=64, idempotency_max=64, positions_max=32,
        )  # fmt: skip
        self.random = Random(seed)
        self.journal = FixJournal(self.engine)
        self.stores = [self.journal.open(name, now_ns=1) for name in NAMES]
        self.wire = wire

    def step(self) -> None:
        out: list[tuple[JournalSessionStore, int, int, bytes]] = []
        for store in self.stores:
            if self.random.random() < 0.01:
                store.reset(time.time_ns())
            for _ in range(self.random.randrange(4)):
                number = store.next_outgoing
                data = message(store.session, number, self.random.randrange(1 << 40))
                store.save(number, data)
                out.append((store, store.created_ns, number, data))
            store.set_next_expected(store.next_expected + self.random.randrange(2))
        self.flush()
        for store, created_ns, number, data in out:
            self.wire.write("sent", store.session, created_ns, number, digest(data))
        for store in self.stores:
            self.wire.write("took", store.session, store.created_ns, store.next_expected)

    def flush(self) -> None:
        """The disk may be behind on a loaded machine: what found no room is kept."""
        while True:
            try:
                return self.journal.flush(self.stores[0].session)
            except StoreError as error:
                assert "JOURNAL_BEHIND" in str(error), error
                time.sleep(0.001)


def kill_one(life_of: tuple[Path, Path, Wire], seed: int, life_s: float, *, is_young: bool) -> None:
    """SIGKILL while it starts, or while it works."""
    reached, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            life = Life(*life_of, seed)
            life.step()
            os.write(told, b".")
            while True:
                life.step()
        except BaseException as error:
            print(f"child: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    try:
        if not is_young:
            ready, _, _ = select.select([reached], [], [], START_SECONDS_MAX)
            assert ready, "a life that does not get on"
        time.sleep(life_s)
    finally:
        os.close(reached)
        os.close(told)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the process ended by itself"


def judge(life_of: tuple[Path, Path, Wire]) -> int:
    """Everything the counterparties saw of the newest period is there, and nothing twice."""
    sent: dict[tuple[int, int, int], str] = {}
    expected: dict[tuple[int, int], int] = {}
    for kind, *words in life_of[2].lines():
        session, created_ns, number = map(int, words[:3])
        if kind == "took":
            expected[session, created_ns] = number
            continue
        assert sent.setdefault((session, created_ns, number), words[3]) == words[3], "used twice"
    life = Life(*life_of, 0)
    for store in life.stores:
        kept = dict(store.range(1, 1 << 40))
        assert sorted(kept) == list(range(1, store.next_outgoing)), "a number without its message"
        for (session, created_ns, number), data in sent.items():
            if (session, created_ns) == (store.session, store.created_ns):
                assert digest(kept.get(number, b"")) == data, f"lost: {session} {number}"
        known = [created for session, created in expected if session == store.session]
        assert store.created_ns >= max(known, default=0), "a period that was told is gone"
        assert store.next_expected >= expected.get((store.session, store.created_ns), 1)
    life.engine.stop()
    return len(sent)


def main() -> None:
    """Prints one JSON line of figures."""
    directory, ring_directory = Path(sys.argv[1]), Path(sys.argv[2])
    for each in (directory, ring_directory):
        each.mkdir(parents=True)
    random = Random(int(sys.argv[4]))
    life_of = (directory, ring_directory, Wire(directory.with_name("wire")))
    sent = 0
    for _ in range(int(sys.argv[3])):
        is_young = random.random() < 0.3
        life_s = random.random() * RECOVERY_S if is_young else random.expovariate(1 / MEAN_LIFE_S)
        kill_one(life_of, random.getrandbits(32), life_s, is_young=is_young)
        sent = judge(life_of)
    print(json.dumps({"kills": int(sys.argv[3]), "sent": sent}))


if __name__ == "__main__":
    main()

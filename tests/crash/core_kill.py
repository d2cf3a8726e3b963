"""Kills the core alone, again and again, and judges after each kill. Its own program, because it
forks: `python core_kill.py DIRECTORY RING_DIRECTORY KILLS SEED` prints one JSON line of figures."""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from random import Random

from core_life import Life, VenueFile

from gateway._core.journal import Replica

LIVES_OF_ONE_JOURNAL = 40
INTENTS_MAX = 10_000
MEAN_LIFE_S = 0.02
RECOVERY_S = 0.12  # a young life ends somewhere in this time
MILESTONE_SECONDS_MAX = 300


class World:
    """One journal and what the venue saw of all its lives."""

    def __init__(self, directory: Path, ring_directory: Path, durability: str) -> None:
        self.directory, self.ring_directory = directory, ring_directory
        for each in (directory, ring_directory):
            each.mkdir(parents=True)
        self.seen = VenueFile(ring_directory.with_name(ring_directory.name + ".seen"))
        self.durability = durability

    def life(self, seed: int) -> Life:
        return Life(self.directory, self.ring_directory, self.seen, seed, self.durability)

    def kill_one(self, seed: int, life_s: float, *, milestones: int) -> None:
        """A child lives for a while after its start, its recovery or its first step; SIGKILL."""
        reached, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                life = self.life(seed)
                os.write(told, b".")
                life.reconcile()
                life.step()
                os.write(told, b".")
                while True:
                    life.step()
            except BaseException as error:
                print(f"child: {error!r}", file=sys.stderr, flush=True)
            finally:
                os._exit(1)
        try:
            for _ in range(milestones):
                ready, _, _ = select.select([reached], [], [], MILESTONE_SECONDS_MAX)
                assert ready, "a life that does not get on"
                os.read(reached, 1)
            time.sleep(life_s)
        finally:
            os.close(reached)
            os.close(told)
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the core ended by itself"

    def judge(self) -> dict[str, int]:
        """What the venue saw against what a replay of the journal knows."""
        sent: dict[int, str] = {}
        boots: list[tuple[int, int, str]] = []
        figures = dict.fromkeys(("new", "acknowledged", "boot", "fill"), 0)
        acknowledged: dict[int, str] = {}
        for kind, *words in self.seen.read():
            figures[kind] = figures.get(kind, 0) + 1
            if kind == "new":
                assert int(words[1]) not in sent, f"order {words[1]} was sent twice"
                sent[int(words[1])] = "c" + words[0]
            elif kind == "acknowledged":
                known = acknowledged.setdefault(int(words[1]), "c" + words[0])
                assert known == "c" + words[0], f"id {words[1]} answers two intents"
            elif kind == "boot":
                boots.append((int(words[0]), int(words[1]), words[2]))
        epochs = [epoch for epoch, _, _ in boots]
        assert sorted(set(epochs)) == epochs, f"an epoch did not rise: {epochs}"
        assert len(set(sent.values())) == len(sent), "an intent was sent twice"
        replica = Replica(str(self.directory), str(self.ring_directory), use_snapshot=False)
        if boots:  # the newest recovery stated its hash: a replay comes to the same
            _, sequence, stated = boots[-1]
            while replica.sequence < sequence:
                assert replica.follow(sequence - replica.sequence), "the journal lost its end"
            assert replica.state_hash() == stated, f"hash at {sequence}"
        while replica.follow():
            pass
        rows = replica.orders(open_only=False, limit=1_000_000) if boots else []
        orders = {int(row["order_id"]): row["client_order_id"] for row in rows}
        assert len(orders) == len(rows)
        assert len(set(orders.values())) == len(orders), "an intent is two orders"
        for known in (sent, acknowledged):
            lost = {each: name for each, name in known.items() if orders.get(each) != name}
            assert lost == {}, f"lost or changed: {lost}"
        return figures

    def end(self, seed: int) -> None:
        """A last life that reconciles and stops: executed quantities are equal."""
        life = self.life(seed)
        life.reconcile()
        while life.native.turn():
            pass
        bought = sold = 0
        sides = {int(r["order_id"]): r["side"] for r in life.native.orders(False, 1_000_000)}
        for kind, *words in self.seen.read():
            if kind == "fill" and sides[int(words[0])] == "buy":
                bought += int(words[2])
            elif kind == "fill":
                sold += int(words[2])
        held = sum(int(row["quantity"]) for row in life.native.positions())
        assert held == bought - sold, (held, bought, sold)
        life.native.stop()

    def close(self) -> None:
        self.seen.close()
        self.seen.path.unlink()
        shutil.rmtree(self.ring_directory, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def main(directory: Path, ring_directory: Path, kills: int, seed: int) -> None:
    random = Random(seed)
    total: dict[str, int] = {}
    done = journals = 0
    while done < kills:
        durability = ("process", "disk")[journals % 2]
        world = World(directory / str(journals), ring_directory / str(journals), durability)
        try:
            lives, intents = 0, 0
            # A journal ends long before its fixed capacities do.
            while lives < min(LIVES_OF_ONE_JOURNAL, kills - done) and intents < INTENTS_MAX:
                milestones = random.choices((0, 1, 2), (25, 40, 35))[0]
                life_s = (
                    random.expovariate(1 / MEAN_LIFE_S)
                    if milestones
                    else random.uniform(0, RECOVERY_S)
                )
                world.kill_one(random.getrandbits(32), life_s, milestones=milestones)
                intents, lives = world.judge().get("intent", 0), lives + 1
            world.end(seed)
            for name, count in world.judge().items():
                total[name] = total.get(name, 0) + count
            done, journals = done + lives, journals + 1
        finally:
            world.close()
        gc.collect()
    print(json.dumps({"kills": done, "journals": journals, **total}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

"""Several WebSocket lines that share subscriptions, and answers that are matched to questions.

Must never leave a subscription without a line for good: what a dead line had moves to the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from gateway.api import OutcomeUnknown, VenueUnavailable
from gateway.transport.websocket import SocketShard

__all__ = ["MakeShard", "PendingReplies", "SocketPool"]

Reply = TypeVar("Reply")
# (name, on_up, on_down) -> a shard that calls them
MakeShard = Callable[
    [str, Callable[[SocketShard], None], Callable[[SocketShard, str], None]], SocketShard
]


class SocketPool:
    """`shards` lines of at most `subscriptions_max` keys each; a key goes to the line that has the
    fewest. `on_gap_opened(keys, reason)` and `on_gap_closed(keys)`: from the one to the other facts
    of these keys may be missing. A line that is down for `move_after_ms` loses its keys to others.
    """

    def __init__(
        self,
        make_shard: MakeShard,
        *,
        shards: int,
        subscriptions_max: int,
        on_gap_opened: Callable[[Sequence[str], str], None],
        on_gap_closed: Callable[[Sequence[str]], None],
        move_after_ms: int = 10_000,
    ) -> None:
        self._shards = [
            make_shard(f"shard_{number}", self._on_up, self._on_down) for number in range(shards)
        ]
        self._subscriptions_max = subscriptions_max
        self._on_gap_opened, self._on_gap_closed = on_gap_opened, on_gap_closed
        self._move_after_s = move_after_ms / 1_000
        self._in_gap: set[str] = set()
        self._movers: dict[str, asyncio.Task[None]] = {}
        self._is_open = False

    async def start(self, timeout_ms: int) -> None:
        """Up when all lines are; raises VenueUnavailable and leaves otherwise."""
        self._is_open = True
        found = await asyncio.gather(
            *(each.start(timeout_ms) for each in self._shards), return_exceptions=True
        )
        for each in found:
            if isinstance(each, BaseException):
                await self.stop()
                raise each

    async def stop(self) -> None:
        """Leave; gaps are opened and stay."""
        self._is_open = False
        for task in self._movers.values():
            task.cancel()
        await asyncio.gather(*self._movers.values(), return_exceptions=True)
        await asyncio.gather(*(each.stop() for each in self._shards))

    async def subscribe(self, *keys: str) -> None:
        """Place keys that are not placed yet. Raises VenueUnavailable when all lines are full."""
        wanted = [key for key in keys if self.shard_of(key) is None]
        for shard, part in self._placed(wanted, self._shards).items():
            await shard.subscribe(*part)

    async def unsubscribe(self, *keys: str) -> None:
        """No more of these."""
        for shard in self._shards:
            await shard.unsubscribe(*(key for key in keys if key in shard.keys))
        self._in_gap -= set(keys)

    def shard_of(self, key: str) -> SocketShard | None:
        """The line that has a key."""
        return next((shard for shard in self._shards if key in shard.keys), None)

    def row(self) -> dict[str, Any]:
        """For status."""
        return {"keys_in_gap": len(self._in_gap), "shards": [each.row() for each in self._shards]}

    def _placed(
        self, keys: Sequence[str], shards: Sequence[SocketShard]
    ) -> dict[SocketShard, list[str]]:
        """Where each key goes. Raises VenueUnavailable, placing nothing, when there is no room."""
        load = {shard: len(shard.keys) for shard in shards}
        placed: dict[SocketShard, list[str]] = {}
        for key in keys:
            with_room = [each for each in load if load[each] < self._subscriptions_max]
            if not with_room:
                raise VenueUnavailable(f"no line has room for {key}")
            shard = min(with_room, key=lambda each: (not each.is_up, load[each]))
            load[shard] += 1
            placed.setdefault(shard, []).append(key)
        return placed

    def _on_down(self, shard: SocketShard, reason: str) -> None:
        keys = shard.keys
        self._in_gap |= set(keys)
        if keys:
            self._on_gap_opened(keys, f"{shard.name}: {reason}")
        if self._is_open and shard.name not in self._movers:
            task = asyncio.create_task(self._move(shard), name=f"move_{shard.name}")
            self._movers[shard.name] = task
            task.add_done_callback(lambda _: self._movers.pop(shard.name, None))

    def _on_up(self, shard: SocketShard) -> None:
        if mover := self._movers.get(shard.name):
            mover.cancel()
        self._close_gap(shard.keys)

    async def _move(self, shard: SocketShard) -> None:
        """Give the keys of a line that stays down to those that are up."""
        await asyncio.sleep(self._move_after_s)
        others = [each for each in self._shards if each is not shard and each.is_up]
        for key in shard.keys:
            try:
                [(other, _)] = self._placed([key], others).items()
                await other.subscribe(key)
            except (VenueUnavailable, OutcomeUnknown):
                continue  # it stays where it is and is subscribed when that line is up again
            await shard.unsubscribe(key)
            self._close_gap([key])

    def _close_gap(self, keys: Sequence[str]) -> None:
        closed = [key for key in keys if key in self._in_gap]
        self._in_gap -= set(closed)
        if closed:
            self._on_gap_closed(closed)


class PendingReplies(Generic[Reply]):
    """Questions on one line that wait for their answers, by id. A line that falls leaves each of
    them OutcomeUnknown; so does time."""

    def __init__(self, waiting_max: int = 10_000) -> None:
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._waiting_max = waiting_max

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, shard: SocketShard, key: str, text: str, timeout_ms: int) -> Reply:
        """Send once and wait. Raises VenueUnavailable (nothing left), OutcomeUnknown, or what
        `fail` was given."""
        if key in self._waiting:
            raise ValueError(f"the id {key} waits already")
        if len(self._waiting) >= self._waiting_max:
            raise VenueUnavailable(f"{self._waiting_max} questions wait already")
        future = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        try:
            await shard.send(text)
            async with asyncio.timeout(timeout_ms / 1_000):
                reply: Reply = await future
                return reply
        except TimeoutError as error:
            raise OutcomeUnknown(f"{shard.name}: no answer in {timeout_ms} ms") from error
        finally:
            self._waiting.pop(key, None)
            if future.done() and not future.cancelled():
                future.exception()  # read, whoever raised first

    def answer(self, key: str, reply: Reply) -> bool:
        """The answer to a question; False when nobody waits for it (any more)."""
        future = self._waiting.get(key)
        if future is None or future.done():
            return False
        future.set_result(reply)
        return True

    def fail(self, key: str, error: Exception) -> bool:
        """The answer is an error."""
        future = self._waiting.get(key)
        if future is None or future.done():
            return False
        future.set_exception(error)
        return True

    def lose_all(self, reason: str) -> None:
        """The line fell: for `on_down`."""
        for key in tuple(self._waiting):
            self.fail(key, OutcomeUnknown(f"the line fell: {reason}"))

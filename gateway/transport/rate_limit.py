"""One prioritised budget per venue: what may leave now, what has to wait, and when the venue would
be angry. The venue's own count wins over ours.

Must never let a lower lane take what is kept for a higher one, and never send during a ban.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from gateway.api import RateLimit, VenueRateLimited
from gateway.transport.budget_models import NEVER_NS, Counter, Earned, Recent, counter_of
from gateway.transport.budget_rows import LocalRows, Rows

__all__ = ["HEADROOM_PERCENT", "LANES", "NEVER_NS", "NO_HEADROOM", "Budget", "Lane"]

Lane = Literal["kill", "cancel", "query", "new", "market"]
LANES: Final[tuple[Lane, ...]] = ("kill", "cancel", "query", "new", "market")
# What a lane leaves of every limit for those before it, at least one unit.
HEADROOM_PERCENT: Final[Mapping[Lane, int]] = {
    "kill": 0,
    "cancel": 5,
    "query": 15,
    "new": 25,
    "market": 40,
}
# For a limit that only one lane ever uses.
NO_HEADROOM: Final[Mapping[Lane, int]] = dict.fromkeys(LANES, 0)

_URGENT: Final = frozenset({"kill", "cancel"})
_CONTENDED_NS: Final = 200_000  # Another process is counting; it takes microseconds.
_HELD_UP_NS: Final = 1_000_000  # Somebody waits for the same limit and goes first.
_STUCK_NS: Final = (
    50_000_000  # It was stopped while it counted: what ends risk goes out all the same.
)
_WAITING_MAX: Final = 10_000
_REASON_BYTES: Final = 64
_NO_NAMES: Final[tuple[str, ...]] = ()


class _Budgeted:
    """One row: a counter and what was spent lately."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.recent = Recent()

    def spend(self, cost: int, now_ns: int) -> None:
        self.counter.spend(cost, now_ns)
        self.recent.spend(cost, now_ns)

    def give_back(self, cost: int, spent_ns: int, now_ns: int) -> None:
        self.counter.give_back(cost, spent_ns, now_ns)
        self.recent.give_back(cost, spent_ns, now_ns)

    def dump(self) -> list[int]:
        return [*self.recent.dump(), *self.counter.dump()]

    def load(self, state: Sequence[int]) -> None:
        split = Recent.SLICES + 1
        self.recent.load(state[:split])
        self.counter.load(state[split:])

    def fill(self, now_ns: int) -> None:
        self.counter.fill(now_ns)

    def idle_from_ns(self) -> int:
        return max(self.counter.idle_from_ns(), self.recent.idle_from_ns())


class _Ban:
    """The row of the hard stop."""

    def __init__(self) -> None:
        self.until_ns = 0
        self.reason = ""

    def dump(self) -> list[int]:
        text = self.reason.encode("ascii", "replace")[:_REASON_BYTES].ljust(_REASON_BYTES, b"\0")
        words = range(0, _REASON_BYTES, 8)
        return [self.until_ns, *(int.from_bytes(text[at : at + 8], "little") for at in words)]

    def load(self, state: Sequence[int]) -> None:
        self.until_ns = state[0]
        text = b"".join(each.to_bytes(8, "little") for each in state[1:])
        self.reason = text.rstrip(b"\0").decode("ascii", "replace")

    def fill(self, now_ns: int) -> None:
        """That nobody knows of a ban is no ban; the venue will say it again."""

    def idle_from_ns(self) -> int:
        return self.until_ns


class _Place(NamedTuple):
    """Where the counter of a name is kept, and how it is made."""

    key: str
    kept_percent: Mapping[Lane, int]
    make: Callable[[], _Budgeted]


@dataclass(eq=False)
class _Waiter:
    lane: Lane
    costs: Mapping[str, int]
    deadline_ns: int
    turn: asyncio.Future[int]  # when it was taken


class Budget:
    """The limits of one venue. A cost names its limit: {"orders": 1, "weight": 4}. Limits of scope
    "account" or "instrument" are counted apart per owner: {"orders@BTC-USDT": 1}.

    `identity`: what the scopes mean for this process, such as {"ip": "203.0.113.7", "key": KEY_ID};
    processes that share `rows` and an identity share the counter. `guard_ms`: how far apart the
    venue's clock and wire may put a request from when it left. One thread: the event loop.
    """

    def __init__(
        self,
        limits: Sequence[RateLimit],
        now_ns: Callable[[], int],
        *,
        rows: Rows | None = None,
        identity: Mapping[str, str] | None = None,
        headroom_percent: Mapping[str, Mapping[Lane, int]] | None = None,
        guard_ms: int = 50,
        feedback_lag_ms: int = 1_000,
    ) -> None:
        self._limits = {limit.name: limit for limit in limits}
        if len(self._limits) != len(limits) or any("@" in name for name in self._limits):
            raise ValueError("limits have names of their own, without @")
        self._guard_ns = guard_ms * 1_000_000
        for limit in limits:
            counter_of(limit, self._guard_ns)  # refuses nonsense at start
        self._now_ns = now_ns
        # Counters of this budget alone need no lock, and nobody else learns of a ban or tells one.
        self._is_alone = rows is None
        self._rows = rows if rows is not None else LocalRows()
        self._identity = dict(identity or {})
        self._ban_key = f"ban/{self._identity.get('ip', '')}"
        self._headroom = dict(headroom_percent or {})
        self._lag_ns = feedback_lag_ms * 1_000_000
        self._keys: dict[str, _Place] = {}
        self._waiting: dict[Lane, deque[_Waiter]] = {lane: deque() for lane in LANES}
        self._are_waiting = self._waiting.values()
        self._timer: asyncio.TimerHandle | None = None
        self._stuck_since_ns: int | None = None
        self._owed: list[tuple[str, int]] = []  # spent while the counters were out of reach
        self._owed_earnings: list[tuple[str, Fraction]] = []
        self._known_ban = _Ban()
        self._settled_ns: dict[str, int] = {}  # when the venue's count replaced ours
        self.taken_ns = 0  # when `take` took what it took last
        self.refused = 0  # requests that could not be had in time

    def take(self, lane: Lane, costs: Mapping[str, int]) -> int:
        """0: all costs are taken. Else nothing is, and the number is the ns to wait if nobody else
        takes (NEVER_NS: only trading or the venue can help). Raises ValueError for a cost that no
        limit could ever carry. `taken_ns` says when, for `give_back`."""
        if self._is_held_up(lane, costs):
            return _HELD_UP_NS
        return self._take(lane, costs)[0]

    async def wait(self, lane: Lane, costs: Mapping[str, int], timeout_ms: int) -> int:
        """Take as soon as it can be had, and say when that was. Higher lanes go first, equals in
        order. Raises VenueRateLimited as soon as it is clear that it cannot be had in time."""
        timeout_ns = timeout_ms * 1_000_000
        wait_ns = max(1, timeout_ns)
        if not self._is_held_up(lane, costs):
            wait_ns = self._take(lane, costs)[0]
            if not wait_ns:
                return self.taken_ns
            if wait_ns > timeout_ns:
                raise self._too_late(lane, wait_ns)
        if sum(map(len, self._waiting.values())) >= _WAITING_MAX:
            raise self._too_late(lane, 0)
        deadline_ns = self._now_ns() + timeout_ns
        waiter = _Waiter(lane, costs, deadline_ns, asyncio.get_running_loop().create_future())
        self._waiting[lane].append(waiter)
        self._serve_in(wait_ns)
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            with suppress(ValueError):
                self._waiting[lane].remove(waiter)
            if waiter.turn.done() and not waiter.turn.cancelled() and not waiter.turn.exception():
                self.give_back(costs, waiter.turn.result())  # its turn had just come
            self._serve_in(0)  # Those behind may have been held up by this one alone.
            raise

    def give_back(self, costs: Mapping[str, int], taken_ns: int) -> None:
        """What was taken then was for a request of which, as is proved, not one byte left. Where
        the venue's own count came in between, and where other processes count too, it stays
        counted: too much is the safe side."""
        if not self._is_alone:
            return
        now = self._now_ns()
        for name, cost in costs.items():
            if cost and self._settled_ns.get(name, -1) < taken_ns:
                place, row = self._row(name, now)
                row.give_back(cost, taken_ns, now)
                self._rows.save(place.key)
        if any(self._are_waiting):
            self._serve_in(0)

    def told(self, name: str, used: int, *, sent_ns: int | None = None) -> None:
        """The venue's own count in an answer. It wins, but for what it cannot have counted: what
        was spent after the request that it answers was sent (`sent_ns`; now when not given) is
        added, and what was spent shortly before may be added."""
        now = self._now_ns()
        sent = now if sent_ns is None else sent_ns
        with self._rows.hold() as is_held:
            if not is_held:
                return  # The next answer tells it again.
            place, row = self._row(name, now)
            least = used + row.recent.since(sent, now, is_partly=False)
            most = used + row.recent.since(sent - self._lag_ns, now, is_partly=True)
            mine = row.counter.used(now)
            if not least <= mine <= most:
                row.counter.settle(least if mine < least else most, now)
                self._rows.save(place.key)
                self._settled_ns[name] = now
        if any(self._are_waiting):
            self._serve()

    def earned(self, name: str, volume: str) -> None:
        """So much quote currency was traded: a volume_earned limit grows."""
        if self._limits[name.partition("@")[0]].model != "volume_earned":
            raise ValueError(f"limit {name} is not earned by volume")
        self._owed_earnings.append((name, Fraction(volume)))
        self._catch_up()

    def ban(self, until_ns: int, reason: str) -> None:
        """Hard stop for every lane and every process of the same address; only ever extended."""
        if until_ns > self._known_ban.until_ns:
            self._known_ban.until_ns, self._known_ban.reason = until_ns, reason
        self._catch_up()

    def banned_ns(self) -> int:
        """What is left of the ban; 0 = none."""
        with self._rows.hold() as is_held:
            if is_held:
                self._share(self._now_ns())
        return max(0, self._known_ban.until_ns - self._now_ns())

    def check_ban(self, lane: Lane) -> None:
        """Raises VenueRateLimited during a ban: for what had its turn before and was not yet sent.
        What it took is still taken (`give_back`)."""
        if banned_ns := self.banned_ns():
            raise self._too_late(lane, banned_ns)

    def predicted_ns(self) -> int | None:
        """How long until a new order has to wait, at the pace of the last seconds; None = never."""
        now = self._now_ns()
        with self._rows.hold() as is_held:
            found = [self._room_ns(name, now) for name in self._keys] if is_held else []
        return min((each for each in found if each is not None), default=None)

    def row(self) -> dict[str, Any]:
        """For status: counters, ban, prediction, waiting requests."""
        now, predicted_ns = self._now_ns(), self.predicted_ns()
        limits = []
        with self._rows.hold() as is_held:
            for name in self._keys if is_held else ():
                counter = self._row(name, now)[1].counter
                used, capacity = counter.used(now), counter.capacity()
                limits.append({"name": name, "used": used, "capacity": capacity})
        banned_ms = self.banned_ns() // 1_000_000
        return {
            "limits": limits,
            "banned_ms": banned_ms,
            "ban_reason": self._known_ban.reason if banned_ms else "",
            "limit_in_ms": None if predicted_ns is None else predicted_ns // 1_000_000,
            "waiting": {lane: len(self._waiting[lane]) for lane in LANES},
            "refused": self.refused,
        }

    # -- one decision ---------------------------------------------------------------------------

    def _take(self, lane: Lane, costs: Mapping[str, int]) -> tuple[int, tuple[str, ...]]:
        """The wait, and the names of the limits that demand it."""
        now = self._now_ns()
        if self._is_alone:
            return self._take_held(lane, costs, now)
        with self._rows.hold() as is_held:
            if not is_held:
                return self._without_lock(lane, costs, now), tuple(costs)
            self._stuck_since_ns = None
            self._share(now)
            return self._take_held(lane, costs, now)

    def _take_held(
        self, lane: Lane, costs: Mapping[str, int], now: int
    ) -> tuple[int, tuple[str, ...]]:
        """With the counters held. An order waits for this: every call less is a part of a
        microsecond on its way to the wire."""
        if self._known_ban.until_ns > now:
            return self._known_ban.until_ns - now, tuple(costs)
        found, wait_ns, names = [], 0, _NO_NAMES
        for name, cost in costs.items():
            if cost:
                place, row = self._row(name, now)
                counter = row.counter
                found.append((cost, place.key, row))
                capacity = counter.capacity()
                if not 0 < cost <= capacity:
                    raise ValueError(f"limit {name} of {capacity} cannot carry a cost of {cost}")
                ceiling = _ceiling(place.kept_percent[lane], capacity)
                # What is dearer than its lane allows may pass when nothing else is counted.
                if own_ns := counter.wait_ns(cost, cost if cost > ceiling else ceiling, now):
                    wait_ns, names = max(wait_ns, own_ns), (*names, name)
        if wait_ns:
            return wait_ns, names
        for cost, key, row in found:
            row.counter.spend(cost, now)
            row.recent.spend(cost, now)
            self._rows.save(key)
        self.taken_ns = now
        return 0, _NO_NAMES

    def _without_lock(self, lane: Lane, costs: Mapping[str, int], now: int) -> int:
        """Another process has the counters. What ends risk does not wait for one that was stopped
        in the middle; it is counted as soon as that goes on or dies."""
        if self._stuck_since_ns is None:
            self._stuck_since_ns = now
        if lane in _URGENT and now - self._stuck_since_ns >= _STUCK_NS:
            self._owed += costs.items()
            self.taken_ns = now
            return 0
        return _CONTENDED_NS

    def _catch_up(self) -> None:
        """Something was learned: write it down and look who can go now."""
        with self._rows.hold() as is_held:
            if is_held:
                self._share(self._now_ns())
        if any(self._are_waiting):
            self._serve()

    def _share(self, now: int) -> None:
        """Bring the ban up to date in both directions and write down what is owed."""
        ban = self._rows.row(self._ban_key, _Ban, now)
        assert isinstance(ban, _Ban)
        if ban.until_ns < self._known_ban.until_ns:
            ban.until_ns, ban.reason = self._known_ban.until_ns, self._known_ban.reason
            self._rows.save(self._ban_key)
        elif ban.until_ns > self._known_ban.until_ns:
            self._known_ban.load(ban.dump())
        while self._owed:
            name, cost = self._owed.pop()
            place, row = self._row(name, now)
            row.spend(cost, now)
            self._rows.save(place.key)
        while self._owed_earnings:
            name, volume = self._owed_earnings.pop()
            place, row = self._row(name, now)
            assert isinstance(row.counter, Earned)
            row.counter.earn(volume)
            self._rows.save(place.key)

    def _row(self, name: str, now: int) -> tuple[_Place, _Budgeted]:
        place = self._keys.get(name) or self._placed(name)
        row = self._rows.row(place.key, place.make, now)
        assert isinstance(row, _Budgeted)
        return place, row

    def _placed(self, name: str) -> _Place:
        """A name is looked at once."""
        base, _, owner = name.partition("@")
        limit = self._limits.get(base)
        if limit is None or bool(owner) != (limit.scope in ("account", "instrument")):
            known = sorted(self._limits)
            raise ValueError(f"no limit {name}; there are {known}, @owner for their scope")
        identity = self._identity.get(limit.scope, "")
        if owner:
            identity = self._identity.get("account", "") + "/" + self._identity.get("key", "")
        percent = self._headroom.get(base, HEADROOM_PERCENT)
        key, guard_ns = f"{limit.scope}/{identity}/{name}", self._guard_ns
        place = _Place(key, percent, lambda: _Budgeted(counter_of(limit, guard_ns)))
        self._keys[name] = place
        return place

    def _room_ns(self, name: str, now: int) -> int | None:
        place, row = self._row(name, now)
        ceiling = _ceiling(place.kept_percent["new"], row.counter.capacity())
        return row.counter.room_ns(row.recent.per_second(now), ceiling, now)

    # -- those who wait -------------------------------------------------------------------------

    def _is_held_up(self, lane: Lane, costs: Mapping[str, int]) -> bool:
        """Whether someone who goes first waits for one of these limits."""
        if not any(self._are_waiting):
            return False
        before = LANES[: LANES.index(lane) + 1]
        return any(costs.keys() & each.costs.keys() for at in before for each in self._waiting[at])

    def _serve_in(self, wait_ns: int) -> None:
        """Look again after this time, or earlier if that is planned already."""
        loop = asyncio.get_running_loop()
        at = loop.time() + (wait_ns + 1_000) / 1e9
        if self._timer is not None and self._timer.when() > at:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = loop.call_at(at, self._serve)

    def _serve(self) -> None:
        """Give everyone his turn who can have it now, highest lane first. A limit that someone
        waits for is not given to those behind him."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, next_ns, awaited = self._now_ns(), NEVER_NS, set[str]()
        for queue in self._waiting.values():
            for waiter in tuple(queue):
                if waiter.turn.done():
                    queue.remove(waiter)
                    continue
                left_ns = waiter.deadline_ns - now
                wait_ns, names = max(1, left_ns), tuple[str, ...]()
                if not awaited & waiter.costs.keys():
                    wait_ns, names = self._take(waiter.lane, waiter.costs)
                if not wait_ns:
                    queue.remove(waiter)
                    waiter.turn.set_result(self.taken_ns)
                elif wait_ns > left_ns:
                    queue.remove(waiter)
                    waiter.turn.set_exception(self._too_late(waiter.lane, wait_ns))
                else:
                    awaited |= set(names)
                    next_ns = min(next_ns, wait_ns)
        if next_ns < NEVER_NS:
            self._serve_in(next_ns)

    def _too_late(self, lane: Lane, wait_ns: int) -> VenueRateLimited:
        self.refused += 1
        banned_ms = self.banned_ns() // 1_000_000
        why = f"banned for {banned_ms} ms" if banned_ms else "the budget is spent"
        retry_ms = 0 if wait_ns >= NEVER_NS else -(-wait_ns // 1_000_000)
        return VenueRateLimited(f"{lane}: {why}; nothing was sent", retry_ms)


def _ceiling(kept_percent: int, capacity: int) -> int:
    return max(1, capacity - -(-capacity * kept_percent // 100))

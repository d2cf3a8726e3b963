"""Keeps the venue's dead-man's switch armed while the gateway lives, and disarms it last. Once
disarmed nothing arms it again: a switch that fires after an orderly stop cancels orders that were
meant to stay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

from gateway.api import Capabilities, DeadManSwitch, RefusedError, VenueAdapter
from gateway.venues.health import VenueHealth

__all__ = ["DeadMan", "check_dead_man"]

log = logging.getLogger(__name__)

# Two refreshes may be lost before the third is too late.
_REFRESHES_PER_TIMEOUT = 3


def check_dead_man(venue: str, timeout_ms: int, manifest: Capabilities) -> None:
    """Refuse a setting the venue would not keep. 0 = off."""
    least, most = manifest.dead_man_ms_min, manifest.dead_man_ms_max
    if not timeout_ms or (manifest.dead_man != "none" and least <= timeout_ms <= most):
        return
    rule = f"0, or {least} to {most}" if most else "0: the venue has no dead-man's switch"
    field = f"venues.{venue}.dead_man_ms"
    raise RefusedError("BAD_CONFIG", field=field, value=timeout_ms, rule=rule)


class DeadMan:
    """Refreshes all accounts of one venue at a third of the time. Event-loop thread only."""

    def __init__(
        self,
        health: VenueHealth,
        adapter: VenueAdapter,
        accounts: Sequence[str],
        timeout_ms: int,
    ) -> None:
        self._health = health
        self._adapter = cast("DeadManSwitch", adapter)
        self._accounts = accounts
        self._timeout_ms = timeout_ms
        self._task: asyncio.Task[None] | None = None
        self._is_ending = asyncio.Event()
        self._failing: dict[str, str] = {}
        self._armed: set[str] = set()
        if timeout_ms:
            health.dead_man = self._row

    def start(self) -> None:
        """The venue is connected: arm, and refresh from now on. A second call does nothing."""
        if self._timeout_ms and self._task is None and not self._is_ending.is_set():
            self._task = asyncio.get_running_loop().create_task(
                self._keep_armed(), name=f"dead man {self._health.name}"
            )

    async def disarm(self, seconds: float) -> None:
        """The last thing said to the venue. A refresh on its way is waited for, not cut: cut, it
        might arrive after this."""
        self._is_ending.set()
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=seconds)
        if late:
            log.error("%s: a dead-man refresh has no answer; it may fire later", self._health.name)
            self._task.cancel()
        for account in sorted(self._armed):
            try:
                async with asyncio.timeout(seconds):
                    await self._adapter.arm_dead_man(account, 0)
                self._armed.discard(account)
            except Exception as error:  # an adapter may raise anything
                self._fail(account, f"not disarmed: {error!r}")

    async def _keep_armed(self) -> None:
        period = self._timeout_ms / 1_000 / _REFRESHES_PER_TIMEOUT
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._is_ending.is_set():
            await asyncio.gather(*(self._arm(account, period) for account in self._accounts))
            due = max(due + period, loop.time())
            try:
                async with asyncio.timeout_at(due):
                    await self._is_ending.wait()
            except TimeoutError:
                continue

    async def _arm(self, account: str, seconds: float) -> None:
        self._armed.add(account)  # before the answer: it may take effect without one
        try:
            async with asyncio.timeout(seconds):
                await self._adapter.arm_dead_man(account, self._timeout_ms)
        except Exception as error:  # an adapter may raise anything; the next refresh is soon
            self._fail(account, f"{type(error).__name__}: {error}"[:120])
            return
        self._health.counters["dead_man_refreshes"] += 1
        if self._failing.pop(account, None) is not None:
            log.warning("%s: dead-man's switch of %s is fresh again", self._health.name, account)

    def _fail(self, account: str, reason: str) -> None:
        self._health.counters["dead_man_failures"] += 1
        self._failing[account] = reason
        log.error("%s: dead-man's switch of %s: %s", self._health.name, account, reason)

    def _row(self) -> dict[str, Any]:
        return {
            "timeout_ms": self._timeout_ms,
            "armed": sorted(self._armed),
            "failing": dict(self._failing),
        }

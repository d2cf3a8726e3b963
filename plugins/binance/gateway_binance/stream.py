"""The account's line: listen key, keep-alive, and the gaps between two connections. What its events
say is the business of others; how a line is kept, that of gateway.transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from gateway.api import VenueRejected, VenueUnavailable
from gateway.transport import SocketSettings, SocketShard

__all__ = ["LINE", "GapWatch", "UserStream"]

log = logging.getLogger(__name__)

# The venue cuts after 24 hours (connect page, 2026-10); we leave first.
LINE = SocketSettings(age_max_ms=23 * 3_600_000)


class GapWatch:
    """From the loss of a line that has been up until it is back there is a gap, told once."""

    def __init__(self, on_gap: Callable[[str], None]) -> None:
        self._on_gap = on_gap
        self._has_been_up = False
        self.is_open = False

    def up(self) -> None:
        self._has_been_up = True
        if self.is_open:
            self.is_open = False
            self._on_gap("")

    def down(self, reason: str) -> None:
        if self._has_been_up and not self.is_open:
            self.is_open = True
            self._on_gap(f"user stream: {reason}"[:200])


class UserStream:
    """`on_event(data)` gets every frame; `on_gap(reason)` opens a gap, `on_gap("")` closes it."""

    def __init__(
        self,
        url: str,
        *,
        create_key: Callable[[], Awaitable[str]],
        extend_key: Callable[[], Awaitable[str]],
        on_event: Callable[[bytes], None],
        on_gap: Callable[[str], None],
        random: Random,
        keepalive_s: float,
    ) -> None:
        self._url = url
        self._create_key = create_key
        self._extend_key = extend_key
        self._gap = GapWatch(on_gap)
        self._keepalive_s = keepalive_s
        self._key = ""
        self._keeper: asyncio.Task[None] | None = None
        self._line = SocketShard(
            "user stream",
            self._address,
            LINE,
            random=random,
            on_frame=lambda _, data: on_event(data),
            on_up=lambda _: self._gap.up(),
            on_down=lambda _, reason: self._gap.down(reason),
        )

    @property
    def is_connected(self) -> bool:
        """False from a loss until the line is back."""
        return self._line.is_up and not self._gap.is_open

    async def start(self, timeout_ms: int) -> None:
        """Returns when the stream is up once; raises VenueUnavailable otherwise."""
        await self._line.start(timeout_ms)
        self._keeper = asyncio.create_task(self._keep_alive(), name="keep_listen_key")

    async def stop(self) -> None:
        # The key is shared by every client of the account, so it is never deleted.
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._line.stop()

    def row(self) -> dict[str, Any]:
        return self._line.row()

    def break_off(self, reason: str) -> None:
        """Something is missing: start anew, which reconciles."""
        self._line.drop(reason)

    async def _address(self) -> str:
        self._key = await self._create_key()
        return f"{self._url}/private/ws?listenKey={self._key}"

    async def _keep_alive(self) -> None:
        """Well within the hour. A key that is no longer ours means that nothing is heard, though
        the socket stays open (User Data Streams, 2026-10)."""
        wait_s = self._keepalive_s
        while True:
            await asyncio.sleep(wait_s)
            wait_s = self._keepalive_s
            if not self._line.is_up:
                continue
            try:
                if await self._extend_key() != self._key:
                    self.break_off("the venue gave another listen key")
            except VenueRejected as error:
                self.break_off(f"the listen key is gone: {error}")
            except VenueUnavailable as error:
                log.warning("listen key not extended: %s", error)
                wait_s = min(60.0, self._keepalive_s)

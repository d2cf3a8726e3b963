"""The private stream: resumes by sequence, notices gaps, reconnects for ever with full-jitter
back-off. Hands every row on as it came; what it means is the adapter's business."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import aiohttp
import msgspec

from gateway.api import VenueProtocolError, VenueUnavailable

__all__ = ["AccountStream"]

Row = dict[str, Any]


class _Gap(Exception):
    """The connection is of no use any more; its text is the reason."""


class AccountStream:
    """One connection for all accounts of the key. `on_gap(reason)` opens a gap, `on_gap("")`
    closes it; between two gaps every row arrives in order, at least once."""

    def __init__(
        self,
        connect: Callable[[], Any],
        sequences: Mapping[str, int],
        *,
        on_row: Callable[[Row], None],
        on_gap: Callable[[str], None],
        random: Random,
        silence_max_s: float = 5.0,
        backoff_first_s: float = 0.1,
        backoff_max_s: float = 5.0,
    ) -> None:
        self._connect = connect  # returns an aiohttp WebSocket context, signed afresh
        self._sequences = dict(sequences)
        self._on_row = on_row
        self._on_gap = on_gap
        self._random = random
        self._silence_max_s = silence_max_s
        self._backoff_first_s = backoff_first_s
        self._backoff_max_s = backoff_max_s
        self._is_up = asyncio.Event()
        self._has_gap = False
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self, timeout_s: float) -> None:
        """Returns when every account is resumed once; raises VenueUnavailable otherwise."""
        self._task = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_up.wait()
        except TimeoutError as error:
            await self.stop()
            raise VenueUnavailable("the stream did not come up in time") from error

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except (_Gap, VenueProtocolError, aiohttp.ClientError, OSError) as error:
                self._open_gap(f"{type(error).__name__.lstrip('_')}: {error}")
            # Full jitter: many clients of a restarted venue must not come back in step.
            ceiling = min(self._backoff_max_s, self._backoff_first_s * 2 ** min(self._failures, 16))
            self._failures += 1
            await asyncio.sleep(self._random.uniform(0, ceiling))

    def _open_gap(self, reason: str) -> None:
        if self._is_up.is_set() and not self._has_gap:
            self._has_gap = True
            self._on_gap(reason)

    async def _follow(self) -> None:
        """One connection, from resume to its end, which is always a gap."""
        async with self._connect() as socket:
            ask = {"op": "resume", "accounts": self._sequences}
            await socket.send_str(msgspec.json.encode(ask).decode())
            missing = set(self._sequences)
            while True:
                try:
                    message = await socket.receive(timeout=self._silence_max_s)
                except TimeoutError as error:
                    raise _Gap("no heartbeat") from error
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise _Gap(f"closed by the venue ({socket.close_code})")
                self._take(_decode(message.data), missing)

    def _take(self, row: Row, missing: set[str]) -> None:
        kind = row.get("message")
        if kind in ("resumed", "reset"):
            if kind == "reset":
                # The venue no longer has what we missed; only reconciliation can close this.
                self._open_gap(f"history of {row['account']} is gone")
            self._sequences[row["account"]] = row["sequence"]
            missing.discard(row["account"])
            if not missing:
                self._come_up()
        elif kind == "error":
            raise VenueProtocolError(f"{row.get('code')}: {row.get('text')}")
        else:
            if "venue_sequence" in row:
                self._check_sequence(row)
            self._on_row(row)

    def _check_sequence(self, row: Row) -> None:
        """A jump means loss: start over from the last good one. Repeats are passed on."""
        last = self._sequences[row["account"]]
        if row["venue_sequence"] > last + 1:
            raise _Gap(f"{row['account']}: sequence {row['venue_sequence']} after {last}")
        self._sequences[row["account"]] = max(last, row["venue_sequence"])

    def _come_up(self) -> None:
        self._failures = 0
        self._is_up.set()
        if self._has_gap:
            self._has_gap = False
            self._on_gap("")


def _decode(text: str) -> Row:
    try:
        row: Row = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise VenueProtocolError(f"unreadable stream message: {error}") from error
    return row

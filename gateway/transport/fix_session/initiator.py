"""Dials a counterparty and keeps the session up: TLS with its name, back-off, one line at a time.

Must never dial outside of the session's schedule, nor faster than the back-off allows.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from gateway.transport.backoff import Backoff
from gateway.transport.fix_session.line import FixLine, LineLimits
from gateway.transport.fix_session.session import FixSession
from gateway.transport.fix_session.states import SessionState
from gateway.transport.tls import client_tls

__all__ = ["FixInitiator", "InitiatorSettings"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class InitiatorSettings:
    """Where to. `tls`, with our certificate or without, checks the peer's for `server_name`
    (default the host)."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    connect_timeout_s: float = 5.0
    backoff_first_s: float = 0.5
    backoff_max_s: float = 30.0
    attempts_per_minute: int = 15
    limits: LineLimits = field(default_factory=LineLimits)


class FixInitiator:
    """Runs one session from `start` to `stop`, through any number of lines. ValueError for a TLS
    context that does not check certificate and name, or speaks less than TLS 1.2."""

    def __init__(
        self,
        session: FixSession,
        settings: InitiatorSettings,
        *,
        now_ns: Callable[[], int],
        random: Random,
    ) -> None:
        assert session.settings.is_initiator
        self.session = session
        self._settings = settings
        self._tls = None if settings.tls is None else client_tls(settings.tls)
        self._now_ns = now_ns
        self._backoff = Backoff(
            settings.backoff_first_s,
            settings.backoff_max_s,
            random,
            attempts_per_minute=settings.attempts_per_minute,
        )
        self._task: asyncio.Task[None] | None = None
        self._line: FixLine | None = None
        self._is_stopping = False
        self._is_down = asyncio.Event()
        self._is_down.set()
        self.reason = ""
        self.attempts = 0

    def start(self) -> None:
        """Dial from now on."""
        if self._task is None:
            self._is_stopping = False
            name = f"fix_{self.session.identity}"
            self._task = asyncio.get_running_loop().create_task(self._run(), name=name)

    async def stop(self, text: str = "") -> None:
        """Log out, wait for the answer as long as the session's time-out, close."""
        self._is_stopping = True
        task, self._task = self._task, None
        if task is None:
            return
        if self._line is not None:
            self.session.logout(text, self._now_ns())
            with suppress(TimeoutError):
                async with asyncio.timeout(self.session.settings.logout_timeout_s + 1):
                    await self._is_down.wait()
        if self._line is not None:
            self._line.cut("stopping")
            await self._is_down.wait()
        task.cancel()
        await asyncio.wait({task})

    def drop(self, reason: str) -> None:
        """The owner found the line no longer good: cut it and dial again."""
        if self._line is not None:
            self._line.cut(reason)

    def row(self) -> dict[str, Any]:
        """For status."""
        return {**self.session.row(), "attempts": self.attempts, "reason": self.reason}

    async def _run(self) -> None:
        while not self._is_stopping:
            if self.session.settings.schedule.is_open(self._now_ns()):
                self.reason = await self._live()
                _LOG.info("%s: down: %s", self.session.identity, self.reason)
            await asyncio.sleep(self._backoff.next_s())

    async def _live(self) -> str:
        """One line, from the dial to its end. Returns why it ended."""
        self.attempts += 1
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()

        def on_end(line: FixLine, reason: str) -> None:
            if self.session.state is SessionState.DISCONNECTED and not ended.done():
                ended.set_result(reason)

        settings = self._settings
        line = FixLine(
            now_ns=self._now_ns, limits=settings.limits, session=self.session, on_end=on_end
        )
        server_name = (settings.server_name or settings.host) if self._tls else None
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await loop.create_connection(
                    lambda: line,
                    settings.host,
                    settings.port,
                    ssl=self._tls,
                    server_hostname=server_name,
                )
        except (OSError, TimeoutError) as error:
            return f"cannot connect to {settings.host}:{settings.port}: {error or 'too slow'}"
        self._line = line
        self._is_down.clear()
        try:
            reason = await ended
        finally:
            self._line = None
            self._is_down.set()
        if self.session.was_logged_on:
            self._backoff.reset()
        return reason

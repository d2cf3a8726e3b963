"""What the adapters of all products do the same: one key is one account, its lines, its clock, its
gaps and its maintenance. Never touches the port after close, whatever still arrives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from gateway.api import (
    AdapterPort,
    BalanceReport,
    CancelRequest,
    FillReport,
    Instrument,
    MarketSink,
    OrderReport,
    OrderRequest,
    ReplaceRequest,
    VenueError,
    VenueRejected,
)
from gateway.transport import PortGuard, SocketShard, TaskKeeper, shared_counts
from gateway_binance.market_data import MarketData
from gateway_binance.order_socket import OrderSocket
from gateway_binance.rest import BinanceRest
from gateway_binance.signing import Signer

__all__ = ["AccountAdapter", "checked_settings"]

log = logging.getLogger(__name__)

Chosen = TypeVar("Chosen", bound=msgspec.Struct)
Asked = TypeVar("Asked", bound="AccountQuestions")
Heard = TypeVar("Heard", bound="AccountEvents")
Sent = TypeVar("Sent", bound="AccountSender")
_CLOCK_PERIOD_S = 60.0
_OPENING_PERIOD_S = 2.0


class AccountQuestions(Protocol):
    """What every product is asked about its account."""

    bad_rows: int

    async def instruments(self, venue: str) -> Sequence[Instrument]: ...
    async def query_order(self, client_order_id: str) -> OrderReport | None: ...
    async def open_orders(self) -> list[OrderReport]: ...
    async def fills(self, since_ns: int) -> list[FillReport]: ...
    async def balances(self) -> list[BalanceReport]: ...


class AccountEvents(Protocol):
    """What reads the stream of every product."""

    def counts(self) -> dict[str, int]: ...
    def clear(self) -> None: ...


class AccountStream(Protocol):
    """The line on which every product tells of the account."""

    @property
    def is_connected(self) -> bool: ...
    async def start(self, timeout_ms: int) -> None: ...
    async def stop(self) -> None: ...
    def break_off(self, reason: str) -> None: ...
    def row(self) -> dict[str, Any]: ...


class AccountSender(Protocol):
    """What is sent to every product."""

    async def submit(self, orders: Sequence[OrderRequest]) -> None: ...
    async def cancel(self, cancels: Sequence[CancelRequest]) -> None: ...
    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None: ...
    async def cancel_all(self) -> None: ...


class AccountAdapter(Generic[Asked, Heard, Sent]):
    """`questions`, `events` and `_sender` are made by the product."""

    questions: Asked
    events: Heard
    _sender: Sent

    def __init__(
        self, venue: str, account: str, rest: BinanceRest, random: Random, *, timeout_ms: int
    ) -> None:
        self.venue = venue
        self._account = account
        self._rest = rest
        self._random = random
        self._timeout_ms = timeout_ms
        self._stream: AccountStream | None = None
        self._lines: Sequence[SocketShard] = ()  # of prices
        self._port = PortGuard()
        self._tasks = TaskKeeper(lambda error: log.warning("%s: %s", venue, error))
        self._is_in_maintenance = False
        self._market: MarketData | None = None
        rest.on_maintenance = self._on_maintenance
        rest.term = self._port.term

    # What a product says for itself.

    async def _learn_account(self) -> None:
        """What has to be known of the account before its stream tells of it."""

    def _account_stream(self) -> AccountStream:
        """The account's line, not started."""
        raise NotImplementedError

    def _price_lines(self) -> Sequence[SocketShard]:
        """The lines of prices that are wanted, not started."""
        return ()

    def _market_of(self, sink: MarketSink, symbols: Sequence[str]) -> MarketData:
        """The product's market data, not started."""
        raise NotImplementedError

    # Life, the same everywhere.

    async def connect(self, port: AdapterPort) -> None:
        try:
            await self._rest.open()
            await self.questions.instruments(self.venue)
            await self._learn_account()
            self._port.open(port)
            self._stream = self._account_stream()
            await self._stream.start(self._timeout_ms)
            self._lines = self._price_lines()
            for line in self._lines:
                await line.start()
            if self._rest.order_socket is not None:
                await self._rest.order_socket.start()
            self._tasks.start(self._keep_time())
        except BaseException:  # a connect that is given up leaves nothing behind
            await self.close()
            raise

    async def close(self) -> None:
        await self._end_tasks()
        for line in self._lines:
            await line.stop()
        self._lines = ()
        if self._rest.order_socket is not None:
            await self._rest.order_socket.stop()
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        await self._end_tasks()  # again: a line may begin some until it has stopped
        self.events.clear()
        await self._rest.close()

    # Orders and questions, the same everywhere.

    async def instruments(self) -> Sequence[Instrument]:
        return await self.questions.instruments(self.venue)

    async def publish_market(self, sink: MarketSink, instruments: Sequence[str]) -> None:
        self._market = self._market_of(sink, instruments)
        await self._market.start()

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        await self._sender.submit(orders)

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        await self._sender.cancel(cancels)

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        await self._sender.replace(replaces)

    async def cancel_all(self, account: str) -> None:
        self._check_account(account)
        await self._sender.cancel_all()

    async def query_order(self, account: str, client_order_id: str) -> OrderReport | None:
        self._check_account(account)
        return await self.questions.query_order(client_order_id)

    async def open_orders(self, account: str) -> Sequence[OrderReport]:
        self._check_account(account)
        return await self.questions.open_orders()

    async def fills(self, account: str, since_ns: int) -> Sequence[FillReport]:
        self._check_account(account)
        return await self.questions.fills(since_ns)

    async def balances(self, account: str) -> Sequence[BalanceReport]:
        self._check_account(account)
        return await self.questions.balances()

    def _socket_to(
        self, url: str, signer: Signer, *, window_ms: int, timeout_ms: int
    ) -> OrderSocket:
        """Order entry over the WebSocket API, by the venue's clock."""
        return OrderSocket(
            url,
            signer,
            now_ms=lambda: self._rest.clock.now_ns() // 1_000_000,
            acceptance_window_ms=window_ms,
            timeout_ms=timeout_ms,
            random=self._random,
        )

    def counts(self) -> dict[str, int]:
        """See gateway.api.Counted."""
        rest = self._rest
        shared = shared_counts(
            rest.row(), rest.budget, rest.clock.now_ns(), time.time_ns(), self._all_lines()
        )
        return {**shared, "unreadable_rows": self.questions.bad_rows, **self.events.counts()}

    def _all_lines(self) -> list[Mapping[str, Any]]:
        own = [line.row() for line in (self._stream, *self._lines) if line is not None]
        return [*own, *(self._market.rows() if self._market is not None else ())]

    async def _end_tasks(self) -> None:
        """The first step of a close."""
        self._port.close()
        if self._market is not None:
            await self._market.stop()
            self._market = None
        await self._tasks.cancel_all()
        self._is_in_maintenance = False  # who awaited the opening is gone as well

    def _check_account(self, account: str) -> None:
        if account != self._account:
            raise VenueRejected("unknown_account", f"{self.venue}: the key is of {self._account}")

    def _on_gap(self, reason: str) -> None:
        if reason:
            self.events.clear()  # what was awaited from the stream is not awaited any more
            self._port.tell("gap_opened", reason)
        elif not self._is_in_maintenance:
            self._port.tell("gap_closed")

    def _on_maintenance(self, reason: str) -> None:
        if not self._is_in_maintenance and self._port.is_open:
            self._is_in_maintenance = True
            self._port.tell("maintenance", None, reason)
            self._tasks.start(self._await_opening())

    async def _await_opening(self) -> None:
        """Ask for the time until the venue answers again. The stream, when it was lost as well,
        closes the gap itself."""
        while True:
            await asyncio.sleep(_OPENING_PERIOD_S * self._random.uniform(0.5, 1.0))
            try:
                await self._rest.clock.measure()
                break
            except VenueError as error:
                log.info("%s: not open yet: %s", self.venue, error)
        self._is_in_maintenance = False
        if self._stream is not None and self._stream.is_connected:
            self._port.tell("gap_closed")

    def _break_off(self, reason: str) -> None:
        """Facts are missing that only another line brings back."""
        if self._stream is not None:
            self._stream.break_off(reason)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(_CLOCK_PERIOD_S)
            try:
                await self._rest.clock.measure()
            except VenueError as error:
                log.warning("%s: the venue's time is not told: %s", self.venue, error)


def checked_settings(
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    kind: type[Chosen],
    addresses: Mapping[str, tuple[str, str]],
) -> Chosen:
    """Raises ValueError("key: what is wrong"). `addresses`: how each may begin."""
    try:
        chosen = msgspec.convert(dict(settings), kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"settings: {error}") from error
    for name in ("key", "secret"):
        if not secrets.get(name):
            raise ValueError(f"{name}: missing secret")
    for name, schemes in addresses.items():
        if not str(getattr(chosen, name)).startswith(schemes):
            raise ValueError(f"{name}: an address that begins with {schemes[0]} or {schemes[1]}")
    if not 1 <= getattr(chosen, "acceptance_window_ms", 1) <= 60_000:
        raise ValueError("acceptance_window_ms: 1 to 60000")
    rows_file = getattr(chosen, "budget_rows_file", "")
    if rows_file and not (rows_file.startswith("/") and Path(rows_file).parent.is_dir()):
        raise ValueError("budget_rows_file: a full path in a folder that is there")
    return chosen

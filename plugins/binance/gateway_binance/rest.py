"""Signed requests whose failures say exactly what is known: the venue said no, nothing happened,
or the outcome is unknown. Never sends anything twice, and nothing at all while banned."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlsplit

from gateway.api import (
    OutcomeUnknown,
    RateLimit,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.transport import (
    Budget,
    ClockKeeper,
    JsonReader,
    Lane,
    RestAnswer,
    RestPool,
    SharedRows,
    TimeSample,
    retry_after_ms,
)
from gateway_binance.errors import Meaning, Product, meaning_of
from gateway_binance.messages import ErrorRow, HalfRow, TimeRow
from gateway_binance.order_socket import OrderSocket
from gateway_binance.products import WIRES
from gateway_binance.signing import Signer, query_text

__all__ = ["BinanceRest", "Rejection"]

Document = TypeVar("Document")
_Turn = tuple[Mapping[str, int], int]  # what was taken of the budget, and when
_ERROR = JsonReader(ErrorRow, "an error")
_TIME = JsonReader(TimeRow, "the server time")
# How long a request may wait for its turn in the budget before it is given up unsent.
_PATIENCE_MS: dict[Lane, int] = {
    "kill": 1_000,
    "cancel": 1_000,
    "query": 2_000,
    "new": 200,
    "market": 2_000,
}
# Reading a long history may take several minutes' worth of weight: rather late than never.
_LONG_PATIENCE_MS = 70_000
_COSTS_MAX = 256
_WAIT_MS = 1_000  # after a 429 that does not say how long


class NothingLeft(VenueUnavailable):
    """The order socket could not take the request, and not one byte of it left."""


class Rejection(VenueRejected):
    """The venue said no; `meaning` is what that proves (errors.py)."""

    def __init__(self, code: str, text: str, meaning: Meaning) -> None:
        super().__init__(code, text)
        self.meaning = meaning


class BinanceRest:
    """One key at one address."""

    def __init__(
        self,
        url: str,
        signer: Signer,
        *,
        product: Product,
        timeout_ms: int,
        acceptance_window_ms: int,
        account: str,
        limits: Sequence[RateLimit],
        connections: int = 4,
        now_ns: Callable[[], int] = time.time_ns,
        random: Random,
        tls: ssl.SSLContext | None = None,
        budget_rows_file: str = "",
    ) -> None:
        """`budget_rows_file`: shared by the processes behind one address, which then spend one
        budget and hear of each other's bans. Raises OSError or ValueError for no such file."""
        self._product: Product = product
        self._wire = WIRES[product]
        self._signer = signer
        self._acceptance_window_ms = acceptance_window_ms
        self.clock = ClockKeeper(now_ns, self._ask_time)
        self._account = account
        # One for the address and the account; windows turn by the venue's clock.
        # Two hosts of the venue have nothing in common, so what is shared is told apart by them.
        host = urlsplit(url).netloc
        self.budget = Budget(
            limits,
            self.clock.now_ns,
            rows=SharedRows(Path(budget_rows_file)) if budget_rows_file else None,
            identity={"ip": host, "account": f"{host}/{account}"},
        )
        self._costs: dict[tuple[int, int], dict[str, int]] = {}  # by weight and orders
        self.order_socket: OrderSocket | None = None  # orders go this way while it is up
        # Until when a request may leave: another value than at its begin, and it stays here.
        self.term: Callable[[], object] = lambda: None
        # Called with the words of the venue when it says that it is closed.
        self.on_maintenance: Callable[[str], None] = lambda reason: None
        self._pool = RestPool(
            url,
            connections=connections,
            timeout_ms=timeout_ms,
            now_ns=now_ns,
            random=random,
            headers={"X-MBX-APIKEY": signer.api_key},
            tls=tls,
        )

    async def open(self) -> None:
        """Connect and learn the venue's time."""
        await self._pool.open()
        await self.clock.measure()

    async def close(self) -> None:
        await self._pool.close()

    def row(self) -> dict[str, Any]:
        """For logs and tests."""
        return {"budget": self.budget.row(), **self._pool.row()}

    async def _ask_time(self) -> TimeSample:
        answer = await self._request("GET", self._wire.time_path, weight=1, lane="kill")
        stamp_ns = _TIME.read(answer.data).server_time * 1_000_000
        return answer.sent_ns, stamp_ns, answer.received_ns

    async def public(
        self,
        path: str,
        reader: JsonReader[Document],
        parameters: Mapping[str, str] | None = None,
        *,
        weight: int = 1,
        limit: str = "",
        lane: Lane = "query",
    ) -> Document:
        """A question without a key. `limit`: a limit of its own, of which it takes one."""
        query = query_text(parameters) if parameters else ""
        turn = await self._turn(weight, lane, 0, limit=limit)
        target = f"{path}?{query}" if query else path
        return await self._question("GET", target, reader, turn, lane)

    async def keyed(self, method: str, path: str, reader: JsonReader[Document]) -> Document:
        """A call that the key alone allows: listen keys and tokens."""
        turn = await self._turn(1, "query", 0)
        return await self._question(method, path, reader, turn)

    async def ask(
        self,
        path: str,
        reader: JsonReader[Document],
        parameters: Mapping[str, str] | None = None,
        *,
        weight: int = 1,
        is_long: bool = False,
        lane: Lane = "query",
    ) -> Document:
        """A signed question, which changes nothing. `is_long`: one of many pages, which may wait
        for the next minute's weight. `lane`: of what the answer is needed for."""
        await self.clock.settle()
        patience_ms = _LONG_PATIENCE_MS if is_long else _PATIENCE_MS[lane]
        turn = await self._turn(weight, lane, 0, patience_ms)
        # Signed after the wait: the time is part of what is signed.
        return await self._question("GET", self._signed(path, parameters), reader, turn, lane)

    async def send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        *,
        weight: int,
        lane: Lane,
        orders: int = 0,
    ) -> bytes:
        """A signed request that changes something, once. Raises Rejection, VenueRateLimited or
        VenueUnavailable (nothing happened), OutcomeUnknown (nobody knows)."""
        term, has_waited = self.term(), self.clock.is_doubted
        if has_waited:
            await self.clock.settle()
        # With room in the budget and a line that is free, nothing is waited for until the write.
        costs = self._costs_of(weight, orders)
        is_taken = not self.budget.take(lane, costs)
        taken_ns = self.budget.taken_ns
        if not is_taken:
            has_waited = True
            taken_ns = await self.budget.wait(lane, costs, _PATIENCE_MS[lane])
        turn = (costs, taken_ns)
        if has_waited:
            self._check_or_give_back(lambda: self._check_leave(lane, term), turn)
        # Signed after the wait: the time is part of what is signed.
        if self.order_socket is not None and self.order_socket.is_up:
            name = self._wire.socket_methods.get((method, path))
            if name is not None:
                try:
                    return await self._send_by_socket(self.order_socket, name, parameters)
                except NothingLeft:
                    # Proof that not one byte left: the other way is free.
                    self._check_or_give_back(lambda: self._check_leave(lane, term), turn)
        answer = await self._send(
            method,
            self._signed(path, parameters),
            lane,
            lambda: self._check_leave(lane, term),
            turn,
        )
        return answer.data

    def _check_leave(self, lane: Lane, term: object) -> None:
        """Behind every wait: a ban may have come since, or the end of the port. Raises
        VenueRateLimited or VenueUnavailable; then nothing was sent."""
        self.budget.check_ban(lane)
        if self.term() != term:
            raise VenueUnavailable("port closed or epoch raised meanwhile; nothing was sent")

    def _check_or_give_back(self, check: Callable[[], None], turn: _Turn) -> None:
        try:
            check()
        except VenueError:
            self.budget.give_back(*turn)
            raise

    async def _send_by_socket(
        self, socket: OrderSocket, name: str, parameters: Mapping[str, str]
    ) -> bytes:
        sent_ns = self.clock.now_ns()
        try:
            answer = await socket.ask(name, parameters)
        except VenueUnavailable as error:
            raise NothingLeft(str(error)) from error
        for _, kind, limit, is_of_account in self._wire.counted:
            if kind in answer.counts:
                full = f"{limit}@{self._account}" if is_of_account else limit
                self.budget.told(full, answer.counts[kind], sent_ns=sent_ns)
        if answer.status == 200:
            return answer.data
        wait_ms = self._until(answer.retry_at_ms)
        raise self._meant(
            name, answer.status, answer.code, answer.text, wait_ms, halves=answer.halves
        )

    async def line_turn(self, weight: int) -> None:
        """For what another line of the same address weighs. Raises VenueRateLimited, also while
        banned."""
        await self._turn(weight, "kill", 0)

    def refused_line(self, what: str, status: int, error: ErrorRow) -> VenueError:
        """What a refusal on another line proves: a ban and a clock that is off are of all lines."""
        wait_ms = self._until(error.retry_at_ms)
        return self._meant(what, status, error.code, error.text, wait_ms)

    def _until(self, at_ms: int) -> int:
        return max(0, at_ms - self.clock.now_ns() // 1_000_000)

    async def _question(
        self,
        method: str,
        target: str,
        reader: JsonReader[Document],
        turn: _Turn,
        lane: Lane = "query",
    ) -> Document:
        """A lost answer to what changes nothing is plain unavailability."""
        try:
            answer = await self._ask(method, target, lane, turn)
        except OutcomeUnknown as error:
            raise VenueUnavailable(str(error)) from error
        return reader.read(answer.data)

    def request_bytes(self, method: str, path: str, parameters: Mapping[str, str]) -> bytes:
        """What a signed request would write now; nothing is sent. For benches and tests."""
        return self._pool.request_bytes(method, self._signed(path, parameters))

    def _signed(self, path: str, parameters: Mapping[str, str] | None) -> str:
        query = query_text(parameters) if parameters else ""
        now_ms = self.clock.now_ns() // 1_000_000
        return f"{path}?{self._signer.signed(query, now_ms, self._acceptance_window_ms)}"

    async def _request(self, method: str, target: str, *, weight: int, lane: Lane) -> RestAnswer:
        return await self._ask(method, target, lane, await self._turn(weight, lane, 0))

    async def _ask(self, method: str, target: str, lane: Lane, turn: _Turn) -> RestAnswer:
        # Its turn may have been given just before the ban.
        self._check_or_give_back(lambda: self.budget.check_ban(lane), turn)
        return await self._send(method, target, lane, lambda: self.budget.check_ban(lane), turn)

    async def _turn(
        self,
        weight: int,
        lane: Lane,
        orders: int,
        patience_ms: int | None = None,
        *,
        limit: str = "",
    ) -> _Turn:
        """Wait for a place in the budget. Raises VenueRateLimited; then nothing was sent."""
        costs = self._costs_of(weight, orders)
        if limit:
            costs = {**costs, limit: 1}
        return costs, await self.budget.wait(lane, costs, patience_ms or _PATIENCE_MS[lane])

    def _costs_of(self, weight: int, orders: int) -> Mapping[str, int]:
        """What a request takes of which limits; made once for each kind of request."""
        found = self._costs.get((weight, orders))
        if found is None:
            found = {"weight": weight} if weight else {}
            names = self._wire.order_limits if orders else ()
            found |= {f"{name}@{self._account}": orders for name in names}
            if len(self._costs) < _COSTS_MAX:
                self._costs[weight, orders] = found
        return found

    async def _send(
        self, method: str, target: str, lane: Lane, may_leave: Callable[[], None], turn: _Turn
    ) -> RestAnswer:
        try:
            answer = await self._pool.request(method, target, lane=lane, may_leave=may_leave)
        except (VenueUnavailable, VenueRateLimited):  # not one byte left
            self.budget.give_back(*turn)
            raise
        self._count(answer)
        if answer.status == 200:
            return answer
        raise self._failure(f"{method} {target.partition('?')[0]}", answer)

    def _count(self, answer: RestAnswer) -> None:
        """The venue's own count wins over ours: others may share the address or the account."""
        sent_ns = answer.sent_ns + self.clock.offset_ns
        for header, _, name, is_of_account in self._wire.counted:
            used = answer.headers.get(header, "")
            if used.isascii() and used.isdigit() and len(used) < 9:
                full = f"{name}@{self._account}" if is_of_account else name
                self.budget.told(full, int(used), sent_ns=sent_ns)

    def _failure(self, what: str, answer: RestAnswer) -> VenueError:
        """The proof that stands in a failed answer."""
        try:
            row = _ERROR.read(answer.data)
            code, text, halves = row.code, row.text, row.halves
        except VenueProtocolError as error:
            code, text, halves = None, str(error), []
        wait_ms = retry_after_ms(answer)
        return self._meant(what, answer.status, code, text, wait_ms, halves=halves)

    def _meant(
        self,
        what: str,
        status: int,
        code: int | None,
        text: str,
        wait_ms: int,
        *,
        halves: Sequence[HalfRow] = (),
    ) -> VenueError:
        """A half of which nobody knows the end leaves the whole unknown."""
        meaning = meaning_of(self._product, status, code, text)
        parts = {meaning_of(self._product, status, half.code, half.msg) for half in halves}
        if parts & {"unknown", "duplicate"}:
            meaning = "unknown"
        said = f"{what}: {status} {code} {text}"[:200]
        if code == -1 and text == "Service Unavailable.":
            self.on_maintenance(said)
        if meaning == "unknown":
            return OutcomeUnknown(said)
        if meaning == "rate_limited":
            wait_ms = wait_ms or _WAIT_MS
            until_ns = self.clock.now_ns() + wait_ms * 1_000_000
            self.budget.ban(until_ns, f"{status} {code}")
            return VenueRateLimited(said, wait_ms)
        if meaning == "not_executed":
            return VenueUnavailable(said)
        if meaning == "clock":
            self.clock.doubt()
        return Rejection(str(code), text, meaning)

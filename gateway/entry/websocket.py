"""The /v1/ws session: orders in, answers and events out, one bounded queue per session.

A session that does not read is closed by name; nobody else is slowed. What a session asked to
cancel at its end is cancelled when its line is gone; the wish is journaled with each order, so that
a start after a kill keeps it (gateway/venues/link.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from gateway.api import RefusedError
from gateway.core.vocabulary import TERMINAL_STATES, CancelReason, RecordKind
from gateway.entry import strict_json
from gateway.entry.api_messages import (
    LinkedOrders,
    NewOrderMessage,
    ReplaceOrderMessage,
    WsCancel,
    WsLogin,
    WsOperation,
    WsReplace,
    WsSubmit,
    WsSubmitLinked,
    WsSubscribe,
)
from gateway.entry.desk import Desk, error_body
from gateway.entry.field_rules import near_hint
from gateway.entry.keys import Identity, KeyRing
from gateway.entry.token_bucket import TokenBucket
from gateway.telemetry import WEBSOCKET

if TYPE_CHECKING:
    from gateway.core.native import Notice

__all__ = ["SLOW_CONSUMER", "SessionLimits", "Sessions"]

log = logging.getLogger(__name__)

SLOW_CONSUMER = 4008
_LOGIN_SECONDS_MAX = 10.0
_THROTTLED_MAX = 100  # refusals for rate in a row before the session is closed
_CANCEL_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FILLS = frozenset({RecordKind.ORDER_FILLED, RecordKind.FILL_BUSTED, RecordKind.FILL_CORRECTED})


class SessionLimits(Protocol):
    """What a session reads of the door's limits."""

    @property
    def body_bytes_max(self) -> int: ...
    @property
    def sessions_max(self) -> int: ...
    @property
    def session_queue_max(self) -> int: ...
    @property
    def subscriptions_max(self) -> int: ...
    @property
    def requests_per_second(self) -> int: ...
    @property
    def request_burst(self) -> int: ...


class Sessions:
    """All WebSocket sessions of the door."""

    def __init__(
        self, desk: Desk, keys: KeyRing, limits: SessionLimits, *, clock: Callable[[], float]
    ) -> None:
        self.desk = desk
        self.keys = keys
        self.limits = limits
        self.clock = clock
        self.counters: Counter[str] = Counter()
        self._open: set[Session] = set()
        self._ends: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One session from handshake to close."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            given = request.headers.get("Upgrade", "")
            rule = "a WebSocket handshake"
            raise RefusedError("UPGRADE_REQUIRED", field="Upgrade", value=given, rule=rule)
        if len(self._open) >= self.limits.sessions_max:
            raise RefusedError("TOO_MANY_REQUESTS", field="sessions", rule="no free session")
        socket = web.WebSocketResponse(
            max_msg_size=self.limits.body_bytes_max, compress=False, heartbeat=30.0
        )
        await socket.prepare(request)
        session = Session(self, socket, request.remote or "")
        self._open.add(session)
        self.counters["ws_sessions"] += 1
        try:
            await session.run()
        finally:
            self._open.discard(session)
            session.stop()
            end = asyncio.get_running_loop().create_task(session.cancel_own())
            self._ends.add(end)
            end.add_done_callback(self._ends.discard)
        return socket

    def check_keys(self) -> None:
        """After a reload: sessions whose key changed fail closed."""
        for session in tuple(self._open):
            if session.who is not None and not self.keys.still_valid(session.who):
                session.close_soon(WSCloseCode.POLICY_VIOLATION, "the key was revoked")

    async def close(self) -> None:
        """Close all sessions; each one's cancel policy runs to its end."""
        for session in tuple(self._open):
            session.close_soon(WSCloseCode.GOING_AWAY, "the gateway stops")
        for _ in range(200):
            if not self._open and not self._ends:
                return
            await asyncio.sleep(0.01)
        for end in self._ends:  # what is still open is cancelled by the next start
            end.cancel()


class Session:
    """One connection. Answers and events leave through one queue, in order."""

    def __init__(self, sessions: Sessions, socket: web.WebSocketResponse, peer: str = "") -> None:
        self._sessions = sessions
        self._peer = peer
        self._desk = sessions.desk
        self._socket = socket
        self.who: Identity | None = None
        self._channels: set[str] = set()
        self._own: set[int] = set()
        self._late: set[str] = set()  # client order ids whose verdict did not come in time
        self._is_cancelling = False
        self._queue: deque[bytes] = deque()
        self._has_work = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        limits = sessions.limits
        self._bucket = TokenBucket(
            limits.requests_per_second, limits.request_burst, sessions.clock()
        )
        self._throttled = 0
        self._unlisten = self._desk.router.listen(self._on_notice)
        self._unhear: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Read until the peer goes; a writer task sends beside it."""
        writer = asyncio.get_running_loop().create_task(self._write())
        try:
            await self._read()
        finally:
            self._has_work.set()
            if self._closing is None:
                self._closing = (WSCloseCode.OK, "")
            done, late = await asyncio.wait({writer}, timeout=1.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*done, *late, return_exceptions=True)

    def stop(self) -> None:
        """No more events."""
        self._unlisten()
        self._unhear()

    async def cancel_own(self) -> None:
        """The session is gone: cancel what it sent and is still open, when it asked for that. What
        is refused for now (rate, no room, venue down) is asked again until nothing is left."""
        if not self._is_cancelling or self.who is None:
            return
        rounds = 0
        while await self._cancel_round(self.who.principal):
            await asyncio.sleep(_CANCEL_WAITS_SECONDS[min(rounds, len(_CANCEL_WAITS_SECONDS) - 1)])
            rounds += 1
        self._sessions.counters["ws_cancel_on_disconnect"] += 1

    async def _cancel_round(self, principal: str) -> int:
        """One cancel for each open order that is not being cancelled; how many were refused."""
        find, refused = self._desk.engine.order_by_client_id, 0
        late = {int(row["order_id"]) for each in self._late if (row := find(principal, each))}
        for order_id in sorted(self._own | late):
            row = self._desk.engine.order(order_id)
            if row is None or row["state"] in TERMINAL_STATES or row["pending"] == "cancel":
                continue
            try:
                await self._desk.router.cancel(principal, order_id, CancelReason.DISCONNECT)
            except RefusedError as error:
                refused += 1
                log.warning("cancel on disconnect of order %d: %s", order_id, error)
        return refused

    def close_soon(self, code: int, reason: str) -> None:
        """Close with a code and a reason, after what is queued was dropped."""
        if self._closing is None:
            self._closing = (code, reason)
            self._has_work.set()

    async def _read(self) -> None:
        first = self._sessions.clock()
        while self._closing is None:
            wait = None if self.who else _LOGIN_SECONDS_MAX - (self._sessions.clock() - first)
            try:
                async with asyncio.timeout(wait):
                    message = await self._socket.receive()
            except TimeoutError:
                self.close_soon(WSCloseCode.POLICY_VIOLATION, "no login in time")
                return
            if message.type == WSMsgType.TEXT:
                await self._on_message(message.data.encode())
            elif message.type == WSMsgType.BINARY:
                self.close_soon(WSCloseCode.UNSUPPORTED_DATA, "text messages only")
            else:
                return

    async def _on_message(self, body: bytes) -> None:
        request: Any = None
        measurement = self._desk.engine.measurement
        begin = measurement.timestamp()
        try:
            document = strict_json.parse(body)
            request = document.get("id")
            self._throttle()
            operation = strict_json.convert(document, _operation_type(document))
            self._send({"id": operation.id, "ok": True} | await self._do(operation))
        except RefusedError as error:
            identity = request if isinstance(request, int) else None
            self._send({"id": identity, "ok": False, "error": error_body(error)})
            self._sessions.counters["ws_refusals"] += 1
        measurement.record(WEBSOCKET, begin)

    async def _do(self, operation: WsOperation) -> dict[str, Any]:
        if isinstance(operation, WsLogin):
            return self._login(operation)
        who = self.who
        if who is None or not self._sessions.keys.still_valid(who):
            raise RefusedError("NOT_AUTHENTICATED", field="op", rule="log in first")
        match operation:
            case WsSubmit():
                return {"order": await self._submit(who, operation.order)}
            case WsSubmitLinked():
                group = LinkedOrders(link=operation.link, orders=operation.orders)
                return {"orders": await self._submit_linked(who, group)}
            case WsCancel():
                return {"order": await self._desk.cancel(who, operation.order_id)}
            case WsReplace():
                change = ReplaceOrderMessage(
                    client_order_id=operation.client_order_id,
                    quantity=operation.quantity,
                    price=operation.price,
                )
                replaced = await self._desk.replace(who, operation.order_id, change)
                return {"order": replaced.order}
            case WsSubscribe():
                return self._subscribe(who, operation)

    async def _submit(self, who: Identity, order: NewOrderMessage) -> dict[str, Any]:
        try:
            submitted = await self._desk.submit(
                who, order, is_cancel_on_disconnect=self._is_cancelling
            )
        except RefusedError as error:
            if error.code == "UNKNOWN_OUTCOME":  # it may exist: ours to cancel at the end
                self._late.add(order.client_order_id)
            raise
        self._own.add(int(submitted.order["order_id"]))
        return submitted.order

    async def _submit_linked(self, who: Identity, group: LinkedOrders) -> list[dict[str, Any]]:
        try:
            submitted = await self._desk.submit_linked(
                who, group, is_cancel_on_disconnect=self._is_cancelling
            )
        except RefusedError as error:
            if error.code == "UNKNOWN_OUTCOME":  # they may exist: ours to cancel at the end
                self._late.update(order.client_order_id for order in group.orders)
            raise
        self._own.update(int(each.order["order_id"]) for each in submitted)
        return [each.order for each in submitted]

    def _login(self, operation: WsLogin) -> dict[str, Any]:
        if self.who is not None:
            raise RefusedError("NOT_AUTHENTICATED", field="op", rule="already logged in")
        self.who = self._sessions.keys.authenticate(operation.key, "websocket", self._peer)
        self._is_cancelling = operation.cancel_on_disconnect
        return {"principal": self.who.principal, "scopes": sorted(self.who.scopes)}

    def _subscribe(self, who: Identity, operation: WsSubscribe) -> dict[str, Any]:
        who.require("read")
        if operation.channel in self._channels:
            return {"channel": operation.channel}
        if len(self._channels) >= self._sessions.limits.subscriptions_max:
            raise RefusedError("TOO_MANY_SUBSCRIPTIONS", field="channel", value=operation.channel)
        if not self._channels:
            self._unhear = self._desk.router.hear_others(self._on_heard)
        self._channels.add(operation.channel)
        return {"channel": operation.channel}

    def _throttle(self) -> None:
        if self._bucket.take(self._sessions.clock()):
            self._throttled = 0
            return
        self._throttled += 1
        if self._throttled >= _THROTTLED_MAX:
            self.close_soon(WSCloseCode.POLICY_VIOLATION, "too many requests")
        per_second = self._sessions.limits.requests_per_second
        raise RefusedError("TOO_MANY_REQUESTS", rule=f"at most {per_second} per second")

    def _on_notice(self, notice: Notice | None) -> None:
        """Events of orders for those who subscribed; lost notices say: read the state again."""
        if not self._channels or self._closing is not None:
            return
        if notice is None:
            self._send({"channel": "orders", "resync": True})
            return
        row = self._desk.engine.order(notice.order_id) if notice.order_id else None
        if row is not None and notice.kind != RecordKind.ORDER_REFUSED:
            self._tell(notice, row)

    def _on_heard(self, notice: Notice | None) -> None:
        """Events of orders that came by shared memory: told to their own principal."""
        if notice is None:
            self._on_notice(None)
            return
        row = self._desk.engine.order(notice.order_id)
        if row is not None and self.who is not None and row["principal"] == self.who.principal:
            self._tell(notice, row)

    def _tell(self, notice: Notice, row: dict[str, Any]) -> None:
        event = {"sequence": notice.sequence, "order": row}
        if "orders" in self._channels:
            self._send({"channel": "orders"} | event)
        if notice.kind not in _FILLS:
            return
        if "fills" in self._channels:
            self._send({"channel": "fills"} | event)
        if "positions" in self._channels:
            rows = self._desk.engine.positions_of(row["account"], row["instrument"])
            self._send({"channel": "positions", "sequence": notice.sequence, "positions": rows})

    def _send(self, message: dict[str, Any]) -> None:
        if self._closing is not None:
            return
        if len(self._queue) >= self._sessions.limits.session_queue_max:
            self._sessions.counters["ws_slow_consumers"] += 1
            self._queue.clear()
            self.close_soon(SLOW_CONSUMER, "slow consumer: the outgoing queue is full")
            return
        self._queue.append(msgspec.json.encode(message))
        self._has_work.set()

    async def _write(self) -> None:
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            while self._queue and not self._socket.closed:
                await self._socket.send_str(self._queue.popleft().decode())
            if self._closing is not None:
                code, reason = self._closing
                await self._socket.close(code=code, message=reason.encode()[:120], drain=False)
                return


def _operation_type(document: dict[str, Any]) -> Any:
    """The message type of `op`; a missing or unknown op is refused by name."""
    operations = {
        "login": WsLogin,
        "submit": WsSubmit,
        "submit_linked": WsSubmitLinked,
        "cancel": WsCancel,
        "replace": WsReplace,
        "subscribe": WsSubscribe,
    }
    if "op" not in document:
        raise strict_json.InputError("MISSING_FIELD", field="op", rule="required: the operation")
    operation = document["op"]
    if not isinstance(operation, str):
        raise strict_json.InputError("BAD_TYPE", field="op", value=operation, rule="text")
    if operation not in operations:
        raise strict_json.InputError(
            "BAD_ENUM",
            field="op",
            value=operation,
            rule="one of " + ", ".join(f'"{word}"' for word in operations),
            hint=near_hint(operation, operations),
        )
    return operations[operation]

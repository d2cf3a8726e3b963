"""Takes what the engine decided to send and hands it to the adapter, in batches.

Sends are not retried here: after a timeout or an exception the order may be live. Reconcile decides
(docs/concepts/unknown_outcome.md). Nothing is sent that the engine did not put on the port.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gateway.api import (
    CancelRequest,
    OrderRequest,
    ReplaceRequest,
    VenueAdapter,
    VenueRejected,
    outcome_of,
)
from gateway.core.native import OutboundEntry as Entry
from gateway.core.vocabulary import (
    LEGS,
    ORDER_FLAGS,
    ORDER_TYPES,
    SIDES,
    TIMES_IN_FORCE,
    RecordKind,
)
from gateway.telemetry import VENUE_ROUND_TRIP
from gateway.venues.in_flight import RequestKind
from gateway.venues.session import VenueSession

if TYPE_CHECKING:
    from gateway.core.native import VenuePort

__all__ = ["Outbound"]

log = logging.getLogger(__name__)

Request = OrderRequest | CancelRequest | ReplaceRequest
_KINDS: dict[int, RequestKind] = {
    RecordKind.ORDER_NEW: "new",
    RecordKind.CANCEL_REQUESTED: "cancel",
    RecordKind.REPLACE_REQUESTED: "replace",
}
# Number -> word; a number without a word is a bug, so it raises.
_SIDES, _TYPES, _TIMES_IN_FORCE, _LEGS = (
    {number: word for word, number in table.items()}
    for table in (SIDES, ORDER_TYPES, TIMES_IN_FORCE, LEGS)
)
# Beyond this many batches in flight new entries stay in the engine's ring, which then refuses new
# orders by name (VENUE_QUEUE_FULL). It is the bound of our own memory, not a rate.
_BATCHES_MAX = 256


class Outbound:
    """The sending side of one venue. `pump` runs on the event loop whenever the port has work."""

    def __init__(self, session: VenueSession, native: VenuePort, adapter: VenueAdapter) -> None:
        self._session = session
        self._native = native
        self._adapter = adapter
        self._batches: set[asyncio.Task[None]] = set()
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._sent_ns: dict[int, int] = {}
        manifest = session.manifest
        self._timeout_ns = manifest.ack_timeout_ms * 1_000_000
        self._sizes: dict[RequestKind, int] = {
            "new": manifest.batch_orders_max,
            "cancel": manifest.batch_cancels_max,
            "replace": manifest.batch_replaces_max,
        }

    def pump(self) -> None:
        """Take what waits and start sending it."""
        while len(self._batches) < _BATCHES_MAX:
            entries = self._native.take(_BATCHES_MAX)
            if not entries:
                return
            fresh = [e for e in (Entry(*each) for each in entries) if self._is_of_this_epoch(e)]
            for kind, group in groupby(fresh, key=lambda entry: _KINDS[entry.kind]):
                self._send(kind, list(group))

    def is_sending(self, order_id: int) -> bool:
        """True while the adapter has not come back from sending the new order."""
        return order_id in self._sending

    def sent_before_ns(self, order_id: int) -> int | None:
        """Engine time at which the last byte of this order had surely left; None = not by us."""
        return self._sent_ns.get(order_id)

    def expire(self) -> None:
        """Turn requests without an answer into unknown outcomes. Runs a few times per timeout."""
        for order_id in [each for each in self._sent_ns if self._is_acknowledged(each)]:
            del self._sent_ns[order_id]
        for waiting in self._session.in_flight.expired(self._session.engine.now_ns()):
            self._session.unknown_request(waiting.order_id, waiting.kind, "timeout")

    def abandon(self, reason: str) -> None:
        """The line is cut: everything in flight has an unknown outcome from now on."""
        for waiting in self._session.in_flight.expired(1 << 63):
            self._session.unknown_request(waiting.order_id, waiting.kind, reason)

    async def close(self, timeout_seconds: float) -> None:
        """Wait for running sends, then abandon the rest."""
        if self._batches:
            _, late = await asyncio.wait(self._batches, timeout=timeout_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self.abandon("disconnected")

    def _is_acknowledged(self, order_id: int) -> bool:
        row = self._session.engine.order(order_id)
        return row is None or row["state"] not in ("PENDING_NEW", "UNKNOWN")

    def _is_of_this_epoch(self, entry: Entry) -> bool:
        if entry.epoch == self._session.engine.native.epoch:
            return True
        log.error("%s: entry of epoch %d not sent", self._session.venue, entry.epoch)
        self._session.health.counters["stale_entries"] += 1
        if entry.kind == RecordKind.ORDER_NEW:
            self._session.not_sent(entry.order_id, "queue_stale")
        return False

    def _send(self, kind: RequestKind, entries: Sequence[Entry]) -> None:
        """Batches of one account, as large as the manifest allows and in the order they came."""
        size = self._sizes[kind]
        ready: dict[int, list[Entry]] = {}
        for entry in entries:
            if kind != "new" and entry.order_id in self._sending:
                # A cancel must not overtake its own new order on another connection.
                self._start(kind, [entry])
                continue
            batch = ready.setdefault(entry.account, [])
            # Two requests about one order have an order: the later one is of the next batch.
            if len(batch) == size or any(each.order_id == entry.order_id for each in batch):
                self._start(kind, batch)
                batch = ready[entry.account] = []
            batch.append(entry)
        for batch in ready.values():
            self._start(kind, batch)

    def _start(self, kind: RequestKind, batch: Sequence[Entry]) -> None:
        deadline = self._session.engine.now_ns() + self._timeout_ns
        requests = [self._request(kind, entry) for entry in batch]
        for entry in batch:
            self._session.in_flight.add(entry.order_id, kind, deadline)
        after = self._sending.get(batch[0].order_id) if kind != "new" else None
        task = asyncio.get_running_loop().create_task(self._run(kind, requests, after))
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)
        self._session.health.counters[f"sent_{kind}"] += len(batch)
        if kind == "new":
            for entry in batch:
                self._sending[entry.order_id] = task

    async def _run(
        self, kind: RequestKind, requests: Sequence[Request], after: asyncio.Task[None] | None
    ) -> None:
        try:
            if after is not None:
                await asyncio.wait({after})
            async with asyncio.timeout(self._timeout_ns / 1e9):
                await self._measured(self._call(kind, requests), requests[0].order_id)
        except asyncio.CancelledError:
            self._failed(kind, requests, "unknown", "disconnected")
            raise
        except Exception as error:  # an adapter may raise anything; each becomes an outcome
            self._failed(kind, requests, outcome_of(error), _reason(error))
        finally:
            if kind == "new":
                now_ns = self._session.engine.now_ns()
                for request in requests:
                    self._sent_ns[request.order_id] = now_ns
                    self._sending.pop(request.order_id, None)

    async def _measured(self, call: Coroutine[Any, Any, None], order_id: int) -> None:
        """From the adapter's call until it came back, also with an exception."""
        measurement = self._session.engine.measurement
        begin = measurement.timestamp()
        try:
            await call
        finally:
            measurement.record(VENUE_ROUND_TRIP, begin, order_id)

    def _call(self, kind: RequestKind, requests: Sequence[Any]) -> Coroutine[Any, Any, None]:
        match kind:
            case "new":
                return self._adapter.submit(requests)
            case "cancel":
                return self._adapter.cancel(requests)
            case "replace":
                return self._adapter.replace(requests)

    def _failed(
        self, kind: RequestKind, requests: Sequence[Request], outcome: str, reason: str
    ) -> None:
        """Every request of the batch that has no answer yet gets the outcome of the exception. A
        batch of which one part was answered did leave: about the rest nothing is proved."""
        session = self._session
        if not all(session.in_flight.holds(each.order_id, kind) for each in requests):
            outcome = "unknown"
        log.warning("%s: %s of %d failed: %s", session.venue, kind, len(requests), reason)
        for request in requests:
            if not session.in_flight.holds(request.order_id, kind):
                continue
            if outcome == "unknown":
                session.unknown_request(request.order_id, kind, reason)
            elif kind == "cancel":
                session.cancel_rejected(request.order_id, reason)
            elif kind == "replace":
                session.replace_rejected(request.order_id, reason)
            elif outcome == "rejected":
                session.rejected(request.order_id, reason)
            else:
                session.not_sent(request.order_id, reason)

    def _request(self, kind: RequestKind, entry: Entry) -> Request:
        names = self._session.engine.names
        account = names.name("account", entry.account)
        instrument = names.instrument(entry.instrument).venue_symbol
        client_order_id = self._client_order_id(entry)
        if kind == "cancel":
            return CancelRequest(
                order_id=entry.order_id,
                client_order_id=client_order_id,
                venue_order_id=entry.venue_order_id,
                account=account,
                instrument=instrument,
            )
        if kind == "replace":
            return ReplaceRequest(
                order_id=entry.order_id,
                client_order_id=client_order_id,
                venue_order_id=entry.venue_order_id,
                account=account,
                instrument=instrument,
                quantity=entry.quantity,
                price=entry.price or None,
            )
        return OrderRequest(
            order_id=entry.order_id,
            client_order_id=client_order_id,
            account=account,
            instrument=instrument,
            side=_SIDES[entry.side],  # type: ignore[arg-type]
            type=_TYPES[entry.type],  # type: ignore[arg-type]
            time_in_force=_TIMES_IN_FORCE[entry.time_in_force],  # type: ignore[arg-type]
            quantity=entry.quantity,
            price=entry.price or None,
            trigger_price=entry.trigger_price or None,
            display_quantity=entry.display_quantity or None,
            expires_ns=entry.expires_ns or None,
            leg=_LEGS[entry.leg],  # type: ignore[arg-type]
            is_post_only=bool(entry.flags & ORDER_FLAGS["post_only"]),
            is_reduce_only=bool(entry.flags & ORDER_FLAGS["reduce_only"]),
        )

    def _client_order_id(self, entry: Entry) -> str:
        """An adopted order keeps the client id it was found with."""
        if entry.flags & ORDER_FLAGS["external"]:
            row = self._session.engine.order(entry.order_id)
            return str(row["client_order_id"] or "") if row else ""
        return self._session.ids.encode(entry.order_id)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, VenueRejected):
        return error.code
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

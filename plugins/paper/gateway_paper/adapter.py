"""The reference adapter: one venue, driven through gateway.api.VenueAdapter. Says only what it
knows; a doubt is `unknown`, never a verdict, and nothing is ever sent twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from gateway.api import (
    AdapterPort,
    BalanceReport,
    CancelRequest,
    FillReport,
    FundingReport,
    Instrument,
    MarketSink,
    OrderReport,
    OrderRequest,
    OutcomeUnknown,
    PositionReport,
    ReplaceRequest,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.transport import PortGuard
from gateway_paper import translate
from gateway_paper.capabilities import capabilities
from gateway_paper.market_feed import MarketFeed
from gateway_paper.rest import RestClient
from gateway_paper.stream import AccountStream

__all__ = ["PaperAdapter"]

Row = dict[str, Any]
_SETTINGS = {"url", "accounts", "timeout_ms", "silence_max_s"}


class PaperAdapter:
    """`settings`: url, accounts (default: all of the key), timeout_ms, silence_max_s.
    `secrets`: key, secret."""

    def __init__(self, venue: str, settings: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        url = settings.get("url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ValueError("url: an http(s) address is needed")
        unknown = sorted(set(settings) - _SETTINGS)
        if unknown:
            raise ValueError(f"{unknown[0]}: unknown setting of the paper adapter")
        for name in ("key", "secret"):
            if not secrets.get(name):
                raise ValueError(f"{name}: missing secret")
        self.venue = venue
        timeout_ms = int(settings.get("timeout_ms", 3_000))
        self.capabilities = capabilities(venue, ack_timeout_ms=timeout_ms + 1_000)
        self._accounts: Sequence[str] = settings.get("accounts", ())
        self._silence_max_s = float(settings.get("silence_max_s", 5.0))
        self._timeout_s = timeout_ms / 1_000
        self._rest = RestClient(url, secrets["key"], secrets["secret"], timeout_ms=timeout_ms)
        self._url = url.rstrip("/")
        self._port = PortGuard()
        self._stream: AccountStream | None = None
        self._feed: MarketFeed | None = None
        # Our order ids by (account, client order id), while the order may still speak.
        self._order_ids: dict[tuple[str, str], int] = {}

    # Life.

    async def connect(self, port: AdapterPort) -> None:
        session = await self._rest.open()
        try:
            rows = (await self._ask("/v1/accounts"))["accounts"]
            sequences = {row["name"]: row["sequence"] for row in rows}
            wanted = self._accounts or list(sequences)
            unknown = [name for name in wanted if name not in sequences]
            if unknown:
                raise VenueRejected("unknown_account", f"{self.venue}: {unknown[0]}")
            self._port.open(port)
            self._stream = AccountStream(
                lambda: session.ws_connect(
                    f"{self._url}/v1/stream",
                    headers=self._rest.headers("GET", "/v1/stream"),
                    max_msg_size=1 << 20,
                ),
                {name: sequences[name] for name in wanted},
                on_row=self._on_row,
                on_gap=self._on_gap,
                random=Random(time.time_ns()),
                silence_max_s=self._silence_max_s,
            )
            await self._stream.start(self._timeout_s)
        except BaseException:  # a connect that is given up leaves nothing behind
            await self.close()
            raise

    async def publish_market(self, sink: MarketSink, instruments: Sequence[str]) -> None:
        session = await self._rest.open()
        self._feed = MarketFeed(
            lambda: session.ws_connect(
                f"{self._url}/v1/market",
                headers=self._rest.headers("GET", "/v1/market"),
                max_msg_size=1 << 20,
            ),
            sink,
            instruments,
            random=Random(time.time_ns()),
            silence_max_s=self._silence_max_s,
        )

    async def close(self) -> None:
        if self._feed is not None:
            await self._feed.stop()
            self._feed = None
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        self._port.close()
        await self._rest.close()

    # Orders out.

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        await asyncio.gather(*(self._submit(order) for order in orders))

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        await asyncio.gather(*(self._cancel(cancel) for cancel in cancels))

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        await asyncio.gather(*(self._replace(replace) for replace in replaces))

    async def _submit(self, order: OrderRequest) -> None:
        place = (order.account, order.client_order_id)
        self._order_ids[place] = order.order_id  # before sending: the stream may be first

        def no(error: VenueRejected) -> None:
            if error.code == "duplicate_client_order_id":
                # The venue has an order of that name, perhaps this very one: not a verdict.
                self._port.tell("unknown", order.order_id, error.code)
                return
            self._order_ids.pop(place, None)
            self._port.tell("rejected", order.order_id, error.code)

        def not_sent(error: VenueError) -> None:
            self._order_ids.pop(place, None)
            self._port.tell("not_sent", order.order_id, str(error))

        row = await self._send(
            "/v1/orders", translate.order_body(order), order.order_id, no, not_sent
        )
        if row is not None:
            self._tell_submitted(order.order_id, row)

    def _tell_submitted(self, order_id: int, row: Row) -> None:
        """The answer to a new order. Its fills and its end come over the stream."""
        if row["state"] == "rejected":
            self._order_ids.pop((row["account"], row["client_order_id"]), None)
            self._port.tell("rejected", order_id, row["reason"], venue_time_ns=row["venue_time_ns"])
        else:
            self._tell_accepted(order_id, row)

    async def _cancel(self, cancel: CancelRequest) -> None:
        def no(error: VenueError) -> None:
            code = error.code if isinstance(error, VenueRejected) else str(error)
            if code in ("order_closed", "order_not_found"):
                self._order_ids.pop((cancel.account, cancel.client_order_id), None)
            self._port.tell("cancel_rejected", cancel.order_id, code)

        self._order_ids[cancel.account, cancel.client_order_id] = cancel.order_id
        body = {"account": cancel.account, "client_order_id": cancel.client_order_id}
        row = await self._send("/v1/orders/cancel", body, cancel.order_id, no, no)
        if row is not None and row["state"] == "canceled":
            self._tell_end(cancel.order_id, row)

    async def _replace(self, replace: ReplaceRequest) -> None:
        def no(error: VenueError) -> None:
            code = error.code if isinstance(error, VenueRejected) else str(error)
            self._port.tell("replace_rejected", replace.order_id, code)

        self._order_ids[replace.account, replace.client_order_id] = replace.order_id
        body = {
            "account": replace.account,
            "client_order_id": replace.client_order_id,
            "quantity": replace.quantity,
            "price": replace.price,
        }
        row = await self._send("/v1/orders/replace", body, replace.order_id, no, no)
        if row is not None:
            self._tell_replaced(replace.order_id, row)

    async def _send(
        self,
        path: str,
        body: Row,
        order_id: int,
        no: Callable[[VenueRejected], None],
        not_sent: Callable[[VenueError], None],
    ) -> Row | None:
        """The three outcomes of everything that is sent: an answer, proof that nothing
        happened, or not knowing."""
        try:
            answer = await self._rest.post(path, body)
            row: Row = answer["order"]
            return row
        except VenueRejected as error:
            no(error)
        except (VenueUnavailable, VenueRateLimited) as error:
            not_sent(error)
        except (OutcomeUnknown, VenueProtocolError, KeyError) as error:
            self._port.tell("unknown", order_id, str(error))
        return None

    # Facts in.

    def _on_row(self, row: Row) -> None:
        kind = row["message"]
        if kind == "fill":
            self._port.tell("filled", translate.fill_report(row))
            if row["state"] == "filled":
                self._order_ids.pop((row["account"], row["client_order_id"]), None)
        elif kind == "order":
            self._on_order_row(row)
        elif kind == "funding":
            self._port.tell("funded", translate.funding_report(row))
        elif kind == "mark":
            self._port.tell("marked", translate.mark_report(row))

    def _on_order_row(self, row: Row) -> None:
        """An order of ours as the precise fact; any other as the venue's view of it."""
        order_id = self._order_ids.get((row["account"], row["client_order_id"]))
        if order_id is None:
            self._port.tell("order_seen", translate.order_report(row))
            return
        event = row["event"]
        if event in ("accepted", "untriggered"):
            self._tell_accepted(order_id, row)
        elif event == "triggered":
            self._port.tell("triggered", order_id, venue_time_ns=row["venue_time_ns"])
        elif event == "replaced":
            self._tell_replaced(order_id, row)
        else:
            self._tell_end(order_id, row)

    def _on_gap(self, reason: str) -> None:
        if reason:
            self._port.tell("gap_opened", reason)
        else:
            self._port.tell("gap_closed")

    def _tell_accepted(self, order_id: int, row: Row) -> None:
        self._port.tell(
            "accepted",
            order_id,
            row["venue_order_id"],
            is_untriggered=row["state"] == "untriggered",
            **_venue_stamp(row),
        )

    def _tell_replaced(self, order_id: int, row: Row) -> None:
        self._port.tell(
            "replaced",
            order_id,
            price=row["price"],
            quantity=row["quantity"],
            venue_order_id=row["venue_order_id"],
            **_venue_stamp(row),
        )

    def _tell_end(self, order_id: int, row: Row) -> None:
        """Canceled, expired or rejected: the last word of an order, once per source."""
        self._order_ids.pop((row["account"], row["client_order_id"]), None)
        if row["state"] == "rejected":
            self._port.tell("rejected", order_id, row["reason"], venue_time_ns=row["venue_time_ns"])
            return
        cumulative = row["cumulative_quantity"]
        self._port.tell(
            row["state"],
            order_id,
            row["reason"],
            cumulative_quantity=cumulative,
            venue_order_id=row["venue_order_id"],
            **_venue_stamp(row),
        )

    # Questions.

    async def instruments(self) -> Sequence[Instrument]:
        rows = (await self._ask("/v1/instruments"))["instruments"]
        return [translate.instrument(self.venue, row) for row in rows]

    async def query_order(self, account: str, client_order_id: str) -> OrderReport | None:
        try:
            row = await self._ask(f"/v1/orders/{client_order_id}", {"account": account})
        except VenueRejected as error:
            if error.code == "order_not_found":
                return None
            raise
        return translate.order_report(row["order"])

    async def open_orders(self, account: str) -> Sequence[OrderReport]:
        rows = (await self._ask("/v1/orders", {"account": account}))["orders"]
        return [translate.order_report(row) for row in rows]

    async def fills(self, account: str, since_ns: int) -> Sequence[FillReport]:
        return [translate.fill_report(row) for row in await self._pages("fills", account, since_ns)]

    async def funding(self, account: str, since_ns: int) -> Sequence[FundingReport]:
        rows = await self._pages("funding", account, since_ns)
        return [translate.funding_report(row) for row in rows]

    async def _pages(self, name: str, account: str, since_ns: int) -> list[Row]:
        found: list[Row] = []
        while True:
            after = found[-1]["venue_sequence"] if found else 0
            query = {"account": account, "since_ns": str(since_ns), "after": str(after)}
            page = await self._ask(f"/v1/{name}", query)
            found += page[name]
            if page["is_complete"]:
                return found

    async def positions(self, account: str) -> Sequence[PositionReport]:
        rows = (await self._ask("/v1/positions", {"account": account}))["positions"]
        return [translate.position_report(row) for row in rows]

    async def balances(self, account: str) -> Sequence[BalanceReport]:
        rows = (await self._ask("/v1/balances", {"account": account}))["balances"]
        return [translate.balance_report(row) for row in rows]

    async def is_hedge_mode(self, account: str) -> bool:
        return bool((await self._ask("/v1/mode", {"account": account}))["is_hedge_mode"])

    async def _ask(self, path: str, query: Mapping[str, str] | None = None) -> Row:
        """A question changes nothing, so a lost answer is plain unavailability."""
        try:
            return await self._rest.get(path, query)
        except OutcomeUnknown as error:
            raise VenueUnavailable(str(error)) from error


def _venue_stamp(row: Row) -> dict[str, int]:
    return {"venue_time_ns": row["venue_time_ns"], "venue_sequence": row["venue_sequence"]}

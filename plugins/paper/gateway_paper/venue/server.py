"""The HTTP face of the venue: checks the key, writes the request down, applies faults and latency,
asks the exchange, answers. Holds no state of its own."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from fractions import Fraction
from random import Random
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gateway_paper.signing import KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from gateway_paper.venue.bodies import (
    ActionBody,
    CancelAllBody,
    CancelBody,
    MarketBody,
    ModeBody,
    ReplaceBody,
)
from gateway_paper.venue.exchange import Exchange
from gateway_paper.venue.faults import FaultRequest, Faults
from gateway_paper.venue.market import BookCleared, LevelSet, MarketChange, Traded
from gateway_paper.venue.market_stream import MarketHub
from gateway_paper.venue.orders import Refused, SubmitBody
from gateway_paper.venue.settings import KeySettings, VenueSettings
from gateway_paper.venue.streams import StreamHub

__all__ = ["VenueServer"]

ADMIN_HEADER = "X-Paper-Admin"
PAGE_MAX = 1_000

Row = dict[str, Any]
Action = Callable[[], Row]
Body = TypeVar("Body")
_REJECTION_STEPS = 1_000_000  # reject_rate is compared with an integer draw, no floats


class VenueServer:
    """Routes and their guards around one exchange."""

    def __init__(
        self,
        settings: VenueSettings,
        exchange: Exchange,
        hub: StreamHub,
        faults: Faults,
        *,
        market: MarketHub,
        now_ns: Callable[[], int],
        random: Random,
        write: Callable[[list[Row]], None],
    ) -> None:
        self._settings = settings
        self._exchange = exchange
        self._hub = hub
        self._faults = faults
        self._market = market
        self._now_ns = now_ns
        self._random = random
        self._write = write
        self._keys = {key.key: key for key in settings.keys}
        self._reject_below = round(_REJECTION_STEPS * Fraction(settings.reject_rate))
        self._closing = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024)
        app.add_routes(
            [
                web.get("/v1/time", self._time),
                web.get("/v1/instruments", self._instruments),
                web.get("/v1/accounts", self._accounts),
                web.get("/v1/mode", self._mode),
                web.post("/v1/mode", self._set_mode),
                web.post("/v1/orders", self._submit),
                web.post("/v1/orders/cancel", self._cancel),
                web.post("/v1/orders/cancel-all", self._cancel_all),
                web.post("/v1/orders/replace", self._replace),
                web.get("/v1/orders", self._open_orders),
                web.get("/v1/orders/{client_order_id}", self._order),
                web.get("/v1/fills", self._fills),
                web.get("/v1/funding", self._funding),
                web.get("/v1/positions", self._positions),
                web.get("/v1/balances", self._balances),
                web.get("/v1/depth", self._depth),
                web.get("/v1/stream", self._stream),
                web.get("/v1/market", self._market_stream),
                web.get("/v1/admin/faults", self._admin_faults),
                web.post("/v1/admin/faults", self._admin_arm),
                web.post("/v1/admin/market", self._admin_market),
                web.post("/v1/admin/action", self._admin_action),
            ]
        )
        app.on_shutdown.append(self._on_shutdown)
        return app

    async def _on_shutdown(self, _: web.Application) -> None:
        self._closing.set()
        self._hub.cut_all()
        self._market.cut_all()

    # Orders.

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        def action(key: KeySettings, body: SubmitBody) -> Row:
            self._check_account(key, body.account)
            is_unlucky = self._random.randrange(_REJECTION_STEPS) < self._reject_below
            reject_with = "simulated_reject" if is_unlucky else ""
            return {"order": self._exchange.submit(body, reject_with=reject_with)}

        return await self._change(request, "submit", SubmitBody, action)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        def action(key: KeySettings, body: CancelBody) -> Row:
            self._check_account(key, body.account)
            return {"order": self._exchange.cancel(body.account, body.client_order_id)}

        return await self._change(request, "cancel", CancelBody, action)

    async def _cancel_all(self, request: web.Request) -> web.StreamResponse:
        def action(key: KeySettings, body: CancelAllBody) -> Row:
            self._check_account(key, body.account)
            return {"canceled": self._exchange.cancel_all(body.account, body.instrument)}

        return await self._change(request, "cancel_all", CancelAllBody, action)

    async def _replace(self, request: web.Request) -> web.StreamResponse:
        def action(key: KeySettings, body: ReplaceBody) -> Row:
            self._check_account(key, body.account)
            row = self._exchange.replace(
                body.account, body.client_order_id, body.quantity, body.price
            )
            return {"order": row}

        return await self._change(request, "replace", ReplaceBody, action)

    async def _set_mode(self, request: web.Request) -> web.StreamResponse:
        def action(key: KeySettings, body: ModeBody) -> Row:
            self._check_account(key, body.account)
            self._exchange.set_hedge_mode(body.account, body.is_hedge_mode)
            return {"account": body.account, "is_hedge_mode": body.is_hedge_mode}

        return await self._change(request, "mode", ModeBody, action)

    # Questions.

    async def _time(self, request: web.Request) -> web.StreamResponse:
        return _answer({"venue_time_ns": self._now_ns()})

    async def _instruments(self, request: web.Request) -> web.StreamResponse:
        rows = [
            {
                **msgspec.to_builtins(listing),
                "price_scale": listing.price_scale,
                "quantity_scale": listing.quantity_scale,
            }
            for listing in self._exchange.listings.values()
        ]
        return await self._question(request, lambda _: {"instruments": rows})

    async def _accounts(self, request: web.Request) -> web.StreamResponse:
        def action(key: KeySettings) -> Row:
            sequences = self._exchange.sequences
            names = self._allowed(key)
            return {"accounts": [{"name": n, "sequence": sequences[n]} for n in names]}

        return await self._question(request, action)

    async def _mode(self, request: web.Request) -> web.StreamResponse:
        def action(_: KeySettings) -> Row:
            account = self._exchange.accounts[request.query["account"]]
            return {"account": account.name, "is_hedge_mode": account.is_hedge_mode}

        return await self._question(request, action, is_of_account=True)

    async def _order(self, request: web.Request) -> web.StreamResponse:
        def action(_: KeySettings) -> Row:
            name = request.match_info["client_order_id"]
            return {"order": self._exchange.order_row(request.query["account"], name)}

        return await self._question(request, action, is_of_account=True)

    async def _open_orders(self, request: web.Request) -> web.StreamResponse:
        def action(_: KeySettings) -> Row:
            return {"orders": self._exchange.open_order_rows(request.query["account"])}

        return await self._question(request, action, is_of_account=True)

    async def _fills(self, request: web.Request) -> web.StreamResponse:
        return await self._pages(request, "fills", self._exchange.fills)

    async def _funding(self, request: web.Request) -> web.StreamResponse:
        return await self._pages(request, "funding", self._exchange.funding)

    async def _pages(
        self, request: web.Request, name: str, rows: dict[str, list[Row]]
    ) -> web.StreamResponse:
        """Oldest first, at most PAGE_MAX; the next page starts `after` the last sequence."""

        def action(_: KeySettings) -> Row:
            since, after = (_integer(request, each) for each in ("since_ns", "after"))
            wanted = [
                row
                for row in rows[request.query["account"]]
                if row["venue_time_ns"] >= since and row["venue_sequence"] > after
            ]
            return {name: wanted[:PAGE_MAX], "is_complete": len(wanted) <= PAGE_MAX}

        return await self._question(request, action, is_of_account=True)

    async def _positions(self, request: web.Request) -> web.StreamResponse:
        def action(_: KeySettings) -> Row:
            account = self._exchange.accounts[request.query["account"]]
            return {"positions": account.position_rows(self._exchange.listings)}

        return await self._question(request, action, is_of_account=True)

    async def _balances(self, request: web.Request) -> web.StreamResponse:
        def action(_: KeySettings) -> Row:
            account = self._exchange.accounts[request.query["account"]]
            return {"balances": account.balance_rows()}

        return await self._question(request, action, is_of_account=True)

    async def _depth(self, request: web.Request) -> web.StreamResponse:
        def action(_: KeySettings) -> Row:
            return self._exchange.depth_rows(request.query.get("instrument", ""), 20)

        return await self._question(request, action)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        try:
            key = self._authenticate(request, "")
        except Refused as refused:
            return _refusal(refused)
        return await self._hub.serve(request, self._allowed(key))

    async def _market_stream(self, request: web.Request) -> web.StreamResponse:
        try:
            self._authenticate(request, "")
        except Refused as refused:
            return _refusal(refused)
        return await self._market.serve(request, self._now_ns())

    # Administration.

    async def _admin_faults(self, request: web.Request) -> web.StreamResponse:
        return await self._admin(request, None, lambda _: {"faults": self._faults.rows()})

    async def _admin_arm(self, request: web.Request) -> web.StreamResponse:
        def action(body: FaultRequest) -> Row:
            self._faults.arm(body)
            return {"faults": self._faults.rows()}

        return await self._admin(request, FaultRequest, action)

    async def _admin_market(self, request: web.Request) -> web.StreamResponse:
        def action(body: MarketBody) -> Row:
            self._exchange.apply_market(self._changes(body))
            return self._exchange.mark_row(body.instrument)

        return await self._admin(request, MarketBody, action)

    async def _admin_action(self, request: web.Request) -> web.StreamResponse:
        def action(body: ActionBody) -> Row:
            known: dict[str, Callable[[], None]] = {
                "end_day": self._exchange.end_day,
                "pay_funding": lambda: self._exchange.pay_funding(self._now_ns()),
                "cut_streams": self._hub.cut_all,
                "cut_market": self._market.cut_all,
                "clear_faults": self._faults.clear,
            }
            if body.action not in known:
                raise Refused("bad_request", f"action: one of {', '.join(known)}")
            known[body.action]()
            return {"done": body.action}

        return await self._admin(request, ActionBody, action)

    def _changes(self, body: MarketBody) -> list[MarketChange]:
        listing = self._exchange.listings.get(body.instrument)
        if listing is None:
            raise Refused("unknown_instrument", body.instrument[:64])
        changes: list[MarketChange] = [BookCleared(listing.symbol)] if body.is_cleared else []
        for side, price, quantity in body.levels:
            level = (listing.price(price), listing.quantity(quantity))
            changes.append(LevelSet(listing.symbol, "buy" if side == "buy" else "sell", *level))
        for price, quantity, side in body.trades:
            trade = (listing.price(price), listing.quantity(quantity))
            changes.append(Traded(listing.symbol, *trade, "buy" if side == "buy" else "sell"))
        return changes

    # The way every request takes.

    async def _change(
        self,
        request: web.Request,
        operation: str,
        body_type: type[Body],
        action: Callable[[KeySettings, Body], Row],
    ) -> web.StreamResponse:
        text = await request.text()

        def run() -> Row:
            key = self._authenticate(request, text)
            self._note(request, key.key, text)
            return action(key, _decode(text, body_type))

        return await self._misbehave(request, operation, run)

    async def _question(
        self,
        request: web.Request,
        action: Callable[[KeySettings], Row],
        *,
        is_of_account: bool = False,
    ) -> web.StreamResponse:
        def run() -> Row:
            key = self._authenticate(request, "")
            self._note(request, key.key, "")
            if is_of_account:
                self._check_account(key, request.query.get("account", ""))
            return action(key)

        return await self._misbehave(request, "query", run)

    async def _admin(
        self, request: web.Request, body_type: type[Body] | None, action: Callable[[Any], Row]
    ) -> web.StreamResponse:
        given = request.headers.get(ADMIN_HEADER, "")
        wanted = self._settings.admin_key
        if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
            return _refusal(Refused("not_admin", status=403))
        text = await request.text()
        self._note(request, "admin", text)
        return _run(lambda: action(_decode(text, body_type) if body_type else None))

    async def _misbehave(
        self, request: web.Request, operation: str, run: Action
    ) -> web.StreamResponse:
        """Latency, then the armed fault, if any, around `run`."""
        if self._settings.latency_ms:
            await asyncio.sleep(self._settings.latency_ms / 1_000)
        fault = self._faults.take(operation)
        if fault is None:
            return _run(run)
        if fault == "reject":
            return _refusal(Refused("simulated_reject"))
        if fault in ("ack_drop", "execute_disconnect", "execute_error_500"):
            _run(run)
        else:
            # Nothing executes, but the venue did see the request.
            self._note(request, request.headers.get(KEY_HEADER, ""), await request.text())
        if fault in ("ack_drop", "silent"):
            await self._closing.wait()
        if fault in ("error_500", "execute_error_500"):
            return web.json_response({"error": {"code": "internal", "text": ""}}, status=500)
        return _cut(request)

    def _authenticate(self, request: web.Request, body: str) -> KeySettings:
        key = self._keys.get(request.headers.get(KEY_HEADER, ""))
        stamp = request.headers.get(TIMESTAMP_HEADER, "")
        if key is None or not stamp.isascii() or not stamp.isdigit():
            raise Refused("bad_key", status=401)
        wanted = sign(key.secret, int(stamp), request.method, request.raw_path, body)
        given = request.headers.get(SIGNATURE_HEADER, "")
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise Refused("bad_signature", status=401)
        age_ms = abs(self._now_ns() - int(stamp)) // 1_000_000
        if age_ms > self._settings.receive_window_ms:
            raise Refused("timestamp_outside_window", f"{age_ms} ms", 401)
        return key

    def _note(self, request: web.Request, key: str, body: str) -> None:
        self._write(
            [
                {
                    "kind": "request",
                    "venue_time_ns": self._now_ns(),
                    "key": key,
                    "method": request.method,
                    "path": request.raw_path,
                    "body": body,
                }
            ]
        )

    def _allowed(self, key: KeySettings) -> list[str]:
        return [
            name for name in self._exchange.accounts if not key.accounts or name in key.accounts
        ]

    def _check_account(self, key: KeySettings, account: str) -> None:
        if account not in self._allowed(key):
            raise Refused("unknown_account", account[:64])


def _decode(text: str, body_type: type[Body]) -> Body:
    try:
        return msgspec.json.decode(text, type=body_type)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Refused("bad_request", str(error)) from error


def _run(action: Action) -> web.Response:
    try:
        return _answer(action())
    except Refused as refused:
        return _refusal(refused)
    except ValueError as error:
        return _refusal(Refused("bad_request", str(error)))


def _answer(row: Row) -> web.Response:
    return web.Response(body=msgspec.json.encode(row), content_type="application/json")


def _refusal(refused: Refused) -> web.Response:
    body = msgspec.json.encode({"error": {"code": refused.code, "text": refused.text}})
    return web.Response(body=body, content_type="application/json", status=refused.status)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _integer(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit()):
        raise Refused("bad_number", f"{name} {text[:40]}")
    return int(text)

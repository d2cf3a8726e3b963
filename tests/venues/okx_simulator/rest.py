"""The REST face: every request is signed, counted, hit by its fault, done and answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from fault_script import FaultScript, answer_under
from gateway_paper.venue.orders import Refused
from okx_simulator.access import Gate, RollingLimits
from okx_simulator.algos import Algos
from okx_simulator.envelope import Refusal, TopRefusal, failed, results, success
from okx_simulator.listings import TICK_BANDS
from okx_simulator.reports import Reports
from okx_simulator.venue import OkxVenue

__all__ = ["RestFace"]

Row = dict[str, Any]
PAGE = 100


class Ask(NamedTuple):
    """One request, read. `body` is the query of a GET."""

    account: str
    body: Any
    expires_ms: int


class Route(NamedTuple):
    """`capacity` requests in `window_ms`, per user, and per instrument when `by_instrument`."""

    act: Callable[[Ask], Row]
    capacity: int
    window_ms: int = 2_000
    by_instrument: bool = False
    is_public: bool = False


class RestFace:
    """Routes over one venue."""

    def __init__(
        self,
        venue: OkxVenue,
        algos: Algos,
        reports: Reports,
        *,
        gate: Gate,
        limits: RollingLimits,
        faults: FaultScript,
    ) -> None:
        self._venue = venue
        self._algos = algos
        self._reports = reports
        self._gate = gate
        self._limits = limits
        self._faults = faults
        self.requests: list[tuple[str, str]] = []  # (method path, body), as they came
        self.routes = {**self._trade_routes(), **self._account_routes(), **self._public_routes()}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        place = f"{request.method} {request.path.removeprefix('/api/v5/')}"
        self.requests.append((place, body or request.query_string))

        async def execute() -> web.StreamResponse:
            return self._answer(request, place, body)

        return await answer_under(self._faults.take(place), request, execute)

    def _answer(self, request: web.Request, place: str, body: str) -> web.StreamResponse:
        try:
            route = self.routes.get(place)
            if route is None:
                raise TopRefusal("50115" if request.method == "PUT" else "50005", 404)
            account = ""
            if not route.is_public:
                account = self._gate.check_request(
                    request.headers, request.method, request.raw_path, body
                )
            row = route.act(self._read(request, place, body, account=account, route=route))
        except TopRefusal as error:
            return _reply(failed(error), error.status)
        except Refusal as error:
            return _reply(failed(error))
        return _reply(row)

    def _read(
        self, request: web.Request, place: str, body: str, *, account: str, route: Route
    ) -> Ask:
        told: Any = dict(request.query)
        if request.method == "POST":
            if not body:
                raise TopRefusal("50000", 400)
            try:
                told = msgspec.json.decode(body)
            except msgspec.DecodeError:
                raise TopRefusal("50002", 400) from None
        items = told if isinstance(told, list) else [told]
        instrument = str(items[0].get("instId", "")) if route.by_instrument and items else ""
        if "batch" in place and len(items) > 1:
            fits = self._limits.spend((account, place, instrument), 300, 2_000, len(items))
        else:
            subject = (account or str(request.remote), place, instrument)
            fits = self._limits.spend(subject, route.capacity, route.window_ms)
        if not fits:
            raise TopRefusal("50011", 429)
        return Ask(account, told, int(request.headers.get("expTime", "0") or 0))

    # Trade.

    def _trade_routes(self) -> dict[str, Route]:
        return {
            "POST trade/order": Route(self._place, 60, by_instrument=True),
            "POST trade/batch-orders": Route(self._place, 60, by_instrument=True),
            "POST trade/cancel-order": Route(self._cancel, 60, by_instrument=True),
            "POST trade/cancel-batch-orders": Route(self._cancel, 60, by_instrument=True),
            "POST trade/amend-order": Route(self._amend, 60, by_instrument=True),
            "POST trade/amend-batch-orders": Route(self._amend, 60, by_instrument=True),
            "GET trade/order": Route(self._order, 60, by_instrument=True),
            "GET trade/orders-pending": Route(self._pending, 60),
            "GET trade/orders-history": Route(self._history, 40),
            "GET trade/orders-history-archive": Route(self._history, 20),
            "GET trade/fills": Route(self._fills, 60),
            "GET trade/fills-history": Route(self._fills, 10),
            "POST trade/order-algo": Route(self._place_algo, 20, by_instrument=True),
            "GET trade/order-algo": Route(self._algo, 20),
            "POST trade/cancel-algos": Route(self._cancel_algos, 20),
            "POST trade/amend-algos": Route(self._amend_algo, 20, by_instrument=True),
            "GET trade/orders-algo-pending": Route(self._pending_algos, 20),
            "GET trade/orders-algo-history": Route(self._algo_history, 20),
            "POST trade/cancel-all-after": Route(self._cancel_all_after, 1, 1_000),
        }

    def _place(self, ask: Ask) -> Row:
        items = _items(ask.body)
        if not self._limits.spend((ask.account, "new and amend"), 1_000, 2_000, len(items)):
            raise Refusal("50061")
        return self._results(
            items, lambda b: self._venue.place(ask.account, b, expires_ms=ask.expires_ms)
        )

    def _cancel(self, ask: Ask) -> Row:
        return self._results(_items(ask.body), lambda b: self._venue.cancel(ask.account, b))

    def _amend(self, ask: Ask) -> Row:
        return self._results(
            _items(ask.body),
            lambda b: self._venue.amend(ask.account, b, expires_ms=ask.expires_ms),
        )

    def _place_algo(self, ask: Ask) -> Row:
        return self._results(_items(ask.body), lambda b: self._algos.place(ask.account, b))

    def _cancel_algos(self, ask: Ask) -> Row:
        return self._results(_items(ask.body), lambda b: self._algos.cancel(ask.account, b))

    def _amend_algo(self, ask: Ask) -> Row:
        return self._results(_items(ask.body), lambda b: self._algos.amend(ask.account, b))

    def _results(self, items: Sequence[Row], act: Callable[[Row], Row]) -> Row:
        if len(items) > 20:
            raise Refusal("50025")
        return results(items, act, now_us=lambda: self._venue.now_ns() // 1_000)

    def _order(self, ask: Ask) -> Row:
        return success([self._venue.find(ask.account, ask.body, missing="51603").row()])

    def _pending(self, ask: Ask) -> Row:
        rows = [order.row() for order in self._venue.open_orders(ask.account)]
        return success(_page(_wanted(rows, ask.body), ask.body, key="ordId"))

    def _history(self, ask: Ask) -> Row:
        done = [o.row() for o in self._venue.orders.values() if o.account == ask.account]
        rows = [row for row in done if row["state"] in ("filled", "canceled")]
        return success(_page(_wanted(rows, ask.body), ask.body, key="ordId"))

    def _fills(self, ask: Ask) -> Row:
        rows = _wanted(self._venue.fills[ask.account], ask.body)
        return success(_page(rows, ask.body, key="billId"))

    def _algo(self, ask: Ask) -> Row:
        order = self._algos.find(ask.account, ask.body)
        if order is None:
            raise Refusal("51603")
        return success([order.row()])

    def _pending_algos(self, ask: Ask) -> Row:
        rows = [order.row() for order in self._algos.open_orders(ask.account)]
        return success(_page(_wanted(rows, ask.body), ask.body, key="algoId"))

    def _algo_history(self, ask: Ask) -> Row:
        wanted = ask.body.get("state", "")
        rows = [
            order.row()
            for order in self._algos.orders.values()
            if order.account == ask.account and order.state == wanted
        ]
        return success(_page(_wanted(rows, ask.body), ask.body, key="algoId"))

    def _cancel_all_after(self, ask: Ask) -> Row:
        try:
            seconds = int(ask.body.get("timeOut", ""))
        except ValueError:
            raise Refusal("51000", "timeOut") from None
        return success([self._algos.arm(ask.account, seconds)])

    # Account.

    def _account_routes(self) -> dict[str, Route]:
        reports = self._reports
        return {
            "GET account/config": Route(lambda a: success([reports.config(a.account)]), 5),
            "GET account/balance": Route(lambda a: success([reports.balance(a.account)]), 10),
            "GET account/positions": Route(self._positions, 10),
            "GET account/bills": Route(self._bills, 5, 1_000),
            "GET account/bills-archive": Route(self._bills, 5, 2_000),
            "GET account/interest-accrued": Route(self._interest, 5),
            "GET account/instruments": Route(self._instruments, 20),
            "POST account/set-position-mode": Route(self._set_mode, 5),
            "POST account/set-leverage": Route(lambda a: success([a.body]), 40),
        }

    def _positions(self, ask: Ask) -> Row:
        inst_id = ask.body.get("instId", "")
        return success(self._reports.positions(ask.account, inst_id=inst_id))

    def _bills(self, ask: Ask) -> Row:
        rows = _wanted(self._venue.bills[ask.account], ask.body)
        kind = ask.body.get("type", "")
        return success(_page([r for r in rows if kind in ("", r["type"])], ask.body, key="billId"))

    def _interest(self, ask: Ask) -> Row:
        rows = self._venue.interest[ask.account]
        return success(_page(rows, ask.body, key="ts"))

    def _set_mode(self, ask: Ask) -> Row:
        mode = ask.body.get("posMode", "")
        try:
            self._venue.exchange.set_hedge_mode(ask.account, mode == "long_short_mode")
        except Refused:
            raise Refusal("59000") from None
        return success([{"posMode": mode}])

    # Public.

    def _public_routes(self) -> dict[str, Route]:
        def public(act: Callable[[Ask], Row], capacity: int = 20) -> Route:
            return Route(act, capacity, is_public=True)

        reports = self._reports
        return {
            "GET public/time": public(lambda a: success([{"ts": str(self._venue.now_ms())}]), 10),
            "GET public/instruments": public(self._instruments),
            "GET public/instrument-tick-bands": public(_tick_bands, 5),
            "GET public/mark-price": public(lambda a: self._each(a, reports.mark), 10),
            "GET public/funding-rate": public(lambda a: self._each(a, reports.funding_rate)),
            "GET market/ticker": public(lambda a: self._each(a, reports.ticker)),
            "GET market/tickers": public(lambda a: self._each(a, reports.ticker)),
            "GET market/books": public(self._books, 40),
        }

    def _instruments(self, ask: Ask) -> Row:
        wanted = (ask.body.get("instType", ""), ask.body.get("instId", ""))
        family = ask.body.get("instFamily", "")
        if wanted[0] == "OPTION" and not family:
            raise Refusal("50014", "instFamily")
        rows = [product.row() for product in self._venue.products.values()]
        return success(
            [
                row
                for row in rows
                if row["instType"] == wanted[0]
                and row["state"] != "expired"
                and wanted[1] in ("", row["instId"])
                and family in ("", row["instFamily"])
            ]
        )

    def _each(self, ask: Ask, state: Callable[[str], Row]) -> Row:
        name, kind = ask.body.get("instId", ""), ask.body.get("instType", "")
        wanted = [
            product.inst_id
            for product in self._venue.products.values()
            if name in ("", "ANY", product.inst_id) and kind in ("", product.kind)
        ]
        if not wanted:
            raise Refusal("51001")
        return success([state(each) for each in wanted])

    def _books(self, ask: Ask) -> Row:
        name = ask.body.get("instId", "")
        if name not in self._venue.products:
            raise Refusal("51001")
        levels = self._reports.levels(name, min(400, int(ask.body.get("sz", "1"))))
        return success([{**levels, "ts": str(self._venue.now_ms())}])


def _reply(row: Row, status: int = 200) -> web.Response:
    text = msgspec.json.encode(row).decode()
    return web.Response(text=text, status=status, content_type="application/json")


def _tick_bands(ask: Ask) -> Row:
    if ask.body.get("instType") != "OPTION":
        raise Refusal("51000", "instType")
    wanted = ask.body.get("instFamily", "")
    names = ("minPx", "maxPx", "tickSz")
    return success(
        [
            {
                "instType": "OPTION",
                "instFamily": family,
                "tickBand": [dict(zip(names, band, strict=True)) for band in bands],
            }
            for family, bands in TICK_BANDS.items()
            if wanted in ("", family)
        ]
    )


def _items(body: Any) -> list[Row]:
    return body if isinstance(body, list) else [body]


def _wanted(rows: Sequence[Row], query: Mapping[str, str]) -> list[Row]:
    """What the filters leave. `begin` and `end` are ms; fills and bills carry `ts`."""
    begin, end = int(query.get("begin", 0)), int(query.get("end", 1 << 62))
    found = []
    for row in rows:
        names = ("instType", "instId", "ordType", "ordId")
        if any(query.get(name) and query[name] != row.get(name) for name in names):
            continue
        if begin <= int(row.get("ts") or row.get("uTime") or 0) <= end:
            found.append(row)
    return found


def _page(rows: Sequence[Row], query: Mapping[str, str], *, key: str) -> list[Row]:
    """Newest first; `after` = older than, `before` = newer than, by `key`."""
    after, before = int(query.get("after") or 1 << 62), int(query.get("before") or -1)
    found = [row for row in reversed(rows) if before < int(row[key]) < after]
    return found[: min(PAGE, int(query.get("limit") or PAGE))]

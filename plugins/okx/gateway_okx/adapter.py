"""The adapter of OKX v5: one key, one account, driven through gateway.api.VenueAdapter. Says only
what it knows; a row it cannot read is counted, named and followed by a reconciliation."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from gateway.api import (
    AdapterPort,
    BalanceReport,
    BorrowReport,
    CancelRequest,
    FillReport,
    FundingReport,
    Instrument,
    MarketSink,
    OrderReport,
    OrderRequest,
    PositionReport,
    ReplaceRequest,
    VenueError,
    VenueProtocolError,
    VenueRejected,
    VenueUnavailable,
)
from gateway.transport import PortGuard, TaskKeeper
from gateway_okx import translate
from gateway_okx.capabilities import capabilities
from gateway_okx.facts import Facts
from gateway_okx.known_orders import KnownOrders
from gateway_okx.listings import Listings
from gateway_okx.market_data import MarketData
from gateway_okx.order_entry import OrderEntry
from gateway_okx.questions import Questions
from gateway_okx.rest import OkxRest, read_rows
from gateway_okx.rows import CancelAllAfterRow, ConfigRow, Frame, StatusRow
from gateway_okx.settings import OkxSettings
from gateway_okx.signing import Signer
from gateway_okx.socket_entry import SocketEntry
from gateway_okx.stream import OkxSocket

__all__ = ["OkxAdapter"]

log = logging.getLogger(__name__)
_DAY_NS = 86_400_000_000_000
_PRIVATE = [{"channel": "orders", "instType": "ANY"}, {"channel": "balance_and_position"}]
# Pushed on a change, and every five seconds where what lies in isolated positions moves with time.
_POSITIONS = {"channel": "positions", "instType": "ANY"}
_CHANGED_POSITIONS = {**_POSITIONS, "extraParams": '{"updateInterval": "0"}'}
# WebSocket, trading service, the same in batches of accounts or products.
_TRADING_SERVICES = ("0", "5", "8", "9")
_BUSINESS = [{"channel": "orders-algo", "instType": "ANY"}]


class OkxAdapter:
    """`settings`: see gateway_okx.settings. `secrets`: key, secret, passphrase."""

    def __init__(
        self,
        venue: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        *,
        now_ns: Callable[[], int] = time.monotonic_ns,
        random: Random | None = None,
    ) -> None:
        for name in ("key", "secret", "passphrase"):
            if not secrets.get(name):
                raise ValueError(f"{name}: missing secret")
        self.venue = venue
        self._settings = terms = OkxSettings.read(settings)
        self.capabilities = capabilities(
            venue,
            ack_timeout_ms=terms.timeout_ms + 1_000,
            acceptance_window_ms=terms.acceptance_window_ms,
        )
        self.counters: Counter[str] = Counter()
        self._random = random or Random(now_ns())
        self._signer = Signer(
            secrets["key"], secrets["secret"], secrets["passphrase"], is_demo=terms.is_demo
        )
        self._rest = OkxRest(
            terms.url,
            self._signer,
            terms.account,
            timeout_ms=terms.timeout_ms,
            acceptance_window_ms=terms.acceptance_window_ms,
            now_ns=now_ns,
            random=self._random,
            counters=self.counters,
            budget_rows_file=terms.budget_rows_file,
        )
        self._known = KnownOrders()
        self._listings = Listings(venue, self._rest, terms, self.counters)
        self._port = PortGuard()
        self._rest.term = self._port.term
        self._tasks = TaskKeeper(self._question_failed)
        self._sockets: list[OkxSocket] = []
        self._market: MarketData | None = None
        self._down: set[str] = set()
        self._has_gap = self._is_maintained = False
        self._spot_mode = "cash"
        self._is_up = asyncio.Event()
        self._questions = Questions(
            self._rest, self._known, terms.account, terms.kinds, self.counters
        )
        tell, told = self._port.tell, self._port.told
        self._facts = Facts(
            terms.account, self._known, tell=tell, counters=self.counters, told=told
        )
        over_socket = SocketEntry(
            self._rest,
            socket=self._private_socket,
            code_of=self._listings.code_of,
            timeout_ms=terms.timeout_ms,
        )
        self._entry = OrderEntry(
            over_socket if terms.order_entry == "websocket" else self._rest,
            self._known,
            tell=self._port.tell,
            ask=self._ask_again,
            look=self._questions.order,
            kind_of=self._listings.kind_of,
            off_tick=self._listings.off_tick,
            trade_mode=self._trade_mode,
            counters=self.counters,
        )

    def __repr__(self) -> str:
        return f"OkxAdapter({self.venue!r}, account={self._settings.account!r})"

    def row(self) -> dict[str, int]:
        """Connections, requests by outcome, and work under way: for logs and tests."""
        return {**self._rest.row(), "tasks": len(self._tasks)}

    def counts(self) -> dict[str, int]:
        """See gateway.api.Counted."""
        lines = [socket.row() for socket in self._sockets]
        return {**self._rest.counts(lines), **self.counters, **self._facts.counts()}

    # Life.

    async def connect(self, port: AdapterPort) -> None:
        try:
            await self._rest.open()
            await self.instruments()
            await self._config()
            self._port.open(port)
            await self._open_sockets()
            async with asyncio.timeout(self._settings.timeout_ms / 1_000 + 5.0):
                await self._is_up.wait()
        except TimeoutError as error:
            await self.close()
            raise VenueUnavailable(f"{self.venue}: the streams did not come up") from error
        except BaseException:  # cancelled too: nothing may go on feeding a port given up
            await self.close()
            raise

    async def publish_market(self, sink: MarketSink, instruments: Sequence[str]) -> None:
        """Snapshots come by the subscription itself: nothing of the request budget is used."""
        self._market = MarketData(
            self._settings.socket_url,
            sink,
            instruments,
            random=self._random,
            counters=self.counters,
            silence_max_s=self._settings.silence_max_s,
        )
        await self._market.start()

    async def close(self) -> None:
        self._port.close()
        if self._market is not None:
            await self._market.stop()
            self._market = None
        for socket in self._sockets:
            await socket.stop()
        self._sockets = []
        await self._tasks.cancel_all()
        await self._rest.close()

    async def _open_sockets(self) -> None:
        self._is_up.clear()
        self._has_gap = False
        self._sockets = [
            self._socket("private", self._private_topics(), is_signed=True),
            self._socket("business", _BUSINESS, is_signed=True),
        ]
        self._down = {"private", "business"}
        self._sockets.append(self._socket("public", self._public_topics(), is_signed=False))
        for socket in self._sockets:
            await socket.start()

    def _socket(self, name: str, topics: list[dict[str, str]], *, is_signed: bool) -> OkxSocket:
        return OkxSocket(
            f"{self._settings.socket_url}/{name}",
            topics,
            login=self._login if is_signed else None,
            on_frame=self._on_rows if is_signed else self._on_market_rows,
            on_up=lambda: self._socket_up(name),
            on_down=lambda reason: self._socket_down(name, reason),
            random=self._random,
            counters=self.counters,
            silence_max_s=self._settings.silence_max_s,
            take_first=self._facts.take_frame if name == "private" else lambda data: False,
        )

    def _private_topics(self) -> list[dict[str, str]]:
        is_isolated = self._settings.trade_mode == "isolated"
        return [*_PRIVATE, _POSITIONS if is_isolated else _CHANGED_POSITIONS]

    def _private_socket(self) -> OkxSocket | None:
        return self._sockets[0] if self._sockets else None

    def _login(self) -> dict[str, Any]:
        return self._signer.login(self._rest.clock.now_ns())

    def _public_topics(self) -> list[dict[str, str]]:
        topics = [{"channel": "instruments", "instType": kind} for kind in self._settings.kinds]
        topics.append({"channel": "status"})
        for listed in self._listings.listed() if self._settings.has_marks else ():
            symbol = listed.venue_symbol
            topics.append({"channel": "tickers", "instId": symbol})
            if listed.kind != "spot":
                topics.append({"channel": "mark-price", "instId": symbol})
        return topics

    def _socket_up(self, name: str) -> None:
        self._down.discard(name)
        if self._down:
            return
        self._is_up.set()
        self._close_gap()

    def _close_gap(self) -> None:
        """Once all private sockets are up and no maintenance is under way."""
        if self._has_gap and not self._down and not self._is_maintained:
            self._has_gap = False
            self._port.tell("gap_closed")

    def _doubt(self, reason: str) -> None:
        """Facts may be missing though the lines are up: a reconciliation finds them. While a gap
        is open its end brings one anyway."""
        if not self._has_gap:
            self._port.tell("gap_opened", reason[:120])
            self._port.tell("gap_closed")

    def _socket_down(self, name: str, reason: str) -> None:
        """Without its private sockets the adapter is deaf; without the public one it lacks marks,
        whose age the gateway watches itself."""
        if name == "public":
            log.warning("%s: %s", self.venue, reason)
            return
        self._down.add(name)
        if name == "private":
            self._facts.forget_positions()
        if not self._has_gap:
            self._has_gap = True
            self._port.tell("gap_opened", reason)

    # Orders out.

    async def submit(self, orders: Sequence[OrderRequest]) -> None:
        self._check_accounts(orders)
        await self._entry.submit(orders)

    async def cancel(self, cancels: Sequence[CancelRequest]) -> None:
        self._check_accounts(cancels)
        await self._entry.cancel(cancels)

    async def replace(self, replaces: Sequence[ReplaceRequest]) -> None:
        self._check_accounts(replaces)
        await self._entry.replace(replaces)

    async def arm_dead_man(self, account: str, timeout_ms: int) -> None:
        """Cancel-all-after: whole seconds, 10 to 120; plain orders only (docs-v5)."""
        self._check_account(account)
        body = {"timeOut": str(math.ceil(timeout_ms / 1_000))}
        await self._rest.post("trade/cancel-all-after", body, CancelAllAfterRow, lane="kill")

    # Facts in.

    def _on_rows(self, frame: Frame) -> None:
        try:
            if frame.arg is not None and self._facts.take(frame.arg.channel, frame.data):
                self._tasks.start(self._tell_funding())
        except VenueProtocolError as error:
            # What it said is not known, so facts may be missing: ask for all of them.
            self.counters["unreadable_rows"] += 1
            log.error("%s: %s", self.venue, error)
            self._doubt(str(error))

    def _on_market_rows(self, frame: Frame) -> None:
        channel, data = frame.arg.channel if frame.arg else "", frame.data
        try:
            if channel == "instruments":
                if self._listings.is_news(data):
                    self._port.tell("instruments_changed")
            elif channel == "status":
                for row in read_rows(data, StatusRow, channel):
                    self._on_status(row)
            else:
                self._facts.take_market(channel, data)
        except VenueProtocolError as error:
            self.counters["unreadable_market_rows"] += 1
            log.warning("%s: %s", self.venue, error)

    def _on_status(self, row: StatusRow) -> None:
        """The first push tells the latest change, which may be long over (docs-v5, status channel,
        copy of 2026-06-15). Trading is back when it is `completed`."""
        is_ours = row.service in _TRADING_SERVICES
        if not is_ours or row.environment != ("2" if self._settings.is_demo else "1"):
            return
        if row.state in ("ongoing", "pre_open"):
            self._is_maintained = self._has_gap = True
            until_ns = translate.time_ns(row.end_ms, "end") if row.end_ms else None
            self._port.tell("maintenance", until_ns, row.title[:80])
        elif row.state in ("completed", "canceled") and self._is_maintained:
            self._is_maintained = False
            self._close_gap()

    async def _tell_funding(self) -> None:
        """The stream says that funding was paid, not which: the bills of the last hours do."""
        since_ns = self._rest.clock.now_ns() - 3_600_000_000_000
        for report in await self._questions.funding(since_ns):
            self._port.tell("funded", report)

    async def _ask_again(self, client_id: str) -> None:
        """A request found the order ended or absent: what is it then? Its fills come with it, for
        the push that told them may be the one that was lost."""
        try:
            report = await self._questions.order(client_id)
            fills = await self._questions.fills_of(report) if report is not None else []
        except VenueError as error:
            log.warning("%s: asking for %s failed: %s", self.venue, client_id, error)
            return
        for fill in fills:
            self._port.tell("filled", fill)
        if report is not None:
            self._port.tell("order_seen", report)

    def _question_failed(self, error: VenueError) -> None:
        self.counters["questions_failed"] += 1
        log.warning("%s: %s", self.venue, error)
        self._doubt(str(error))

    # Questions.

    async def instruments(self) -> Sequence[Instrument]:
        found = await self._listings.ask()
        for socket in self._sockets:
            if socket.name == "public":
                await socket.keep(self._public_topics())  # of what is listed now
        return found

    async def query_order(self, account: str, client_order_id: str) -> OrderReport | None:
        self._check_account(account)
        return await self._questions.order(client_order_id)

    async def open_orders(self, account: str) -> Sequence[OrderReport]:
        self._check_account(account)
        return await self._questions.open_orders()

    async def fills(self, account: str, since_ns: int) -> Sequence[FillReport]:
        self._check_account(account)
        return await self._questions.fills(self._since(since_ns))

    async def funding(self, account: str, since_ns: int) -> Sequence[FundingReport]:
        self._check_account(account)
        return await self._questions.funding(self._since(since_ns))

    async def borrow_interest(self, account: str, since_ns: int) -> Sequence[BorrowReport]:
        self._check_account(account)
        return await self._questions.borrow_interest(self._since(since_ns))

    async def positions(self, account: str) -> Sequence[PositionReport]:
        self._check_account(account)
        return await self._questions.positions()

    async def balances(self, account: str) -> Sequence[BalanceReport]:
        self._check_account(account)
        return await self._questions.balances()

    async def is_hedge_mode(self, account: str) -> bool:
        self._check_account(account)
        mode = (await self._config()).position_mode
        if mode not in ("net_mode", "long_short_mode"):
            raise VenueProtocolError(f"okx: posMode {mode[:40]!r} is not documented")
        return mode == "long_short_mode"

    def _since(self, since_ns: int) -> int:
        """A gateway that knows nothing asks for everything; a year at 100 rows a page and five
        pages a second would take it longer than it waits."""
        oldest_ns = self._rest.clock.now_ns() - self._settings.history_days * _DAY_NS
        return max(since_ns, oldest_ns)

    async def _config(self) -> ConfigRow:
        rows = await self._rest.get("account/config", {}, ConfigRow)
        if len(rows) != 1:
            raise VenueProtocolError(f"okx: {len(rows)} account configurations")
        may_withdraw = "withdraw" in rows[0].permissions.split(",")
        if may_withdraw and not self._settings.is_withdrawal_key_allowed:
            raise VenueRejected(
                "key_may_withdraw",
                f"{self.venue}: the key may withdraw; make one that may read and trade alone, or "
                "set is_withdrawal_key_allowed",
            )
        # Spot without borrowing is `cash`; the modes of several currencies (3) and of portfolio
        # margin (4) trade it as `cross` (docs-v5, place order, copy of 2026-06-15).
        self._spot_mode = "cross" if rows[0].level in ("3", "4") else "cash"
        return rows[0]

    def _trade_mode(self, symbol: str) -> str:
        is_spot = self._listings.kind_of(symbol) == "SPOT"
        return self._spot_mode if is_spot else self._settings.trade_mode

    def _check_account(self, account: str) -> None:
        if account != self._settings.account:
            raise VenueRejected("unknown_account", f"{self.venue}: {account}")

    def _check_accounts(self, requests: Sequence[Any]) -> None:
        for request in requests:
            self._check_account(request.account)

"""Binance Spot on a local port: HTTP, market streams, WebSocket API with user data over one
simulated venue. Listen keys are retired: events come over the WebSocket API alone.

simulator = SpotSimulator()
await simulator.start()        # simulator.url, simulator.stream_url, simulator.api_socket_url
simulator.faults.add("POST /api/v3/order", "execute_then_drop")
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from binance_simulator import spot_rest
from binance_simulator.product_server import ProductServer
from binance_simulator.rules import BinanceError
from binance_simulator.security import Key, Limits, SimulatorClock
from binance_simulator.sockets import ApiSession, ListenKeys, Reader, StreamHub
from binance_simulator.spot_rules import LIMIT_ORDERS, LIMIT_WEIGHT, socket_weight_of, weight_of
from binance_simulator.spot_venue import LISTINGS, SpotVenue
from gateway_paper.venue.settings import AccountSettings, Listing

__all__ = ["SPOT_ACCOUNTS", "SPOT_KEYS", "SpotHub", "SpotSimulator"]

Row = dict[str, Any]
_FUNDS = {"USDT": "10000000", "BTC": "100", "ETH": "1000", "BNB": "10"}
SPOT_ACCOUNTS = tuple(
    AccountSettings(name=name, balances=_FUNDS) for name in ("main", "margin", "other")
)
SPOT_KEYS = tuple(
    Key(api_key=f"{each.name}-key", account=each.name, secret=f"{each.name}-secret")
    for each in SPOT_ACCOUNTS
)
_TOKEN_MS = 24 * 3_600_000


class SpotHub(StreamHub):
    """Events go to who subscribed over the WebSocket API; streams are of the market alone."""

    def is_followed(self, account: str) -> bool:
        return any(account in each.subscriptions.values() for each in self.sessions)

    def tell(self, account: str, document: Row) -> None:
        fault = self.faults.take(f"event {document['e']}")
        for session in list(self.sessions):
            for number, owner in session.subscriptions.items():
                if owner == account:
                    wrapped = {"subscriptionId": number, "event": document}
                    self.send(session.reader, "", wrapped, fault)

    def terminate(self, account: str) -> None:
        """The venue ends the subscriptions of an account; the connections stay open."""
        now = self.venue.clock.now_ms()
        self.tell(account, {"e": "eventStreamTerminated", "E": now})
        for session in self.sessions:
            kept = {n: owner for n, owner in session.subscriptions.items() if owner != account}
            session.subscriptions = kept

    def tick(self) -> None:
        """Nothing here happens by time."""

    def market_changed(self, symbol: str) -> None:
        self.publish_trades()
        now = self.venue.clock.now_ms()
        update = self.venue.book(symbol).update(now)
        if update is None:
            return
        for name in ("pu", "T"):
            del update[name]
        lower = symbol.lower()
        for speed in ("", "@100ms"):
            self.publish(f"{lower}@depth{speed}", update)
        self.publish(f"{lower}@bookTicker", self.ticker(symbol, now))

    def greet(self, reader: Reader, name: str) -> None:
        """Nothing is told before it changes."""

    def publish_mark(self, symbol: str) -> None:
        """Spot has none."""

    def ticker(self, symbol: str, now: int) -> Row:
        row = super().ticker(symbol, now)
        return {name: row[name] for name in ("u", "s", "b", "B", "a", "A")}

    def publish(self, name: str, document: Any) -> None:
        """A bookTicker of Spot does not say what it is."""
        for reader in [each for each in self._readers if name in each.names]:
            fault = self.faults.take(f"event {document.get('e', 'bookTicker')}")
            self.send(reader, name, document, fault)


class SpotSimulator(ProductServer):
    """The whole venue. `is_in_maintenance` refuses every request; `clock` may be moved."""

    api_path = "ws-api/v3"
    order_paths = ("/order", "/cancelReplace")
    order_methods = (".place", ".cancelReplace")
    unsigned_methods = ("userDataStream.unsubscribe", "userDataStream.subscribe.listenToken")
    public = spot_rest.PUBLIC
    private = spot_rest.PRIVATE
    socket_methods = spot_rest.SOCKET

    def __init__(
        self,
        *,
        accounts: Iterable[AccountSettings] = SPOT_ACCOUNTS,
        keys: Iterable[Key] = SPOT_KEYS,
        listings: Iterable[Listing] = LISTINGS,
    ) -> None:
        clock = SimulatorClock()
        limits = Limits(clock, LIMIT_WEIGHT, LIMIT_ORDERS)
        super().__init__(clock, SpotVenue(clock, accounts, listings), limits, keys)
        self.venue.on_first_fill = limits.forgive
        self.listen_tokens: dict[str, str] = {}
        self._subscriptions = 0

    def make_hub(self) -> StreamHub:
        return SpotHub(self.venue, self.faults, ListenKeys(self.clock))

    def weight_of(self, method: str, path: str, given: dict[str, str]) -> int:
        return weight_of(method, path, given)

    def socket_weight(self, method: str) -> int:
        return socket_weight_of(method)

    def keyed(self, method: str, path: str, key: Key, given: dict[str, str]) -> Any:
        if (method, path) == ("POST", "/sapi/v1/userListenToken"):
            token = secrets.token_hex(16)
            self.listen_tokens[token] = key.account
            return {"token": token, "expirationTime": self.clock.now_ms() + _TOKEN_MS}
        if path == "/sapi/v1/margin/allPairs":
            return [
                {"symbol": each.symbol, "base": each.base, "quote": each.quote, "id": 351637150,
                 "isMarginTrade": True, "isSellAllowed": True, "isBuyAllowed": True}
                for each in self.venue.listings.values()
            ]  # fmt: skip
        if path == "/sapi/v1/margin/isolated/allPairs":
            return []
        if path == "/api/v3/userDataStream":
            raise BinanceError(-1, text="Gone", status=410)
        return None

    def session_call(self, method: str, given: dict[str, str], session: ApiSession) -> Any:
        if method == "userDataStream.subscribe.listenToken":
            account = self.listen_tokens.get(given.get("listenToken", ""))
            if account is None:
                raise BinanceError(-1209, text="Listen token not found or expired.")
            return self._subscribe(session, account) | {
                "expirationTime": self.clock.now_ms() + _TOKEN_MS
            }
        if method == "userDataStream.subscribe":
            if session.key is None:
                raise BinanceError(-1, text="The session is not authenticated.", status=401)
            return self._subscribe(session, session.key.account)
        if method == "userDataStream.subscribe.signature":
            return self._subscribe(session, session.account)
        if method == "userDataStream.unsubscribe":
            session.subscriptions.pop(int(given.get("subscriptionId", "-1")), None)
            return {}
        return None

    def _subscribe(self, session: ApiSession, account: str) -> Row:
        number = self._subscriptions
        self._subscriptions += 1
        session.subscriptions[number] = account
        return {"subscriptionId": number}

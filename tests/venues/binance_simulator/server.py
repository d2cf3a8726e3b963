"""Binance USD-M on a local port: HTTP, streams and WebSocket API over one simulated venue.

simulator = BinanceSimulator()
await simulator.start()        # simulator.url, simulator.stream_url, simulator.api_socket_url
simulator.faults.add("POST /fapi/v1/order", "execute_then_drop")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from binance_simulator import rest
from binance_simulator.product_server import ProductServer
from binance_simulator.rules import LIMIT_ORDERS, LIMIT_WEIGHT, BinanceError, weight_of
from binance_simulator.security import Key, Limits, SimulatorClock
from binance_simulator.sockets import ListenKeys, StreamHub
from binance_simulator.usdm import LISTINGS, UsdmVenue
from gateway_paper.venue.settings import AccountSettings, Listing

__all__ = ["ACCOUNTS", "KEYS", "BinanceSimulator"]

ACCOUNTS = (
    AccountSettings(name="main", balances={"USDT": "1000000"}),
    AccountSettings(name="hedge", is_hedge_mode=True, balances={"USDT": "1000000"}),
    AccountSettings(name="other", balances={"USDT": "1000000"}),
)
KEYS = (
    Key(api_key="main-key", account="main", secret="main-secret"),
    Key(api_key="hedge-key", account="hedge", secret="hedge-secret"),
    Key(api_key="other-key", account="other", secret="other-secret"),
)


class BinanceSimulator(ProductServer):
    """The whole venue. `is_in_maintenance` refuses every request; `clock` may be moved."""

    api_path = "ws-fapi/v1"
    order_paths = ("/order", "/algoOrder", "/batchOrders")
    public = rest.PUBLIC
    private = rest.PRIVATE
    socket_methods = {  # noqa: RUF012
        "order.place": rest.order_place,
        "order.modify": rest.order_modify,
        "order.cancel": rest.order_cancel,
        "order.status": rest.order_status,
        "algoOrder.place": rest.algo_place,
        "algoOrder.cancel": rest.algo_cancel,
        "account.balance": rest.balance,
        "v2/account.balance": rest.balance,
        "account.position": rest.position_risk_2,
        "v2/account.position": rest.position_risk,
        "account.status": rest.account_state,
        "v2/account.status": rest.account_state,
    }

    def __init__(
        self,
        *,
        accounts: Iterable[AccountSettings] = ACCOUNTS,
        keys: Iterable[Key] = KEYS,
        listings: Iterable[Listing] = LISTINGS,
    ) -> None:
        clock = SimulatorClock()
        self.listen_keys = ListenKeys(clock)
        super().__init__(
            clock,
            UsdmVenue(clock, accounts, listings),
            Limits(clock, LIMIT_WEIGHT, LIMIT_ORDERS),
            keys,
        )

    def make_hub(self) -> StreamHub:
        return StreamHub(self.venue, self.faults, self.listen_keys)

    def weight_of(self, method: str, path: str, given: dict[str, str]) -> int:
        return weight_of(method, path, given)

    def keyed(self, method: str, path: str, key: Key, given: dict[str, str]) -> Any:
        if path != "/fapi/v1/listenKey":
            return None
        if method == "POST":
            return {"listenKey": self.listen_keys.create(key.account)}
        if method == "PUT":
            extended = self.listen_keys.extend(key.account)
            if extended is None:
                raise BinanceError(-1125)
            return {"listenKey": extended}
        self.listen_keys.close(key.account)
        return {}

"""How the products of Binance differ on the wire where everything else is the same: the clock, the
headers that tell what was counted, and which requests go over the WebSocket API.

"General Info" and "WebSocket API General Info" of the USDS-M futures documentation, 2026-10;
rest-api.md and web-socket-api.md of binance-spot-api-docs, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway_binance.errors import Product

__all__ = ["WIRES", "ProductWire"]

# (header, count of the WebSocket API, limit of the manifest, whether it is of the account)
Counted = tuple[str, str, str, bool]
_WEIGHT: Counted = ("X-MBX-USED-WEIGHT-1M", "REQUEST_WEIGHT_1MINUTE", "weight", False)
_ORDERS_10S: Counted = ("X-MBX-ORDER-COUNT-10S", "ORDERS_10SECOND", "orders_10s", True)
_ORDERS_1M: Counted = ("X-MBX-ORDER-COUNT-1M", "ORDERS_1MINUTE", "orders_1m", True)
_ORDERS_1D: Counted = ("X-MBX-ORDER-COUNT-1D", "ORDERS_1DAY", "orders_1d", True)


class ProductWire(msgspec.Struct, frozen=True, kw_only=True):
    """One product. `socket_methods`: the method of the WebSocket API by the REST call that does the
    same; batches have none."""

    time_path: str
    counted: tuple[Counted, ...]
    socket_methods: Mapping[tuple[str, str], str]

    @property
    def order_limits(self) -> tuple[str, ...]:
        """Limits that every new order takes one of."""
        return tuple(limit for _, _, limit, is_of_account in self.counted if is_of_account)


WIRES: dict[Product, ProductWire] = {
    "usdm": ProductWire(
        time_path="/fapi/v1/time",
        counted=(_WEIGHT, _ORDERS_10S, _ORDERS_1M),
        socket_methods={
            ("POST", "/fapi/v1/order"): "order.place",
            ("PUT", "/fapi/v1/order"): "order.modify",
            ("DELETE", "/fapi/v1/order"): "order.cancel",
            ("POST", "/fapi/v1/algoOrder"): "algoOrder.place",
            ("DELETE", "/fapi/v1/algoOrder"): "algoOrder.cancel",
        },
    ),
    "spot": ProductWire(
        time_path="/api/v3/time",
        counted=(_WEIGHT, _ORDERS_10S, _ORDERS_1D),
        socket_methods={
            ("POST", "/api/v3/order"): "order.place",
            ("DELETE", "/api/v3/order"): "order.cancel",
            ("POST", "/api/v3/order/cancelReplace"): "order.cancelReplace",
            ("PUT", "/api/v3/order/amend/keepPriority"): "order.amend.keepPriority",
        },
    ),
}

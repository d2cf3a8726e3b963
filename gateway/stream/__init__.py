"""Every way facts go out of the observer: streams, metrics, page. Read-only; must never reach into
the live process."""

from gateway.stream.channel import Change, Channel
from gateway.stream.order_stream import OrderReader, OrderTail
from gateway.stream.position_stream import BalanceReader, PositionReader

__all__ = [
    "BalanceReader",
    "Change",
    "Channel",
    "OrderReader",
    "OrderTail",
    "PositionReader",
]

"""OKX's request limits, and which request spends which. All are rolling, per user id or per user id
and instrument; a batch of more than one spends its own limit by items, a batch of one that of a
single request (docs-v5, rate limits and the single requests, read 2026-11-21)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from gateway.api import RateLimit

__all__ = ["BATCH_MAX", "RATE_LIMITS", "costs_of"]

BATCH_MAX = 20  # orders, cancels or amends of one request


class _Limit(NamedTuple):
    name: str
    capacity: int
    scope: str = "account"
    window_ms: int = 2_000


_BY_REQUEST: Final = {
    "POST trade/order": _Limit("order", 60, "instrument"),
    "POST trade/batch-orders": _Limit("batch_orders", 300, "instrument"),
    "POST trade/cancel-order": _Limit("cancel", 60, "instrument"),
    "POST trade/cancel-batch-orders": _Limit("batch_cancels", 300, "instrument"),
    "POST trade/amend-order": _Limit("amend", 60, "instrument"),
    "POST trade/amend-batch-orders": _Limit("batch_amends", 300, "instrument"),
    "POST trade/order-algo": _Limit("algo_order", 20, "instrument"),
    "POST trade/cancel-algos": _Limit("algo_cancel", 20, "instrument"),
    "POST trade/amend-algos": _Limit("algo_amend", 20, "instrument"),
    "POST trade/cancel-all-after": _Limit("cancel_all_after", 1, window_ms=1_000),
    "GET trade/order": _Limit("order_query", 60, "instrument"),
    "GET trade/orders-pending": _Limit("open_orders", 60),
    "GET trade/orders-history": _Limit("orders_history", 40),
    "GET trade/order-algo": _Limit("algo_query", 20),
    "GET trade/orders-algo-pending": _Limit("open_algo_orders", 20),
    "GET trade/orders-algo-history": _Limit("algo_history", 20),
    "GET trade/fills": _Limit("fills", 60),
    "GET trade/fills-history": _Limit("fills_history", 10),
    "GET account/config": _Limit("config", 5),
    "GET account/balance": _Limit("balance", 10),
    "GET account/positions": _Limit("positions", 10),
    "GET account/bills": _Limit("bills", 5, window_ms=1_000),
    "GET account/bills-archive": _Limit("bills_archive", 5),
    "GET account/interest-accrued": _Limit("interest", 5),
    "GET public/instruments": _Limit("instruments", 20, "ip"),
    "GET public/instrument-tick-bands": _Limit("tick_bands", 5, "ip"),
    "GET public/time": _Limit("time", 10, "ip"),
}
_NEW_AND_AMEND: Final = _Limit("new_and_amend", 1_000)
_CHANGES: Final = ("POST trade/order", "POST trade/batch", "POST trade/amend")

RATE_LIMITS: Final = tuple(
    RateLimit(
        name=limit.name,
        model="rolling",
        scope=limit.scope,  # type: ignore[arg-type]
        capacity=limit.capacity,
        window_ms=limit.window_ms,
    )
    for limit in (*_BY_REQUEST.values(), _NEW_AND_AMEND)
)


def costs_of(method: str, place: str, account: str, body: Any = None) -> dict[str, int]:
    """What one request spends, by limit and owner. `body`: its items or its query."""
    if not isinstance(body, list):
        return dict(_costs_of_one(method, place, account, str((body or {}).get("instId", ""))))
    request = f"{method} {place}"
    limit = _BY_REQUEST[request]
    owners: Counter[str] = Counter()
    if limit.scope == "instrument":
        owners.update(str(item.get("instId", "")) or account for item in body)
    else:
        owners[account] = 1
    costs = {
        f"{limit.name}@{owner}" if limit.scope != "ip" else limit.name: count
        for owner, count in owners.items()
    }
    if request.startswith(_CHANGES) and "algo" not in place:
        costs[f"{_NEW_AND_AMEND.name}@{account}"] = len(body)
    return costs


@lru_cache(maxsize=4_096)
def _costs_of_one(method: str, place: str, account: str, symbol: str) -> Mapping[str, int]:
    """Orders of one instrument are many; the words of their limits are made once."""
    return costs_of(method, place, account, [{"instId": symbol}])

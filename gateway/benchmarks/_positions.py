"""One position fed from Python, beside NautilusTrader's Position.apply when that is installed.

Both sides get the same fills, parsed and built before the clock starts, and must end at the same
quantity. Nothing of NautilusTrader is needed, imported or shipped otherwise.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gateway.core.position_model import FILL, PositionModel

__all__ = ["measure"]

_FILLS = 2_000
_FEW = (0, 200)  # the first fills of a position
_MANY = (1_700, _FILLS)  # with as many fills held already
_LINEAR, _PRICE_SCALE, _QUANTITY_SCALE = 2, 1, 3
_PEER = "nautilus_trader"

Fill = tuple[int, int, int]  # side, price and quantity mantissas


def measure(is_quick: bool) -> dict[str, Any] | None:
    """Ratios of their best nanoseconds per fill to ours; None where the peer is not installed."""
    if importlib.util.find_spec(_PEER) is None:
        return None
    fills = _fills()
    rounds = 2 if is_quick else 20
    theirs, their_quantity = _theirs(fills, 2 if is_quick else 5)
    ours, our_quantity = _ours(fills, rounds)
    if our_quantity != their_quantity:
        raise RuntimeError(f"bench: {our_quantity} held, the peer holds {their_quantity}")
    return {
        "200": theirs["few"] / ours["few"],
        "2000": theirs["many"] / ours["many"],
        "batch": theirs["few"] / ours["batch"],
        "ours_ns": ours,
        "theirs_ns": theirs,
        "version": importlib.metadata.version(_PEER),
    }


def _fills() -> list[Fill]:
    """Two bought, one sold: the position grows, is partly closed, and never flat."""
    return [
        (2 if number % 3 == 2 else 1, 600_000 + number % 97, 5 + number % 11)
        for number in range(_FILLS)
    ]


def _best_ns(
    rounds: int, items: Sequence[Any], start: Callable[[], Callable[..., object]]
) -> dict[str, float]:
    """Best nanoseconds per call of what `start` returns, over the first and the last items."""
    best = {"few": float("inf"), "many": float("inf")}
    for _ in range(rounds):
        call = start()
        done = 0
        for name, (first, last) in (("few", _FEW), ("many", _MANY)):
            for item in items[done:first]:
                call(*item)
            chunk = items[first:last]
            begin = time.perf_counter_ns()
            for item in chunk:
                call(*item)
            taken = (time.perf_counter_ns() - begin) / len(chunk)
            best[name] = min(best[name], taken)
            done = last
    return best


def _new_model() -> PositionModel:
    return PositionModel(_LINEAR, _PRICE_SCALE, _QUANTITY_SCALE)


def _ours(fills: list[Fill], rounds: int) -> tuple[dict[str, float], str]:
    best = _best_ns(rounds, fills, lambda: _new_model().apply_mantissas)
    rows = np.zeros(len(fills), FILL)
    for name, column in zip(("side", "price", "quantity"), zip(*fills, strict=True), strict=True):
        rows[name] = column
    batch = float("inf")
    for _ in range(rounds):
        model = _new_model()
        begin = time.perf_counter_ns()
        model.apply_fills(rows)
        batch = min(batch, (time.perf_counter_ns() - begin) / len(fills))
    return best | {"batch": batch}, model.row()["quantity"]


def _theirs(fills: list[Fill], rounds: int) -> tuple[dict[str, float], str]:
    """Position.apply with events made beforehand; a position opens with its first fill."""
    model = importlib.import_module(f"{_PEER}.model.position")
    instrument, events = _events(fills)
    held: list[Any] = []

    def start() -> Callable[..., object]:
        position = model.Position(instrument=instrument, fill=events[0])
        held[:] = [position]
        return position.apply  # type: ignore[no-any-return]

    best = _best_ns(rounds, [(event,) for event in events[1:]], start)
    return best, format(held[0].signed_decimal_qty(), f".{_QUANTITY_SCALE}f")


def _events(fills: list[Fill]) -> tuple[Any, list[Any]]:
    """Their instrument, and the fills as their OrderFilled events."""
    ids = importlib.import_module(f"{_PEER}.model.identifiers")
    objects = importlib.import_module(f"{_PEER}.model.objects")
    enums = importlib.import_module(f"{_PEER}.model.enums")
    filled = importlib.import_module(f"{_PEER}.model.events").OrderFilled
    uuid = importlib.import_module(f"{_PEER}.core.uuid").UUID4
    kit = importlib.import_module(f"{_PEER}.test_kit.providers").TestInstrumentProvider
    instrument = kit.btcusdt_perp_binance()
    commission = objects.Money(0, instrument.quote_currency)
    sides = {1: enums.OrderSide.BUY, 2: enums.OrderSide.SELL}
    events = [
        filled(
            trader_id=ids.TraderId("BENCH-001"),
            strategy_id=ids.StrategyId("BENCH-001"),
            instrument_id=instrument.id,
            client_order_id=ids.ClientOrderId(f"O-{number}"),
            venue_order_id=ids.VenueOrderId(str(number)),
            account_id=ids.AccountId("BINANCE-001"),
            trade_id=ids.TradeId(str(number)),
            position_id=ids.PositionId("P-1"),
            order_side=sides[side],
            order_type=enums.OrderType.LIMIT,
            last_qty=objects.Quantity(quantity / 10**_QUANTITY_SCALE, _QUANTITY_SCALE),
            last_px=objects.Price(price / 10**_PRICE_SCALE, _PRICE_SCALE),
            currency=instrument.quote_currency,
            commission=commission,
            liquidity_side=enums.LiquiditySide.TAKER,
            event_id=uuid(),
            ts_event=number,
            ts_init=number,
        )
        for number, (side, price, quantity) in enumerate(fills)
    ]
    return instrument, events

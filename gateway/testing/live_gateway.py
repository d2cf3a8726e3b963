"""The live side of a gateway around one adapter, in one event loop: native engine, router, venue
link. Its clock is the machine's plus what was skipped. Knows nothing of what the adapter talks to.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from gateway.api import VenueAdapter
from gateway.core.drive import InlineDrive
from gateway.core.engine import (
    Engine,
    EngineSettings,
    PrincipalDefinition,
    is_unknown,
    open_native_engine,
)
from gateway.core.vocabulary import TERMINAL_STATES
from gateway.execution.router import NewOrder, Router
from gateway.testing.recording_port import SECONDS_MAX
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

__all__ = ["LiveGateway", "Row"]

Row = dict[str, Any]
Result = TypeVar("Result")
_STRATEGY, _PRINCIPAL = "alpha", "desk"
# Wide open: not the gate is judged here.
_LIMITS: dict[str, str | int] = {
    "order_quantity_max": "1000000",
    "order_notional_max": "1000000000",
    "position_long_max": "1000000",
    "position_short_max": "1000000",
    "gross_exposure_max": "1000000000",
    "net_exposure_max": "1000000000",
    "credit_max": "1000000000",
    "collar_bps": 5000,
    "reference_age_ms_max": 2_000_000_000,
    "orders_per_second": 10_000,
    "order_burst": 10_000,
    "cancels_per_second": 10_000,
    "cancel_burst": 10_000,
    "open_orders_side_max": 4_000,
    "duplicate_window_ms": 0,
}
_TICK_SECONDS = 0.005
_STEP_NS, _IDLE_STEP_NS = 200_000_000, 5_000_000_000


class LiveGateway:
    """One venue with one account and one trader. `order`: the terms of an order that is not told
    otherwise. `rates`: currencies in the common one. `is_durable`: the journal outlives it, so that
    another may be opened over the same folder."""

    def __init__(
        self,
        folder: Path,
        adapter: VenueAdapter,
        *,
        account: str,
        order: Mapping[str, Any],
        rates: Mapping[str, str],
        is_hedge_mode: bool = False,
        is_durable: bool = True,
        seconds_max: float | None = None,
        margin_mode: str = "cross",
    ) -> None:
        self.adapter, self.account = adapter, account
        self.venue_name = adapter.capabilities.venue
        self.seconds_max = seconds_max or SECONDS_MAX
        self._order = dict(order)
        self.native = open_native_engine(_settings(folder, is_durable=is_durable))
        self._skipped_ns = max(0, self.native.now_ns() + 1 - time.time_ns())
        self._set_time()
        self.engine = Engine(self.native, instance=1)
        self.drive = _TimedDrive(self.native, self._set_time)
        self.router = Router(self.engine, self.drive, verdict_seconds_max=self.seconds_max)
        durability = "process" if is_durable else "memory"
        terms = AccountTerms(name=account, durability=durability, margin_mode=margin_mode)
        self._define(terms, rates, is_hedge_mode=is_hedge_mode)
        self.link = VenueLink(
            self.venue_name,
            self.engine,
            self.drive,
            adapter,
            [terms],
            on_instruments=self._set_limits,
        )
        self._clock: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)

    def _define(
        self, terms: AccountTerms, rates: Mapping[str, str], *, is_hedge_mode: bool
    ) -> None:
        engine = self.engine
        engine.define_venue(self.venue_name, self.adapter.capabilities)
        engine.define_account(
            self.venue_name,
            self.account,
            durability=terms.durability,
            margin_mode=terms.margin_mode,
            is_hedge_mode=is_hedge_mode,
        )
        engine.define_strategy(_STRATEGY)
        scopes = frozenset({"read", "trade", "cancel"})
        engine.define_principal(PrincipalDefinition(name=_PRINCIPAL, scopes=scopes))
        for currency, rate in rates.items():
            engine.set_currency_rate(currency, rate)

    def _set_limits(self) -> None:
        """Limits everywhere, once the instruments have names."""
        if self.native.limits():
            return
        entities = [("firm", ""), ("venue", self.venue_name), ("account", self.account)]
        entities.append(("strategy", _STRATEGY))
        entities += [("instrument", row["name"]) for row in self.native.registry("instrument")]
        for level, name in entities:
            self.engine.set_limits(level, name, _LIMITS, actor="test", reason="start")

    # Life.

    async def start(self) -> None:
        """Connect, and wait until the venue is reconciled."""
        self._clock = asyncio.create_task(self._run_clock())
        self.link.start()
        await self.until(lambda: self.link.health.is_reconciled, "reconciliation")

    async def close(self) -> None:
        """Stop everything."""
        await self.link.close(2.0)
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.wait({self._clock})
        self.drive.close()
        self.native.stop()

    async def _run_clock(self) -> None:
        while True:
            self.drive.kick()
            await asyncio.sleep(_TICK_SECONDS)

    def _set_time(self) -> None:
        self.native.set_time(time.time_ns() + self._skipped_ns)

    async def until(self, probe: Callable[[], Any], what: str = "the awaited fact") -> Any:
        """The first true answer of `probe`."""
        deadline = time.monotonic() + self.seconds_max
        while not (found := probe()):
            assert time.monotonic() < deadline, f"{what} did not come: {self.link.health.row()}"
            await asyncio.sleep(0.005)
        return found

    # What a trader does.

    async def submit(self, **terms: Any) -> int:
        """One order through the gate; its id."""
        fields: dict[str, Any] = {
            "principal": _PRINCIPAL,
            "client_order_id": f"c{next(self._numbers)}",
            "account": self.account,
            "strategy": _STRATEGY,
            "side": "buy",
            "type": "limit",
            "time_in_force": "gtc",
        }
        submitted = await self.router.submit(NewOrder(**(fields | self._order | terms)))
        assert submitted.order is not None
        return int(submitted.order["order_id"])

    async def cancel(self, order_id: int) -> None:
        """Ask for the cancel of one order."""
        await self.router.cancel(_PRINCIPAL, order_id)

    async def replace(self, order_id: int, *, quantity: str = "", price: str = "") -> None:
        """Ask for other terms."""
        await self.router.replace(_PRINCIPAL, order_id, quantity=quantity, price=price)

    async def together(self, *calls: Coroutine[Any, Any, Result]) -> list[Result]:
        """All in one turn of the engine, so that they leave in one batch."""
        self.drive.is_held = True
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0)
        self.drive.is_held = False
        self.drive.kick()
        return await asyncio.gather(*tasks)

    # What there is to see.

    @property
    def counters(self) -> Counter[str]:
        return self.link.health.counters

    def row(self, order_id: int) -> Row:
        """The order as every door tells it."""
        row = self.engine.order(order_id)
        assert row is not None
        return row

    def state(self, order_id: int) -> str:
        return str(self.row(order_id)["state"])

    def client_order_id(self, order_id: int) -> str:
        """Its name at the venue."""
        return self.link.session.ids.encode(order_id)

    def position(self, instrument: str = "", leg: str = "net") -> Decimal:
        """Of one instrument in one leg, every strategy together."""
        wanted = (instrument or self._order["instrument"], leg)
        rows = [row for row in self.native.positions() if (row["instrument"], row["leg"]) == wanted]
        return sum((Decimal(str(row["quantity"])) for row in rows), Decimal(0))

    async def rows(self) -> list[Row]:
        """Every order, ended ones too."""
        return [row async for page in self.engine.order_pages(open_only=False) for row in page]

    async def until_state(self, order_id: int, *states: str) -> Row:
        """Wait for a state of one order in which nothing is pending."""

        def reached() -> Row | None:
            row = self.row(order_id)
            return row if row["state"] in states and not row["pending"] else None

        try:
            found: Row = await self.until(reached, f"order in {' or '.join(states)}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.row(order_id)}") from None
        return found

    # Until everybody has done his part.

    async def settle(self) -> None:
        """Wait until nothing is pending; what has no answer is asked about, late enough."""
        deadline = time.monotonic() + self.seconds_max
        while True:
            waiting = [row for row in await self.rows() if self._is_waiting(row)]
            is_quiet = self.link.health.is_reconciled and not len(self.link.session.in_flight)
            if not waiting and is_quiet:
                return await self.link.session.drain()
            assert time.monotonic() < deadline, f"not settled: {waiting} {self.link.health.row()}"
            await asyncio.sleep(0.02)
            if self.is_wire_idle():
                is_idle = is_quiet and all(is_unknown(row) for row in waiting)
                self._skipped_ns += _IDLE_STEP_NS if is_idle else _STEP_NS

    def is_wire_idle(self) -> bool:
        """False while something is under way that the venue may still carry out: then no time may
        be skipped, or proof would come before it."""
        return True

    def is_known_there(self, row: Row) -> bool:
        """Whether the venue has this order. Asked for venues without a proof of absence: what they
        do not know stays unknown, neither lost nor doubled."""
        return True

    def _is_waiting(self, row: Row) -> bool:
        if row["state"] in TERMINAL_STATES:
            return False
        if is_unknown(row):
            is_proof = self.adapter.capabilities.not_found_proof_after_ms is not None
            return is_proof or self.is_known_there(row)
        return row["state"] == "PENDING_NEW" or bool(row["pending"])


class _TimedDrive(InlineDrive):
    """Sets the time before every turn; held, it lets commands gather."""

    def __init__(self, native: Any, set_time: Callable[[], None]) -> None:
        super().__init__(native)
        self._set_time = set_time
        self.is_held = False

    def kick(self) -> None:
        if not self.is_held:
            self._set_time()
            super().kick()


def _settings(folder: Path, *, is_durable: bool) -> EngineSettings:
    for name in ("data", "ring"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return EngineSettings(
        directory=str(folder / "data"),
        ring_directory=str(folder / "ring"),
        ring_bytes=1 << 20,
        segment_bytes=1 << 20,
        orders_max=4_096,
        idempotency_max=4_096,
        positions_max=64,
        is_memory_only=not is_durable,
        is_virtual_clock=True,
    )

"""The typed door to the native engine: names instead of ids, words instead of integers, and
RefusedError instead of ValueError. It holds no state beyond the mirror of names; decides nothing.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.api import Capabilities, Instrument, RefusedError
from gateway.core.names import Names
from gateway.core.refusals import refusing
from gateway.core.venue_words import VenueWords
from gateway.core.vocabulary import (
    AMENDS,
    DURABILITIES,
    INSTRUMENT_KINDS,
    LEGS,
    LEVELS,
    MARGIN_MODES,
    OFFERS_ICEBERG,
    ORDER_FLAGS,
    ORDER_TYPES,
    SCOPES,
    TIMES_IN_FORCE,
    TRADING_STATES,
    mask,
)

if TYPE_CHECKING:
    from gateway._core.engine import ClientPort, VenuePort
    from gateway._core.engine import Engine as NativeEngine

__all__ = ["Engine", "EngineSettings", "PrincipalDefinition", "open_native_engine"]

Row = dict[str, Any]
# What one call may look at before the event loop turns again: rows cost microseconds each.
PAGE_ROWS_MAX = 512
PAGE_COUNT_MAX = 8192
_ALL_PLACES = 0xFFFFFFFF
_REGISTRIES = ("currency", "venue", "instrument", "account", "strategy", "principal")


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the native engine is opened with. Capacities are fixed for the life of a journal."""

    directory: str
    ring_directory: str
    instance: int = 1
    ring_bytes: int = 64 << 20
    segment_bytes: int = 64 << 20
    orders_max: int = 262_144
    idempotency_max: int = 1_048_576
    positions_max: int = 65_536
    is_memory_only: bool = False
    is_virtual_clock: bool = False
    commit_cpu: int = -1
    disk_async_window_ms: int = 250
    build: str = ""
    engine_cpu: int = -1
    engine_wait: str = "park"


class PrincipalDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what where; None = everything, also what is registered later."""

    name: str
    scopes: frozenset[str]
    accounts: Sequence[str] | None = None
    strategies: Sequence[str] | None = None
    instruments: Sequence[str] | None = None
    is_enabled: bool = True


def open_native_engine(settings: EngineSettings) -> NativeEngine:
    """Lock, recover and raise the epoch. Raises RuntimeError with the named cause."""
    from gateway._core import engine as native

    return native.Engine(**msgspec.structs.asdict(settings))


class Engine:
    """One open engine. Event-loop thread only."""

    def __init__(self, native: NativeEngine, *, instance: int = 1) -> None:
        self.native = native
        self.instance = instance
        self.measurement = native.measurement
        self.names = Names()
        self.words = VenueWords()
        self._scales: dict[str, tuple[int, int]] = {}
        for kind in _REGISTRIES:
            self.names.read(kind, native.registry(kind))
        for row in native.registry("instrument"):
            self._scales[row["name"]] = int(row["price_scale"]), int(row["quantity_scale"])

    # Registries. Defining the same content again journals nothing and answers the same id.

    def define_currency(self, code: str) -> int:
        """Register a currency by its code."""
        known = self.names.find("currency", code)
        if known:
            return known
        with refusing(code=code):
            number = self.native.define_currency(code)
        self.names.add("currency", code, number)
        return number

    def adopt_position(
        self,
        *,
        account: str,
        instrument: str,
        leg: str,
        strategy: str,
        held: str,
        quantity: str,
        price: str,
        reference: str,
        actor: str,
        is_expired: bool = False,
    ) -> int:
        """Book a signed quantity of a derivative that is older than the fills its venue still
        tells; once per reference, and only while all books together hold `held`. What has expired
        may be worth nothing: a price of 0. Returns the record's sequence."""
        if not is_expired and not price.strip("0."):
            raise RefusedError("RANGE", field="price", value=price, rule="above 0")
        names = self.names
        book = 0 if strategy in ("", "EXTERNAL") else names.id("strategy", strategy)
        with refusing(instrument=instrument, quantity=quantity, price=price, reference=reference):
            return self.native.adopt_position(
                names.id("account", account),
                names.id("instrument", instrument),
                book,
                LEGS[leg],
                held,
                quantity,
                price,
                reference,
                actor,
            )

    def quarantined_fills(self, account: str) -> list[dict[str, Any]]:
        """Executions of an account that were not booked because their numbers cannot be."""
        rows = self.native.quarantined_fills()
        return [row for row in rows if row["account"] == account]

    def admit_fill(
        self, *, account: str, instrument: str, venue_order_id: str, trade_id: str
    ) -> None:
        """Book one of them as it was told. RefusedError: nobody told it, or it leaves the range."""
        names = self.names
        with refusing(instrument=instrument, trade_id=trade_id):
            self.native.admit_fill(
                names.id("account", account),
                names.id("instrument", instrument),
                venue_order_id,
                trade_id,
            )

    def define_venue(self, name: str, manifest: Capabilities) -> int:
        """Register a venue with the masks of its manifest: what is not declared is refused."""
        flags = manifest.has_post_only * ORDER_FLAGS["post_only"]
        flags |= manifest.has_reduce_only * ORDER_FLAGS["reduce_only"]
        flags |= manifest.has_iceberg * OFFERS_ICEBERG
        with refusing(name=name):
            number = self.native.define_venue(
                name,
                manifest.is_simulated,
                mask(manifest.order_types, ORDER_TYPES),
                mask(manifest.times_in_force, TIMES_IN_FORCE),
                flags,
                AMENDS[manifest.amend],
                manifest.ack_timeout_ms,
            )
        self.names.add("venue", name, number)
        return number

    def define_instrument(self, venue: str, instrument: Instrument) -> int:
        """Register an instrument; changed rules become a new version under the same id."""
        with refusing(symbol=instrument.symbol):
            number = self.native.define_instrument(
                self.names.id("venue", venue),
                instrument.symbol,
                instrument.venue_symbol,
                INSTRUMENT_KINDS[instrument.kind],
                self.define_currency(instrument.base),
                self.define_currency(instrument.quote),
                self.define_currency(instrument.settle),
                instrument.price_scale,
                instrument.quantity_scale,
                instrument.multiplier_scale,
                instrument.tick,
                instrument.lot,
                instrument.multiplier,
                instrument.quantity_min,
                instrument.quantity_max,
                instrument.notional_min,
                instrument.is_tradable,
            )
        self.names.add_instrument(number, instrument.symbol, venue, instrument.venue_symbol)
        self._scales[instrument.symbol] = instrument.price_scale, instrument.quantity_scale
        return number

    def define_account(
        self,
        venue: str,
        name: str,
        *,
        durability: str = "process",
        is_hedge_mode: bool = False,
        margin_mode: str = "cash",
    ) -> int:
        """Register an account. `is_hedge_mode` is what the venue says, never an assumption."""
        with refusing(name=name):
            number = self.native.define_account(
                self.names.id("venue", venue),
                name,
                DURABILITIES[durability],
                is_hedge_mode,
                MARGIN_MODES[margin_mode],
            )
        self.names.add("account", name, number)
        return number

    def define_strategy(self, name: str) -> int:
        """Register a strategy book."""
        with refusing(name=name):
            number = self.native.define_strategy(name)
        self.names.add("strategy", name, number)
        return number

    def define_principal(self, principal: PrincipalDefinition) -> int:
        """Register who may do what; every name in it must be registered before."""
        ids = self.names
        with refusing(name=principal.name):
            number = self.native.define_principal(
                principal.name,
                sum(SCOPES[scope] for scope in principal.scopes),
                _ids(ids, "account", principal.accounts),
                _ids(ids, "strategy", principal.strategies),
                _ids(ids, "instrument", principal.instruments),
                principal.is_enabled,
            )
        ids.add("principal", principal.name, number)
        return number

    def set_currency_rate(self, code: str, rate: str) -> None:
        """Value of one unit in the reporting currency, for limits only."""
        with refusing(rate=rate, currency=code):
            self.native.set_currency_rate(self.define_currency(code), rate)

    # Limits and trading states.

    def level_entity(self, level: str, name: str) -> tuple[int, int]:
        """(level, id) of a level word and a name; the firm is (4, 0)."""
        if level == "firm":
            return LEVELS["firm"], 0
        return LEVELS[level], self.names.id(level, name, field="name")

    def set_limits(
        self,
        level: str,
        name: str,
        fields: Mapping[str, str | int],
        *,
        actor: str,
        reason: str,
        principal: int = 0,
    ) -> int:
        """Replace all limits of one level entity at once. `principal` is who asks (0 = a named
        operator at the machine): nobody raises a limit that binds him."""
        number, entity = self.level_entity(level, name)
        with refusing(**fields):
            return self.native.set_limits(number, entity, dict(fields), actor, reason, principal)

    def tell_measures(self, level: str, name: str, fields: Mapping[str, str], *, actor: str) -> int:
        """What guards are held against and the gateway does not work out itself; journaled."""
        number, entity = self.level_entity(level, name)
        with refusing(**fields):
            return self.native.tell_measures(number, entity, dict(fields), actor)

    def set_trading_state(
        self,
        level: str,
        name: str,
        state: str,
        *,
        is_latch: bool,
        actor: str,
        reason: str,
        keeps_halts: bool = False,
        if_actor: str | None = None,
    ) -> int:
        """Kill, reduce or re-enable one level entity; journaled with actor and reason. Refused in
        the same turn of the engine: with `keeps_halts` over a halt or a latch, with `if_actor`
        unless he set what stands now ("" = nobody did yet)."""
        number, entity = self.level_entity(level, name)
        seen = (keeps_halts, if_actor)
        with refusing(state=state, name=name, if_actor=if_actor):
            return self.native.set_trading_state(
                number, entity, TRADING_STATES[state], is_latch, actor, reason, *seen
            )

    def kill(
        self, level: str, name: str, *, actor: str, reason: str, principal: str
    ) -> dict[str, int]:
        """Halt one level entity with a latch and cancel what works there until nothing does: in
        this turn what has room, later what has not, was rejected or has an unknown outcome. Within
        the rights of `principal`. Counts of orders: sent, on_the_way (before), refused (not his to
        cancel), and why the others wait: no_room, venue_down, not_reconciled."""
        number, entity = self.level_entity(level, name)
        with refusing(name=name, principal=principal):
            return self.native.kill(
                number, entity, actor, reason, self.names.id("principal", principal)
            )

    # Ports and reading.

    def open_client_port(self, name: str, capacity: int = 4096) -> ClientPort:
        """A lane for one door."""
        return self.native.open_client_port(name, capacity)

    def open_venue_port(self, venue: str, capacity: int = 4096) -> VenuePort:
        """The engine's side of one registered venue."""
        return self.native.open_venue_port(self.names.id("venue", venue), capacity)

    def order(self, order_id: int) -> Row | None:
        """One order as a row, None when nobody knows it."""
        row = self.native.order(order_id)
        return None if row is None else self._worded(row)

    def order_by_client_id(self, principal: str, client_order_id: str) -> Row | None:
        """One order by its idempotency key."""
        number = self.names.find("principal", principal)
        order_id = self.native.find_order(number, client_order_id) if number else 0
        return self.order(order_id) if order_id else None

    def words_of(self, row: Row) -> str:
        """The venue's words about an order that ended, from the journal (cut at 32 bytes). Reads
        files: not on the event loop."""
        return self.native.fact_text(int(row["order_id"]), int(row["sequence"]))

    def _worded(self, row: Row) -> Row:
        row["reason_text"] = self.words.of(int(row["order_id"]))
        return row

    def scales(self, instrument: str) -> tuple[int, int]:
        """Decimals of price and quantity; (0, 0) for an unknown name."""
        return self._scales.get(instrument, (0, 0))

    def is_repeated_replace(
        self, principal: str, order_id: int, client_order_id: str, *, quantity: str, price: str
    ) -> bool:
        """Whether the order's replace of this client order id, pending or in force, already says
        this: then the same intent came twice. "" = left as it is."""
        number = self.names.find("principal", principal)
        if not number or not client_order_id:
            return False
        if self.native.find_order(number, client_order_id) != order_id:
            return False
        row = self.native.order(order_id)
        pending = self.native.pending_replace(order_id)
        if pending is not None and pending[0] == client_order_id:
            terms = pending[1], pending[2]
        elif row is not None and row["client_order_id"] == client_order_id:
            terms = row["quantity"], row["price"] or "0"
        else:
            return False
        return all(
            not wanted or Decimal(wanted) == Decimal(held)
            for wanted, held in zip((quantity, price), terms, strict=True)
        )

    async def order_pages(
        self, *, open_only: bool = True, unknown_only: bool = False, account: str = ""
    ) -> AsyncIterator[list[Row]]:
        """All orders, a bounded page at a time; the event loop turns between two pages. An order
        that is open all the while is in exactly one of them."""
        number = self.names.id("account", account) if account else 0
        start = 0
        while True:
            rows, start = self.native.orders_page(
                start,
                PAGE_ROWS_MAX,
                open_only=open_only,
                unknown_only=unknown_only,
                account=number,
            )
            if rows:
                yield [self._worded(row) for row in rows]
            if not start:
                return
            await asyncio.sleep(0)

    async def newest_orders(self, *, open_only: bool = True, limit: int = 10_000) -> list[Row]:
        """The newest orders, oldest of them first. Slots are used again, so all ids are looked at,
        page by page; rows are made of the newest alone."""
        newest: list[int] = []
        start = 0
        while True:
            ids, start = self.native.order_ids(start, PAGE_COUNT_MAX, open_only=open_only)
            newest = heapq.nlargest(limit, newest + ids)
            await asyncio.sleep(0)
            if not start:
                break
        rows: list[Row] = []
        for at, order_id in enumerate(reversed(newest), 1):
            row = self.order(order_id)
            if row is not None:  # else its slot was used again meanwhile
                rows.append(row)
            if at % PAGE_ROWS_MAX == 0:
                await asyncio.sleep(0)
        return rows

    async def positions(self) -> list[Row]:
        """All positions, read page by page."""
        found: list[Row] = []
        start = 0
        while True:
            rows, start = self.native.positions_page(start, PAGE_ROWS_MAX)
            found += rows
            if not start:
                return found
            await asyncio.sleep(0)

    def positions_of(self, account: str, instrument: str) -> list[Row]:
        """All legs and strategy books of one account and instrument; makes no other rows."""
        ids = self.names
        rows, _ = self.native.positions_page(
            0,
            _ALL_PLACES,
            account=ids.id("account", account),
            instrument=ids.id("instrument", instrument),
        )
        return list(rows)

    def now_ns(self) -> int:
        """Journal time."""
        return self.native.now_ns()

    def wall_ns(self) -> int:
        """The clock of this host, for what is agreed on with others. Journal time is ahead of it
        after a start with the clock behind what was recorded."""
        return self.native.wall_ns()

    async def counts(self) -> tuple[int, int]:
        """(open orders, unknown orders), counted without rows, a bounded number of slots at a
        time. Pending unknown overlays count as unknown."""
        total_open = total_unknown = start = 0
        while True:
            is_open, unknown, start = self.native.count_orders(start, PAGE_COUNT_MAX)
            total_open, total_unknown = total_open + is_open, total_unknown + unknown
            if not start:
                return total_open, total_unknown
            await asyncio.sleep(0)


def is_unknown(row: Mapping[str, Any]) -> bool:
    """True while the outcome of the order, its cancel or its replace is not known."""
    return row["state"] == "UNKNOWN" or str(row.get("pending", "")).endswith("_unknown")


def _ids(names: Names, kind: str, wanted: Sequence[str] | None) -> list[int] | None:
    return None if wanted is None else [names.id(kind, name) for name in wanted]

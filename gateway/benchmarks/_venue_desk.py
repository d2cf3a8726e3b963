"""A desk for the benches of the venue layer: the production engine, its limits and the session an
adapter talks to, with one account and one instrument. No venue and no network of its own."""

from __future__ import annotations

from gateway.api import Capabilities, Instrument, MarkReport
from gateway.benchmarks._limits import WIDE
from gateway.core.drive import InlineDrive
from gateway.core.engine import Engine, EngineSettings, PrincipalDefinition, open_native_engine
from gateway.core.vocabulary import VenueSessionState
from gateway.execution.router import NewOrder, Router
from gateway.venues.health import VenueHealth
from gateway.venues.session import VenueSession

__all__ = ["ACCOUNT", "PRICE", "QUANTITY", "Desk", "contract", "new_order"]

ACCOUNT = "main"
PRINCIPAL = "desk"
STRATEGY = "quotes"
PRICE, QUANTITY = "50000.10", "0.010"


def open_engine(directory: str, ring_directory: str, *, orders_max: int) -> Engine:
    """The engine as the daemon opens it, on the disk of the bench."""
    settings = EngineSettings(
        directory=directory,
        ring_directory=ring_directory,
        orders_max=orders_max,
        idempotency_max=max(orders_max, 65_536),
        positions_max=256,
    )
    return Engine(open_native_engine(settings), instance=1)


def define(engine: Engine, manifest: Capabilities) -> None:
    """Who trades where; instruments and limits follow when the venue has named them."""
    engine.define_venue(manifest.venue, manifest)
    engine.define_account(manifest.venue, ACCOUNT)
    engine.define_strategy(STRATEGY)
    scopes = frozenset({"read", "trade", "cancel"})
    engine.define_principal(PrincipalDefinition(name=PRINCIPAL, scopes=scopes))
    engine.set_currency_rate("USDT", "1")


def set_limits(engine: Engine, venue: str, instrument: str) -> None:
    """At every level."""
    entities = [("firm", ""), ("venue", venue), ("account", ACCOUNT)]
    entities += [("strategy", STRATEGY), ("instrument", instrument)]
    for level, name in entities:
        engine.set_limits(level, name, WIDE, actor="bench", reason="bench")


def new_order(number: int, instrument: str, side: str = "buy", price: str = PRICE) -> NewOrder:
    """A limit order as it comes from a door."""
    return NewOrder(
        principal=PRINCIPAL,
        client_order_id=f"bench-{number}",
        account=ACCOUNT,
        instrument=instrument,
        strategy=STRATEGY,
        side=side,
        type="limit",
        time_in_force="gtc",
        quantity=QUANTITY,
        price=price,
    )


def contract(venue: str, symbol: str) -> Instrument:
    return Instrument(
        symbol=f"{symbol}.{venue}",
        venue_symbol=symbol,
        kind="linear",
        base="BTC",
        quote="USDT",
        settle="USDT",
        tick="0.10",
        lot="0.001",
        price_scale=2,
        quantity_scale=3,
        quantity_min="0.001",
    )


class Desk:
    """`session` is the port of an adapter; `close` ends the engine."""

    def __init__(
        self,
        directory: str,
        ring_directory: str,
        manifest: Capabilities,
        instrument: Instrument,
        *,
        orders_max: int,
    ) -> None:
        self.engine = engine = open_engine(directory, ring_directory, orders_max=orders_max)
        self.symbol = instrument.symbol
        self.drive = InlineDrive(engine.native)
        define(engine, manifest)
        engine.define_instrument(manifest.venue, instrument)
        set_limits(engine, manifest.venue, instrument.symbol)
        self.native = engine.open_venue_port(manifest.venue)
        self.session = VenueSession(
            manifest.venue,
            engine,
            self.native,
            drive=self.drive,
            manifest=manifest,
            health=VenueHealth(manifest.venue, manifest.venue),
        )
        self.router = Router(engine, self.drive)
        self.session.defined()
        self.session.caught_up(ACCOUNT, self.session.gaps)
        self.session.state(VenueSessionState.RECONCILED, "bench")
        mark = MarkReport(instrument=instrument.venue_symbol, mark=PRICE, last=PRICE)
        self.session.marked(mark)
        self.drive.kick()

    async def place(self, count: int) -> list[int]:
        """So many orders, taken from the port as the sender takes them; their ids."""
        ids = []
        for number in range(count):
            placed = await self.router.submit(new_order(number, self.symbol))
            ids.append(int(placed.order["order_id"]))
            self.native.take(256)
        return ids

    def close(self) -> None:
        self.drive.close()
        self.engine.native.stop()

"""FIX adapters of every dialect over the simulated venue: alone with a port that remembers, and
under the real runtime on the native engine."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from fault_script import CuttingProxy
from fix_simulator.logons import Login
from fix_simulator.simulator import LOGINS, FixSimulator
from fix_simulator.venue import text_of
from fix_simulator.voices import GENERIC, VOICES, Voice
from gateway_fix.adapter import FixAdapter

from gateway.api import OrderRequest
from gateway.testing import until
from gateway.testing.live_gateway import LiveGateway, Row
from gateway.testing.recording_port import RecordingPort
from gateway.venues.client_order_ids import ClientOrderIds

__all__ = ["PERP", "SPOT", "Desk", "Side", "adapter_of", "desk", "simulated"]

PERP, SPOT = "BTC-PERP", "BTC-USD"
PATIENCE_SECONDS = 300
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SECRET = base64.b64encode(b"a secret of coinbase").decode()
VENUE_LOGINS = {
    "generic": LOGINS,
    "binance_spot": (Login("DESK", "main", key="api-key", public_key=KEY.public_key()),),
    "coinbase_exchange": (
        Login("api-key", "main", key="api-key", secret=SECRET, passphrase="phrase"),
    ),
    "deribit": (Login("DESK", "main", key="client-id", secret="client-secret"),),
}
SECRETS = {
    "generic": {"key": "main-key", "password": "main-password"},
    "binance_spot": {"key": "api-key", "private_key": PEM},
    "coinbase_exchange": {"key": "api-key", "secret": SECRET, "passphrase": "phrase"},
    "deribit": {"key": "client-id", "secret": "client-secret"},
}
INSTRUMENTS: dict[str, dict[str, str]] = {
    PERP: {
        "symbol": PERP,
        "kind": "linear",
        "base": "BTC",
        "quote": "USD",
        "tick": "0.1",
        "lot": "0.1",
        "multiplier": "0.01",
    },
    SPOT: {"symbol": SPOT, "base": "BTC", "quote": "USD", "tick": "0.01", "lot": "0.0001"},
}


@contextlib.asynccontextmanager
async def simulated(voice: Voice = GENERIC) -> AsyncIterator[FixSimulator]:
    async with FixSimulator(voice, VENUE_LOGINS[voice.name]) as simulator:
        simulator.venue.quote(PERP, "50000", "50000.1")
        simulator.venue.quote(SPOT, "50000", "50000.01")
        yield simulator


def settings_of(
    simulator: FixSimulator, folder: Path, dialect: str = "generic", **changes: Any
) -> dict[str, Any]:
    has_positions = dialect in ("generic", "deribit")
    return {
        "account": "main",
        "dialect": dialect,
        "state_directory": str(folder),
        "instruments": [INSTRUMENTS[PERP if has_positions else SPOT]],
        "host": "127.0.0.1",
        "port": simulator.port,
        "has_tls": False,
        "sender_comp_id": "DESK",
        "target_comp_id": simulator.voice.server_comp_id,
        "timeout_ms": 10_000,  # nothing here is to be late by itself
        "is_synced": False,
        **changes,
    }


def adapter_of(
    simulator: FixSimulator, folder: Path, dialect: str = "generic", **changes: Any
) -> FixAdapter:
    settings = settings_of(simulator, folder, dialect, **changes)
    secrets = changes.pop("secrets", SECRETS[dialect])
    settings.pop("secrets", None)
    return FixAdapter("fix", settings, secrets)


class Desk(LiveGateway):
    """A gateway over the adapter; `simulator` is the venue, `line` what stands between."""

    line: CuttingProxy

    def __init__(
        self, folder: Path, simulator: FixSimulator, dialect: str = "generic", **changes: Any
    ) -> None:
        self.simulator = simulator
        self.symbol = PERP if dialect in ("generic", "deribit") else SPOT
        quantity = "0.2" if self.symbol == PERP else "0.002"
        super().__init__(
            folder / "gateway",
            adapter_of(simulator, folder / "state", dialect, **changes),
            account="main",
            order={
                "instrument": f"{self.symbol}.fix",
                "quantity": quantity,
                "price": "49000",
            },
            rates={"USD": "1", "BTC": "50000"},
            seconds_max=PATIENCE_SECONDS,
        )

    async def start(self) -> None:
        await super().start()
        await self.until(lambda: self.counters["marks"], "a mark")

    def is_wire_idle(self) -> bool:
        """A request that the simulator carries out late is on its way until then."""
        return not any(desk.is_late for desk in self.simulator.desks.values())

    async def settled(self, order_id: int) -> Row:
        """Its row once nothing about it is open any more."""
        await self.settle()
        return self.row(order_id)

    async def judge(self, order_id: int) -> None:
        """The venue's own book says whether the order is doubled, lost or told wrongly."""
        name = self.client_order_id(order_id)
        taken = [o for o in self.simulator.venue.orders.values() if o.names[0] == name]
        assert len(taken) <= 1, f"doubled: {taken}"
        if not taken:
            assert self.state(order_id) in ("CANCELED", "REJECTED"), self.row(order_id)
            return
        order = taken[0]
        words = {"new": "NEW", "partially_filled": "PARTIALLY_FILLED", "filled": "FILLED"}
        truth = (
            words.get(order.state, "CANCELED"),
            Decimal(text_of(order.quantity)),
            Decimal(order.price),
            Decimal(text_of(order.filled)),
        )

        def told() -> tuple[object, ...]:
            row = self.row(order_id)
            terms = (Decimal(row["quantity"]), Decimal(row["price"]))
            return (row["state"], *terms, Decimal(row["cumulative_quantity"]))

        try:
            await until(lambda: told() == truth)
        except AssertionError:
            raise AssertionError(f"we say {told()}, the venue {truth}") from None

    def judge_all(self) -> None:
        """No orphans on either side, and the same position."""
        ours = [row for row in self.native.orders(True) if row["venue"] == "fix"]
        wanted = {self.client_order_id(int(row["order_id"])) for row in ours}
        theirs = {o.names[0] for o in self.simulator.venue.orders.values() if not o.is_done}
        assert theirs == wanted, [
            (o.names, o.state) for o in self.simulator.venue.orders.values()
        ] + [(r["order_id"], r["state"], r["pending"]) for r in self.native.orders(False)]
        assert self.position() == Decimal(self.simulator.venue.held("main", PERP))


@contextlib.asynccontextmanager
async def desk(folder: Path, dialect: str = "generic", **changes: Any) -> AsyncIterator[Desk]:
    """Simulator and desk, connected and reconciled; everything goes through `made.line`."""
    async with simulated(VOICES[dialect]) as simulator:
        line = CuttingProxy("127.0.0.1", simulator.port)
        await line.start()
        made = Desk(folder, simulator, dialect, port=line.port, **changes)
        made.line = line
        try:
            await made.start()
            yield made
        finally:
            await made.close()
            await line.stop()


class Side:
    """An adapter, its port, and orders by hand, of the gateway with this number."""

    def __init__(self, adapter: FixAdapter, symbol: str, instance: int = 7) -> None:
        self.adapter, self.port, self.symbol = adapter, RecordingPort(), symbol
        rules = adapter.capabilities
        self.ids = ClientOrderIds(
            instance,
            length_max=rules.client_order_id_length_max,
            pattern=rules.client_order_id_pattern,
        )
        self._last = instance << 51

    def order(self, side: str = "buy", price: str = "49000", **changes: Any) -> OrderRequest:
        self._last += 1
        terms: dict[str, Any] = {
            "order_id": self._last,
            "client_order_id": self.ids.encode(self._last),
            "account": "main",
            "instrument": self.symbol,
            "side": side,
            "type": "limit",
            "time_in_force": "gtc",
            "quantity": "0.2",
            "price": price,
        }
        return OrderRequest(**(terms | changes))

    async def told(self, order: OrderRequest, *names: str) -> Any:
        return await self.port.until(lambda: self.port.about(order.order_id, *names), str(names))

    def about(self, order: OrderRequest, kind: Callable[..., Any], **terms: Any) -> Any:
        return kind(
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            venue_order_id="",
            account="main",
            instrument=self.symbol,
            **terms,
        )

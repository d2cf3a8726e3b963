"""One engine, one scripted venue and the doors around them, on a clock the test moves."""

from fake_engine import Engine as FakeNative

from gateway.api import BalanceReport, Capabilities, FillReport, Instrument, OrderReport
from gateway.core.drive import InlineDrive
from gateway.core.engine import Engine, PrincipalDefinition
from gateway.entry.desk import Desk
from gateway.execution.router import NewOrder, Router
from gateway.venues.link import VenueLink
from gateway.venues.reconcile import AccountTerms

WINDOW_MS = 1000
MANIFEST = Capabilities(
    venue="sim",
    is_simulated=True,
    order_types=frozenset({"market", "limit"}),
    times_in_force=frozenset({"gtc", "ioc"}),
    amend="native",
    batch_orders_max=2,
    ack_timeout_ms=200,
    not_found_proof_after_ms=WINDOW_MS,
    ended_orders_kept_ms=0,
)
INSTRUMENT = Instrument(
    symbol="BTC-USDT.sim",
    venue_symbol="BTCUSDT",
    kind="linear",
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick="0.1",
    lot="0.001",
    price_scale=1,
    quantity_scale=3,
)


class ScriptedAdapter:
    """Answers what the test wrote down; `on_*` hold exceptions or callables."""

    def __init__(self, manifest=MANIFEST):
        self.capabilities = manifest
        self.port = None
        self.sent = []
        self.open = []
        self.history = []
        self.payments = []
        self.funding_asked = []
        self.by_client = {}
        self.balance = []
        self.position = []
        self.is_hedge = False
        self.on_submit = self.on_cancel = self.on_replace = None
        self.queries = 0
        self.on_query = None
        self.connect_failures = 0

    async def connect(self, port):
        if self.connect_failures:
            self.connect_failures -= 1
            raise ConnectionError("refused")
        self.port = port

    async def close(self):
        self.port = None

    async def instruments(self):
        return [INSTRUMENT]

    async def submit(self, orders):
        self.sent.append(("new", list(orders)))
        await self._act(self.on_submit, orders)

    async def cancel(self, cancels):
        self.sent.append(("cancel", list(cancels)))
        await self._act(self.on_cancel, cancels)

    async def replace(self, replaces):
        self.sent.append(("replace", list(replaces)))
        await self._act(self.on_replace, replaces)

    async def _act(self, action, requests):
        if isinstance(action, BaseException):
            raise action
        if action is not None:
            result = action(self.port, requests)
            if result is not None:
                await result

    async def query_order(self, account, client_order_id):
        self.queries += 1
        if self.on_query is not None:
            self.on_query()
        return self.by_client.get(client_order_id)

    async def open_orders(self, account):
        return list(self.open)

    async def fills(self, account, since_ns):
        return [fill for fill in self.history if fill.venue_time_ns >= since_ns]

    async def funding(self, account, since_ns):
        self.funding_asked.append(since_ns)
        return [paid for paid in self.payments if paid.venue_time_ns >= since_ns]

    async def positions(self, account):
        return list(self.position)

    async def balances(self, account):
        return list(self.balance)

    async def is_hedge_mode(self, account):
        return self.is_hedge


class World:
    """Everything of one test, wired as the daemon wires it."""

    def __init__(self, manifest=MANIFEST, native=None, adapter=None):
        self.native = native or FakeNative()
        self.engine = Engine(self.native, instance=1)
        self.drive = InlineDrive(self.native)
        self.adapter = adapter or ScriptedAdapter(manifest)
        self.engine.define_venue("sim", manifest)
        self.engine.define_account("sim", "main")
        self.engine.define_strategy("alpha")
        self.engine.define_instrument("sim", INSTRUMENT)
        for name, scopes in (("desk", {"read", "trade", "cancel"}), ("boss", {"read", "admin"})):
            self.engine.define_principal(PrincipalDefinition(name=name, scopes=frozenset(scopes)))
        self.router = Router(self.engine, self.drive, verdict_seconds_max=1.0)
        terms = [AccountTerms(name="main", durability="process", margin_mode="cross")]
        self.link = VenueLink("sim", self.engine, self.drive, self.adapter, terms, jitter=float)
        controls = {"sim": self.link}
        self.desk = Desk(self.engine, self.router, venues=[self.link.health], controls=controls)
        self.desk.state = "running"

    async def connect(self):
        """Connect and reconcile once, without background tasks."""
        await self.adapter.connect(self.link.session)
        return await self.reconcile()

    async def reconcile(self):
        result = await self.link.reconciler.run()
        await self.drive.settle()
        return result

    async def submit(self, client_order_id="c1", **changes):
        """Submit and let the adapter see it; returns the order id."""
        fields = {
            "principal": "desk",
            "client_order_id": client_order_id,
            "account": "main",
            "instrument": INSTRUMENT.symbol,
            "strategy": "alpha",
            "side": "buy",
            "type": "limit",
            "time_in_force": "gtc",
            "quantity": "2",
            "price": "100",
        } | changes
        submitted = await self.router.submit(NewOrder(**fields))
        await self.sends()
        return int(submitted.order["order_id"])

    async def sends(self):
        """Let running sends end."""
        for _ in range(5):
            await self.drive.settle()

    def advance(self, milliseconds):
        self.native.set_time(self.native.now_ns() + milliseconds * 1_000_000)

    def row(self, order_id):
        return self.engine.order(order_id)

    def state(self, order_id):
        return self.row(order_id)["state"]

    def client_id(self, order_id):
        return self.link.session.ids.encode(order_id)

    def report(self, order_id, state, cumulative="0", **changes):
        """The venue's view of one of our orders."""
        fields = {
            "client_order_id": self.client_id(order_id),
            "venue_order_id": f"v{order_id & 0xFFFF}",
            "account": "main",
            "instrument": "BTCUSDT",
            "side": "buy",
            "type": "limit",
            "time_in_force": "gtc",
            "state": state,
            "quantity": "2",
            "cumulative_quantity": cumulative,
            "price": "100",
        } | changes
        return OrderReport(**fields)

    def fill(self, order_id, trade_id, quantity, **changes):
        """One execution of one of our orders (0 = somebody else's)."""
        fields = {
            "client_order_id": self.client_id(order_id) if order_id else "",
            "venue_order_id": f"v{order_id & 0xFFFF}" if order_id else "foreign",
            "trade_id": trade_id,
            "account": "main",
            "instrument": "BTCUSDT",
            "side": "buy",
            "price": "100",
            "quantity": quantity,
            "fee": "0",
            "fee_currency": "USDT",
            "venue_time_ns": self.native.now_ns(),
        } | changes
        return FillReport(**fields)

    def close(self):
        self.drive.close()


__all__ = ["INSTRUMENT", "MANIFEST", "BalanceReport", "ScriptedAdapter", "World"]

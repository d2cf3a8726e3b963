"""What the tests of Binance and a gateway in memory share: names of the instruments, waits of a
loaded machine, and several orders at once."""

from gateway.api import RefusedError
from gateway.testing.live_gateway import LiveGateway

SECONDS_MAX = 300


class GatewayWorld(LiveGateway):
    """`open` waits until the venue is reconciled and has a price; `close` ends everything."""

    def __init__(self, directory, adapter, venue, *, account="main", symbols=(), **terms):
        self.folder = directory
        self.instruments = [f"{each}.{venue}" for each in symbols]
        super().__init__(
            directory,
            adapter,
            account=account,
            order={"instrument": self.instruments[0], "quantity": "0.010", "price": "49000"},
            rates={"USDT": "1"},
            seconds_max=SECONDS_MAX,
            **terms,
        )
        self.session = self.link.session

    async def open(self):
        await self.start()
        await self.until(lambda: self.counters["marks"], "a price")

    async def submit(self, side="buy", quantity="0.010", price="49000", **changes):
        """The order id, as soon as the engine has decided to send it. Without a price at market."""
        if not price:
            changes = {"type": "market", "time_in_force": "ioc"} | changes
        return await super().submit(side=side, quantity=quantity, price=price or "", **changes)

    async def submit_together(self, orders):
        """Several in one batch. The ids of those that were not refused."""
        ids = await self.together(*(self._unless_refused(each) for each in orders))
        return [each for each in ids if each is not None]

    async def _unless_refused(self, terms):
        try:
            return await self.submit(**terms)
        except RefusedError:
            return None

    def client_id(self, order_id):
        return self.client_order_id(order_id)

    async def until_calm(self):
        """No request is in flight, no outcome unknown, and the venue is reconciled."""
        await self.settle()

    def is_wire_idle(self):
        """A request that the simulator carries out late is on its way until then."""
        return all(task.done() for fault in self.faults.faults for task in fault.tasks)

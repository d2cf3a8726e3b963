"""The whole program against a simulated venue: the venue in a thread of its own, for the programs
are asked with blocking calls; one order that fills, and everything that was shown meanwhile."""

import asyncio
import sys
import threading
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "gateway" / "observer"))

from real_programs import RealGateway, until


class ThreadedVenue:
    """`simulator` starts here; `call` runs what belongs to its loop there."""

    def __init__(self, simulator):
        self.simulator = simulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self.call(self.simulator.start)
        return self

    def call(self, work, *values):
        async def run():
            found = work(*values)
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)

    def __exit__(self, *failure):
        self.call(self.simulator.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


def buy_through_the_daemon(folder, venue, settings, secrets, *, instrument, quantity):
    """Configuration with `settings` (text), `secrets` in files, daemon, API; one order to its fill
    and its position. What the daemon wrote and its status, for a look at what must not be there."""
    for name, word in secrets.items():
        (folder / f"venue.{name}").write_text(word)
        (folder / f"venue.{name}").chmod(0o600)
    files = ", ".join(f'{name} = "venue.{name}"' for name in secrets)
    gateway = RealGateway(folder)
    try:
        gateway.configure(venue, venue, settings, f"{{ {files} }}", drive="pinned")
        gateway.start_daemon()
        row = gateway.submit("buy", quantity, instrument=instrument)

        def order():
            return gateway.call("GET", f"/v1/orders/{row['order_id']}")[1]["order"]

        until(lambda: order()["state"] == "FILLED", what="the fill")
        positions = gateway.call("GET", "/v1/positions")[1]["positions"]
        held = [(each["instrument"], Decimal(each["quantity"])) for each in positions]
        assert held == [(instrument, Decimal(quantity))]
        return gateway.daemon.text() + str(gateway.call("GET", "/v1/status")[1])
    finally:
        gateway.close()

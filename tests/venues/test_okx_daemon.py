"""The whole program against the simulated OKX: configuration, secrets in files, daemon, API."""

import asyncio
import sys
import threading
from pathlib import Path

from gateway_paper.venue.settings import AccountSettings
from okx_simulator.listings import Key
from okx_simulator.simulator import OkxSimulator

sys.path.insert(0, str(Path(__file__).parents[1] / "gateway" / "observer"))

from real_programs import RealGateway, until

SECRETS = {"key": "main-key", "secret": "main-secret-in-clear", "passphrase": "main-phrase"}


class Threaded:
    """The venue in a thread of its own: the programs are asked with blocking calls."""

    def __init__(self):
        account = AccountSettings(name="main", balances={"USDT": "1000000"})
        key = Key(account="main", **SECRETS)
        self.simulator = OkxSimulator(accounts=[account], keys=[key])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.call(self.simulator.start)

    def call(self, work, *values):
        async def run():
            found = work(*values)
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)

    def close(self):
        self.call(self.simulator.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


def test_the_daemon_trades_and_keeps_its_secrets(tmp_path):
    venue, gateway = Threaded(), RealGateway(tmp_path)
    venue.call(venue.simulator.quote, "BTC-USDT-SWAP", "49999.9", "50000.1")
    try:
        for name, word in SECRETS.items():
            (tmp_path / f"okx.{name}").write_text(word)
            (tmp_path / f"okx.{name}").chmod(0o600)
        settings = (
            f'{{ account = "main", instruments = ["BTC-USDT-SWAP"], url = "{venue.simulator.url}", '
            f'socket_url = "{venue.simulator.socket_url}", order_entry = "socket" }}'
        )
        secrets = ", ".join(f'{name} = "okx.{name}"' for name in SECRETS)
        gateway.configure("okx", "okx", settings, f"{{ {secrets} }}", drive="pinned")
        gateway.start_daemon()
        row = gateway.submit("buy", "2", instrument="BTC-USDT-SWAP.okx")

        def order():
            return gateway.call("GET", f"/v1/orders/{row['order_id']}")[1]["order"]

        until(lambda: order()["state"] == "FILLED", what="the fill")
        positions = gateway.call("GET", "/v1/positions")[1]["positions"]
        assert [(each["instrument"], each["quantity"]) for each in positions] == [
            ("BTC-USDT-SWAP.okx", "2")
        ]
        status = gateway.call("GET", "/v1/status")[1]
        shown = gateway.daemon.text() + str(status)
        assert SECRETS["secret"] not in shown
        assert SECRETS["passphrase"] not in shown
    finally:
        gateway.close()
        venue.close()

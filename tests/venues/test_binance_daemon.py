"""The whole program against the simulated Binance, USD-M and Spot: configuration, secrets in files,
daemon, REST API."""

import asyncio
import sys
import threading
from pathlib import Path

import pytest
from binance_simulator.server import BinanceSimulator
from binance_simulator.spot_server import SpotSimulator

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "gateway" / "observer"))

from real_programs import RealGateway, until  # noqa: E402 - found by the line above


class Threaded:
    """The venue in a thread of its own: the programs are asked with blocking calls."""

    def __init__(self, kind):
        self.simulator = kind()
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


@pytest.mark.parametrize(
    ("adapter", "kind"), [("binance", BinanceSimulator), ("binance_spot", SpotSimulator)]
)
def test_the_daemon_trades_and_keeps_its_secrets(tmp_path, adapter, kind):
    venue, gateway = Threaded(kind), RealGateway(tmp_path)
    market = venue.simulator.venue
    venue.call(market.level, "BTCUSDT", "buy", "49999.90", "5")
    venue.call(market.level, "BTCUSDT", "sell", "50000.10", "5")
    try:
        for name in ("key", "secret"):
            (tmp_path / f"venue.{name}").write_text(f"main-{name}")
            (tmp_path / f"venue.{name}").chmod(0o600)
        settings = (
            f'{{ account = "main", symbols = ["BTCUSDT"], url = "{venue.simulator.url}", '
            f'stream_url = "{venue.simulator.stream_url}", '
            f'api_socket_url = "{venue.simulator.api_socket_url}" }}'
        )
        secrets = '{ key = "venue.key", secret = "venue.secret" }'
        gateway.configure(adapter, adapter, settings, secrets, drive="pinned")
        gateway.start_daemon()
        row = gateway.submit("buy", "0.010", instrument=f"BTCUSDT.{adapter}")

        def order():
            return gateway.call("GET", f"/v1/orders/{row['order_id']}")[1]["order"]

        until(lambda: order()["state"] == "FILLED", what="the fill")
        positions = gateway.call("GET", "/v1/positions")[1]["positions"]
        assert [(each["instrument"], each["quantity"]) for each in positions] == [
            (f"BTCUSDT.{adapter}", "0.01")
        ]
        status = gateway.call("GET", "/v1/status")[1]
        shown = gateway.daemon.text() + str(status)
        assert "main-secret" not in shown and "signature=" not in shown
    finally:
        gateway.close()
        venue.close()

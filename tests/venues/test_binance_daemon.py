"""The whole program against the simulated Binance, USD-M and Spot: configuration, secrets in files,
daemon, REST API."""

import pytest
from binance_simulator.server import BinanceSimulator
from binance_simulator.spot_server import SpotSimulator
from daemon_over_venue import ThreadedVenue, buy_through_the_daemon

SECRETS = {"key": "main-key", "secret": "main-secret"}


@pytest.mark.parametrize(
    ("adapter", "kind"), [("binance", BinanceSimulator), ("binance_spot", SpotSimulator)]
)
def test_the_daemon_trades_and_keeps_its_secrets(tmp_path, adapter, kind):
    with ThreadedVenue(kind()) as venue:
        simulator = venue.simulator
        venue.call(simulator.venue.level, "BTCUSDT", "buy", "49999.90", "5")
        venue.call(simulator.venue.level, "BTCUSDT", "sell", "50000.10", "5")
        settings = (
            f'{{ account = "main", symbols = ["BTCUSDT"], url = "{simulator.url}", '
            f'stream_url = "{simulator.stream_url}", '
            f'api_socket_url = "{simulator.api_socket_url}" }}'
        )
        shown = buy_through_the_daemon(
            tmp_path, adapter, settings, SECRETS, instrument=f"BTCUSDT.{adapter}", quantity="0.01"
        )
        assert "main-secret" not in shown and "signature=" not in shown

"""The whole program against the simulated Binance USD-M: configuration, secrets in files, daemon,
REST API; and the example of conf/venues."""

from pathlib import Path

import tomli
from binance_simulator.server import BinanceSimulator
from daemon_over_venue import ThreadedVenue, buy_through_the_daemon
from gateway_binance import gateway_create_adapter

ROOT = Path(__file__).parents[2]
SECRETS = {"key": "main-key", "secret": "main-secret"}


def test_the_daemon_trades_and_keeps_its_secrets(tmp_path):
    with ThreadedVenue(BinanceSimulator()) as venue:
        simulator = venue.simulator
        venue.call(simulator.venue.level, "BTCUSDT", "buy", "49999.90", "5")
        venue.call(simulator.venue.level, "BTCUSDT", "sell", "50000.10", "5")
        settings = (
            f'{{ account = "main", symbols = ["BTCUSDT"], url = "{simulator.url}", '
            f'stream_url = "{simulator.stream_url}" }}'
        )
        shown = buy_through_the_daemon(
            tmp_path, "binance", settings, SECRETS, instrument="BTCUSDT.binance", quantity="0.01"
        )
        assert "main-secret" not in shown and "signature=" not in shown


def test_the_example_configuration_is_one_the_adapter_takes():
    tables = tomli.loads((ROOT / "conf" / "venues" / "binance.toml").read_text())
    table = tables["venues"]["binance"]
    secrets = dict.fromkeys(table["secrets"], "x")
    adapter = gateway_create_adapter("binance", table["settings"], secrets)
    assert adapter.capabilities.venue == "binance"
    assert tables["accounts"][table["settings"]["account"]]["venue"] == "binance"

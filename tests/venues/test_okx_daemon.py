"""The whole program against the simulated OKX: configuration, secrets in files, daemon, API."""

from daemon_over_venue import ThreadedVenue, buy_through_the_daemon
from gateway_paper.venue.settings import AccountSettings
from okx_simulator.listings import Key
from okx_simulator.simulator import OkxSimulator

SECRETS = {"key": "main-key", "secret": "main-secret-in-clear", "passphrase": "main-phrase"}


def test_the_daemon_trades_and_keeps_its_secrets(tmp_path):
    account = AccountSettings(name="main", balances={"USDT": "1000000"})
    keys = [Key(account="main", **SECRETS)]
    with ThreadedVenue(OkxSimulator(accounts=[account], keys=keys)) as venue:
        simulator = venue.simulator
        venue.call(simulator.quote, "BTC-USDT-SWAP", "49999.9", "50000.1")
        settings = (
            f'{{ account = "main", symbols = ["BTC-USDT-SWAP"], url = "{simulator.url}", '
            f'socket_url = "{simulator.socket_url}", order_entry = "websocket" }}'
        )
        shown = buy_through_the_daemon(
            tmp_path, "okx", settings, SECRETS, instrument="BTC-USDT-SWAP.okx", quantity="2"
        )
        assert SECRETS["secret"] not in shown
        assert SECRETS["passphrase"] not in shown

"""The whole program against the simulated FIX venue: configuration, secrets in files, the adapter
in a process of its own, daemon, API."""

import msgspec
from daemon_over_venue import ThreadedVenue, buy_through_the_daemon
from fix_simulator.logons import Login
from fix_simulator.simulator import FixSimulator
from fix_simulator.venue import LISTINGS
from gateway_paper.venue.settings import AccountSettings

from gateway.transport.fix_session import FileStore

SECRETS = {"key": "main-key", "password": "main-password-in-clear"}
ACCOUNT = AccountSettings(name="main", balances={"USDT": "1000000"})
LISTING = msgspec.structs.replace(LISTINGS[0], quote="USDT", settle="USDT")
INSTRUMENT = (
    '{ symbol = "BTC-PERP", kind = "linear", base = "BTC", quote = "USDT", tick = "0.1", '
    'lot = "0.1", multiplier = "0.01" }'
)


def test_the_daemon_trades_keeps_its_secrets_and_the_numbers(tmp_path):
    login = Login("DESK", "main", key=SECRETS["key"], secret=SECRETS["password"])
    with ThreadedVenue(
        FixSimulator(logins=[login], accounts=[ACCOUNT], listings=[LISTING])
    ) as venue:
        simulator, state = venue.simulator, tmp_path / "fix"
        venue.call(simulator.venue.quote, "BTC-PERP", "49999.9", "50000.1")
        settings = (
            f'{{ account = "main", state_directory = "{state}", instruments = [{INSTRUMENT}], '
            f'host = "127.0.0.1", port = {simulator.port}, has_tls = false, '
            'sender_comp_id = "DESK", target_comp_id = "VENUE" }'
        )
        shown = buy_through_the_daemon(
            tmp_path, "fix", settings, SECRETS, instrument="BTC-PERP.fix", quantity="2"
        )
        kept = b"".join(path.read_bytes() for path in state.iterdir())
    assert SECRETS["password"] not in shown
    assert b'"kind":"order"' in kept and b'"kind":"fill"' in kept
    assert b"\x0135=D\x01" not in kept, "nothing that could be said again"
    store = FileStore(state / "fix.session", now_ns=0)
    assert store.next_outgoing > 3 and store.next_expected > 3
    store.close()

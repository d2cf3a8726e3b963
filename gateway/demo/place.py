"""Where one demo lives: a directory of its own with configuration, keys, journal and logs. Removed
at the end. Must never reuse another run's directory."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

__all__ = ["DemoPlace", "find_recorded_data"]

RECORDED_TICKS = {"SUSHIUSDT": "0.001", "AKROUSDT": "0.00001", "KEEPUSDT": "0.0001"}

VENUE_HEAD = """\
record = "venue_record.jsonl"
market = "{market}"
recorded_data = "{recorded}"
seed = 1
step_ms = 100
funding_interval_s = 10

[[accounts]]
name = "demo"
balances = {{ USDT = "1000000" }}

[[keys]]
key = "demo"
secret_file = "venue.secret"
"""

VENUE_INSTRUMENT = """
[[instruments]]
symbol = "{symbol}"
name = "{name}"
kind = "linear"
base = "{base}"
quote = "USDT"
settle = "USDT"
tick = "{tick}"
lot = "{lot}"
quantity_min = "{lot}"
start_price = "{price}"
level_quantity = "2"
funding_rate = "0.0001"
"""

GATEWAY = """\
[gateway]
name = "demo"
directory = "journal"
ring_directory = "{ring}"
limits_file = "limits.toml"
shutdown_orders = "cancel"

[journal]
ring_mib = 16
segment_mib = 16

[api]
port = 0

[observer]
port = 0

[venues.paper]
adapter = "paper"
settings = {{ url = "{url}" }}
secrets = {{ key = "venue.key", secret = "venue.secret" }}

[accounts.demo]
venue = "paper"

[strategies.demo]
description = "orders of the sample client"

[principals.demo]
scopes = ["read", "trade", "cancel"]
accounts = ["demo"]
strategies = ["demo"]
instruments = "all"

[principals.operator]
scopes = ["read", "cancel", "admin"]
accounts = "all"
strategies = "all"
instruments = "all"

[currencies]
USD = "1"
USDT = "1"
"""

LIMIT_FIELDS = """\
order_quantity_max = "1000000"
order_notional_max = "200000"
position_long_max = "10000000"
position_short_max = "10000000"
gross_exposure_max = "5000000"
net_exposure_max = "5000000"
credit_max = "5000000"
collar_bps = 1000
reference_age_ms_max = 10000
orders_per_second = 1000
order_burst = 1000
cancels_per_second = 1000
cancel_burst = 1000
open_orders_side_max = 200
duplicate_window_ms = 0
"""


def find_recorded_data() -> str:
    """The folder of recorded venue traffic, or "" where there is none."""
    chosen = os.environ.get("GATEWAY_RECORDED_DATA", "../shared/data/binance_usdm")
    folder = Path(chosen).absolute()
    return str(folder) if (folder / "ws.txt").is_file() else ""


class DemoPlace:
    """Files of one demo. `remove` takes all of them away again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
        self.ring = Path("/dev/shm") / self.folder.name
        self.recorded = find_recorded_data()
        self.config = self.folder / "gateway.toml"
        self.journal = self.folder / "journal"

    def write_venue(self) -> Path:
        """Configuration and credentials of the paper venue."""
        market = "recorded" if self.recorded else "generator"
        text = VENUE_HEAD.format(market=market, recorded=self.recorded)
        for symbol, tick in RECORDED_TICKS.items() if self.recorded else ():
            base = symbol.removesuffix("USDT")
            text += VENUE_INSTRUMENT.format(
                symbol=symbol, name=f"{base}-USDT", base=base, tick=tick, lot="1", price="1"
            )
        text += VENUE_INSTRUMENT.format(
            symbol="BTCUSDT", name="BTC-USDT", base="BTC", tick="0.1", lot="0.001", price="50000"
        )
        self._write_private("venue.key", "demo\n")
        self._write_private("venue.secret", secrets.token_hex(32) + "\n")
        file = self.folder / "venue.toml"
        file.write_text(text, encoding="utf-8")
        return file

    def write_gateway(self, venue_url: str) -> None:
        """Configuration and limits of the gateway."""
        self.config.write_text(GATEWAY.format(ring=self.ring, url=venue_url), encoding="utf-8")
        levels = ("instrument.default", "strategy.default", "account.default", "venue.default")
        text = "".join(f"[{level}]\n{LIMIT_FIELDS}\n" for level in (*levels, "firm"))
        (self.folder / "limits.toml").write_text(text, encoding="utf-8")

    def remove(self) -> None:
        """Nothing stays behind."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.ring, ignore_errors=True)

    def _write_private(self, name: str, text: str) -> None:
        descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)

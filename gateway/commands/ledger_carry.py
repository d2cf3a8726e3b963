"""gateway ledger carry: the next funding payment of every position, from what venues quote beside
the live ring."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.verify import directory_argument, live_ring_option, opened
from gateway.journal import reader
from gateway.journal.names import NamesLearned
from gateway.ledger.funding import Quoted, forecast_rows
from gateway.market.reader import MarketReader

__all__ = ["carry"]

_COLUMNS = (
    "account", "strategy", "instrument", "quantity", "rate", "amount", "currency", "accrued",
    "in_seconds", "missing",
)  # fmt: skip


@click.command("carry")
@directory_argument
@live_ring_option("Ring of the gateway, where the venues' rates and marks are.")
@json_option
def carry(directory: Path, ring_directory: str, as_json: bool) -> None:
    """What each position will pay or receive at its next funding, and in how long.

    \b
    Example:
      gateway ledger carry var/gateway --ring-directory /dev/shm/gateway-1
    """
    with opened(directory):
        replica = reader.replica_at_end(directory, ring_directory)
        rows = forecast_rows(
            replica.positions(),
            {row["name"]: row for row in replica.registry("instrument")},
            quoted_by(Path(ring_directory)),
            last_payments(directory, ring_directory),
            time.time_ns(),
        )
    if as_json:
        print_json({"sequence": replica.sequence, "positions": rows})
        return
    told = [{**row, "missing": " ".join(row["missing"])} for row in rows]
    print_table(told, _COLUMNS, "No derivative is held.")


def quoted_by(ring_directory: Path) -> dict[str, Quoted]:
    """Marks and rates that venues tell now."""
    found: dict[str, Quoted] = {}
    market = MarketReader(ring_directory)
    market.look()
    for told in market.changes().references:
        mark, rate = (
            None if text is None else Decimal(text) for text in (told.mark, told.funding_rate)
        )
        found[told.instrument] = Quoted(mark, rate, told.next_funding_ns)
    return found


def last_payments(directory: Path, ring_directory: str) -> dict[str, int]:
    """Venue time of the newest payment of each instrument in the journal."""
    names, found = NamesLearned(), dict[str, int]()
    record: dict[str, Any]
    for record in reader.decoded(directory, ring_directory=ring_directory):
        names.learn(record)
        if record["kind"] == "funding":
            found[names.name("instrument", record["instrument"])] = record["venue_time_ns"]
    return found

"""gateway holdings: what a journal's desk holds, across venues and instruments. Reads files; a
running gateway does not notice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import click

from gateway.analytics.aggregation import (
    BY,
    InstrumentMap,
    asset_rows,
    consolidated_rows,
    load_map,
)
from gateway.analytics.exposure import Rate
from gateway.commands.marks import marks_of, marks_option
from gateway.commands.output import FAILED, CommandFailure, json_option, print_json, print_table
from gateway.commands.replay import reporter
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.journal import reader
from gateway.ledger import Bounds, open_books

__all__ = ["command"]

_EXACT = Context(prec=100)
_ASSETS = (
    "asset", "spot", "collateral", "derivatives", "in_transit", "net", "gross", "excluded",
)  # fmt: skip


@click.command("holdings")
@directory_argument
@ring_option
@click.option(
    "--by",
    type=click.Choice(("asset", *BY)),
    default="asset",
    help="One row for each of these.",
)
@marks_option("for inverse contracts.")
@click.option(
    "--map",
    "map_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML: what is the same asset under another name.",
)
@json_option
def command(
    directory: Path, ring_directory: str, by: str, marks: Path | None, map_file: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """What the desk holds: by asset with collateral and coins on their way, or by venue, account,
    strategy or firm in units of the asset.

    \b
    Example:
      gateway holdings var/gateway --by venue --json
    """
    prices = marks_of(marks)
    try:
        entries = {} if map_file is None else load_map(map_file)
    except ValueError as error:
        raise CommandFailure(
            FAILED, "BAD_MAP", str(error), "See conf/instrument_map.toml."
        ) from None
    with opened(directory):
        replica = reader.replica_at_end(directory, ring_directory, progress=reporter())
        rows = rows_of(replica, by, prices, InstrumentMap(replica.registry("instrument"), entries),
                       directory, ring_directory)  # fmt: skip
    if as_json:
        print_json({"sequence": replica.sequence, "by": by, "rows": rows})
        return
    show(rows, by)
    click.echo(f"as of sequence {replica.sequence}")


def rows_of(
    replica: Any, by: str, prices: Mapping[str, Decimal], instruments: InstrumentMap,
    directory: Path, ring_directory: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of one view."""
    positions = [
        {**row, "mark": prices.get(row["instrument"], row["mark"])} for row in replica.positions()
    ]
    if by != "asset" and not any(instruments.needs_rates(row["instrument"]) for row in positions):
        return consolidated_rows(positions, instruments, by)
    # The journal may grow while it is read: the books are those of the replica's last record.
    as_of = Bounds(sequence=replica.sequence)
    books = open_books(directory, ring_directory, as_of=as_of, keeps_all=False)
    rates = {row["currency"]: Rate(Decimal(row["rate"]), row["time_ns"]) for row in books.rates()}
    if by != "asset":
        return consolidated_rows(positions, instruments, by, rates)
    transit: dict[str, Decimal] = {}
    for row in books.accounts():
        if row["purpose"] == "transit":
            held = transit.get(row["currency"], Decimal(0))
            transit[row["currency"]] = _EXACT.add(held, Decimal(row["balance"]))
    accounts = replica.registry("account")
    return asset_rows(
        positions,
        replica.balances(),
        transit,
        instruments,
        rates,
        collateral_accounts=frozenset(
            row["name"] for row in accounts if row["margin_mode"] != "cash"
        ),
    )


def show(rows: list[dict[str, Any]], by: str) -> None:
    """For people."""
    if by == "asset":
        told = [{**row, "excluded": " ".join(row["excluded"])} for row in rows]
        print_table(told, _ASSETS, "Nothing is held.")
    else:
        parts = [
            {"instrument": row["instrument"], by: name, "quantity": part, "total": row["total"]}
            for row in rows
            for name, part in row["parts"].items()
        ]
        print_table(parts, ("instrument", by, "quantity", "total"), "Nothing is held.")
    for row in rows:
        for name in row.get("excluded", ()):
            click.echo(f"left out: {name}", err=True)

"""gateway linked: groups of linked orders, each as one position, from a journal and marks that are
given. Reads files; a running gateway does not notice."""

from __future__ import annotations

import click

from gateway.analytics.linked_book import linked_greeks
from gateway.commands.desk_sources import DeskWords, desk_options, every_order
from gateway.commands.output import json_option, print_json, print_table

__all__ = ["command"]

_COLUMNS = ("linked_to", "kind", "state", "executed_buy", "executed_sell", "leg_risk", "profit",
            "delta_cash", "vega", "theta")  # fmt: skip


@click.command("linked")
@desk_options
@json_option
def command(desk: DeskWords, as_json: bool) -> None:
    """Groups of linked orders (oco, ouo, bracket): what each executed on either side, what stands
    alone, and what that made and moves like at the marks that are given.

    \b
    Example:
      gateway linked var/gateway --mark BTC-USDT.okx=64000
    """
    replica, given = desk.valued()
    rows = linked_greeks(every_order(replica, desk.directory), given)
    if as_json:
        print_json({"sequence": replica.sequence, "time_ns": given.now_ns, "rows": rows})
        return
    print_table(rows, _COLUMNS, "No linked orders.")
    for row in rows:
        for text in row["excluded"]:
            click.echo(f"{row['linked_to']}: left out: {text}", err=True)
    click.echo(f"as of sequence {replica.sequence}")

"""gateway reconcile: compare everything with a venue while orders flow."""

from __future__ import annotations

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json

__all__ = ["command"]


@click.command("reconcile")
@click.argument("venue")
@connection_options
@json_option
def command(venue: str, gateway: RunningGateway, as_json: bool) -> None:
    """Compare orders, fills, positions and balances with VENUE now, while orders flow.

    \b
    Example:
      gateway reconcile paper
    """
    answer = gateway.connect().request("POST", f"/v1/venues/{venue}/reconcile")
    if as_json:
        print_json(answer)
        return
    click.echo(f"{venue} is reconciled; open breaks: {len(answer['breaks'])}")
    for line in answer["breaks"]:
        click.echo(f"  {line}")

"""gateway restart-adapter: a new adapter process, without losing the state of an order."""

from __future__ import annotations

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json

__all__ = ["command"]


@click.command("restart-adapter")
@click.argument("venue")
@connection_options
@json_option
def command(venue: str, gateway: RunningGateway, as_json: bool) -> None:
    """Hand VENUE over to a new process of its adapter: drain, stop, start, reconcile.

    \b
    Example:
      gateway restart-adapter okx
    """
    answer = gateway.connect().request("POST", f"/v1/venues/{venue}/restart-adapter")
    if as_json:
        print_json(answer)
        return
    click.echo(f"{venue} is reconciled; open breaks: {len(answer['breaks'])}")
    for line in answer["breaks"]:
        click.echo(f"  {line}")

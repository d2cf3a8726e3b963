"""gateway positions: what is held."""

from __future__ import annotations

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json, print_table

__all__ = ["POSITION_COLUMNS", "command"]

POSITION_COLUMNS = (
    "account",
    "instrument",
    "leg",
    "strategy",
    "quantity",
    "average_price",
    "realised",
    "unrealised",
    "fees",
    "currency",
)


@click.command("positions")
@connection_options
@json_option
def command(gateway: RunningGateway, as_json: bool) -> None:
    """List the positions of every account and strategy the key may read.

    \b
    Example:
      gateway positions
    """
    answer = gateway.connect().get("/v1/positions")
    if as_json:
        print_json(answer)
    else:
        print_table(answer["positions"], POSITION_COLUMNS, "No positions.")

"""gateway submit-linked: a group of orders from a file, all of them or none."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.orders import ORDER_COLUMNS
from gateway.commands.output import USAGE, CommandFailure, json_option, print_json, print_table

__all__ = ["command"]


@click.command("submit-linked")
@click.argument("link", type=click.Choice(["oco", "ouo", "bracket"]))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@connection_options
@json_option
def command(link: str, file: Path, gateway: RunningGateway, as_json: bool) -> None:
    """Send the orders of FILE, a JSON array of orders as POST /v1/orders takes them, as one group.

    oco: the first execution of one cancels the others. ouo: an execution of one takes its quantity
    off the others. bracket: the first order enters, the others leave what it has executed.

    \b
    Example:
      gateway submit-linked bracket entry_and_exits.json
    """
    try:
        orders = json.loads(file.read_text())
    except ValueError as error:
        hint = "The file is a JSON array of orders as POST /v1/orders takes them."
        raise CommandFailure(USAGE, "BAD_FILE", f"{file}: {error}", hint) from None
    body = {"link": link, "orders": orders}
    answer = gateway.connect().request("POST", "/v1/linked-orders", body)
    if as_json:
        print_json(answer)
    else:
        print_table(answer["orders"], ORDER_COLUMNS, "")

"""gateway orders: the orders the gateway knows."""

from __future__ import annotations

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json, print_table

__all__ = ["ORDER_COLUMNS", "command"]

ORDER_COLUMNS = (
    "order_id",
    "client_order_id",
    "account",
    "instrument",
    "side",
    "type",
    "quantity",
    "price",
    "cumulative_quantity",
    "state",
    "pending",
)


@click.command("orders")
@click.option("--all", "is_all", is_flag=True, help="Terminal orders too.")
@click.option("--limit", type=click.IntRange(1, 10000), default=100, help="At most so many; 100.")
@connection_options
@json_option
def command(
    is_all: bool,
    limit: int,
    gateway: RunningGateway,
    as_json: bool,
) -> None:
    """List the open orders, newest facts included.

    \b
    Example:
      gateway orders --all --limit 20
    """
    query = {"open": "false" if is_all else "true", "limit": limit}
    answer = gateway.connect().get("/v1/orders", query)
    if as_json:
        print_json(answer)
    else:
        empty = "No orders." if is_all else "No open orders."
        columns = (*ORDER_COLUMNS, "reason", "reason_text") if is_all else ORDER_COLUMNS
        print_table(answer["orders"], columns, empty)

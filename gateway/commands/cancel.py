"""gateway cancel: one order, or all that match."""

from __future__ import annotations

import click

from gateway.commands.connection import Connection, RunningGateway, connection_options
from gateway.commands.orders import ORDER_COLUMNS
from gateway.commands.output import confirm, json_option, print_json, print_table

__all__ = ["command"]


@click.command("cancel")
@click.argument("order", required=False)
@click.option("--client-order-id", help="Name the order by your own id.")
@click.option("--all", "is_all", is_flag=True, help="Cancel every open order that matches.")
@click.option("--account", help="With --all: of this account.")
@click.option("--strategy", help="With --all: of this strategy.")
@click.option("--instrument", help="With --all: of this instrument.")
@click.option("--venue", help="With --all: at this venue.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
@json_option
def command(
    order: str | None,
    client_order_id: str | None,
    is_all: bool,
    yes: bool,
    gateway: RunningGateway,
    as_json: bool,
    **filters: str | None,
) -> None:
    """Cancel the order with id ORDER, the one with --client-order-id, or --all that match.

    \b
    Example:
      gateway cancel 4503599627370497
      gateway cancel --all --account demo --yes
    """
    chosen = [bool(order), bool(client_order_id), is_all]
    if sum(chosen) != 1:
        raise click.UsageError("Name one of ORDER, --client-order-id or --all.")
    if not is_all and any(filters.values()):
        raise click.UsageError("--account, --strategy, --instrument and --venue need --all.")
    if order and not (order.isascii() and order.isdigit()):
        raise click.UsageError(f"ORDER is the decimal order id, not {order!r}.")
    if is_all:
        words = [f"{name} {value}" for name, value in filters.items() if value]
        confirm(f"Cancel all open orders ({', '.join(words) or 'everywhere'})", yes)
        answer = gateway.connect().request("DELETE", "/v1/orders", query=filters)
    else:
        connection = gateway.connect()
        order = order or find_order(connection, str(client_order_id))
        answer = connection.request("DELETE", f"/v1/orders/{order}")
    if as_json:
        print_json(answer)
    elif is_all:
        refused = answer.get("cancels_refused")
        click.echo(
            f"{answer['cancels_sent']} cancels sent" + f", {refused} refused" * bool(refused)
        )
    else:
        print_table([answer["order"]], ORDER_COLUMNS, "")


def find_order(connection: Connection, client_order_id: str) -> str:
    """The order id behind a client order id."""
    from urllib.parse import quote

    path = f"/v1/orders/by-client-id/{quote(client_order_id, safe='')}"
    return str(connection.get(path)["order"]["order_id"])

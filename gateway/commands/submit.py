"""gateway submit: one order from the command line, through the same gate as all others."""

from __future__ import annotations

import secrets
from typing import Any

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.orders import ORDER_COLUMNS
from gateway.commands.output import json_option, print_json, print_table
from gateway.core.vocabulary import CROSS_MS_MAX

__all__ = ["command"]

TYPES = ("market", "limit", "stop", "stop_limit")
TIMES_IN_FORCE = ("day", "gtc", "ioc", "fok", "gtd")


@click.command("submit")
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("quantity")
@click.argument("instrument")
@click.option("--account", required=True, help="Account of the order.")
@click.option("--strategy", required=True, help="Strategy whose book it belongs to.")
@click.option("--price", help="Limit price, decimal text.")
@click.option("--trigger-price", help="Trigger of a stop order, decimal text.")
@click.option(
    "--type", "order_type", type=click.Choice(TYPES), help="Default: by the prices given."
)
@click.option("--time-in-force", type=click.Choice(TIMES_IN_FORCE), help="Default: gtc, or ioc.")
@click.option("--expires-ns", type=click.IntRange(1), help="End of a gtd order, UTC ns.")
@click.option("--display-quantity", help="Visible part of an iceberg, decimal text.")
@click.option("--leg", type=click.Choice(["net", "long", "short"]), help="Default: net.")
@click.option("--post-only", is_flag=True, help="Refuse to take liquidity.")
@click.option("--reduce-only", is_flag=True, help="Refuse to open or flip a position.")
@click.option("--emulate", is_flag=True, help="The gateway may trigger or expire it itself.")
@click.option("--override-size", is_flag=True, help="Meant, though far larger than usual.")
@click.option(
    "--cross-ms", type=click.IntRange(1, CROSS_MS_MAX), help="Kept so long to be crossed inside."
)
@click.option("--client-order-id", help="Your id; sending it again never makes a second order.")
@connection_options
@json_option
def command(
    side: str,
    quantity: str,
    instrument: str,
    gateway: RunningGateway,
    as_json: bool,
    **options: Any,
) -> None:
    """Send one order: SIDE QUANTITY INSTRUMENT.

    \b
    Example:
      gateway submit buy 0.5 BTC-USDT.paper --price 49000 --account demo --strategy demo \
        --key-file var/gateway/demo.key
    """
    body = order_body(side, quantity, instrument, options)
    answer = gateway.connect().request("POST", "/v1/orders", body)
    if as_json:
        print_json(answer)
    else:
        print_table([answer["order"]], ORDER_COLUMNS, "")


def order_body(
    side: str, quantity: str, instrument: str, options: dict[str, Any]
) -> dict[str, Any]:
    """The message of POST /v1/orders; only what was given."""
    order_type = options.pop("order_type") or type_by_prices(options)
    is_market = order_type in {"market", "stop"}
    body = {
        "client_order_id": options.pop("client_order_id") or f"cli-{secrets.token_hex(12)}",
        "side": side,
        "quantity": quantity,
        "instrument": instrument,
        "type": order_type,
        "time_in_force": options.pop("time_in_force") or ("ioc" if is_market else "gtc"),
    }
    return body | {name: value for name, value in options.items() if value not in (None, False)}


def type_by_prices(options: dict[str, Any]) -> str:
    """A price makes it a limit order, a trigger price a stop."""
    has_price, has_trigger = bool(options["price"]), bool(options["trigger_price"])
    if has_trigger:
        return "stop_limit" if has_price else "stop"
    return "limit" if has_price else "market"

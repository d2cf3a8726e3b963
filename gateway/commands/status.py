"""gateway status: what the running gateway is doing."""

from __future__ import annotations

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json, print_pairs, print_table

__all__ = ["command"]


@click.command("status")
@connection_options
@json_option
def command(gateway: RunningGateway, as_json: bool) -> None:
    """Show state, venues, open orders, halts and the state hash of the running gateway.

    \b
    Example:
      gateway status --config conf/gateway.toml
    """
    status = gateway.connect().get("/v1/status")
    if as_json:
        print_json(status)
        return
    plain = {name: value for name, value in status.items() if not isinstance(value, dict | list)}
    print_pairs(plain)
    click.echo()
    print_table(status.get("venues", []), ["name", "state", "reconciled"], "No venues.")
    if halts := status.get("halts"):
        click.echo()
        print_table(halts, ["level", "name", "state", "breaker", "actor", "reason"], "")

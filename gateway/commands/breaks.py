"""gateway breaks: where the journal and a venue differ, and who answers for it."""

from __future__ import annotations

import click

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json, print_table

__all__ = ["command"]


@click.command("breaks")
@click.option("--all", "is_all", is_flag=True, help="The last resolved ones too.")
@click.option("--resolve", "number", help="Id of the break a named person answers for.")
@click.option(
    "--adopt", "adopted", help="Id of the break whose position, or quarantined fill, is booked."
)
@click.option("--quantity", help="The difference that is adopted, as it was read, with its sign.")
@click.option("--price", help="What a position is taken over at, or what the fill was told at.")
@click.option("--strategy", help="Book it goes to; EXTERNAL without it.")
@click.option("--actor", help="Who answers for it; it is kept with the break.")
@click.option("--reason", help="Why it is right as it is; it is kept with the break.")
@connection_options
@json_option
def command(
    is_all: bool,
    number: str | None,
    adopted: str | None,
    quantity: str | None,
    price: str | None,
    strategy: str | None,
    actor: str | None,
    reason: str | None,
    gateway: RunningGateway,
    as_json: bool,
) -> None:
    """List differences between the journal and the venues, resolve one, or book what it is about.

    \b
    Example:
      gateway breaks --json
      gateway breaks --resolve 88e436774bb65f06 --actor anna --reason "dust, written off"
      gateway breaks --adopt 5d3a90c41f7be2aa --quantity 2 --price 64000.5 --actor anna --reason old
    """
    connection = gateway.connect()
    if number is not None:
        if not actor or not reason:
            raise click.UsageError("--resolve needs --actor and --reason")
        body = {"actor": actor, "reason": reason}
        answer = connection.request("POST", f"/v1/breaks/{number}/resolve", body)
        if as_json:
            print_json(answer)
        else:
            click.echo(f"break {number} is resolved")
        return
    if adopted is not None:
        if not actor or not reason or not price or not quantity:
            raise click.UsageError("--adopt needs --quantity, --price, --actor and --reason")
        body = {"actor": actor, "reason": reason, "quantity": quantity, "price": price}
        body |= {"strategy": strategy} if strategy else {}
        answer = connection.request("POST", f"/v1/breaks/{adopted}/adopt", body)
        if as_json:
            print_json(answer)
        else:
            click.echo(f"what break {adopted} is about is booked")
        return
    answer = connection.get("/v1/breaks", {"open": "false" if is_all else "true"})
    if as_json:
        print_json(answer)
    else:
        columns = ("id", "venue", "kind", "policy", "text", "impact", "currency", "resolution")
        print_table(answer["breaks"], columns, "No breaks: the journal and the venues agree.")

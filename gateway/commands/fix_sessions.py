"""gateway fix-sessions: who may log on by FIX, where each session stands, what is done to it."""

from __future__ import annotations

from typing import Any

import click
import tomli

from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.output import json_option, print_json, print_table

__all__ = ["command"]


@click.command("fix-sessions")
@click.option("--add", "added", metavar="NAME", help="Add a session of this name.")
@click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the added session, as under [fix.sessions.NAME]; repeat it.",
)
@click.option("--disable", metavar="NAME", help="Nobody may log on; who is there is logged out.")
@click.option("--enable", metavar="NAME", help="Logons are taken again.")
@click.option("--logout", metavar="NAME", help="End the line; the counterparty may come back.")
@click.option("--reset", metavar="NAME", help="Both numbers 1, nothing to resend.")
@click.option("--news", metavar="NAME", help="Tell the counterparty the reason, as 35=B.")
@click.option("--actor", help="Who does it; it is kept.")
@click.option("--reason", help="Why; it is kept.")
@connection_options
@json_option
def command(
    added: str | None,
    settings: tuple[str, ...],
    disable: str | None,
    enable: str | None,
    logout: str | None,
    reset: str | None,
    news: str | None,
    actor: str | None,
    reason: str | None,
    gateway: RunningGateway,
    as_json: bool,
) -> None:
    """List FIX sessions, add one, or act on one.

    \b
    Example:
      gateway fix-sessions --json
      gateway fix-sessions --add fund --setting target_comp_id=FUND --setting principal=fund \\
        --actor anna --reason "new client"
      gateway fix-sessions --disable fund --actor anna --reason "contract ended"
    """
    wanted = {"disable": disable, "enable": enable, "logout": logout, "reset": reset, "news": news}
    chosen = [(action, name) for action, name in wanted.items() if name]
    if len(chosen) + (added is not None) > 1:
        raise click.UsageError(
            "one of --add, --disable, --enable, --logout, --reset, --news at a time"
        )
    if settings and added is None:
        raise click.UsageError("--setting goes with --add")
    connection = gateway.connect()
    if added is None and not chosen:
        _show(connection.get("/v1/fix-sessions"), as_json)
        return
    if not actor or not reason:
        raise click.UsageError("--actor and --reason are needed: they are kept")
    body: dict[str, Any] = {"actor": actor, "reason": reason}
    if added is not None:
        body |= {"name": added, "settings": dict(_setting(each) for each in settings)}
        answer = connection.request("POST", "/v1/fix-sessions", body)
    else:
        action, name = chosen[0]
        answer = connection.request("POST", f"/v1/fix-sessions/{name}/{action}", body)
    if as_json:
        print_json(answer)
    else:
        row = answer["fix_session"]
        click.echo(f"{row['name']}: {row['session']} {row['state']}, enabled {row['enabled']}")


def _setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE, the value as TOML writes it; what is none is text."""
    key, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"--setting {text}: KEY=VALUE")
    try:
        return key, tomli.loads(f"value = {value}")["value"]
    except tomli.TOMLDecodeError:
        return key, value


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    numbers = ("next_outgoing", "next_expected")
    columns = ("name", "session", "kind", "principal", "enabled", "state", *numbers)
    print_table(answer["fix_sessions"], columns, "No FIX sessions are configured.")

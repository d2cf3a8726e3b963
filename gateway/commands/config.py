"""gateway config: what the settings are and where each value comes from."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from msgspec import structs

from gateway.commands.output import cell, json_option, print_json
from gateway.commands.settings import file_argument, load_settings
from gateway.config import explain, json_schema, limits_json_schema

__all__ = ["command"]


@click.group("config")
def command() -> None:
    """Look at the configuration.

    \b
    Example:
      gateway config show conf/gateway.toml
    """


@command.command("show")
@file_argument
@json_option
def show(file: Path, as_json: bool) -> None:
    """Print every resolved setting with its origin. Secrets are masked.

    \b
    Example:
      gateway config show conf/gateway.toml --json
    """
    rows = explain(load_settings(file))
    if as_json:
        print_json({"settings": [structs.asdict(row) for row in rows]})
        return
    path_width = max(len(row.path) for row in rows)
    value_width = max(len(cell(row.value)) for row in rows)
    for row in rows:
        text = f"{row.path:<{path_width}}  {cell(row.value):<{value_width}}  {row.origin}"
        click.echo(text.rstrip())


@command.command("schema")
@click.option("--limits", "is_limits", is_flag=True, help="Print the schema of limits.toml.")
@json_option
def schema(is_limits: bool, as_json: bool) -> None:
    """Print the JSON Schema of gateway.toml, for editors, in lines; with --json on one.

    \b
    Example:
      gateway config schema > gateway.schema.json
    """
    document = limits_json_schema() if is_limits else json_schema()
    if as_json:
        print_json(document)
    else:
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())

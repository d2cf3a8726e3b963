"""gateway new-adapter: a new adapter that works, to be changed from the outside in."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.commands.output import FAILED, USAGE, CommandFailure, json_option, print_json
from gateway.testing.skeletons import write_adapter

__all__ = ["command"]


@click.command("new-adapter")
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where to write it; gateway-NAME below the current directory without it.",
)
@json_option
def command(name: str, directory: Path | None, as_json: bool) -> None:
    """Write a new adapter NAME: a pip package that passes the conformance kit as it stands.

    \b
    Example:
      gateway new-adapter kraken
    """
    place = directory or Path(f"gateway-{name}")
    try:
        written = write_adapter(name, place)
    except ValueError as error:
        raise CommandFailure(
            USAGE, "BAD_NAME", str(error), "For instance `kraken`.", field="name", value=name
        ) from None
    except OSError as error:
        text = "it exists already" if isinstance(error, FileExistsError) else str(error)
        raise CommandFailure(
            FAILED,
            "BAD_TARGET",
            f"{place}: {text}",
            "Name another place with `--directory`; nothing is ever overwritten.",
            field="directory",
            value=str(place),
        ) from None
    if as_json:
        print_json({"directory": str(place), "files": [str(path) for path in written]})
        return
    for path in written:
        click.echo(path)
    click.echo(f"next: cd {place} && pip install -e '.[test]' && pytest")

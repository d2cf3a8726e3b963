"""gateway verify: is every file of a journal what was written?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.commands.output import FAILED, CommandFailure, json_option, print_json, print_table
from gateway.journal import reader
from gateway.journal.beginning import first_kept

__all__ = ["command", "directory_argument", "opened", "ring_option"]

directory_argument = click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
ring_option = click.option(
    "--ring-directory", default="", help="Ring of the gateway, to include its newest records."
)


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[None]:
    """Turns what the native reader refuses into a failure of the command; a beginning that was
    deleted is named as such."""
    try:
        yield
    except reader.TooManyOrders as error:
        raise CommandFailure(FAILED, "TOO_LARGE", str(error)) from None
    except (RuntimeError, ValueError, OSError) as error:
        first = first_kept(directory) if reader.is_before_beginning(error) else 1
        if first > 1:
            text = f"records 1 to {first - 1} were deleted; this needs the journal from its first"
            hint = "`gateway history` has their rows, `gateway at` states behind a snapshot."
            raise CommandFailure(FAILED, "JOURNAL_BEGINS_LATER", text, hint) from None
        hint = f"`gateway verify {directory}` names the place."
        raise CommandFailure(FAILED, "BAD_JOURNAL", str(error), hint) from None


@click.command("verify")
@directory_argument
@ring_option
@json_option
@click.pass_context
def command(context: click.Context, directory: Path, ring_directory: str, as_json: bool) -> None:
    """Check checksums, order and completeness of every file of the journal in DIRECTORY.

    \b
    Example:
      gateway verify var/gateway
    """
    with opened(directory):
        result = reader.verify(directory, ring_directory)
    if as_json:
        print_json(result)
    else:
        print_table(
            result["faults"], ("code", "segment", "offset", "sequence", "text"), "No fault."
        )
        click.echo(f"{result['records']} records up to sequence {result['sequence']}")
    if not result["ok"]:
        context.exit(FAILED)

"""gateway verify: is every file of a journal what was written?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.commands.output import FAILED, CommandFailure, json_option, print_json, print_table
from gateway.config.places import is_on_tmpfs
from gateway.journal import reader
from gateway.journal.beginning import first_kept

__all__ = ["command", "directory_argument", "live_ring_option", "opened", "ring_option"]

Function = TypeVar("Function", bound=Callable[..., Any])

directory_argument = click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


def existing_ring(context: click.Context, option: click.Parameter, text: str) -> str:
    """The directory of a ring. Memory is empty after the machine began anew, so that one in it may
    be gone: then that is said, and what is on disk is read. click.BadParameter: no directory, and
    never a ring's."""
    if not text or Path(text).is_dir():
        return text
    if Path(text).exists() or not is_on_tmpfs(Path(text)):
        raise click.BadParameter(f"no directory {text[:256]}")
    click.echo(f"no directory {text[:256]}: only what is on disk is read", err=True)
    return text


def live_ring(context: click.Context, option: click.Parameter, text: str) -> str:
    """The directory of a ring that a gateway uses now. click.BadParameter: no directory."""
    if not Path(text).is_dir():
        raise click.BadParameter(f"no directory {text[:256]}: name that of the running gateway")
    return text


ring_option = click.option(
    "--ring-directory",
    default="",
    callback=existing_ring,
    help="Ring of the gateway, to include its newest records.",
)


def live_ring_option(told: str) -> Callable[[Function], Function]:
    """--ring-directory where nothing can be done without a running gateway."""
    return click.option("--ring-directory", required=True, callback=live_ring, help=told)


@contextlib.contextmanager
def opened(directory: Path) -> Iterator[None]:
    """Turns what the native reader refuses into a failure of the command; a beginning that was
    deleted is named as such."""
    try:
        yield
    except BrokenPipeError:  # of who reads our output, not of the journal
        raise
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

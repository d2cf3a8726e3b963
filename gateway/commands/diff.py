"""gateway diff: what changed between two records of a journal, by key and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gateway.commands.at import find_state
from gateway.commands.moments import checked_moment
from gateway.commands.output import json_option, print_json
from gateway.commands.past import archive_option, history_faults
from gateway.commands.verify import directory_argument, ring_option

__all__ = ["command"]


@click.command("diff")
@directory_argument
@click.argument("first", callback=checked_moment)
@click.argument("last", callback=checked_moment)
@ring_option
@archive_option
@json_option
def command(
    directory: Path, first: str, last: str, ring_directory: str, archive: Path | None, as_json: bool
) -> None:
    """What changed from FIRST to LAST: sequences, ISO 8601 times, or `NNNns`.

    \b
    Example:
      gateway diff var/gateway 2026-11-21T14:00:00 2026-11-21T15:00:00
    """
    with history_faults():
        from gateway.history.time_machine import difference

        before, after = (
            find_state(directory, ring_directory, archive, text) for text in (first, last)
        )
        changes = difference(before, after)
    if as_json:
        print_json({"from": before.sequence, "to": after.sequence, "changes": changes})
        return
    for change in changes:
        click.echo(line_of(change))
    click.echo(f"{len(changes)} changes from sequence {before.sequence} to {after.sequence}")


def line_of(change: dict[str, Any]) -> str:
    """One change for people."""
    key = " ".join(change["key"].values())
    fields = (
        f"{name} {old} -> {new}" if change["change"] == "changed" else f"{name} {new or old}"
        for name, (old, new) in change["fields"].items()
        if name not in change["key"]
    )
    return f"{change['table']} {key} {change['change']}: {', '.join(fields)}"

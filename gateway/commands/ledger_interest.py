"""gateway ledger interest: every settlement of interest beside what the venue's schedule makes."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.journal import reader
from gateway.ledger.borrow_audit import InterestAudit, Schedule, schedules_of

__all__ = ["interest"]

_PAID = (
    "sequence", "account", "currency", "reference", "amount", "expected", "difference", "parts",
    "faults",
)  # fmt: skip
_OUTSTANDING = ("account", "currency", "principal", "charged", "accrued", "faults")


@click.command("interest")
@directory_argument
@click.option(
    "--schedule",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON: how each currency's interest is reckoned, and its rates.",
)
@ring_option
@json_option
def interest(directory: Path, schedule: Path | None, ring_directory: str, as_json: bool) -> None:
    """Every payment of interest, what the schedule makes of what was owed, and whose it is.

    \b
    Example:
      gateway ledger interest var/gateway --schedule rates.json --json
    """
    schedules = schedules_in(schedule)
    with opened(directory):
        records = reader.decoded(directory, ring_directory=ring_directory)
        found = InterestAudit(schedules).run(records)
    if as_json:
        print_json(found)
        return
    for name, columns, nothing in (
        ("payments", _PAID, "No interest was paid."),
        ("outstanding", _OUTSTANDING, "Nothing is owed."),
    ):
        told = [{**row, "faults": " ".join(row["faults"])} for row in found[name]]
        print_table(told, columns, nothing)


def schedules_in(path: Path | None) -> dict[str, Schedule]:
    """click.BadParameter: it is no schedule."""
    if path is None:
        return {}
    try:
        return schedules_of(path.read_bytes())
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise click.BadParameter(f"{path.name}: {error}", param_hint="--schedule") from None

"""gateway at: the whole state behind any record of a journal, with its hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gateway.commands.marks import marks_of, marks_option
from gateway.commands.moments import as_of_option, place_of
from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.past import archive_option, history_faults
from gateway.commands.verify import directory_argument, ring_option
from gateway.history.mark_samples import Sample, sampled_marks
from gateway.journal import JournalPlace

__all__ = ["command", "find_state"]

_COLUMNS = {
    "orders": ("order_id", "instrument", "account", "strategy", "side", "quantity", "price",
               "state", "pending", "cumulative_quantity"),
    "positions": ("account", "instrument", "strategy", "leg", "quantity", "average_price",
                  "realised", "fees", "mark", "unrealised", "currency", "state"),
    "balances": ("account", "currency", "total"),
    "trading_states": ("level", "name", "state", "is_latch", "actor", "reason"),
}  # fmt: skip


def find_state(
    directory: Path,
    ring_directory: str,
    archive: Path | None,
    as_of: str | None,
    marks: Path | None = None,
) -> Any:
    """The state at a moment; None is the newest. Positions are valued at `marks`, else at what the
    archive sampled."""
    sequence, time_ns = (None, None) if as_of is None else place_of(as_of)
    with history_faults():
        from gateway.history.time_machine import state_at

        journal = JournalPlace(directory, Path(ring_directory))
        place = archive or journal.archive
        return state_at(
            journal,
            sequence=sequence,
            time_ns=time_ns,
            archive=place,
            marks=told_marks(marks) if marks else sampled_marks(place),
        )


def told_marks(path: Path) -> Callable[[int], list[Sample]]:
    """The prices of a file, as told at the moment itself."""
    prices = marks_of(path)
    return lambda time_ns: [
        Sample(time_ns, name, format(price, "f"), "file", 0) for name, price in prices.items()
    ]


@click.command("at")
@directory_argument
@as_of_option
@marks_option("prices of that moment; the archive's samples unless named.")
@ring_option
@archive_option
@json_option
def command(
    directory: Path,
    as_of: str | None,
    marks: Path | None,
    ring_directory: str,
    archive: Path | None,
    as_json: bool,
) -> None:
    """Open orders, positions, balances, limits and trading states behind one record.

    From the nearest snapshot and the records since, by the same rules as recovery: the state hash
    is the one the gateway had.

    \b
    Example:
      gateway at var/gateway --as-of 2026-11-21T14:30:00
    """
    state = find_state(directory, ring_directory, archive, as_of, marks)
    if as_json:
        print_json(state.rows())
        return
    for name, columns in _COLUMNS.items():
        click.echo(f"{name.replace('_', ' ')}:")
        print_table(getattr(state, name), columns, "None.")
        click.echo()
    click.echo(f"sequence {state.sequence}  time {state.time_ns} ns  state hash {state.state_hash}")

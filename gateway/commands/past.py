"""What the commands that ask about the past share: the archive they name, the history they open,
moments that it holds, and its refusals as failures of a command. Reads; must never write there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.commands.moments import moment_of
from gateway.commands.output import FAILED, USAGE, CommandFailure
from gateway.journal import JournalPlace

if TYPE_CHECKING:
    from gateway.history.queries import History, Moment

__all__ = [
    "archive_option",
    "history_faults",
    "moment_within",
    "opened_history",
    "tell_beginning",
]

_ADVICE = {
    "AMBIGUOUS_ORDER": "Ask by order id.",
    "ARCHIVE_BUSY": "Wait for the other run to end; the observer makes some of its own.",
    "BAD_ARCHIVE": "Move the archive away and run `gateway history build DIRECTORY`.",
    "TAIL_TOO_LONG": "Run `gateway history build DIRECTORY` first.",
    "DAMAGED_SEGMENT": "`gateway verify DIRECTORY` names the place.",
    "FOREIGN_ARCHIVE": "Name another archive with --archive.",
    "FOREIGN_SINK": "Fill another place: a sink holds one journal.",
    "SINK_SCHEMA": "Fill another place from the first record, and drop the old one.",
    "SINK_UNAVAILABLE": "Look at the sink; the same command goes on where this one was.",
    "NOT_READING": "Start with SELECT; `gateway history sql --help` has an example.",
    "TOO_LONG": "Ask for less, or a narrower range.",
    "TOO_LARGE": "Ask for less, or a narrower range.",
}

# What only another word on the command line mends.
_TYPED = frozenset({"BAD_VALUE", "NOT_A_NUMBER", "UNKNOWN_COLUMN", "UNKNOWN_TABLE"})

archive_option = click.option(
    "--archive",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the archive lies; DIRECTORY/history unless named.",
)


@contextlib.contextmanager
def history_faults() -> Iterator[None]:
    """Turns what the past refuses, and a package that is not there, into a failure."""
    from gateway.history.faults import ArchiveFault, HistoryFault

    try:
        yield
    except ModuleNotFoundError as error:
        rule = f"{error.name} is not installed, and the past is read with it"
        hint = "pip install 'exchange-gateway[history]'"
        raise CommandFailure(FAILED, "MISSING_EXTRA", rule, hint) from None
    except HistoryFault as fault:
        exit_code = USAGE if fault.code in _TYPED else FAILED
        raise CommandFailure(
            exit_code, fault.code, str(fault), _ADVICE.get(fault.code, ""),
            field=fault.field, value=fault.value,
        ) from None  # fmt: skip
    except ArchiveFault as fault:
        raise CommandFailure(FAILED, fault.code, str(fault), _ADVICE.get(fault.code, "")) from None


@contextlib.contextmanager
def opened_history(directory: Path, archive: Path | None, ring_directory: str) -> Iterator[History]:
    """The archive and the records behind it, open for questions."""
    with history_faults():
        from gateway.history.archive import default_archive
        from gateway.history.queries import History
        from gateway.history.views import Views

        views = Views(directory, archive or default_archive(directory), ring_directory)
        try:
            yield History(views)
        finally:
            views.close()


def moment_within(history: History, directory: Path, as_of: str | None) -> Moment:
    """A moment that the archive or the journal behind it holds; None = the end. HistoryFault: it
    does not."""
    from gateway.history.faults import HistoryFault
    from gateway.history.time_machine import need_within

    moment, kept = moment_of(as_of), history.views.catalog.kept
    if not kept:
        place = JournalPlace(directory, directory)
        need_within(place, moment.sequence, moment.time_ns, history.views.sequence)
        return moment
    first, newest = kept[0].first_sequence, history.views.sequence
    if moment.sequence is not None and not first <= moment.sequence <= newest:
        rule = f"history holds records {first} to {newest}"
        raise HistoryFault("OUT_OF_RANGE", rule, "sequence", str(moment.sequence))
    if moment.time_ns is not None and moment.time_ns < kept[0].first_time_ns:
        rule = f"history begins at {kept[0].first_time_ns} ns"
        raise HistoryFault("OUT_OF_RANGE", rule, "time_ns", str(moment.time_ns))
    return moment


def tell_beginning(begins_at: int) -> None:
    """That there was more once; 0 = there was not."""
    if begins_at:
        click.echo(f"records before {begins_at} were deleted by retention", err=True)

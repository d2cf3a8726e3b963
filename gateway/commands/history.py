"""gateway history: the past of a journal as Parquet files, and questions to them. Reads the journal
and writes into the archive alone; a running gateway does not notice."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway import process
from gateway.commands.history_sink import feed
from gateway.commands.moments import (
    as_of_option,
    from_option,
    moment_of,
    need_order,
    span_of,
    to_option,
)
from gateway.commands.output import (
    FAILED,
    CommandFailure,
    json_option,
    print_json,
    print_pairs,
    print_table,
)
from gateway.commands.past import (
    archive_option,
    history_faults,
    moment_within,
    opened_history,
    tell_beginning,
)
from gateway.commands.verify import directory_argument, ring_option
from gateway.journal import JournalPlace

if TYPE_CHECKING:
    from gateway.history.queries import Answer, History

__all__ = ["command"]

Function = TypeVar("Function", bound=Callable[..., Any])
table_argument = click.argument("table")
where_option = click.option(
    "--where", "wheres", multiple=True, metavar="COLUMN=VALUE", help="Only these rows; * in texts."
)
limit_option = click.option("--limit", type=click.IntRange(1, 100_000), default=1000)
by_option = click.option("--by", multiple=True, help="For each value of this column.")


def need_journal(directory: Path) -> None:
    """CommandFailure: nothing there is of a journal, and nothing may be left there."""
    missing = JournalPlace(directory, directory).missing()
    if missing:
        raise CommandFailure(FAILED, "BAD_JOURNAL", missing, "Name a journal's directory.")


def question(function: Function) -> Function:
    """What every question takes."""
    for option in (json_option, archive_option, ring_option, limit_option, where_option):
        function = option(function)
    return directory_argument(table_argument(function))


def filters_of(wheres: Sequence[str]) -> dict[str, str]:
    """COLUMN=VALUE, several together mean all of them."""
    found = {}
    for text in wheres:
        name, sign, value = text.partition("=")
        if not sign:
            raise click.BadParameter(f"{text[:64]} is not COLUMN=VALUE", param_hint="--where")
        found[name] = value
    return found


def show(answer: Answer, as_json: bool, sequence: int) -> None:
    """The rows, and whether they are all."""
    if as_json:
        print_json({
            "sequence": sequence, "rows": answer.rows, "is_cut": answer.is_cut,
            "begins_at": answer.begins_at,
        })  # fmt: skip
        return
    print_table(answer.rows, answer.columns, "Nothing.")
    if answer.is_cut:
        click.echo(f"only the first {len(answer.rows)} rows: raise --limit", err=True)
    tell_beginning(answer.begins_at)


@click.group("history")
def command() -> None:
    """Make Parquet files of sealed segments and ask them about the past.

    \b
    Example:
      gateway history build var/gateway
      gateway history as-of var/gateway positions --as-of 2026-11-21T14:30:00
    """


command.add_command(feed)


@command.command("build")
@directory_argument
@archive_option
@click.option("--nice", type=click.IntRange(0, 19), default=0, help="Lower the priority by this.")
@json_option
def build(directory: Path, archive: Path | None, nice: int, as_json: bool) -> None:
    """Put every sealed segment that is not archived yet into the archive.

    Killed anywhere, the next run goes on where this one was. A damaged segment is named and ends
    the run; what is before it stays archived.

    \b
    Example:
      gateway history build var/gateway --archive /srv/history
    """
    with history_faults():
        from gateway.history.archive import Archiver, default_archive

        need_journal(directory)
        os.nice(nice)
        began_ns = process.monotonic_ns()
        archiver = Archiver(directory, archive or default_archive(directory))
        segments = records = rows = segment_bytes = file_bytes = 0
        try:
            while done := archiver.step():
                segments += 1
                records += done.records
                rows += done.rows
                segment_bytes += done.segment_bytes
                file_bytes += done.file_bytes
                click.echo(f"segment {done.segment}: {done.rows} rows", err=True)
        finally:
            archiver.close()
        archiver.close_days(process.wall_ns())
        sequence = archiver.catalog.sequence
    result = {
        "segments": segments,
        "records": records,
        "rows": rows,
        "sequence": sequence,
        "segment_bytes": segment_bytes,
        "file_bytes": file_bytes,
        "seconds": (process.monotonic_ns() - began_ns) / 1e9,
    }
    print_json(result) if as_json else print_pairs(result)


@command.command("prune")
@directory_argument
@archive_option
@click.option("--keep-days", type=click.IntRange(0, 36_500), default=0, help="Days that stay.")
@click.option("--keep-mib-max", type=click.IntRange(0), default=0, help="Larger: the oldest go.")
@click.option("--free-mib-min", type=click.IntRange(0), default=0, help="Less room: the oldest go.")
@click.option(
    "--delete-journal-segments", is_flag=True, help="A journal segment goes with its files."
)
@json_option
def prune(
    directory: Path, archive: Path | None, keep_days: int, keep_mib_max: int, free_mib_min: int,
    delete_journal_segments: bool, as_json: bool,
) -> None:  # fmt: skip
    """Delete what is older than --keep-days, beyond --keep-mib-max, or in the way of --free-mib-min
    on the disk, oldest segment first.

    The newest archived segment always stays. Journal segments stay unless asked for, and then go
    only when they are archived, outside of what is kept, and older than the second newest snapshot.

    \b
    Example:
      gateway history prune var/gateway --keep-days 90
    """
    with history_faults():
        from gateway.history.archive import default_archive
        from gateway.history.retention import Retention, apply_retention

        need_journal(directory)
        gone = apply_retention(
            directory,
            archive or default_archive(directory),
            Retention(keep_days, keep_mib_max << 20, delete_journal_segments, free_mib_min << 20),
            process.wall_ns(),
        )
    print_json(gone) if as_json else print_pairs(gone)


@command.command("compact")
@directory_argument
@archive_option
@click.option("--nice", type=click.IntRange(0, 19), default=0, help="Lower the priority by this.")
@json_option
def compact(directory: Path, archive: Path | None, nice: int, as_json: bool) -> None:
    """Merge the files of days that are over into one per table and day.

    A day is over when the archive holds a later one. Killed anywhere, the next run goes on; files
    that were merged are deleted ten minutes later, by a later run.

    \b
    Example:
      gateway history compact var/gateway --nice 19
    """
    with history_faults():
        from gateway.history.archive import default_archive
        from gateway.history.compaction import delete_replaced, merge_next_day

        need_journal(directory)
        os.nice(nice)
        place = archive or default_archive(directory)
        result = dict.fromkeys(
            ("days", "files_before", "files", "rows", "bytes_before", "bytes"), 0
        )
        while done := merge_next_day(place, process.wall_ns()):
            result["days"] += 1
            for name in ("files_before", "files", "rows", "bytes_before", "bytes"):
                result[name] += getattr(done, name)
            click.echo(f"{done.day}: {done.files_before} files became {done.files}", err=True)
        result["files_deleted"] = delete_replaced(place, process.wall_ns())
    print_json(result) if as_json else print_pairs(result)


@command.command("status")
@directory_argument
@archive_option
@json_option
def status(directory: Path, archive: Path | None, as_json: bool) -> None:
    """What is archived, how small it is, and what waits.

    \b
    Example:
      gateway history status var/gateway
    """
    with history_faults():
        from gateway.history.archive import default_archive
        from gateway.history.retention import status_of

        found = status_of(directory, archive or default_archive(directory))
    if as_json:
        print_json(found)
        return
    tables = found.pop("tables")
    print_pairs(found)
    print_table(tables, ("table", "files", "rows", "bytes", "first_day", "last_day"), "No rows.")


@command.command("as-of")
@question
@as_of_option
def as_of_(
    directory: Path, table: str, as_of: str | None,
    wheres: tuple[str, ...], limit: int, ring_directory: str, archive: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Open orders, positions or balances as they were: TABLE is orders, positions or balances.

    \b
    Example:
      gateway history as-of var/gateway positions --as-of 120000 --where instrument=BTC-USDT
    """
    with opened_history(directory, archive, ring_directory) as history:
        moment = moment_within(history, directory, as_of)
        answer = history.as_of(table, moment, filters_of(wheres), limit=limit)
        show(answer, as_json, history.views.sequence)


@command.command("range")
@question
@from_option
@to_option
@click.option("--column", "columns", multiple=True, help="Only this column; may be repeated.")
def range_(
    directory: Path, table: str, first: str | None, last: str | None, columns: tuple[str, ...],
    wheres: tuple[str, ...], limit: int, ring_directory: str, archive: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Rows of TABLE from one moment to another, in order.

    \b
    Example:
      gateway history range var/gateway fills --from 2026-11-21 --to 2026-11-22 --where venue=okx
    """
    need_order(first, last)
    with opened_history(directory, archive, ring_directory) as history:
        begin, end = moment_of(first or "0"), moment_of(last)
        answer = history.range(table, begin, end, filters_of(wheres), columns=columns, limit=limit)
        show(answer, as_json, history.views.sequence)


@command.command("last")
@question
@as_of_option
@by_option
def last_(
    directory: Path, table: str, by: tuple[str, ...], as_of: str | None,
    wheres: tuple[str, ...], limit: int, ring_directory: str, archive: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """The last row of TABLE for each value of the --by columns.

    \b
    Example:
      gateway history last var/gateway fills --by instrument
    """
    if not by:
        raise click.UsageError("--by names at least one column")
    with opened_history(directory, archive, ring_directory) as history:
        moment = moment_within(history, directory, as_of)
        answer = history.last(table, by, moment, filters_of(wheres), limit=limit)
        show(answer, as_json, history.views.sequence)


@command.command("downsample")
@question
@from_option
@to_option
@by_option
@click.option("--column", required=True, help="The number that is summed up.")
@click.option("--every", default="1m", help="Length of a span: 500ms, 1s, 5m, 1h, 1d.")
def downsample(
    directory: Path, table: str, first: str | None, last: str | None, by: tuple[str, ...],
    column: str, every: str, wheres: tuple[str, ...], limit: int, ring_directory: str,
    archive: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """First, last, lowest, highest, sum and count of a column per span of time.

    \b
    Example:
      gateway history downsample var/gateway fills --column price --every 1h --by instrument
    """
    need_order(first, last)
    with opened_history(directory, archive, ring_directory) as history:
        begin, end = moment_of(first or "0"), moment_of(last)
        answer = history.downsample(
            table,
            column,
            span_of(every),
            (begin, end),
            by=by,
            filters=filters_of(wheres),
            limit=limit,
        )
        show(answer, as_json, history.views.sequence)


@command.command("sql")
@directory_argument
@click.argument("statement", required=False)
@limit_option
@ring_option
@archive_option
@json_option
def sql(
    directory: Path, statement: str | None, limit: int, ring_directory: str, archive: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Ask in SQL: one SELECT as an argument, or one after another from the terminal.

    Tables: orders, fills, positions, balances, funding, refusals, limits, trading_states, events.
    No statement can write or read another file.

    \b
    Example:
      gateway history sql var/gateway "SELECT instrument, sum(quantity) FROM fills GROUP BY 1"
    """
    with opened_history(directory, archive, ring_directory) as history:
        history.views.close_to_files()
        if statement is not None:
            show(history.sql(statement, limit=limit), as_json, history.views.sequence)
            return
        shell(history, limit, as_json)


def shell(history: History, limit: int, as_json: bool) -> None:
    """Statements of standard input, each ended by a semicolon; a bad one does not end the shell."""
    from gateway.history.faults import HistoryFault

    is_terminal = sys.stdin.isatty()
    pending = ""
    if is_terminal:
        click.echo("SELECT ...; and Ctrl-D to leave", err=True)
    while line := prompt_line(is_terminal, bool(pending)):
        pending += line
        if not pending.rstrip().endswith(";"):
            continue
        try:
            show(history.sql(pending, limit=limit), as_json, history.views.sequence)
        except HistoryFault as fault:
            click.echo(f"{fault.code}: {fault}", err=True)
        pending = ""


def prompt_line(is_terminal: bool, is_within: bool) -> str:
    """The next line with its end, "" at the end of the input."""
    if is_terminal:
        click.echo("     > " if is_within else "history> ", nl=False, err=True)
    return sys.stdin.readline()

"""gateway journal: read a journal of any gateway, running or not, without a daemon, and make the
superblock of a stopped one anew. The records themselves are never written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.commands.moments import between_of, from_option, need_order, to_option
from gateway.commands.output import (
    FAILED,
    CommandFailure,
    cell,
    json_option,
    new_file,
    print_json,
    print_table,
)
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.journal import reader

__all__ = ["command"]

HEAD = ("sequence", "kind", "time_ns")


@click.group("journal")
def command() -> None:
    """Read a journal without a daemon; repair its superblock.

    \b
    Example:
      gateway journal cat var/gateway --from 100 --to 120
    """


@command.command("cat")
@directory_argument
@ring_option
@from_option
@to_option
@json_option
def cat(
    directory: Path, ring_directory: str, first: str | None, last: str | None, as_json: bool
) -> None:
    """Print records, one a line.

    \b
    Example:
      gateway journal cat var/gateway --from 1 --to 10 --json
    """
    with opened(directory):
        for record in asked(directory, ring_directory, first, last):
            print_json(record) if as_json else click.echo(record_line(record))


def asked(
    directory: Path, ring_directory: str, first: str | None, last: str | None
) -> Iterator[dict[str, Any]]:
    """The records from one moment to another."""
    need_order(first, last)
    wanted = between_of(first, last)
    need_journal(directory, ring_directory)
    records = reader.decoded(
        directory, ring_directory=ring_directory, first=wanted.first, last=wanted.last
    )
    within = takewhile(lambda record: record["time_ns"] <= wanted.to_ns, records)
    return (record for record in within if record["time_ns"] >= wanted.from_ns)


def need_journal(directory: Path, ring_directory: str) -> None:
    """RuntimeError: nothing of a journal is there, which is no empty one."""
    if not any(directory.glob("segment-*.journal")) and not ring_directory:
        raise RuntimeError(f"no journal: no segment in {directory}, and no ring is named")


def record_line(record: dict[str, Any]) -> str:
    """One record for people: head first, then the fields of its kind."""
    fields = [f"{name}={cell(value)}" for name, value in record.items() if name not in HEAD]
    return f"{record['sequence']:>10} {record['kind']} {record['time_ns']} {' '.join(fields)}"


@command.command("stat")
@directory_argument
@ring_option
@json_option
def stat(directory: Path, ring_directory: str, as_json: bool) -> None:
    """Count the records of each kind.

    \b
    Example:
      gateway journal stat var/gateway
    """
    with opened(directory):
        need_journal(directory, ring_directory)
        counts = reader.kind_counts(reader.decoded(directory, ring_directory=ring_directory))
    if as_json:
        print_json({"records": sum(counts.values()), "kinds": counts})
        return
    rows = [{"kind": kind, "records": count} for kind, count in counts.items()]
    print_table(rows, ("kind", "records"), "The journal is empty.")


@command.command("export")
@directory_argument
@click.argument("target", type=click.Path(path_type=Path))
@ring_option
@from_option
@to_option
@json_option
def export(
    directory: Path,
    target: Path,
    ring_directory: str,
    first: str | None,
    last: str | None,
    as_json: bool,
) -> None:
    """Write records to TARGET as JSON lines. An existing file is never overwritten.

    \b
    Example:
      gateway journal export var/gateway records.jsonl
    """
    encode, count = msgspec.json.encode, 0
    with new_file(target) as file, opened(directory):
        for record in asked(directory, ring_directory, first, last):
            file.write(encode(record) + b"\n")
            count += 1
    if as_json:
        print_json({"records": count, "file": str(target)})
    else:
        click.echo(f"{count} records written to {target}")


@command.command("rebuild-superblock")
@directory_argument
@json_option
def rebuild_superblock(directory: Path, as_json: bool) -> None:
    """Make the superblock of a stopped gateway anew from its segments and snapshots.

    The journal itself is not touched. Refused while a gateway holds DIRECTORY and while the present
    superblock is whole. The new epoch leaves 1000 unused, so no order id can come back.

    \b
    Example:
      gateway journal rebuild-superblock var/gateway
    """
    try:
        found = reader.rebuild_superblock(directory)
    except (RuntimeError, OSError) as error:
        hint = f"`gateway verify {directory}` names what is wrong with the files."
        raise CommandFailure(FAILED, "NOT_REBUILT", str(error), hint) from None
    if as_json:
        print_json(found)
        return
    click.echo(f"before: {found['was']}")
    bad = f", {found['segments_bad']} segments unreadable" if found["segments_bad"] else ""
    click.echo(
        f"found: instance {found['instance']}, {found['records']} records in {found['segments']} "
        f"segments up to sequence {found['sequence']}, {found['snapshots']} snapshots, "
        f"highest epoch {found['epoch_found']}{bad}"
    )
    click.echo(f"written: superblock of instance {found['instance']}, epoch {found['epoch']}")

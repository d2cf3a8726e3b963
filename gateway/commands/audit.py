"""gateway audit: the trail of a journal, its export and the proofs of it. Reads files; a running
gateway does not notice."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from gateway.analytics.recheck import Finding, Recheck
from gateway.commands.moments import between_of, from_option, need_order, to_option
from gateway.commands.output import (
    FAILED,
    USAGE,
    CommandFailure,
    json_lines_option,
    json_option,
    new_file,
    print_json,
    print_table,
)
from gateway.commands.replay import reporter
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.journal import audit_export, reader, verify_export
from gateway.journal.audit_trail import KINDS, AuditFilter, trail
from gateway.journal.beginning import beginning_of

__all__ = ["command"]

_SHOWN = "show"
_ORDERS_MAX = 10_000_000
_COUNTS = ("sequence", "orders", "checks", "unvalued")
T = TypeVar("T")


class TrailGroup(click.Group):
    """`gateway audit DIR` is `gateway audit show DIR`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [_SHOWN, *args]
        return super().parse_args(ctx, args)


@click.group("audit", cls=TrailGroup)
def command() -> None:
    """Who did what, when and why: DIRECTORY alone shows the trail.

    \b
    Example:
      gateway audit var/gateway --kind kill --kind limits_set
    """


def known_kinds(context: click.Context, option: click.Parameter, kinds: tuple[str, ...]) -> Any:
    """click.BadParameter: one that no event has, which would show an empty trail."""
    for kind in kinds:
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, sorted(KINDS), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(KINDS))}"
            raise click.BadParameter(f"no kind {kind[:64]}; {hint}")
    return kinds


@command.command(_SHOWN)
@directory_argument
@ring_option
@from_option
@to_option
@click.option("--actor", default="", help="A person, a principal, a venue, or gateway.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    callback=known_kinds,
    help="A kind of record or operation, repeatable.",
)
@click.option("--order", "order_id", type=click.IntRange(1), help="One order.")
@json_lines_option
def show(
    directory: Path,
    ring_directory: str,
    first: str | None,
    last: str | None,
    actor: str,
    kinds: tuple[str, ...],
    order_id: int | None,
    as_json: bool,
) -> None:
    """Print the trail, one line for each event.

    \b
    Example:
      gateway audit var/gateway --from 2026-11-20 --to 2026-11-21 --actor alice --json
    """
    need_order(first, last)
    wanted = AuditFilter(
        actor=actor,
        kinds=frozenset(kinds),
        order_id=order_id or 0,
        **between_of(first, last)._asdict(),
    )
    with opened(directory):
        seen: list[bool] = []
        begins = beginning_of(directory, ring_directory)
        records = reader.decoded(
            directory, ring_directory=ring_directory, first=begins.sequence, last=wanted.last
        )
        within = takewhile(lambda record: record["time_ns"] <= wanted.to_ns, noted(records, seen))
        is_empty = True
        for row in trail(within, wanted, begins.definitions):
            is_empty = False
            print_json(row) if as_json else click.echo(line_of(row))
        if not seen:
            raise RuntimeError(f"no journal: no record in {directory} nor in the ring")
    if is_empty:
        click.echo("No event.", err=True)
    if begins.sequence > 1:
        behind = f"are those of the snapshot at record {begins.snapshot_sequence}"
        names = behind if begins.snapshot_sequence else "are not known, no snapshot is left"
        text = f"records 1 to {begins.sequence - 1} were deleted: names {names}; what they said of"
        click.echo(f"{text} orders is not known", err=True)


def noted(records: Iterable[T], seen: list[bool]) -> Iterator[T]:
    """The records; `seen` tells whether there was one."""
    for record in records:
        if not seen:
            seen.append(True)
        yield record


def line_of(row: dict[str, Any]) -> str:
    """One event for people."""
    order = f" order {row['order_id']}" if row["order_id"] else ""
    why = f": {row['why']}" if row["why"] else ""
    digest = f" sha256 {row['digest']}" if row["digest"] else ""
    subject = f" {row['subject']}" if row["subject"] else ""
    return (
        f"{row['sequence']:>10} {row['time']} {row['who']} "
        f"{row['what']}{order}{subject}{digest}{why}"
    )


@command.command("export")
@directory_argument
@ring_option
@click.option("--out", "target", type=click.Path(path_type=Path), required=True, help="A new file.")
@json_option
def export(directory: Path, ring_directory: str, target: Path, as_json: bool) -> None:
    """Write the whole trail with its records and seals, for somebody else to prove.

    \b
    Example:
      gateway audit export var/gateway --out audit.jsonl
    """
    with new_file(target) as file, opened(directory):
        done = audit_export.export(
            directory, file, ring_directory=ring_directory, progress=reporter()
        )
    if as_json:
        print_json({**msgspec.structs.asdict(done), "file": str(target)})
        return
    click.echo(f"{done.records} records up to {done.sequence} written to {target}")
    click.echo(f"{done.sealed} of {done.segments} segments are sealed")
    click.echo(f"proof: python3 {verify_export.__file__} {target}")


@command.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--seals",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Seals that were kept elsewhere.",
)
@json_option
def check(file: Path, seals: Path | None, as_json: bool) -> None:
    """Prove an export, and that its words say what its records say.

    \b
    Example:
      gateway audit check audit.jsonl --seals /mnt/worm/seals
    """
    if not audit_export.is_export(file):
        rule = f"{file} is no export: its first line is none of an export"
        raise CommandFailure(USAGE, "NOT_AN_EXPORT", rule, "`gateway audit export` makes one.")
    try:
        records = audit_export.check_words(file, seals)
    except (ValueError, OSError) as error:
        hint = "Take the export from the journal anew; keep this file as evidence."
        raise CommandFailure(FAILED, "EXPORT_TAMPERED", str(error), hint) from None
    if as_json:
        print_json({"ok": True, "records": records})
    else:
        click.echo(f"whole: {records} records, and the words beside them are theirs")


@command.command("recheck")
@directory_argument
@ring_option
@json_option
def recheck_command(directory: Path, ring_directory: str, as_json: bool) -> None:
    """Hold every order against the limits of its time once more; exit code 1 when one went past.

    \b
    Example:
      gateway audit recheck var/gateway
    """
    with opened(directory):
        records = reader.decoded(directory, ring_directory=ring_directory)
        recheck = Recheck()
        found = recheck.run(watched(records, reporter()))
        if not found.sequence:
            raise RuntimeError(f"no journal: no record in {directory} nor in the ring")
        differences = compared(recheck, directory, ring_directory, found.sequence)
    rows = [each._asdict() for each in found.findings]
    if as_json:
        counts = {name: getattr(found, name) for name in _COUNTS}
        more = {"findings": rows, "differences": differences, "unjudged": dict(found.unjudged)}
        print_json({"ok": found.is_clean and not differences, **counts, **more})
    else:
        print_table(rows, Finding._fields, "No limit was passed.")
        text = f"{found.orders} orders, {found.checks} checks up to sequence {found.sequence}"
        unjudged = [f"not judged: {name}: {why}" for name, why in found.unjudged.items()]
        click.echo("\n".join([text, *differences, *unjudged]))
    if differences or not found.is_clean:
        click.get_current_context().exit(FAILED)


def compared(recheck: Recheck, directory: Path, ring_directory: str, sequence: int) -> list[str]:
    """What the replayed state holds otherwise than its records add up to, at their end."""
    replica = reader.open_replica(directory, ring_directory, use_snapshot=False)
    while replica.sequence < sequence and replica.follow(min(sequence - replica.sequence, 65536)):
        continue
    orders = reader.every_order(replica, is_open=True, limit=_ORDERS_MAX)
    return recheck.compare(orders, replica.positions())


def watched(records: Iterable[T], report: Callable[[int], None]) -> Iterator[T]:
    """The records, with progress told now and then."""
    for number, record in enumerate(records):
        if number % 65536 == 0:
            report(number)
        yield record

"""gateway replay: rebuild the state from a journal and tell its hash, without a daemon."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
from msgspec import structs

from gateway import process
from gateway.commands.moments import between_of, checked_moment
from gateway.commands.output import FAILED, json_option, print_json, print_pairs
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.journal import reader

__all__ = ["command"]


@click.command("replay")
@directory_argument
@ring_option
@click.option("--verify", "is_verified", is_flag=True, help="Check integrity and snapshots too.")
@click.option(
    "--to",
    "last",
    metavar="MOMENT",
    callback=checked_moment,
    help="Stop after the last record at or before: a sequence, ISO 8601 or NNNns.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0.0),
    default=0.0,
    help="1 = as it happened, 10 = ten times that; 0 = as fast as possible (default).",
)
@json_option
@click.pass_context
def command(
    context: click.Context,
    directory: Path,
    ring_directory: str,
    is_verified: bool,
    last: str | None,
    speed: float,
    as_json: bool,
) -> None:
    """Apply every record of the journal in DIRECTORY from the first one and print the state hash.

    With --verify every file is checked and the state is built a second time from the newest
    snapshot: both hashes must be equal.

    \b
    Example:
      gateway replay var/gateway --verify
      gateway replay var/gateway --to 2026-11-21T14:30:00 --speed 100
    """
    end = between_of(None, last)
    pace = reader.Pace(
        until_sequence=end.last,
        until_time_ns=end.to_ns,
        speed=speed,
        sleep=told_sleep if speed and sys.stderr.isatty() else process.sleep,
    )
    with opened(directory):
        replayed = reader.replay(
            directory,
            process.monotonic_ns,
            ring_directory=ring_directory,
            pace=pace,
            progress=reporter(),
        )
        result = structs.asdict(replayed)
        if is_verified:
            sound = reader.verify(directory, ring_directory)["ok"]
            result["equal"] = bool(sound) and is_equal(directory, ring_directory, replayed)
    if as_json:
        print_json(result)
    else:
        print_pairs(result)
    if result.get("equal") is False:
        context.exit(FAILED)


def is_equal(directory: Path, ring_directory: str, replayed: reader.Replayed) -> bool:
    """Whether the newest snapshot and its tail lead to the same state at the same sequence."""
    replica = reader.open_replica(directory, ring_directory, use_snapshot=True)
    if replica.sequence > replayed.sequence:
        return True  # The snapshot lies beyond the asked sequence and says nothing about it.
    again = reader.replay(
        directory,
        process.monotonic_ns,
        ring_directory=ring_directory,
        until_sequence=replayed.sequence,
        use_snapshot=True,
    )
    return (again.sequence, again.state_hash) == (replayed.sequence, replayed.state_hash)


def told_sleep(seconds: float) -> None:
    """Sleeps, and says so where somebody watches and would think that nothing happens."""
    if seconds >= 1:
        click.echo(f"the next record is {seconds:.0f} s away", err=True)
    process.sleep(seconds)


def reporter(every_ns: int = 1_000_000_000) -> Callable[[int], None]:
    """Progress on stderr, at most once a second."""
    last_ns = process.monotonic_ns()

    def report(sequence: int) -> None:
        nonlocal last_ns
        now_ns = process.monotonic_ns()
        if now_ns - last_ns >= every_ns:
            last_ns = now_ns
            click.echo(f"sequence {sequence}", err=True)

    return report

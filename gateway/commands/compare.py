"""gateway compare: the latency regression gate. Exit code 1 when the new build is surely slower."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.commands.output import (
    FAILED,
    USAGE,
    CommandFailure,
    json_option,
    print_json,
    print_table,
)

__all__ = ["command"]

FILE_BYTES_MAX = 64 << 20


@click.command("compare")
@click.argument("base", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 10),
    default=0.05,
    show_default=True,
    help="Slowdown that is accepted; 0.05 is five per cent.",
)
@click.option(
    "--false-alarm",
    type=click.FloatRange(1e-9, 0.5),
    default=0.01,
    show_default=True,
    help="Chance that equal builds fail, over all figures together.",
)
@click.option(
    "--figure",
    "figures",
    multiple=True,
    help="Only figures whose path begins so, such as submit_ns.p50; repeatable.",
)
@click.option(
    "--best-of",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Runs in a row of which only the best of each figure counts; for busy machines.",
)
@json_option
def command(
    base: Path,
    new: Path,
    tolerance: float,
    false_alarm: float,
    figures: tuple[str, ...],
    best_of: int,
    as_json: bool,
) -> None:
    """Compare repeated bench runs of an old build (BASE) and a new one (NEW); fail on a slowdown.

    Each file holds one line of `gateway bench NAME --json` per run. Make the runs in turn: run i of
    both is a pair. Few figures need few pairs: name the ones that matter.

    \b
    Example:
      gateway compare base.jsonl new.jsonl --figure submit_ns.p50 --figure append_ns.p50
    """
    from gateway.benchmarks import _compare

    found = _compare.compare(
        read_runs(base),
        read_runs(new),
        tolerance=tolerance,
        false_alarm=false_alarm,
        only=figures,
        best_of=best_of,
    )
    if not found.verdicts:
        rule = "the files share no figure" + (" that begins so" if figures else "")
        raise CommandFailure(USAGE, "NO_FIGURE", rule, "Each line is one run of the same bench.")
    if not found.is_decidable:
        rule = (
            f"{found.pairs} pairs of runs; {len(found.verdicts)} figures need {found.pairs_needed}"
        )
        hint = "Make more runs in turn, or choose fewer figures with --figure."
        raise CommandFailure(USAGE, "TOO_FEW_RUNS", rule, hint)
    if as_json:
        print_json(asdict(found) | {"slower": [verdict.name for verdict in found.slower]})
    else:
        print_table([row_of(verdict) for verdict in found.verdicts], COLUMNS, "No figures.")
        click.echo()
        count = len(found.slower)
        click.echo(f"{count} of {len(found.verdicts)} figures slower than {1 + tolerance:.2f}.")
    if found.slower:
        raise click.exceptions.Exit(FAILED)


COLUMNS = ["figure", "ratio", "at_least", "verdict"]


def row_of(verdict: Any) -> dict[str, Any]:
    """One line for people."""
    return {
        "figure": verdict.name,
        "ratio": f"{verdict.ratio:.3f}",
        "at_least": f"{verdict.ratio_low:.3f}",
        "verdict": "SLOWER" if verdict.is_slower else "ok",
    }


def read_runs(path: Path) -> list[dict[str, Any]]:
    """One run a line."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise CommandFailure(USAGE, "BAD_FILE", f"{path} is larger than {FILE_BYTES_MAX} bytes")
    runs = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            runs.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.MsgspecError as error:
            hint = "Each line is the output of one `gateway bench NAME --json`."
            raise CommandFailure(USAGE, "BAD_FILE", f"{path}:{number}: {error}", hint) from None
    return runs

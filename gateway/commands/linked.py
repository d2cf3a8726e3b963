"""gateway linked: groups of linked orders, each as one position, from a journal and marks that are
given. Reads files; a running gateway does not notice."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.analytics.linked_book import linked_greeks
from gateway.commands.desk_sources import (
    desk_at,
    every_order,
    live_marks_option,
    mark_options,
    named_marks,
    need_known,
    options_of,
    options_option,
    valued,
    with_live,
)
from gateway.commands.moments import as_of_option
from gateway.commands.output import json_option, print_json, print_table
from gateway.commands.past import archive_option
from gateway.commands.verify import directory_argument, ring_option

__all__ = ["command"]

_COLUMNS = ("linked_to", "kind", "state", "executed_buy", "executed_sell", "leg_risk", "profit",
            "delta_cash", "vega", "theta")  # fmt: skip


@click.command("linked")
@directory_argument
@options_option
@mark_options
@live_marks_option
@as_of_option
@archive_option
@ring_option
@json_option
def command(
    directory: Path, options_file: Path | None, marks: Path | None, mark_words: tuple[str, ...],
    live_marks: bool, as_of: str | None, archive: Path | None, ring_directory: str, as_json: bool,
) -> None:  # fmt: skip
    """Groups of linked orders (oco, ouo, bracket): what each executed on either side, what stands
    alone, and what that made and moves like at the marks that are given.

    \b
    Example:
      gateway linked var/gateway --mark BTC-USDT.okx=64000
    """
    settings, named = options_of(options_file), named_marks(marks, mark_words)
    replica, now_ns = desk_at(directory, ring_directory, as_of, archive)
    need_known(named, replica.registry("instrument"), "--mark", "--marks")
    marks_now = with_live(named, ring_directory, as_of, is_wanted=live_marks)
    given = valued(replica, settings, marks_now, now_ns=now_ns)
    rows = linked_greeks(every_order(replica, directory), given)
    if as_json:
        print_json({"sequence": replica.sequence, "time_ns": now_ns, "rows": rows})
        return
    print_table(rows, _COLUMNS, "No linked orders.")
    for row in rows:
        for text in row["excluded"]:
            click.echo(f"{row['linked_to']}: left out: {text}", err=True)
    click.echo(f"as of sequence {replica.sequence}")

"""gateway whatif: the same day under another assumption, decided again by the engine, beside what
happened. Reads a journal without a daemon; what it makes is another one, kept where it is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.commands.marks import marks_of, marks_option
from gateway.commands.moments import place_of, sequence_of
from gateway.commands.other_journal import journal_to_make
from gateway.commands.output import (
    FAILED,
    USAGE,
    CommandFailure,
    json_option,
    print_json,
    print_table,
)
from gateway.commands.replay import reporter
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.config import ConfigError
from gateway.config.limits import load_limits
from gateway.journal import reader
from gateway.journal.words import LEVELS
from gateway.ledger import METHODS

if TYPE_CHECKING:
    from gateway.analytics.counterfactual import LimitAssumed

__all__ = ["command"]

_FILLS = ("none", "limit", "mark")
_METHODS = tuple(method for method in METHODS if method != "specific")
_EQUAL = {
    "journal": "byte for byte the journal as it was",
    "state": "of other records and of the same state",
    "rows": "of the same orders, positions and balances; times within one step differ",
    "positions": "of the same positions and balances, of other orders",
    "no": "another one",
}
_FIRM_NAMES = ("", "-", "firm")
_ORDER = ("sequence", "strategy", "instrument", "side", "quantity", "price")
_WHY = ("refusal", "level", "limit", "current", "would_be")
_COLUMNS = {
    "refused": (*_ORDER, *_WHY),
    "accepted": (*_ORDER, *_WHY),
    "refused_otherwise": (*_ORDER, *_WHY),
    "change_refused": ("sequence", "kind", "strategy", "instrument", "order_id", *_WHY),
}
_HEADINGS = {
    "refused": "Orders refused here that were accepted:",
    "accepted": "Orders accepted here that were refused (outcome unknown):",
    "refused_otherwise": "Orders refused in both for different reasons (here):",
    "change_refused": "Cancels and replaces refused here that were sent:",
}


@click.command("whatif")
@directory_argument
@click.option("--limits", "limits_file", type=click.Path(exists=True, dir_okay=False,
              path_type=Path), help="A limits.toml that was in force instead.")  # fmt: skip
@click.option("--set-limit", "set_limits", nargs=3, multiple=True, metavar="LEVEL NAME FIELD=VALUE",
              help="One limit that was another; the firm's NAME is `-`. Repeated.")  # fmt: skip
@click.option("--without-strategy", "strategies", multiple=True, help="Leave it out. Repeated.")
@click.option("--without-account", "accounts", multiple=True, help="Leave it out. Repeated.")
@click.option("--method", type=click.Choice(_METHODS), default="wac",
              help="Which lots a close takes in this world.")  # fmt: skip
@click.option("--assume-fill", "fills", type=click.Choice(_FILLS), default="none",
              help="Book orders that only this world accepts.")  # fmt: skip
@click.option("--from", "first", help="It was so from this sequence, ISO 8601 time or NNNns on.")
@click.option("--to", "last", help="Look up to this sequence, ISO 8601 time or NNNns.")
@marks_option("for what is unrealised in both worlds.")
@click.option("--out", "keep", type=click.Path(file_okay=False, path_type=Path),
              help="Keep the other world's journal in this new directory.")  # fmt: skip
@click.option("--rows", "rows_max", type=click.IntRange(1, 1_000_000), default=1000,
              help="Differences of each sort that are listed; all are counted.")  # fmt: skip
@ring_option
@json_option
def command(
    directory: Path, limits_file: Path | None, set_limits: tuple[tuple[str, str, str], ...],
    strategies: tuple[str, ...], accounts: tuple[str, ...], method: str, fills: str,
    first: str | None, last: str | None, marks: Path | None, keep: Path | None, rows_max: int,
    ring_directory: str, as_json: bool,
) -> None:  # fmt: skip
    """Decide a recorded day again under another assumption, and tell both worlds side by side.

    Without an assumption the other journal is the recorded one, byte for byte.

    \b
    Example:
      gateway whatif var/gateway --set-limit strategy alpha position_long_max=5
    """
    from gateway.analytics import counterfactual

    with opened(directory), journal_to_make(keep, directory) as (out, out_ring), _faults():
        of_file, not_assumed = _limits_of_file(limits_file, directory, ring_directory)
        assumption = counterfactual.Assumption(
            limits=(*of_file,
                    *(_limit_of(*each) for each in set_limits)),
            strategies_left_out=strategies,
            accounts_left_out=accounts,
            method=method,
            fills=fills,
            first=max(_sequence_of(first, directory, ring_directory, default=1, after=1), 1),
            last=_sequence_of(last, directory, ring_directory, default=reader.FOREVER, after=0),
        )  # fmt: skip
        told = counterfactual.differences(
            assumption,
            counterfactual.Settings(
                directory=directory,
                ring_directory=ring_directory,
                out=out,
                out_ring=out_ring,
                explained=_explained,
                marks={name: str(price) for name, price in marks_of(marks).items()},
                rows_max=rows_max,
                progress=reporter(),
            ),
        )
    told["not_assumed"] = not_assumed
    told["kept"] = None if keep is None else str(keep)
    if as_json:
        print_json(told)
    else:
        _print(told)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    from gateway.analytics.counterfactual import WhatIfFault

    try:
        yield
    except WhatIfFault as fault:
        raise CommandFailure(
            USAGE, fault.code, str(fault), "`gateway at DIRECTORY` shows what the journal knows.",
            field=fault.field, value=fault.value,
        ) from None  # fmt: skip


def _limit_of(level: str, name: str, assignment: str) -> LimitAssumed:
    from gateway.analytics.counterfactual import LimitAssumed

    field, is_there, value = assignment.partition("=")
    if level not in LEVELS:
        rule = f"{level[:64]} is none of {', '.join(LEVELS)}"
        raise CommandFailure(USAGE, "BAD_VALUE", rule, field="level", value=level)
    if not is_there or not field:
        rule = f"{assignment[:64]} is not FIELD=VALUE"
        raise CommandFailure(USAGE, "BAD_VALUE", rule, field="set-limit", value=assignment)
    if level == "firm" and name not in _FIRM_NAMES:
        rule = "there is one firm; its NAME is `-`"
        raise CommandFailure(USAGE, "BAD_VALUE", rule, field="name", value=name)
    return LimitAssumed(level, "" if level == "firm" else name, field, value)


def _limits_of_file(
    path: Path | None, directory: Path, ring: str
) -> tuple[list[LimitAssumed], list[str]]:
    """Every field of the file's rows, for each entity that has limits in the journal; and the rows
    that met none."""
    from gateway.analytics.counterfactual import LimitAssumed

    if path is None:
        return [], []
    try:
        limits = load_limits(path)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--limits") from None
    replica = reader.replica_at_end(directory, ring)
    found: list[LimitAssumed] = []
    met = set()
    for row in replica.limits():
        name = "" if row["level"] == "firm" else row["name"]
        met.add((row["level"], name))
        wanted = limits.row(row["level"], name)
        for field, value in wanted.fields().items() if wanted is not None else ():
            found.append(LimitAssumed(row["level"], name, field, str(value)))
    rows = [(level, name) for level, name in limits.names() if (level, name) not in met]
    return found, [f"{level} {name}".strip() for level, name in rows]


def _sequence_of(text: str | None, directory: Path, ring: str, *, default: int, after: int) -> int:
    """A moment as people type it. `after` 1: the first record behind it, 0: the last up to it."""
    if text is None:
        return default
    try:
        found = sequence_of(text, directory, ring)
    except RuntimeError as error:
        raise CommandFailure(FAILED, "BAD_JOURNAL", str(error)) from None
    return found if place_of(text)[0] is not None else found + after


def _explained(
    code: str | int, level: int, numbers: Sequence[int], scales: tuple[int, int]
) -> Mapping[str, Any]:
    """The numbers of a refusal in its rule's unit."""
    from gateway.core.native import Notice
    from gateway.core.refusals import describe, describe_number, refusal_of

    row = describe(code) if isinstance(code, str) else describe_number(code)
    notice = Notice(0, 0, 0, 0, row.number, level, *numbers)
    refusal = refusal_of(notice, price_scale=scales[0], quantity_scale=scales[1])
    return {"code": row.name, "rule": row.sentence, **getattr(refusal, "explained", {})}


def _print(told: dict[str, Any]) -> None:
    click.echo(f"assumed: {'; '.join(told['assumed']) or 'nothing'}")
    if told["not_assumed"]:
        rows = ", ".join(told["not_assumed"])
        click.echo(f"not assumed: the journal has no limits of {rows}", err=True)
    click.echo(f"this world is {_EQUAL[told['equal']]}")
    parted = told["parted"]
    if parted is not None:
        where = f"sequence {parted['sequence'] or parted['other_sequence']}"
        click.echo(f"first difference: {where}, {parted['time_ns']} ns: {_sentence(parted)}")
    for what, heading in _HEADINGS.items():
        rows = told["differences"].get(what)
        if rows:
            click.echo(f"\n{heading} {told['counts'][what]}")
            print_table([_with_why(what, row) for row in rows], _COLUMNS[what], "")
    if told["fills_gone"]:
        click.echo("\nFills that did not happen here:")
        print_table(told["fills_gone"], ("account", "strategy", "instrument", "side", "fills",
                                         "quantity", "value", "fees"), "")  # fmt: skip
    for name, key, fields in (
        ("positions", ("account", "strategy", "instrument", "leg"), ("quantity", "realised")),
        ("profit", ("account", "strategy", "currency"), ("price", "carry", "fees", "total")),
        ("balances", ("account", "currency"), ("total",)),
    ):
        click.echo(f"\n{name.capitalize()} in fact and here:")
        print_table(*_table(told[name], key, fields), "None.")
    for line in told["unknown"]:
        click.echo(f"unknown: {line}")


def _sentence(parted: Mapping[str, Any]) -> str:
    about = " ".join(str(parted[name]) for name in ("kind", "strategy", "instrument", "order_id")
                     if parted.get(name))  # fmt: skip
    return f"{about} {parted['what'].replace('_', ' ')} {parted['refusal']}".rstrip()


def _with_why(what: str, row: Mapping[str, Any]) -> dict[str, Any]:
    found = row.get("refusal_fact" if what == "accepted" else "refusal_here") or {}
    why = {name: found.get(name, "") for name in _WHY if name != "refusal"}
    return {**row, **why, "refusal": found.get("code", "")}


def _table(
    rows: Sequence[Mapping[str, Any]], key: Sequence[str], fields: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows and columns of two worlds beside each other."""
    columns = [*key, *(f"{name}{side}" for name in fields for side in ("", "_here"))]
    made = [
        {**{name: row[name] for name in key},
         **{name: row["fact"][name] for name in fields},
         **{f"{name}_here": row["here"][name] for name in fields}}
        for row in rows
    ]  # fmt: skip
    return made, columns

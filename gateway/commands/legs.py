"""gateway legs: orders of several instruments, venues or strategies as one spread. Reads files;
what names orders is sent to the running gateway, which journals it as a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from gateway.analytics.aggregation import InstrumentMap, MapEntry, load_map
from gateway.analytics.leg_groups import LegBook, LegFault
from gateway.analytics.leg_rows import fault_row, leg_rows, order_faults, rates_of
from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.desk_sources import DeskWords, desk_options
from gateway.commands.output import (
    FAILED,
    REFUSED,
    CommandFailure,
    json_option,
    print_json,
    print_table,
)
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.journal import reader
from gateway.journal.forgotten import forgotten_orders
from gateway.journal.leg_notes import NAME_RULE, LegNote, LegNoteReader, is_name
from gateway.journal.order_fees import fees_of

__all__ = ["command"]

_GROUPS = ("group", "state", "units", "late", "canceled", "leg_risk", "spread_price",
           "spread_currency", "realised", "unrealised", "fees", "net")  # fmt: skip
_LEGS = ("group", "leg", "instrument", "ratio", "executed", "exited", "units", "share",
         "average_price", "exit_price")  # fmt: skip
_ORDER = re.compile("[1-9][0-9]{0,18}")
_RATIO = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,8})?")


@click.group("legs")
def command() -> None:
    """Orders of several instruments, venues or strategies as one spread.

    \b
    Example:
      gateway legs show var/gateway --live-marks --ring-directory /dev/shm/gateway
    """


@command.command("show")
@desk_options
@click.option("--group", "name", help="One group; every one without it.")
@click.option(
    "--map",
    "map_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML: what is the same asset under another name.",
)
@json_option
def show(desk: DeskWords, name: str | None, map_file: Path | None, as_json: bool) -> None:
    """Joint fill state, leg risk, price, profit and fees of each group, at marks that are given.

    \b
    Example:
      gateway legs show var/gateway --mark BTC-USD-SWAP.okx=64000 --json
    """
    entries = _entries(map_file)
    replica, given = desk.valued()
    place = desk.directory, desk.ring_directory
    book, first = _book(*place, replica.sequence)
    groups = list(book.groups.values()) if name is None else [_group(book, name)]
    orders = _orders(replica, (each for group in groups for each in group.members))
    gone = {each for group in groups for each in group.members} - orders.keys()
    if gone:
        with opened(desk.directory):
            orders |= forgotten_orders(*place, gone, replica.sequence)
    currencies = replica.registry("currency")
    with opened(desk.directory):
        fees = fees_of(*place, orders, replica.sequence).named(orders, currencies)
    rows = leg_rows(groups, orders, given, InstrumentMap(given.instruments, entries),
                    rates_of(currencies), fees=fees)  # fmt: skip
    answer = {"sequence": replica.sequence, "time_ns": given.now_ns, "first_sequence": first,
              "rows": rows, "faults": [fault_row(each) for each in book.faults]}  # fmt: skip
    print_json(answer) if as_json else _show(answer)


def naming_options(function: Any) -> Any:
    """--actor and --reason of a note, and where the journal is."""
    function = click.option("--reason", required=True, help="Why; it is kept.")(function)
    return click.option("--actor", required=True, help="Who answers for it; it is kept.")(function)


@command.command("name")
@directory_argument
@click.argument("name")
@click.argument("legs", nargs=-1, required=True)
@naming_options
@ring_option
@connection_options
@json_option
def name_legs(
    directory: Path, name: str, legs: tuple[str, ...], actor: str, reason: str,
    ring_directory: str, gateway: RunningGateway, as_json: bool,
) -> None:  # fmt: skip
    """Name orders as the legs of the group NAME: ORDER:RATIO each, a ratio above zero bought and
    below it sold. All of it is checked before anything is noted.

    \b
    Example:
      gateway legs name var/gateway CAL-DEC 2251801961180896:1 2251801961180897:-1 \\
        --actor anna --reason "calendar spread" --ring-directory /dev/shm/gateway
    """
    pairs = [_pair(word) for word in legs]
    notes = [
        LegNote(_name(name), order_id, number, len(pairs), ratio)
        for number, (order_id, ratio) in enumerate(pairs, 1)
    ]
    _note(directory, ring_directory, notes, (actor, reason), gateway, as_json=as_json)


@command.command("add")
@directory_argument
@click.argument("name")
@click.argument("leg", type=click.IntRange(1))
@click.argument("order_id", type=click.IntRange(1))
@click.option("--exit", "is_exit", is_flag=True, help="It closes what the leg has entered.")
@click.option("--ratio", help="Of a leg that has no order; else that of its orders.")
@naming_options
@ring_option
@connection_options
@json_option
def add(
    directory: Path, name: str, leg: int, order_id: int, is_exit: bool, ratio: str | None,
    actor: str, reason: str, ring_directory: str, gateway: RunningGateway, as_json: bool,
) -> None:  # fmt: skip
    """One more order of a leg of the group NAME: what is sent again, or with --exit what closes it.

    \b
    Example:
      gateway legs add var/gateway CAL-DEC 2 2251801961180899 --actor anna --reason "sent again"
    """
    book, _ = _book(directory, ring_directory)
    group = _group(book, name)
    told = _ratio(ratio, "--ratio") if ratio else group.ratio(leg) or Decimal(0)
    notes = [LegNote(name, order_id, leg, group.legs, told, is_exit)]
    _note(directory, ring_directory, notes, (actor, reason), gateway, as_json=as_json)


@command.command("release")
@directory_argument
@click.argument("name")
@click.argument("order_id", type=click.IntRange(1))
@naming_options
@ring_option
@connection_options
@json_option
def release(
    directory: Path, name: str, order_id: int, actor: str, reason: str, ring_directory: str,
    gateway: RunningGateway, as_json: bool,
) -> None:  # fmt: skip
    """Take an order out of the group NAME, where it was named by mistake.

    \b
    Example:
      gateway legs release var/gateway CAL-DEC 2251801961180897 --actor anna --reason "wrong one"
    """
    notes = [LegNote(_name(name), order_id, is_free=True)]
    _note(directory, ring_directory, notes, (actor, reason), gateway, as_json=as_json)


def _note(
    directory: Path, ring_directory: str, notes: Sequence[LegNote], who: tuple[str, str],
    gateway: RunningGateway, *, as_json: bool,
) -> None:  # fmt: skip
    """Check the notes against the journal, then send them one by one."""
    with opened(directory):
        replica = reader.replica_at_end(directory, ring_directory)
    book, _ = _book(directory, ring_directory, replica.sequence)
    for note in notes:
        _need_none(book.take(note))
    group = book.groups.get(notes[0].group)
    if group is not None:
        orders = _orders(replica, group.members)
        new = {note.order_id for note in notes if not note.is_free}
        for fault in order_faults(group, orders, replica.registry("instrument")):
            if fault.order_id in new:
                _need_none(fault)
    connection = gateway.connect()
    told: list[dict[str, Any]] = []
    for note in notes:
        body = {"subject": note.subject(), "actor": who[0], "reason": who[1]}
        try:
            answer = connection.request("POST", "/v1/notes", body)
        except CommandFailure as failure:
            if told:
                failure.error["hint"] = f"{len(told)} are noted; the same again notes the rest."
            raise
        told.append({"sequence": answer["sequence"], "subject": note.subject()})
    print_json({"noted": told}) if as_json else print_table(told, ("sequence", "subject"), "")


def _need_none(fault: LegFault | None) -> None:
    if fault is not None:
        rule = f"{fault.value}: {fault.rule}"
        raise CommandFailure(REFUSED, fault.code, rule, f"See `gateway explain {fault.code}`.",
                             field=fault.field, value=fault.value)  # fmt: skip


def _book(directory: Path, ring_directory: str, last: int | None = None) -> tuple[LegBook, int]:
    """Every group that the journal names, and the first record that it still holds."""
    book = LegBook()
    with opened(directory):
        notes = LegNoteReader(directory, ring_directory)
        book.take_all(notes.read() if last is None else notes.read(last=last))
    return book, notes.first


def _orders(replica: Any, numbers: Iterable[int]) -> dict[int, Any]:
    found = {number: replica.order(number) for number in numbers}
    return {number: row for number, row in found.items() if row is not None}


def _entries(path: Path | None) -> dict[str, MapEntry]:
    try:
        return {} if path is None else load_map(path)
    except ValueError as error:
        hint = "See conf/instrument_map.toml."
        raise CommandFailure(FAILED, "BAD_MAP", str(error), hint) from None


def _group(book: LegBook, name: str) -> Any:
    if name not in book.groups:
        rule = f"no note of the journal names a group {name[:64]}"
        raise CommandFailure(REFUSED, "LEG_GROUP_UNKNOWN", rule, "See `gateway legs show`.",
                             field="group", value=name[:64])  # fmt: skip
    return book.groups[name]


def _name(text: str) -> str:
    if not is_name(text):
        raise click.BadParameter(f"{text[:64]} is not {NAME_RULE}", param_hint="NAME")
    return text


def _pair(word: str) -> tuple[int, Decimal]:
    order, _, ratio = word.partition(":")
    if _ORDER.fullmatch(order) is None:
        raise click.BadParameter(f"{word[:64]} is not ORDER:RATIO", param_hint="LEGS")
    return int(order), _ratio(ratio, "LEGS")


def _ratio(text: str, hint: str) -> Decimal:
    if _RATIO.fullmatch(text) is None:
        rule = "is no ratio such as 1 or -0.5, of 9 and 8 digits at most"
        raise click.BadParameter(f"{text[:64]!r} {rule}", param_hint=hint)
    return Decimal(text)


def _show(answer: dict[str, Any]) -> None:
    rows = answer["rows"]
    told = [
        row | {name: " ".join(map(str, row[name])) for name in ("late", "canceled")} for row in rows
    ]
    print_table(told, _GROUPS, "No note of the journal names legs.")
    legs = [{"group": row["group"], **leg} for row in rows for leg in row["legs"]]
    if legs:
        click.echo()
        print_table(legs, _LEGS, "")
    for row in rows:
        for name in row["excluded"]:
            click.echo(f"{row['group']} left out: {name}", err=True)
    for fault in [*answer["faults"], *(each for row in rows for each in row["faults"])]:
        click.echo(f"{fault['code']} {fault['field']} {fault['value']}: {fault['rule']}", err=True)
    if answer["first_sequence"] > 1:
        click.echo(f"notes before sequence {answer['first_sequence']} are not kept", err=True)
    click.echo(f"as of sequence {answer['sequence']}")

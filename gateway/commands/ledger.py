"""gateway ledger: the balanced books of a journal, in a process of its own. Reads files; a running
gateway does not notice."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from gateway import process
from gateway.analytics.ageing import BUCKET_NAMES, aged, edges_ns, held_rows
from gateway.commands.ledger_carry import carry
from gateway.commands.ledger_interest import interest
from gateway.commands.ledger_lots import choose_lots
from gateway.commands.moments import as_of_option, place_of
from gateway.commands.output import FAILED, json_option, print_json, print_table
from gateway.commands.past import history_faults
from gateway.commands.replay import reporter
from gateway.commands.time_zone import zone_of
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.history.time_machine import need_within
from gateway.journal import JournalPlace, reader
from gateway.ledger import (
    METHODS,
    RULES,
    Bounds,
    Designation,
    open_books,
    realised_totals,
    undecided,
    unmet,
)
from gateway.ledger.funding import FundingAudit
from gateway.ledger.share_matching import matched, trades_of
from gateway.ledger.slippage import VIEWS, SlippageBooks

__all__ = ["command"]

Function = TypeVar("Function", bound=Callable[..., Any])
Row = Mapping[str, Any]

_NUMBER = re.compile(r"[0-9]{1,18}")
_QUANTITY = re.compile(r"[0-9]{1,19}(\.[0-9]{1,18})?")
_BOOK = ("account", "strategy", "instrument", "leg")
_TRIAL = ("currency", "accounts", "debit", "credit", "total")
_ACCOUNTS = ("account", "strategy", "currency", "purpose", "balance", "postings", "sequence")
_POSITIONS = (
    *_BOOK, "margin_mode", "quantity", "currency", "cost", "realised", "fees", "funding",
    "interest", "coin_interest", "slippage", "break_even", "exit_fee_rate", "fills",
    "fills_without_arrival", "turnover", "opened_ns", "is_stopped", "sequence",
)  # fmt: skip
_LOTS = (*_BOOK, "lot", "opened_ns", "quantity", "first_quantity", "currency", "cost")
_AGEING = (
    *_BOOK, "margin_mode", "quantity", "since_open_seconds", "average_age_seconds",
    "oldest_seconds",
)  # fmt: skip
_DISPOSALS = (
    *_BOOK, "side", "lot", "closed_by", "opened_ns", "held_from_ns", "closed_ns", "held_days",
    "quantity", "currency", "proceeds", "basis", "realised", "disallowed", "carried", "taxable",
)  # fmt: skip
_OF_A_LOT = frozenset({"lot", "opened_ns", "held_from_ns", "held_days"})
_WAITING = (*_BOOK, "lot", "quantity", "currency", "amount", "held_earlier_days")
_FUNDING = (
    "sequence", "account", "instrument", "amount", "currency", "rate", "quantity", "implied_mark",
    "known_price", "faults",
)  # fmt: skip
_MATCHED = (
    "coin", "currency", "day", "rule", "acquired", "quantity", "proceeds", "cost", "gain",
)  # fmt: skip
_OF_SLIPPAGE = (
    "currency", "fills", "fills_without_arrival", "arrival_value", "slippage", "bps",
)  # fmt: skip
_OF_AN_ORDER = ("order_id", "linked_to", "side", "arrival_price", "arrival_by")
_SLIPPAGE = {
    "fill": ("sequence", *_BOOK, *_OF_AN_ORDER, "quantity", "value", *_OF_SLIPPAGE),
    "order": (*_BOOK, *_OF_AN_ORDER, *_OF_SLIPPAGE),
    "linked": (*_BOOK, "linked_to", *_OF_SLIPPAGE),
    "book": (*_BOOK, *_OF_SLIPPAGE),
    "strategy": ("strategy", *_OF_SLIPPAGE),
}
_UNBOOKED = ("sequence", "kind", "reason", "account", "instrument")


def books_options(function: Function) -> Function:
    """What every view of the books takes: the journal, up to where, and how it is printed."""
    for option in (
        json_option,
        click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a line of names."),
        as_of_option,
        ring_option,
        directory_argument,
    ):
        function = option(function)
    return function


method_option = click.option(
    "--method", type=click.Choice(METHODS), default="wac", help="Which lots a close takes."
)
designations_option = click.option(
    "--designations",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON: [{closed_by, lot, quantity}], for the method specific.",
)


def bounds_of(sequence: int | None, time_ns: int | None) -> Bounds:
    """The last moment that counts; None and None = the newest."""
    if sequence is not None:
        return Bounds(sequence=max(sequence, 1))
    return Bounds() if time_ns is None else Bounds(time_ns=time_ns or -1)  # 0 would be no bound


def designations_of(path: Path | None) -> list[Designation]:
    """The named lots of a file. click.BadParameter: it is not such a file."""
    if path is None:
        return []
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[dict[str, str]])
        return [designation_of(each) for each in found]
    except (OSError, KeyError, ValueError, msgspec.MsgspecError) as error:
        raise click.BadParameter(f"{path.name}: {error}", param_hint="--designations") from None


def designation_of(each: Mapping[str, str]) -> Designation:
    """One named lot; ValueError for a number that is none, KeyError for one that is missing."""
    closed_by, lot, quantity = each["closed_by"], each["lot"], each["quantity"]
    if not (_NUMBER.fullmatch(closed_by) and _NUMBER.fullmatch(lot)):
        raise ValueError("closed_by and lot are numbers of records")
    if not _QUANTITY.fullmatch(quantity) or not quantity.strip("0."):
        raise ValueError(f"quantity {quantity[:64]} is no decimal text above zero")
    return Designation(int(closed_by), int(lot), quantity)


class Books:
    """The books of one call and how they are printed."""

    def __init__(
        self,
        directory: Path,
        ring: str,
        as_of: str | None,
        method: str = "wac",
        designations: Path | None = None,
    ) -> None:
        if designations is not None and method != "specific":
            rule = f"only the method specific takes named lots, not {method}"
            raise click.BadParameter(rule, param_hint="--designations")
        moment = (None, None) if as_of is None else place_of(as_of)
        named, bounds = designations_of(designations), bounds_of(*moment)
        place = JournalPlace(directory, Path(ring))
        with history_faults():
            need_within(place, *moment)
        with opened(directory):
            self.native = open_books(
                directory, ring, as_of=bounds, designations=named, progress=reporter()
            )
        with history_faults():
            need_within(place, *moment, self.native.sequence)
        self.unmet = unmet(self.native, bounds)

    def show(
        self,
        name: str,
        rows: Sequence[Row],
        columns: Sequence[str],
        style: tuple[bool, bool],
        *,
        empty: str = "Nothing is booked.",
        **more: Any,
    ) -> None:
        as_json, as_csv = style
        at = {"sequence": self.native.sequence, "time_ns": self.native.time_ns}
        if as_json:
            more["unmet_designations"] = [each._asdict() for each in self.unmet]
            print_json({**at, **more, name: rows, "unbooked_count": self.native.unbooked_count})
        elif as_csv:
            print_csv(rows, columns)
        else:
            print_table(rows, columns, empty)
            click.echo(f"as of sequence {self.native.sequence}")
        if self.native.unbooked_count and not as_json:
            text = f"{self.native.unbooked_count} records are not in the books: "
            click.echo(text + "`gateway ledger unbooked` names them", err=True)
        for each in self.unmet:
            text = f"lot {each.lot} for the close in record {each.closed_by}"
            click.echo(f"a designation meets nothing: {each.quantity} of {text}", err=True)

    def end(self, is_right: bool = True) -> None:
        """Exit code 1 when the view is wrong, or not the one that was asked for."""
        if self.unmet or not is_right:
            click.get_current_context().exit(FAILED)


def print_csv(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Names that a spreadsheet would take for a formula are kept as text."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe_cell(column, row[column]) for column in columns])


def safe_cell(column: str, value: Any) -> Any:
    is_name = column in _BOOK or column in ("currency", "purpose")
    return f"'{value}" if is_name and str(value)[:1] in ("=", "+", "-", "@", "\t") else value


@click.group("ledger")
def command() -> None:
    """The books of a journal: double entry, lots, disposals.

    \b
    Example:
      gateway ledger trial-balance var/gateway
    """


@command.command("trial-balance")
@books_options
@method_option
@designations_option
def trial_balance(
    directory: Path, ring_directory: str, as_of: str | None, as_csv: bool, as_json: bool,
    method: str, designations: Path | None,
) -> None:  # fmt: skip
    """Debits and credits of every currency; exit code 1 unless each total is zero and every record
    is in the books.

    \b
    Example:
      gateway ledger trial-balance var/gateway --as-of 2026-11-21T14:30:00
    """
    books = Books(directory, ring_directory, as_of, method, designations)
    rows = books.native.trial_balance(method)
    is_balanced = books.native.is_balanced() and all(row["total"] == "0" for row in rows)
    style = (as_json, as_csv)
    books.show("currencies", rows, _TRIAL, style, method=method, is_balanced=is_balanced)
    books.end(is_balanced and not books.native.unbooked_count)


@command.command("accounts")
@books_options
@method_option
@designations_option
def accounts(
    directory: Path, ring_directory: str, as_of: str | None, as_csv: bool, as_json: bool,
    method: str, designations: Path | None,
) -> None:  # fmt: skip
    """Every account that was ever posted to; a debit is positive.

    \b
    Example:
      gateway ledger accounts var/gateway --method fifo --csv
    """
    books = Books(directory, ring_directory, as_of, method, designations)
    rows = books.native.accounts(method)
    books.show("accounts", rows, _ACCOUNTS, (as_json, as_csv), method=method)
    books.end()


@command.command("positions")
@books_options
@method_option
@designations_option
@click.option("--exit-fee-rate", default="", help="Part of the worth; default: as paid so far.")
def positions(
    directory: Path, ring_directory: str, as_of: str | None, as_csv: bool, as_json: bool,
    method: str, designations: Path | None, exit_fee_rate: str,
) -> None:  # fmt: skip
    """Every book: cost, profit, fees, funding, slippage, and the price at which closing pays all.

    \b
    Example:
      gateway ledger positions var/gateway --exit-fee-rate 0.0005
    """
    books = Books(directory, ring_directory, as_of, method, designations)
    try:
        rows = books.native.positions(method, exit_fee_rate)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--exit-fee-rate") from None
    columns = _POSITIONS if as_csv else _POSITIONS[:15]
    books.show("positions", rows, columns, (as_json, as_csv), method=method)
    books.end()


def without_lots(rows: Sequence[Row], method: str) -> Sequence[Row]:
    """An average has no lots: what only a lot has is null, never a zero that looks like one."""
    if method != "wac":
        return rows
    return [{**row, **dict.fromkeys(_OF_A_LOT & row.keys())} for row in rows]


@command.command("lots")
@books_options
@method_option
@designations_option
def lots(
    directory: Path, ring_directory: str, as_of: str | None, as_csv: bool, as_json: bool,
    method: str, designations: Path | None,
) -> None:  # fmt: skip
    """What is open, lot by lot. A lot has the number of the record that opened it.

    \b
    Example:
      gateway ledger lots var/gateway --method hifo
    """
    books = Books(directory, ring_directory, as_of, method, designations)
    rows = without_lots(books.native.lots(method), method)
    books.show("lots", rows, _LOTS, (as_json, as_csv), method=method)
    books.end()


@command.command("ageing")
@books_options
def ageing(
    directory: Path, ring_directory: str, as_of: str | None, as_csv: bool, as_json: bool
) -> None:
    """How long open positions have been held: since they were opened, weighted by size over the
    lots that are left (fifo), the oldest lot, and the quantity by age.

    \b
    Example:
      gateway ledger ageing var/gateway --as-of 2026-11-21T14:30:00
    """
    books = Books(directory, ring_directory, as_of)
    now_ns = process.wall_ns() if as_of is None else place_of(as_of)[1] or books.native.time_ns
    rows = [aged(row, now_ns) for row in held_rows(books.native.holdings(edges_ns(now_ns)))]
    shown = rows if as_json else [{**row, **row["buckets"]} for row in rows]
    columns = (*_AGEING, *BUCKET_NAMES) if as_csv else _AGEING
    books.show("ageing", shown, columns, (as_json, as_csv), empty="Nothing is held.")
    books.end()


@command.command("disposals")
@books_options
@method_option
@designations_option
@click.option("--rule", type=click.Choice(RULES), default="none", help="Rule for losses.")
def disposals(
    directory: Path,
    ring_directory: str,
    as_of: str | None,
    as_csv: bool,
    as_json: bool,
    method: str,
    designations: Path | None,
    rule: str,
) -> None:
    """Every lot that was closed; exit code 1 unless they add up to the books and every record is in
    them.

    \b
    Example:
      gateway ledger disposals var/gateway --method fifo --rule us_wash_sale --csv > disposals.csv
    """
    if rule != "none" and method == "wac":
        raise click.BadParameter("wac has no lots that a rule could follow", param_hint="--rule")
    books = Books(directory, ring_directory, as_of, method, designations)
    rows, waiting = books.native.disposals(method, rule)
    stopped = [row for row in books.native.positions(method) if row["is_stopped"]]
    totals = realised_totals(rows, books.native.accounts(method), stopped)
    open_losses = undecided(rows, books.native.time_ns) if rule != "none" else 0
    more: dict[str, Any] = {"waiting": waiting, "totals": totals, "undecided": open_losses}
    style = (as_json, as_csv)
    shown = without_lots(rows, method)
    books.show("disposals", shown, _DISPOSALS, style, method=method, rule=rule, **more)
    if not (as_json or as_csv):
        print_table(totals, tuple(totals[0]) if totals else (), "No currency.")
        if rule != "none":
            print_table(waiting, _WAITING, "No loss waits in an open lot.")
    if not as_json:
        warn_of_what_may_change(len(waiting) if as_csv else 0, open_losses)
    books.end(all(row["is_tied"] for row in totals) and not books.native.unbooked_count)


def warn_of_what_may_change(waiting: int, open_losses: int) -> None:
    """What a table of disposals does not show."""
    if waiting:
        click.echo(f"{waiting} losses wait in open lots: see them without --csv", err=True)
    if open_losses:
        text = f"{open_losses} losses are not older than 30 days here"
        click.echo(f"{text}: a later purchase, which is not seen, may disallow them", err=True)


@command.command("slippage")
@books_options
@click.option("--by", "view", type=click.Choice(VIEWS), default="order", help="What a row adds up.")
def slippage(
    directory: Path, ring_directory: str, as_of: str | None, as_csv: bool, as_json: bool, view: str
) -> None:
    """What was paid beyond the arrival price, the reference price at which the gate took the
    order: above zero is a cost. Exit code 1 unless it adds up to the slippage of the books and
    every record is in them.

    \b
    Example:
      gateway ledger slippage var/gateway --by linked --csv > slippage.csv
    """
    books = Books(directory, ring_directory, as_of)
    with opened(directory):
        found = SlippageBooks().read(
            reader.decoded(directory, ring_directory=ring_directory, last=books.native.sequence)
        )
    totals = found.totals(books.native.positions())
    style, columns = (as_json, as_csv), _SLIPPAGE[view]
    books.show("slippage", found.rows(view), columns, style, by=view, totals=totals)
    if not (as_json or as_csv):
        print_table(totals, tuple(totals[0]) if totals else (), "No book.")
    books.end(all(row["is_tied"] for row in totals) and not books.native.unbooked_count)


@command.command("unbooked")
@books_options
def unbooked(
    directory: Path, ring_directory: str, as_of: str | None, as_csv: bool, as_json: bool
) -> None:
    """Records that are not in the books, each with its reason.

    \b
    Example:
      gateway ledger unbooked var/gateway --json
    """
    books = Books(directory, ring_directory, as_of)
    rows, style = books.native.unbooked(), (as_json, as_csv)
    books.show("unbooked", rows, _UNBOOKED, style, empty="Every record is in the books.")


@command.command("funding")
@directory_argument
@ring_option
@json_option
def funding(directory: Path, ring_directory: str, as_json: bool) -> None:
    """Every funding payment, what it implies, and whose it is by holding time and size.

    \b
    Example:
      gateway ledger funding var/gateway --json
    """
    with opened(directory):
        records = reader.decoded(directory, ring_directory=ring_directory)
        rows = list(FundingAudit().run(records))
    if as_json:
        print_json({"payments": rows})
        return
    told = [{**row, "faults": " ".join(row["faults"])} for row in rows]
    print_table(told, _FUNDING, "No payments.")


@command.command("share-matching")
@directory_argument
@ring_option
@click.option("--time-zone", default="Europe/London", help="Whose days count.")
@json_option
def share_matching_command(
    directory: Path, ring_directory: str, time_zone: str, as_json: bool
) -> None:
    """Disposals of coins by the rules of the United Kingdom: same day, 30 days, pool.

    \b
    Example:
      gateway ledger share-matching var/gateway --json
    """
    zone = zone_of(time_zone)
    with opened(directory):
        trades = trades_of(reader.decoded(directory, ring_directory=ring_directory), zone)
    disposals, pools = matched(trades)
    if as_json:
        print_json({"disposals": disposals, "pools": pools})
        return
    print_table(disposals, _MATCHED, "No disposals.")
    print_table(pools, ("coin", "currency", "quantity", "cost"), "No pools.")
    for row in pools:
        if row["other_currencies"]:
            others = " ".join(row["other_currencies"])
            click.echo(
                f"{row['coin']} for {row['currency']}: traded for {others} too, and is one pool"
                " for the law: these matches are not final",
                err=True,
            )


command.add_command(carry)
command.add_command(choose_lots)
command.add_command(interest)

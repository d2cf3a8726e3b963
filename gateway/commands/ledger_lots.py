"""gateway ledger choose-lots: names the lots that each close should take so that the least tax
falls due with it. Writes a file of designations; the books stay as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.commands.output import FAILED, json_option, new_file, print_json, print_table
from gateway.commands.replay import reporter
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.ledger import METHODS, Bounds, Designation, open_books, unmet
from gateway.ledger.lot_choice import Rates, lots_of_least_tax, tax_by_currency

__all__ = ["choose_lots"]

WITH_LOTS = tuple(each for each in METHODS if each != "wac")
_RATE = re.compile(r"0(\.[0-9]{1,18})?|1(\.0{1,18})?")


def rate_of(context: click.Context, option: click.Parameter, text: str) -> Fraction:
    """A part of one as decimal text."""
    if not _RATE.fullmatch(text):
        raise click.BadParameter(f"{text[:64]} is no decimal text from 0 to 1")
    return Fraction(text)


@click.command("choose-lots")
@directory_argument
@ring_option
@click.option("--short-rate", required=True, callback=rate_of, help="Part of a gain, held short.")
@click.option("--long-rate", required=True, callback=rate_of, help="Part of a gain, held long.")
@click.option(
    "--long-after-days",
    type=click.IntRange(0, 36_525),
    default=365,
    show_default=True,
    help="Held for more full days than this is long.",
)
@click.option(
    "--out",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file of designations for --designations.",
)
@json_option
def choose_lots(
    directory: Path, ring_directory: str, short_rate: Fraction, long_rate: Fraction,
    long_after_days: int, output: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """The lots of least tax for each close, beside what every other method would bring due.

    \b
    Example:
      gateway ledger choose-lots var/gateway --short-rate 0.37 --long-rate 0.2 --out lots.json
      gateway ledger disposals var/gateway --method specific --designations lots.json
    """
    rates = Rates(short_rate, long_rate, long_after_days)
    with opened(directory):
        books = open_books(directory, ring_directory, progress=reporter())
        chosen = lots_of_least_tax(books.disposals("fifo")[0], books.lots("fifo"), rates)
        end = Bounds(sequence=books.sequence)
        books = open_books(
            directory, ring_directory, as_of=end, designations=chosen, progress=reporter()
        )
    if output is not None:
        write_designations(output, chosen)
    disposals = {each: books.disposals(each)[0] for each in WITH_LOTS}
    show(chosen, taxes_by_method(disposals, rates), books.sequence, as_json)
    if unmet(books) or books.unbooked_count:
        text = "a lot is not there or a record is not in the books: `gateway ledger unbooked`"
        click.echo(text, err=True)
        click.get_current_context().exit(FAILED)


def taxes_by_method(
    disposals: Mapping[str, Sequence[Mapping[str, Any]]], rates: Rates
) -> list[dict[str, str]]:
    """One row for each method with lots and each currency; `specific` is the choice."""
    return [
        {"method": method, "currency": currency, "tax": tax}
        for method, rows in disposals.items()
        for currency, tax in tax_by_currency(rows, rates).items()
    ]


def rows_of(chosen: Sequence[Designation]) -> list[dict[str, str]]:
    """As the file of designations has them: all text."""
    return [{name: str(value) for name, value in each._asdict().items()} for each in chosen]


def write_designations(path: Path, chosen: Sequence[Designation]) -> None:
    with new_file(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(rows_of(chosen))))


def show(
    chosen: Sequence[Designation], taxes: Sequence[dict[str, str]], sequence: int, as_json: bool
) -> None:
    rows = rows_of(chosen)
    if as_json:
        print_json({"sequence": sequence, "taxes": taxes, "designations": rows})
        return
    print_table(taxes, ("method", "currency", "tax"), "Nothing was closed.")
    print_table(rows, Designation._fields, "No lot to name.")
    click.echo(f"as of sequence {sequence}")

"""gateway statement: the end-of-day statement of a journal. Reads files; a running gateway does not
notice. Nothing is printed that does not tie to the ledger."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import click

from gateway.commands.ledger import print_csv
from gateway.commands.marks import marks_of, marks_option
from gateway.commands.output import FAILED, CommandFailure, json_option, print_json, print_table
from gateway.commands.replay import reporter
from gateway.commands.time_zone import zone_of
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.core.trading_day import TradingDay
from gateway.ledger.statement import MOVEMENTS, Day, NotTied, statement

__all__ = ["command"]

_BOOK = ("account", "strategy", "instrument", "leg", "margin_mode")
_RESULTS = ("realised", "fees", "funding", "interest", "unrealised")
_PARTS = {
    "balances": ("account", "currency", "before", *MOVEMENTS, "after"),
    "positions": (*_BOOK, "before", "moved", "after", "currency", "cost", *_RESULTS),
    "results": ("strategy", "currency", *_RESULTS, "other"),
    "fills": (
        "sequence", "time_ns", "kind", "account", "strategy", "instrument", "leg", "trade_id",
        "quantity", "value", "fee", "fee_currency", "realised", "currency",
    ),
}  # fmt: skip


@click.command("statement")
@directory_argument
@ring_option
@click.option("--day", required=True, help="The day, YYYY-MM-DD.")
@click.option(
    "--ends-at",
    default="00:00",
    show_default=True,
    help="HH:MM at which the trading day ends, as `day_ends_at` of the configuration.",
)
@click.option(
    "--time-zone", default="UTC", show_default=True, help="Of --ends-at, as `day_time_zone`."
)
@click.option("--account", default="", help="One account; without it all.")
@marks_option("closing marks, for what is unrealised.")
@click.option("--csv", "part", type=click.Choice(tuple(_PARTS)), help="Print that part as CSV.")
@json_option
def command(
    directory: Path, ring_directory: str, day: str, ends_at: str, time_zone: str, account: str,
    marks: Path | None, part: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Balances, positions, results and fills of one day; exit code 1 and nothing printed unless
    before and movements are after, to the last digit. A day has the name of the date on which it
    ends, one that ends at midnight that of the date before: with --ends-at 17:00 the 20th goes from
    the 19th at 17:00 to the 20th at 17:00.

    \b
    Example:
      gateway statement var/gateway --day 2026-11-20 --time-zone Europe/London --json
      gateway statement var/gateway --day 2026-11-20 --ends-at 17:00 --time-zone America/New_York
    """
    try:
        trading_day = TradingDay(time_of(ends_at), zone_of(time_zone))
        wanted = Day(*trading_day.bounds_ns(day_of(day)))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--day") from None
    prices = marks_of(marks)
    try:
        with opened(directory):
            found = statement(
                directory,
                wanted,
                ring_directory=ring_directory,
                account=account,
                marks=prices,
                progress=reporter(),
            )
    except NotTied as error:
        hint = "`gateway ledger unbooked` and `gateway verify` say more."
        raise CommandFailure(FAILED, "NOT_TIED", str(error), hint) from None
    if account and account not in found["accounts"]:
        raise click.BadParameter(
            f"{account[:64]}: no such account in the journal", param_hint="--account"
        )
    if as_json:
        print_json(
            {"day": day, "ends_at": f"{trading_day.ends_at:%H:%M}", "time_zone": time_zone, **found}
        )
    elif part is not None:
        print_csv(found[part], _PARTS[part])
    else:
        ends = "" if trading_day.ends_at == time(0) else f" {trading_day.ends_at:%H:%M}"
        show(f"{day}{ends} {time_zone}", found)


def show(day: str, found: dict[str, Any]) -> None:
    """For people; fills are many and are in --json and --csv."""
    first, last = found["first_sequence"], found["last_sequence"]
    records = f"records {first} to {last}" if first <= last else "no record on this day"
    click.echo(f"{day}, {records}")
    for part in ("balances", "positions", "results"):
        click.echo(f"\n{part}")
        rows = [{name: row[name] for name in _PARTS[part]} for row in found[part]]
        columns = [
            name for name in _PARTS[part] if any(row[name] not in ("0", None) for row in rows)
        ]
        print_table(rows, columns, "None.")
    click.echo(f"\n{len(found['fills'])} fills")
    for name in found["excluded"]:
        click.echo(f"no closing mark for {name}: its unrealised result is left out", err=True)
    if not found["is_complete"]:
        click.echo("no record behind this day yet: it may not be over", err=True)


def time_of(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        text = f"not a time, HH:MM: {text[:64]}"
        raise click.BadParameter(text, param_hint="--ends-at") from None


def day_of(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise click.BadParameter(f"not a day: {text[:64]}", param_hint="--day") from None

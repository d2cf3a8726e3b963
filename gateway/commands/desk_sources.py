"""Where commands that value a desk take its rows and prices from: a journal at its end or at a
moment, marks that are named, marks the running gateway tells. Reads files; must never ask the
gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from gateway import process
from gateway.analytics.desk_margin import DeskMargin, account_margin
from gateway.analytics.greek_book import GreekInput, aged_marks
from gateway.commands.marks import marks_of, marks_option, price_of
from gateway.commands.moments import as_of_option, place_of
from gateway.commands.past import archive_option, history_faults
from gateway.commands.verify import directory_argument, opened, ring_option
from gateway.config.faults import ConfigError
from gateway.history.time_machine import replica_at, sequence_at, time_of
from gateway.journal import JournalPlace, LiveFiles, reader
from gateway.valuation.brackets import Brackets
from gateway.valuation.margin import MARK_AGE_MS_MAX, MarkPrice
from gateway.valuation.option_terms import OptionBook, OptionSettings, load_options

__all__ = [
    "DeskWords",
    "desk_options",
    "every_order",
    "margin_of",
    "need_known",
    "open_orders",
    "options_of",
    "options_option",
    "valued",
]

_ORDERS_MAX = 1_000_000
Command = Callable[..., Any]


class DeskWords(NamedTuple):
    """Which desk is valued, when and at which marks, as it was typed."""

    directory: Path
    options_file: Path | None
    marks: Path | None
    mark_words: tuple[str, ...]
    live_marks: bool
    as_of: str | None
    archive: Path | None
    ring_directory: str

    def valued(self, volatilities: Mapping[str, float] | None = None) -> tuple[Any, GreekInput]:
        """The replica, and what its state is valued from. click.BadParameter, CommandFailure: what
        was typed is wrong, or not there."""
        settings, named = options_of(self.options_file), named_marks(self.marks, self.mark_words)
        if self.live_marks:
            need_running(self.ring_directory, self.as_of)
        replica, now_ns = desk_at(self.directory, self.ring_directory, self.as_of, self.archive)
        need_known(named, replica.registry("instrument"), "--mark", "--marks")
        marks = with_live(named, self.ring_directory) if self.live_marks else named
        return replica, valued(replica, settings, marks, now_ns=now_ns, volatilities=volatilities)


def desk_options(function: Command) -> Command:
    """DIRECTORY and what names its moment and its marks; the command gets them as `desk`."""

    @wraps(function)
    def command(**words: Any) -> Any:
        desk = DeskWords(**{name: words.pop(name) for name in DeskWords._fields})
        return function(desk=desk, **words)

    decorated: Command = command
    for option in (
        ring_option, archive_option, as_of_option, live_marks_option, mark_options, options_option,
        directory_argument,
    ):  # fmt: skip
        decorated = option(decorated)
    return decorated


def mark_options(function: Command) -> Command:
    """--marks FILE, and over it --mark NAME=PRICE, as `marks` and `mark_words`."""
    told = "NAME=PRICE of an instrument, over what --marks says; repeated."
    function = click.option("--mark", "mark_words", multiple=True, help=told)(function)
    return marks_option("what positions are valued at.")(function)


def live_marks_option(function: Command) -> Command:
    """--live-marks."""
    told = "Take the marks of the running gateway too, from --ring-directory."
    return click.option("--live-marks", is_flag=True, help=told)(function)


def options_option(function: Command) -> Command:
    """--options, as `options_file`."""
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    told = "What is an option and its margin, as conf/options.toml."
    return click.option("--options", "options_file", type=path, help=told)(function)


def named_marks(path: Path | None, words: Sequence[str]) -> dict[str, MarkPrice]:
    """Those of the file, and over them NAME=PRICE each."""
    found = {name: MarkPrice(format(price, "f"), 0) for name, price in marks_of(path).items()}
    for word in words:
        name, _, price = word.rpartition("=")
        if not name or not price:
            raise click.BadParameter(f"{word[:64]} is not NAME=PRICE", param_hint="--mark")
        try:
            found[name] = MarkPrice(format(price_of(price), "f"), 0)
        except ValueError as error:
            raise click.BadParameter(f"{name[:64]}: {error}", param_hint="--mark") from None
    return found


def need_running(ring_directory: str, as_of: str | None) -> None:
    """click.BadParameter: nothing runs whose marks --live-marks could take."""
    if as_of is not None:
        raise click.BadParameter("are of now, not of --as-of", param_hint="--live-marks")
    if not ring_directory:
        raise click.BadParameter("needs --ring-directory", param_hint="--live-marks")
    if not Path(ring_directory).is_dir():
        raise click.BadParameter("no gateway runs at --ring-directory", param_hint="--live-marks")


def with_live(named: Mapping[str, MarkPrice], ring_directory: str) -> dict[str, MarkPrice]:
    """The marks of the running gateway with their ages, and over them those that are named."""
    live, _ = aged_marks(LiveFiles(Path(ring_directory)).marks, process.wall_ns)
    return live | dict(named)


def valued(
    replica: Any,
    settings: OptionSettings,
    marks: Mapping[str, MarkPrice],
    *,
    now_ns: int,
    age_ms_max: int = MARK_AGE_MS_MAX,
    volatilities: Mapping[str, float] | None = None,
) -> GreekInput:
    """What margin and greeks of a replica's newest state are made from."""
    instruments = replica.registry("instrument")
    return GreekInput(
        positions=replica.positions(),
        instruments=instruments,
        options=OptionBook(settings, instruments),
        marks=marks,
        rates={row["name"]: float(row["rate"]) for row in replica.registry("currency")},
        now_ns=now_ns,
        age_ms_max=age_ms_max,
        volatilities=volatilities or {},
    )


def margin_of(
    replica: Any,
    given: GreekInput,
    schedules: Brackets,
    *,
    orders: Iterable[Mapping[str, Any]],
    collateral: Mapping[tuple[str, str, str], str] | None = None,
) -> DeskMargin:
    """Margin of all accounts of a replica; those that may trade on margin need hold nothing."""
    accounts = replica.registry("account")
    return account_margin(
        given,
        replica.balances(),
        orders,
        schedules,
        collateral=collateral,
        margin_accounts={row["name"] for row in accounts if row["margin_mode"] != "cash"},
    )


def open_orders(replica: Any) -> list[dict[str, Any]]:
    """All of them. reader.TooManyOrders: there are more than anybody values."""
    return reader.every_order(replica, is_open=True, limit=_ORDERS_MAX)


def every_order(replica: Any, directory: Path) -> list[dict[str, Any]]:
    """Those that ended too, as far as they are remembered. CommandFailure: too many to value."""
    with opened(directory):
        return reader.every_order(replica, is_open=False, limit=_ORDERS_MAX)


def options_of(path: Path | None) -> OptionSettings:
    """The options of a file; without one what names say. click.BadParameter names its faults."""
    if path is None:
        return OptionSettings()
    try:
        return load_options(path)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--options") from None


def need_known(
    names: Iterable[str], instruments: Iterable[Mapping[str, Any]], *options: str
) -> None:
    """click.BadParameter: a name the journal has never seen, which would say nothing."""
    known = {row["name"] for row in instruments}
    for name in names:
        if name not in known:
            text = f"{name[:64]}: no such instrument in the journal"
            raise click.BadParameter(text, param_hint=" / ".join(options))


def desk_at(
    directory: Path, ring_directory: str, as_of: str | None, archive: Path | None = None
) -> tuple[Any, int]:
    """The replica at a moment, and the time to value it at: of a record its own, else the instant,
    which may lie behind the end; the newest and now without one."""
    if as_of is None:
        with opened(directory):
            replica = reader.replica_at_end(directory, ring_directory)
            if not replica.sequence:
                raise RuntimeError(f"no journal: no record in {directory} nor in the ring")
            return replica, process.wall_ns()
    place = JournalPlace(directory, Path(ring_directory))
    sequence, time_ns = place_of(as_of)
    with history_faults():
        if sequence is None:
            sequence = sequence_at(place, time_ns or 0)
        replica = replica_at(place, sequence, archive or place.archive)
        return replica, time_of(place, sequence) if time_ns is None else time_ns

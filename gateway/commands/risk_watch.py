"""gateway risk-watch: watches margin and greeks beside the running gateway and tells its risk gate,
through the live API, with a key and a name of its own. Without --act it only says what it would do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from gateway import process
from gateway.analytics.greek_book import aged_marks
from gateway.analytics.risk_watch import (
    Command,
    RiskWatch,
    WatchInput,
    WatchPolicy,
    WatchStep,
    load_policy,
)
from gateway.commands.connection import Connection, RunningGateway, connection_options
from gateway.commands.desk_sources import (
    margin_of,
    open_orders,
    options_of,
    options_option,
    valued,
)
from gateway.commands.margin import brackets_of
from gateway.commands.output import CommandFailure, json_option, print_json
from gateway.commands.verify import directory_argument
from gateway.config.faults import ConfigError
from gateway.journal import JournalPlace, LiveFiles, reader
from gateway.journal.replica import open_native_replica
from gateway.valuation.brackets import Brackets
from gateway.valuation.margin import MarkPrice
from gateway.valuation.option_terms import OptionSettings

__all__ = ["JournalRows", "command", "moment", "send_all"]

BATCH_SECONDS_MAX = 5  # of sending what one look found, and of one answer
_NO_ANSWER = ("UNKNOWN_OUTCOME", "NOT_RUNNING")
_NAMED = ("instrument", "strategy", "account", "venue")
Send = Callable[[Command], Any]


class JournalRows:
    """The newest state of a journal that grows; opened again when it was replaced."""

    def __init__(self, place: JournalPlace) -> None:
        self._place = place
        self._replica: Any = None
        self._identity: object = None

    def newest(self) -> Any:
        """The replica at the end of the journal. RuntimeError, OSError: it cannot be read now."""
        identity = self._place.identity()
        if self._replica is None or identity != self._identity:
            self._replica, self._identity = open_native_replica(self._place), identity
        try:
            while self._replica.follow(1 << 20):
                pass
        except (OSError, RuntimeError):
            self._replica = None
            raise
        return self._replica


def moment(
    replica: Any, live: LiveFiles, schedules: Brackets, options: OptionSettings,
    policy: WatchPolicy,
) -> WatchInput:  # fmt: skip
    """Everything a step needs, at the marks the gateway tells now."""
    marks, now_ns = aged_marks(live.marks, process.wall_ns)
    return input_of(replica, marks, now_ns, schedules, options, policy)


def input_of(
    replica: Any, marks: Mapping[str, MarkPrice], now_ns: int, schedules: Brackets,
    options: OptionSettings, policy: WatchPolicy,
) -> WatchInput:  # fmt: skip
    """The rows of one replica, valued."""
    given = valued(replica, options, marks, now_ns=now_ns, age_ms_max=policy.mark_age_ms_max)
    orders = open_orders(replica)
    return WatchInput(
        accounts=margin_of(replica, given, schedules, orders=orders).accounts,
        greeks=given,
        orders=orders,
        trading_states=replica.trading_states(),
        rates={row["name"]: row["rate"] for row in replica.registry("currency")},
        now_ns=now_ns,
        names={level: {row["name"] for row in replica.registry(level)} for level in _NAMED},
    )


def send_all(
    watch: RiskWatch, commands: Iterable[Command], send: Send, told: Callable[[str], None],
    is_late: Callable[[], bool] = lambda: False,
) -> int:  # fmt: skip
    """Sends in order; what is refused is told and asked for again. Once nothing answers, or it is
    late, the rest is asked for again from the next look's numbers: the gate takes what it is told
    as new. Returns how many were taken."""
    taken, waiting = 0, deque(commands)
    while waiting and not is_late():
        each = waiting.popleft()
        try:
            send(each)
            taken += 1
        except CommandFailure as failure:
            watch.failed(each)
            told(f"{each.method} {each.path}: {failure.error['code']}: {failure.error['rule']}")
            if failure.error["code"] in _NO_ANSWER:
                break
    for each in waiting:
        watch.failed(each)
    if waiting:
        told(f"left for the next look: {len(waiting)} commands")
    return taken


@click.command("risk-watch")
@directory_argument
@click.option("--ring-directory", required=True, help="Ring of the gateway: newest records, marks.")
@click.option(
    "--brackets",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Margin schedules, as conf/margin.toml.",
)
@options_option
@click.option(
    "--policy",
    "policy_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is done about what, as conf/risk_watch.toml.",
)
@click.option("--act", is_flag=True, help="Send the commands; without it they are only printed.")
@click.option("--count", type=click.IntRange(1), help="End after this many looks.")
@connection_options
@json_option
def command(
    directory: Path, ring_directory: str, brackets: Path, options_file: Path | None,
    policy_file: Path, act: bool, count: int | None, gateway: RunningGateway, as_json: bool,
) -> None:  # fmt: skip
    """Watch margin states and greeks and keep the risk gate told, until Ctrl-C: an account on a
    margin call may only reduce, headroom and greeks of one unit become measures of its guards.

    \b
    Example:
      gateway risk-watch var/gateway --ring-directory /dev/shm/gateway \
        --brackets conf/margin.toml --policy conf/risk_watch.toml --act --key-file watch.key
    """
    schedules, options = brackets_of(brackets), options_of(options_file)
    try:
        policy = load_policy(policy_file)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--policy") from None
    send = _sender(gateway) if act else None
    watch, live = RiskWatch(policy), LiveFiles(Path(ring_directory))
    rows = JournalRows(JournalPlace(directory, Path(ring_directory)))
    looks = 0
    while count is None or looks < count:
        if looks:
            process.sleep(policy.interval_ms / 1000)
        looks += 1
        try:
            step = watch.step(moment(rows.newest(), live, schedules, options, policy))
        except (OSError, RuntimeError, reader.TooManyOrders) as fault:
            click.echo(f"the journal cannot be read now: {fault}", err=True)
            continue
        except Exception as fault:  # what cannot be valued in one look does not end the next ones
            click.echo(f"this look failed: {type(fault).__name__}: {fault}", err=True)
            continue
        _show(step, is_sent=send is not None, as_json=as_json)
        if send is not None:
            send_all(watch, step.commands, send, _complain, _deadline())


def _complain(text: str) -> None:
    click.echo(text, err=True)


def _deadline() -> Callable[[], bool]:
    ends_ns = process.monotonic_ns() + BATCH_SECONDS_MAX * 10**9
    return lambda: process.monotonic_ns() > ends_ns


def _sender(gateway: RunningGateway) -> Send:
    """Address and key are looked up for each command: a gateway that was started again may listen
    elsewhere, and nobody else may get the key. Fails now when there is none."""

    def connect() -> Connection:
        return gateway.connect(seconds_max=BATCH_SECONDS_MAX)

    connect()
    return lambda each: connect().request(each.method, each.path, each.body)


def _show(step: WatchStep, *, is_sent: bool, as_json: bool) -> None:
    if as_json:
        commands = [{"method": each.method, "path": each.path, "body": each.body}
                    for each in step.commands]  # fmt: skip
        print_json({"accounts": step.accounts, "breaches": step.breaches, "commands": commands,
                    "unjudged": step.unjudged, "is_sent": is_sent})  # fmt: skip
        return
    for change in step.changes:
        where = f"{change.account} {change.currency}"
        click.echo(f"{where}: {change.before} to {change.after}, ratio {change.ratio}")
    for text in step.breaches:
        click.echo(f"over its limit: {text}")
    for text in step.unjudged:
        click.echo(f"cannot be judged: {text}")
    if not is_sent:
        for each in step.commands:
            click.echo(f"would send {each.method} {each.path} {dict(each.body)}")

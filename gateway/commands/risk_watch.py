"""gateway risk-watch: watches margin and greeks beside the running gateway and tells its risk gate,
through the live API, with a key and a name of its own. Without --act it only says what it would do.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

from gateway import process
from gateway.analytics.risk_watch import WatchStep
from gateway.analytics.watch_memory import MemoryFile
from gateway.analytics.watch_policy import WatchPolicy, load_policy
from gateway.analytics.watch_status import StatusFile
from gateway.commands.complaints import Complaints, kind_of
from gateway.commands.connection import RunningGateway, connection_options
from gateway.commands.desk_sources import options_of, options_option
from gateway.commands.margin import brackets_of
from gateway.commands.output import FAILED, REFUSED, CommandFailure, json_option, print_json
from gateway.commands.risk_watch_run import BATCH_SECONDS_MAX, Send, WatchParts, WatchRun
from gateway.commands.stopping import stopping
from gateway.commands.verify import directory_argument, live_ring_option
from gateway.config.faults import ConfigError
from gateway.journal import JournalPlace, LiveFiles
from gateway.journal.newest import JournalRows

__all__ = ["command"]

MEMORY_FILE = "risk_watch.json"  # in the journal's directory, unless named


@click.command("risk-watch")
@directory_argument
@live_ring_option("Ring of the gateway: newest records, marks.")
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
@click.option(
    "--memory", "memory_file", type=click.Path(dir_okay=False, path_type=Path),
    help=f"What it remembers over restarts; DIRECTORY/{MEMORY_FILE} unless named.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1), help="End after this many looks.")
@connection_options
@json_option
def command(
    directory: Path, ring_directory: str, brackets: Path, options_file: Path | None,
    policy_file: Path, act: bool, memory_file: Path | None, count: int | None,
    gateway: RunningGateway, as_json: bool,
) -> None:  # fmt: skip
    """Watch margin states and greeks and keep the risk gate told, until Ctrl-C: an account on a
    margin call may only reduce, headroom and greeks of one unit become measures of its guards.

    \b
    Example:
      gateway risk-watch var/gateway --ring-directory /dev/shm/gateway \
        --brackets conf/margin.toml --policy conf/risk_watch.toml --act --key-file watch.key
    """
    policy = _policy_of(policy_file)
    schedules, options = brackets_of(brackets), options_of(options_file)
    ring, notifier = Path(ring_directory), process.Notifier(os.environ)
    memory = MemoryFile(memory_file or directory / MEMORY_FILE)
    parts = WatchParts(
        policy=policy,
        rows=JournalRows(JournalPlace(directory, ring), notifier.watchdog),
        live=LiveFiles(ring),
        schedules=schedules,
        options=options,
        memory=memory,
        status=StatusFile(ring, policy.actor),
        send=_sender(gateway) if act else None,
        show=_show_json(is_sent=act) if as_json else Shown(is_sent=act),
        complaints=Complaints(partial(click.echo, err=True), process.monotonic_ns),
        notifier=notifier,
    )
    with _alone(memory) if act else contextlib.nullcontext(), stopping() as stop:
        WatchRun(parts).run(stop, count)


def _policy_of(path: Path) -> WatchPolicy:
    try:
        return load_policy(path)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--policy") from None


@contextlib.contextmanager
def _alone(memory: MemoryFile) -> Iterator[None]:
    """Two watches with one memory would each undo what the other relies on."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(memory.held())
        except BlockingIOError:
            rule = f"another risk watch that acts holds {memory.path}"
            hint = "End it, or give this one its own --memory, and an actor of its own."
            raise CommandFailure(REFUSED, "WATCH_BUSY", rule, hint) from None
        except OSError as error:
            rule = f"{memory.path} cannot be kept: {error.strerror}"
            raise CommandFailure(FAILED, "BAD_TARGET", rule, "Name another --memory.") from None
        yield


def _sender(gateway: RunningGateway) -> Send:
    """Address and key are looked up for each command: a gateway that was started again may listen
    elsewhere, and nobody else may get the key. Fails now when there is none."""
    connect = gateway.connector(BATCH_SECONDS_MAX)
    connect()
    return lambda each: connect().request(each.method, each.path, each.body)


def _show_json(*, is_sent: bool) -> Callable[[WatchStep], None]:
    def show(step: WatchStep) -> None:
        commands: list[dict[str, Any]] = [
            {"method": each.method, "path": each.path, "body": each.body} for each in step.commands
        ]
        told = {"accounts": step.accounts, "breaches": step.breaches, "commands": commands}
        print_json(told | {"unjudged": step.unjudged, "is_sent": is_sent})

    return show


class Shown:
    """Lines for people: what began or changed, and nothing twice while it stands."""

    def __init__(self, *, is_sent: bool) -> None:
        self._is_sent = is_sent
        self._standing: set[str] = set()

    def __call__(self, step: WatchStep) -> None:
        for change in step.changes:
            where = f"{change.account} {change.currency}"
            click.echo(f"{where}: {change.before} to {change.after}, ratio {change.ratio}")
        standing = {f"over its limit: {text}" for text in step.breaches}
        standing |= {f"cannot be judged: {text}" for text in step.unjudged}
        for text in sorted(standing):
            if kind_of(text) not in self._standing:
                click.echo(text)
        self._standing = {kind_of(text) for text in standing}
        for each in () if self._is_sent else step.commands:
            click.echo(f"would send {each.method} {each.path} {dict(each.body)}")

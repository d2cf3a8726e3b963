"""gateway history sink: copies the past into a sink of a plugin, every row once. Secrets come from
files alone; no message shows one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway import process
from gateway.commands.output import USAGE, CommandFailure, json_option, print_json, print_pairs
from gateway.commands.past import history_faults
from gateway.commands.settings import refused
from gateway.commands.stopping import stopping
from gateway.commands.verify import directory_argument, ring_option

if TYPE_CHECKING:
    from gateway.history.sink_run import SinkProgress

__all__ = ["feed"]

PROGRESS_NS = 1_000_000_000
ATTEMPTS_MAX = 20  # about two minutes; one that follows never gives up
CREDENTIALS = "$CREDENTIALS_DIRECTORY/"


@click.command("sink")
@directory_argument
@click.option("--sink", "name", required=True, help="Name of the sink, as its plugin calls it.")
@click.option("--setting", "settings", multiple=True, metavar="KEY=VALUE", help="For the sink.")
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME=FILE", help="File of mode 0600 with it."
)
@click.option(
    "--settings", "file", type=click.Path(path_type=Path),
    help="TOML file with the tables [settings] and [secrets].",
)  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on as the journal grows, until SIGTERM.")
@click.option("--to", "until", type=click.IntRange(1), help="End behind this record.")
@click.option("--batch-records", type=click.IntRange(1, 1_000_000), default=50_000,
              help="Records in one transaction.")  # fmt: skip
@click.option(
    "--archive", type=click.Path(file_okay=False, path_type=Path),
    help="Archive with snapshots to start from; DIRECTORY/history unless named.",
)  # fmt: skip
@ring_option
@json_option
def feed(
    directory: Path, name: str, settings: tuple[str, ...], secrets: tuple[str, ...],
    file: Path | None, follow: bool, until: int | None, batch_records: int, archive: Path | None,
    ring_directory: str, as_json: bool,
) -> None:  # fmt: skip
    """Copy the rows of every table into a sink, for instance PostgreSQL, each exactly once.

    The sink keeps the last record beside the rows, so a run that was killed goes on; a sink with
    rows of another journal is refused.

    \b
    Example:
      gateway history sink var/gateway --sink postgres --settings conf/sink.toml --follow
    """
    table = merged(file, pairs(settings, "--setting"), pairs(secrets, "--secret"))
    with history_faults(), stopping() as stop:
        from gateway.history.archive import default_archive
        from gateway.history.sink_rows import LAST_SEQUENCE, SinkRows
        from gateway.history.sink_run import feed_sink

        sink = made_sink(name, table)
        place = archive or default_archive(directory)
        rows = SinkRows(directory, place, ring_directory, batch_records=batch_records)
        try:
            progress = feed_sink(
                rows,
                sink,
                stop=stop,
                until=until or LAST_SEQUENCE,
                is_following=follow,
                attempts_max=0 if follow else ATTEMPTS_MAX,
                report=Report(),
                on_loss=lambda text: click.echo(f"the sink is away: {text}", err=True),
            )
        finally:
            rows.close()
    result = {
        "sink": name,
        "sequence": progress.sequence,
        "batches": progress.batches,
        "rows": progress.rows,
        "reconnects": progress.reconnects,
    }
    print_json(result) if as_json else print_pairs(result)


class Report:
    """A line where it begins, then one of progress a second at most."""

    def __init__(self) -> None:
        self._next_ns = 0

    def __call__(self, progress: SinkProgress) -> None:
        now_ns = process.monotonic_ns()
        if not progress.batches:
            click.echo(f"behind record {progress.sequence}", err=True)
        elif now_ns >= self._next_ns:
            self._next_ns = now_ns + PROGRESS_NS
            click.echo(f"record {progress.sequence}: {progress.rows} rows written", err=True)


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """KEY=VALUE, without a value in the message: it might be a secret at the wrong place."""
    found = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise click.BadParameter("not KEY=VALUE", param_hint=option)
        found[key] = value
    return found


def merged(
    file: Path | None, settings: dict[str, str], secrets: dict[str, str]
) -> dict[str, dict[str, Any]]:
    """{settings: checked values, secrets: texts}; what the command line says wins."""
    from gateway.config.faults import Faults
    from gateway.config.secrets import check_secrets, read_secrets

    faults, data = read_file(file) if file else (Faults("the command line"), {})
    paths = {
        key: value if value.startswith(CREDENTIALS) else str(Path(value).absolute())
        for key, value in secrets.items()
    }
    table = {
        "settings": data.get("settings", {}) | settings,
        "secrets": data.get("secrets", {}) | paths,
    }
    beside = file.parent.absolute() if file else Path.cwd()
    check_secrets(table, "sink", beside, os.environ, faults)
    if faults.found:
        raise refused(tuple(faults.found))
    table["secrets"] = read_secrets(table["secrets"], beside, os.environ)
    return table


def read_file(file: Path) -> tuple[Any, dict[str, dict[str, Any]]]:
    """The two tables of a settings file, and the collector that knows its lines."""
    from gateway.config.toml_file import read_toml

    faults, data = read_toml(file)
    for key, table in (data or {}).items():
        if key not in ("settings", "secrets"):
            faults.add("UNKNOWN_KEY", key, "[settings] or [secrets]")
        elif not isinstance(table, dict):
            faults.add("WRONG_TYPE", key, "a table", table)
        elif key == "secrets" and not all(isinstance(each, str) for each in table.values()):
            faults.add("WRONG_TYPE", key, "the path of a file for each name")
    if data is None or faults.found:
        raise refused(tuple(faults.found))
    return faults, data


def made_sink(name: str, table: dict[str, dict[str, Any]]) -> Any:
    """The plugin's sink. CommandFailure: there is none of this name, or a setting is wrong."""
    from gateway.history.sinks import make_sink

    try:
        return make_sink(name, table["settings"], table["secrets"])
    except ValueError as error:
        hint = "`gateway plugins` lists what is installed; the sink's README has its settings."
        raise CommandFailure(
            USAGE, "BAD_VALUE", str(error), hint, field="--sink", value=name
        ) from None

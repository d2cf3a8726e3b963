"""How every command prints and fails: tables for people, one JSON document for programs, an exit
code for scripts, and with every error what to do next."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

import click
import msgspec

__all__ = [
    "FAILED",
    "NOT_RUNNING",
    "REFUSED",
    "USAGE",
    "CommandFailure",
    "confirm",
    "json_lines_option",
    "json_option",
    "new_file",
    "print_json",
    "print_pairs",
    "print_table",
    "usage_failure",
]

FAILED, USAGE, NOT_RUNNING, REFUSED = 1, 2, 3, 4
CELL_WIDTH_MAX, _WHOLE = 48, 2_000

Function = TypeVar("Function", bound=Callable[..., Any])


class CommandFailure(click.ClickException):
    """Ends a command with an exit code, one line of cause and one of advice."""

    def __init__(
        self,
        exit_code: int,
        code: str,
        rule: str,
        hint: str = "",
        *,
        field: str = "",
        value: object = "",
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(rule)
        context = click.get_current_context(silent=True)
        self.is_json = context is not None and bool(context.meta.get("gateway.json"))
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance
        self.error: dict[str, Any] = {
            "code": code,
            "field": field,
            "value": value,
            "rule": rule,
            "hint": hint,
        }
        if details:
            self.error["faults"] = list(details)

    def show(self, file: IO[Any] | None = None) -> None:
        if self.is_json:
            print_json({"error": self.error})
            return
        field = f" {self.error['field']}" if self.error["field"] else ""
        click.echo(f"{self.error['code']}{field}: {self.message}", err=True)
        if self.error["hint"]:
            click.echo(f"hint: {self.error['hint']}", err=True)


def usage_failure(error: click.UsageError) -> CommandFailure:
    """A wrong word in the form of every other error, for programs."""
    parameter = getattr(error, "param", None)
    path = error.ctx.command_path if error.ctx else "gateway"
    failure = CommandFailure(
        *(USAGE, "BAD_VALUE", error.format_message(), f"See `{path} --help`."),
        field="" if parameter is None or parameter.name is None else parameter.name,
    )
    failure.is_json = True
    return failure


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    context.meta["gateway.json"] = value
    return value


def json_option(function: Function, help_text: str = "Print one JSON document.") -> Function:
    """Adds --json, which the error output obeys too."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_remember,
        help=help_text,
    )(function)


def json_lines_option(function: Function) -> Function:
    """--json of a command that prints as it reads."""
    return json_option(function, "Print one JSON document a line.")


def print_json(document: Any) -> None:
    """One document on one line."""
    click.echo(msgspec.json.encode(document).decode())


def cell(value: Any, width_max: int = CELL_WIDTH_MAX) -> str:
    """One value of a table: printable, on one line, cut."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "-" if value is None or value == "" else str(value)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= width_max else text[: width_max - 3] + "..."


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    """An aligned table; `empty` is the sentence when there is nothing."""
    if not rows:
        click.echo(empty)
        return
    table = [[column.replace("_", " ") for column in columns]]
    # Nothing stands behind the last one: it is told whole.
    rooms = [CELL_WIDTH_MAX] * (len(columns) - 1) + [_WHOLE]
    table += [
        [cell(row.get(column), room) for column, room in zip(columns, rooms, strict=True)]
        for row in rows
    ]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
    for line in table:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """One name and value a line."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {cell(value, _WHOLE)}")


def confirm(question: str, is_confirmed: bool) -> None:
    """Ask before a destructive act; without a terminal only --yes is an answer."""
    if is_confirmed:
        return
    if not sys.stdin.isatty():
        rule = f"{question} needs a confirmation and there is no terminal to ask on"
        raise CommandFailure(REFUSED, "NOT_CONFIRMED", rule, "Add --yes if you mean it.")
    if not click.confirm(f"{question}?", default=False):
        raise CommandFailure(REFUSED, "NOT_CONFIRMED", "not confirmed, nothing was done")


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that nobody else may read and that was not there; an existing one is never touched.
    One that did not become whole is taken away again."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        rule = f"{target} cannot be made: {error.strerror}"
        raise CommandFailure(FAILED, "BAD_TARGET", rule, "Name a new file.") from None
    with os.fdopen(descriptor, "wb") as file:
        try:
            yield file
        except BaseException:
            target.unlink(missing_ok=True)
            raise

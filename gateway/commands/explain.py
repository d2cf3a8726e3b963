"""gateway explain: what a refusal or a configuration fault means and what to do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from gateway.commands.codes import COMMAND_CODES
from gateway.commands.output import FAILED, REFUSED, CommandFailure, json_option, print_json
from gateway.config.faults import FAULT_CODES
from gateway.stream.codes import STREAM_CODES

__all__ = ["command", "explanation"]


@click.command("explain")
@click.argument("code")
@json_option
def command(code: str, as_json: bool) -> None:
    """Explain CODE: its sentence, its numbers on each wire, and where to read more.

    \b
    Example:
      gateway explain POSITION_LIMIT
    """
    found = explanation(code.upper())
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['code']}: {found['sentence']}")
    if "number" in found:
        click.echo(
            f"journal {found['number']}, HTTP {found['http_status']}, FIX 103={found['fix_103']} "
            f"102={found['fix_102']}, exit code {found['exit_code']}"
        )
    if found["kind"] == "observer":
        click.echo(f"the observer answers HTTP {found['http_status']}")
    if "advice" in found:
        click.echo(f"What to do: {found['advice']}")
    click.echo(f"More: {found['page']}")


def explanation(code: str) -> dict[str, Any]:
    """Everything the tables know about one code."""
    from gateway._core import types

    table = {row[1]: row for row in types.REFUSALS}
    if code in table:
        number, name, http_status, fix_103, fix_102, sentence = table[code]
        return {
            "code": name,
            "kind": "refusal",
            "sentence": sentence,
            "number": number,
            "http_status": http_status,
            "fix_103": fix_103,
            "fix_102": fix_102,
            "exit_code": REFUSED,
            "page": f"docs/reference/refusals.md#{name.lower()}",
        }
    if code in FAULT_CODES:
        page = "docs/reference/settings.md#faults"
        return {"code": code, "kind": "fault", "sentence": FAULT_CODES[code], "page": page}
    page = f"docs/reference/refusals.md#{code.lower()}"
    if code in STREAM_CODES:
        row = STREAM_CODES[code]
        return {
            "code": code,
            "kind": "observer",
            "sentence": row.sentence,
            "http_status": row.http_status,
            "advice": row.advice,
            "page": page,
        }
    if code in COMMAND_CODES:
        sentence, advice = COMMAND_CODES[code]
        return {
            "code": code,
            "kind": "command",
            "sentence": sentence,
            "advice": advice,
            "page": page,
        }
    known = [*table, *FAULT_CODES, *STREAM_CODES, *COMMAND_CODES]
    near = get_close_matches(code, known, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else "docs/reference/refusals.md lists them all."
    raise CommandFailure(FAILED, "NOT_FOUND", f"there is no code {code[:64]!r}", hint)

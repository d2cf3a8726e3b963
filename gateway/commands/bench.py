"""gateway bench: measurements of this machine, one JSON object on one line."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from pathlib import Path

import click

from gateway.benchmarks._judgement import NotAResult, judge
from gateway.commands.output import (
    USAGE,
    CommandFailure,
    json_option,
    print_json,
    print_pairs,
    print_table,
)

__all__ = ["command", "names"]

PACKAGE = "gateway.benchmarks"
_JUDGED = ("figure", "field", "reach", "measured", "is_reached")


def names() -> list[str]:
    """The benches this build has: the modules of gateway.benchmarks."""
    if importlib.util.find_spec(PACKAGE) is None:
        return []
    package = importlib.import_module(PACKAGE)
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in found if not name.startswith("_"))


@click.command("bench")
@click.argument("name", required=False)
@click.option("--quick", is_flag=True, help="Seconds instead of minutes; not for comparison.")
@click.option("--rows", type=click.IntRange(1), help="Rows of the past, of the bench history.")
@click.option(
    "--judge",
    "printed",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What an earlier run printed (--json), beside what is to be reached; repeated: medians.",
)
@json_option
def command(
    name: str | None, quick: bool, rows: int | None, printed: tuple[Path, ...], as_json: bool
) -> None:
    """Run the bench NAME and print its numbers; without NAME, list the benches.

    A bench is a module of gateway.benchmarks with `measure(progress)`, which returns the object.
    What the figures mean: docs/reference/bench.md.

    \b
    Example:
      gateway bench core --json > core.json
      gateway bench core --judge core.json
    """
    known = names()
    if name is None:
        if printed:
            raise CommandFailure(USAGE, "BAD_VALUE", "--judge wants the bench that printed", "")
        if as_json:
            print_json({"benches": known})
        else:
            click.echo("\n".join(known) or "This build has no benches.", err=not known)
        return
    if name not in known:
        hint = f"Benches here: {', '.join(known) or 'none in this build'}."
        raise CommandFailure(USAGE, "NOT_FOUND", f"there is no bench {name!r}", hint)
    if printed:
        _judge(name, printed, as_json=as_json)
        return
    module = importlib.import_module(f"{PACKAGE}.{name}")
    more = {} if rows is None else {"rows": rows}
    if more and "rows" not in inspect.signature(module.measure).parameters:
        raise CommandFailure(USAGE, "BAD_VALUE", f"the bench {name} has no rows", "")
    result = module.measure(lambda text: click.echo(text, err=True), is_quick=quick, **more)
    print_json(result) if as_json else print_pairs(result)


def _judge(name: str, files: tuple[Path, ...], *, as_json: bool) -> None:
    try:
        rows = judge(name, files)
    except NotAResult as error:
        raise CommandFailure(
            USAGE, "BAD_VALUE", str(error), f"gateway bench {name} --json"
        ) from None
    if as_json:
        print_json({"bench": name, "figures": rows})
    else:
        told = [{**row, "measured": f"{row['measured']:,.12g}"} for row in rows]
        print_table(told, _JUDGED, f"No figure of {name} is in there.")

"""Loads the configuration for a command and turns its faults into a refusal of the command."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import structs

from gateway.commands.output import REFUSED, CommandFailure
from gateway.config import ConfigError, ConfigFault, Settings, load

__all__ = ["DEFAULT_FILE", "file_argument", "load_settings"]

DEFAULT_FILE = Path("conf/gateway.toml")

file_argument = click.argument(
    "file", envvar="GATEWAY_CONFIG", type=click.Path(path_type=Path), default=DEFAULT_FILE
)


def load_settings(file: Path | None) -> Settings:
    """Settings, or a refusal that lists every fault."""
    try:
        return load(file or DEFAULT_FILE)
    except ConfigError as error:
        raise refused(error.faults) from None


def refused(faults: tuple[ConfigFault, ...]) -> CommandFailure:
    """All faults as one failure: every line for people, a list for programs."""
    count = f"{len(faults)} fault" + ("s" if len(faults) != 1 else "")
    lines = "\n".join(f"  {fault}" for fault in faults)
    return CommandFailure(
        REFUSED,
        "BAD_CONFIG",
        f"{count}:\n{lines}",
        f"`gateway explain {faults[0].code}` says more.",
        details=[structs.asdict(fault) for fault in faults],
    )

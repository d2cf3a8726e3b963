"""A TOML file that is one structure and nothing else: schedules, options, a policy. Reads one file;
knows no setting of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.config.faults import ConfigError, Faults
from gateway.config.toml_file import read_toml
from gateway.config.walker import StructType, walk

__all__ = ["load_small_file"]


def load_small_file(
    path: Path, struct: type[StructType], judge: Callable[[StructType, Faults], None]
) -> StructType:
    """What the file says. `judge` notes what only the values beside each other can show.
    ConfigError names everything that is wrong."""
    faults, data = read_toml(path)
    found = None if data is None else walk(struct, data, "", faults)
    if found is not None:
        judge(found, faults)
    if found is None or faults.found:
        raise ConfigError(faults.found)
    return found

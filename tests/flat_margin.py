"""Margin schedules with one step for every size: a tenth to open, a twentieth to keep."""

from pathlib import Path

_SCHEDULE = """
[schedules.flat]
source = "these tests"
date = ""
steps = [{ leverage_max = 10, maintenance_rate = "0.05" }]
[instruments]
"""


def flat_schedules(*instruments: str) -> str:
    """The text of a margin file in which these instruments have the schedule."""
    return _SCHEDULE + "".join(f'"{name}" = "flat"\n' for name in instruments)


def flat_margin(path: Path, *instruments: str) -> Path:
    """The file at `path`; returns it."""
    path.write_text(flat_schedules(*instruments))
    return path

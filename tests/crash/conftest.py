"""The parts of the crash tests are plain modules of this folder, and the fraction oracle is the
model's; importlib mode searches neither. Figures of a run are printed as its last lines."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model")]
FIGURES: list[str] = []


@pytest.fixture
def closed_desk(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes a Desk that is not open yet; every process it started is gone after the test."""
    from standing_desk import Desk

    made: list[Desk] = []

    def make(**change: Any) -> Desk:
        made.append(Desk(tmp_path, **change))
        return made[-1]

    yield make
    for desk in made:
        desk.close()


@pytest.fixture
def figures() -> list[str]:
    """Lines that a run prints at its end."""
    return FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in FIGURES:
        terminalreporter.write_line(line)

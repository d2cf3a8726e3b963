"""The parts of the crash tests are plain modules of this folder, and the fraction oracle is the
model's; importlib mode searches neither. Figures of a run are printed as its last lines."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "model")]
FIGURES: list[str] = []


@pytest.fixture
def figures() -> list[str]:
    """Lines that a run prints at its end."""
    return FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in FIGURES:
        terminalreporter.write_line(line)

"""Gives the tests of this room the journal in memory and the real programs."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import memory_journal
import pytest
import real_programs
from browser_stage import stage

__all__ = ["stage"]


@pytest.fixture
def world() -> ModuleType:
    return memory_journal


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Any]:
    """Paper venue, daemon and observer as real programs."""
    with real_programs.all_started(tmp_path) as run:
        yield run

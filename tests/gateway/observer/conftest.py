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


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The same for the tests of a module that kill none of the three and count from what is there:
    they take seconds to start."""
    with real_programs.all_started(tmp_path_factory.mktemp("programs")) as run:
        yield run

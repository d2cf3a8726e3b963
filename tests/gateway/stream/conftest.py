"""Gives the tests of this room the journal in memory, and a real engine that is observed."""

from types import ModuleType

import memory_journal
import pytest
from opened_desks import desk, open_desk

__all__ = ["desk", "open_desk"]


@pytest.fixture
def world() -> ModuleType:
    return memory_journal

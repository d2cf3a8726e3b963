"""Gives the tests of this room the journal in memory, and journals and a desk of a real engine."""

from types import ModuleType

import memory_journal
import pytest
from opened_desks import desk, open_desk
from opened_worlds import open_world, world

__all__ = ["desk", "open_desk", "open_world", "world"]


@pytest.fixture
def memory() -> ModuleType:
    return memory_journal

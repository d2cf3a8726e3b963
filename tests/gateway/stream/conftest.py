"""Gives the tests of this room the journal in memory."""

from types import ModuleType

import memory_journal
import pytest


@pytest.fixture
def world() -> ModuleType:
    return memory_journal

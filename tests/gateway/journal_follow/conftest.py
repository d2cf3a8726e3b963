"""Gives the tests of this room the journal in memory."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HELPER = Path(__file__).parents[1] / "stream" / "memory_journal.py"


def load_helper() -> ModuleType:
    if "memory_journal" not in sys.modules:
        spec = importlib.util.spec_from_file_location("memory_journal", HELPER)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["memory_journal"] = module
        spec.loader.exec_module(module)
    return sys.modules["memory_journal"]


load_helper()


@pytest.fixture
def world() -> ModuleType:
    return load_helper()

"""Gives the tests of this room the journal in memory and the real programs."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HELPERS = {
    "memory_journal": Path(__file__).parents[1] / "stream" / "memory_journal.py",
    "real_programs": Path(__file__).with_name("real_programs.py"),
}


def load_helper(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HELPERS[name])
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


for helper in HELPERS:
    load_helper(helper)


@pytest.fixture
def world() -> ModuleType:
    return load_helper("memory_journal")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Any]:
    """Paper venue, daemon and observer as real programs."""
    run = load_helper("real_programs").RealGateway(tmp_path)
    try:
        run.start_paper()
        run.start_daemon()
        run.start_observer()
        yield run
    finally:
        run.close()

"""Gives the tests of this room the real programs."""

import importlib.util
import sys
from pathlib import Path

import pytest

HELPER = Path(__file__).parents[1] / "gateway" / "observer" / "real_programs.py"


def load_programs():
    if "real_programs" not in sys.modules:
        spec = importlib.util.spec_from_file_location("real_programs", HELPER)
        module = importlib.util.module_from_spec(spec)
        sys.modules["real_programs"] = module
        spec.loader.exec_module(module)
    return sys.modules["real_programs"]


@pytest.fixture
def gateway(tmp_path):
    run = load_programs().RealGateway(tmp_path)
    try:
        yield run
    finally:
        run.close()


@pytest.fixture
def until():
    """The first true answer of a probe, within a bound."""
    return load_programs().until

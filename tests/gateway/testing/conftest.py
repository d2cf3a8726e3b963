"""Lets these tests use the paper venue as its own conformance test does."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "plugins" / "paper" / "tests")]

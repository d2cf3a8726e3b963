"""Journals that the engine writes with a virtual clock: the trail, its export, the re-check."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from opened_worlds import open_world, world  # noqa: F401 fixtures of this room

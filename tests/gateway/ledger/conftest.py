"""The native engine with a virtual clock writes the journals that the tests of this room read."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from opened_worlds import open_world, world  # noqa: F401 fixtures of this room

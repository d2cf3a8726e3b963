"""The native engine with a virtual clock writes the journals that the tests of this room read."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from engine_world import World


@pytest.fixture
def open_world(tmp_path):
    """Opens a World over a journal of that name; stops what is left."""
    ring = tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-")
    worlds = []

    def opener(name="journal", **options):
        world = World(str(tmp_path / name), f"{ring}/{name}", **options)
        worlds.append(world)
        return world

    yield opener
    for world in worlds:
        world.engine.stop()
    shutil.rmtree(ring, ignore_errors=True)


@pytest.fixture
def world(open_world):
    return open_world()

"""Fixtures: journals that the native engine writes with a virtual clock, for the tests that read
them. A conftest takes them by name."""

import os
import shutil
import tempfile

import pytest
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

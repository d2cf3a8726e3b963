"""A native engine with a virtual clock in directories of its own, for every test of this room."""

import os
import shutil
import tempfile

import pytest
from engine_world import World


@pytest.fixture
def ring_directory():
    """The ring lives on tmpfs, as in production."""
    directory = tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-")
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def open_world(tmp_path, ring_directory):
    """Opens a World again and again over one journal; stops what is left."""
    worlds = []

    def opener(**options):
        world = World(str(tmp_path / "journal"), ring_directory, **options)
        worlds.append(world)
        return world

    yield opener
    for world in worlds:
        world.engine.stop()


@pytest.fixture
def world(open_world):
    return open_world()

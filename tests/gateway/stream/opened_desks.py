"""Fixtures: a real engine that is observed, for the tests of the rooms that follow it. A conftest
takes them by name."""

import os
import shutil
import tempfile

import pytest
from observed_desk import Desk


@pytest.fixture
def open_desk(tmp_path):
    ring = tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-")
    desks = []

    def opener(name="journal", **options):
        desks.append(Desk(tmp_path / name, f"{ring}/{name}", **options))
        return desks[-1]

    yield opener
    for desk in desks:
        desk.world.engine.stop()
    shutil.rmtree(ring, ignore_errors=True)


@pytest.fixture
def desk(open_desk):
    return open_desk()

"""Gives the tests of this room the journal in memory, and a real engine that is observed."""

import os
import shutil
import tempfile
from types import ModuleType

import memory_journal
import pytest
from observed_desk import Desk


@pytest.fixture
def world() -> ModuleType:
    return memory_journal


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

"""A ring belongs to one journal: a new directory never takes over what another one left in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from native_desk import Desk

from gateway._core.engine import Engine


def test_a_new_directory_refuses_a_ring_with_records(tmp_path: Path, ring_directory: Path) -> None:
    first = Desk(tmp_path / "first", ring_directory)
    first.fill(1)
    first.engine.stop()
    with pytest.raises(RuntimeError, match="holds records of another journal"):
        Engine(str(tmp_path / "second"), str(ring_directory), orders_max=4096)
    again = Engine(str(tmp_path / "first"), str(ring_directory), orders_max=4096)
    assert again.epoch == 2
    again.stop()

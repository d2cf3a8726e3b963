"""What the tests of history read: one recorded journal for a module, copies that may be damaged."""

import shutil

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")

from past_world import recorded


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """About four hours over midnight, in several sealed segments and one that is open."""
    yield from recorded(tmp_path_factory.mktemp("past"), rounds=260)


@pytest.fixture
def copied(past, tmp_path):
    """A copy of the recorded journal that a test may damage."""
    place = tmp_path / "journal"
    shutil.copytree(past.directory, place)
    return place

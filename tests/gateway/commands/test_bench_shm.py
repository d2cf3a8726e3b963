"""gateway bench shm: the shape of its answer, and what must hold within one run."""

import json

import pytest
from click.testing import CliRunner

from gateway.__main__ import root


@pytest.fixture(scope="module")
def figures():
    result = CliRunner().invoke(root, ["bench", "shm", "--quick", "--json"])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def test_the_answer_has_the_promised_shape_and_nothing_else(figures):
    assert set(figures) == {
        "machine", "machine_costs_ns", "round_trip_us", "messages_per_second", "echo",
    }  # fmt: skip
    for part in (figures, figures["echo"]):
        assert 0 < part["round_trip_us"]["p50"] <= part["round_trip_us"]["p99"]
        assert part["messages_per_second"] > 0


def test_an_order_takes_longer_than_an_echo(figures):
    assert figures["round_trip_us"]["p50"] > figures["echo"]["round_trip_us"]["p50"]

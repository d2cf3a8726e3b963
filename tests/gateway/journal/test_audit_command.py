"""gateway audit as people type it: wrong words are named, and who reads its output may go."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.journal.words import RECORD_KINDS

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def world(open_world):
    world = open_world()
    world.fill(world.working(), "1")
    return world


def call(world, *words):
    place = [world.journal, "--ring-directory", world.ring]
    return CliRunner().invoke(root, ["audit", "show", *place, *words])


def test_a_kind_that_no_event_has_is_refused_with_the_nearest(world):
    result = call(world, "--kind", "order_filed")
    assert result.exit_code == 2
    assert "--kind" in result.stderr and "order_filled" in result.stderr
    found = call(world, "--kind", "order_filled")
    assert found.exit_code == 0 and "order_filled" in found.stdout


def test_when_nothing_matches_that_is_said_beside_the_output(world):
    for words in (("--kind", "kill"), ("--actor", "nobody", "--json")):
        result = call(world, *words)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "No event." in result.stderr
    assert "No event." not in call(world).stderr


def test_every_kind_of_record_can_be_asked_for():
    source = (REPOSITORY / "core_ext/bindings/decode.cpp").read_text()
    names = re.findall(r"\{RecordKind::k\w+, \"(\w+)\"\}", source)
    assert sorted(names) == sorted(RECORD_KINDS)


@pytest.mark.parametrize("content", [b"", b"hello\n", b'{"rows": []}\n'])
def test_a_file_that_never_was_an_export_is_not_called_tampered(tmp_path, content):
    path = tmp_path / "file.jsonl"
    path.write_bytes(content)
    result = CliRunner().invoke(root, ["audit", "check", str(path)])
    assert result.exit_code == 2
    assert "NOT_AN_EXPORT" in result.stderr and "TAMPERED" not in result.stderr


@pytest.mark.parametrize("words", [(), ("--json",), ("--order", "0", "--json")])
def test_a_reader_that_goes_is_no_fault(world, words):
    reading, writing = os.pipe()
    os.close(reading)
    place = [world.journal, "--ring-directory", world.ring]
    with os.fdopen(writing, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "audit", "show", *place, *words],
            stdout=output, stderr=subprocess.PIPE, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr and b"Broken pipe" not in done.stderr
    assert b"BAD_JOURNAL" not in done.stderr

"""A command of the archive ends for the observer when its process does, though what it started
lives on with its output: stopping is bounded and nothing is left open."""

import asyncio
import contextlib
import gc
import os
import signal
import sys

import pytest
import uvloop

from gateway.history.archive_runs import ArchiveRuns, ArchiveTerms
from gateway.journal import JournalPlace

PATIENCE_SECONDS = 20
# It leaves a child with its standard error behind; the name of the pid file is complete when it is.
PROGRAM = """#!/bin/sh
sleep 300 &
echo $! > {pid}.new
mv {pid}.new {pid}
echo "no room anywhere" >&2
{end}
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """The command is a program of the test; its child is ended by its pid."""
    pid, program = tmp_path / "pid", tmp_path / "python"

    def made(end):
        program.write_text(PROGRAM.format(pid=pid, end=end))
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        return pid

    yield made
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGKILL)


def runs_over(tmp_path):
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "segment-00000001.seal").touch()
    terms = ArchiveTerms(True, str(tmp_path / "archive"), check_seconds=3600)
    place = JournalPlace(tmp_path / "journal", tmp_path)
    return ArchiveRuns(place, terms, lambda: 10**18)


async def until(probe):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not probe():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.01)


def is_alive(pid):
    os.kill(int(pid.read_text()), 0)
    return True


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_stopping_waits_for_the_command_alone(stand_in, tmp_path, new_loop):
    pid = stand_in("wait")
    runs = runs_over(tmp_path)

    async def stopped_while_it_runs():
        runs.start()
        await until(pid.exists)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await runs.stop()
        assert is_alive(pid), "the child holds the output still"

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(stopped_while_it_runs())
    gc.collect()  # a transport left open would warn here
    assert (runs.runs, runs.failures) == (0, 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_command_that_ends_is_counted_though_its_child_lives(
    stand_in, tmp_path, new_loop, caplog
):
    pid = stand_in("exit 3")
    runs = runs_over(tmp_path)

    async def counted():
        runs.start()
        await until(lambda: runs.failures)
        assert is_alive(pid), "the child holds the output still"
        await runs.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(counted())
    gc.collect()
    assert (runs.runs, runs.failures) == (1, 1)
    assert "history build ended with 3: no room anywhere" in caplog.text

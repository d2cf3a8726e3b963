"""The programs of the demo as child processes: started, awaited, ended by pid. A program that ends
early is an error with its last log lines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["Program", "ProgramFailed", "wait_for"]

POLL_SECONDS = 0.02
T = TypeVar("T")


class ProgramFailed(Exception):
    """A program of the demo did not start or ended early."""


class Program:
    """One child process with its output in a file of the demo's folder."""

    def __init__(self, name: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the demo; it ends its programs in order.
            )

    def check(self) -> None:
        """Raises when the program has ended."""
        code = self._process.poll()
        if code is not None:
            raise ProgramFailed(f"{self.name} ended with {code}:\n{self.tail()}")

    def stop(self, seconds_max: float = 15.0) -> int:
        """SIGTERM, wait, SIGKILL when that was not enough. Returns the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(seconds_max)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def tail(self, lines: int = 8) -> str:
        """The end of the log."""
        return "\n".join(
            self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        )

    def json_lines(self) -> list[dict[str, Any]]:
        """The lines of the log that are JSON objects."""
        found = []
        for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
        return found


def wait_for(
    what: str, program: Program, probe: Callable[[], T | None], seconds_max: float = 20.0
) -> T:
    """The first answer of `probe` that is not None, while `program` lives."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        found = probe()
        if found is not None:
            return found
        program.check()
        time.sleep(POLL_SECONDS)
    raise ProgramFailed(f"{what} did not come within {seconds_max:.0f} s:\n{program.tail()}")

"""The venue's own append-only memory: JSON lines. What is not in here was never answered.

One write call per group of lines, so a kill leaves whole groups (and at worst one torn last line,
which is cut at the next start). Never rewritten, never read by the gateway.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Record"]

Line = dict[str, Any]


class Record:
    """One open record file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._encode = msgspec.json.Encoder().encode
        self._cut_torn_tail()
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def read(self) -> Iterator[Line]:
        """Every line written so far, oldest first."""
        with self.path.open("rb") as file:
            for line in file:
                yield msgspec.json.decode(line)

    def write(self, lines: Sequence[Line]) -> None:
        """Hand the lines to the operating system before anybody hears of them."""
        data = memoryview(b"".join(self._encode(line) + b"\n" for line in lines))
        while data:
            data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        os.close(self._fd)

    def _cut_torn_tail(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            data = file.read()
            file.truncate(data.rfind(b"\n") + 1)

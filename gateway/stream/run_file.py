"""RINGDIR/observe.json: where the running observer is found by the command line and by people.
Must never hold a secret; the page token is printed, not stored."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

__all__ = ["RunFile"]

RUN_FILE = "observe.json"


class RunFile:
    """Written when the ring directory is there, removed at the end if it still is ours."""

    def __init__(self, ring_directory: Path) -> None:
        self.path = ring_directory / RUN_FILE

    def write(self, url: str) -> None:
        """Replace the file as a whole. Does nothing while the ring directory does not exist."""
        if not self.path.parent.is_dir():
            return
        temporary = self.path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({"pid": os.getpid(), "url": url}) + "\n", encoding="utf-8")
        temporary.replace(self.path)

    def keep(self, url: str) -> None:
        """Write it again if it went away, as when the live daemon made a new ring directory."""
        if not self.path.exists():
            self.write(url)

    def remove(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            if json.loads(self.path.read_text("utf-8"))["pid"] == os.getpid():
                self.path.unlink()

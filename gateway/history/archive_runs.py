"""What the archive needs beside the observer: now and then the archiver, in a process of its own at
the lowest priority, and samples of marks. Neither the event loop nor the follower ever waits for
them, and their end harms nobody."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.config.settings import HistorySettings
from gateway.history.mark_samples import MarkSampler, day_of
from gateway.journal import JournalPlace

__all__ = ["ArchiveRuns", "ArchiveTerms"]

NICE = "19"
_CLOSED_NS = 3_600_000_000_000  # a day's marks are closed an hour after it
_SAID_BYTES = 500  # of what a failed command said, into the log
_log = logging.getLogger("gateway.history")


@dataclass(frozen=True, slots=True)
class ArchiveTerms:
    """Whether, where and how much is kept, from the settings."""

    is_wanted: bool = False
    directory: str = ""
    check_seconds: float = 60.0
    keep: tuple[str, ...] = ()  # of `gateway history prune`; none = everything stays
    marks_every_seconds: float = 0.0  # 0 = marks are not sampled
    free_bytes_min: int = 0  # below it no marks are sampled
    is_compact: bool = False  # days that are over become one file per table

    @classmethod
    def from_settings(cls, history: HistorySettings) -> ArchiveTerms:
        keep: list[str] = []
        if history.keep_days:
            keep += ["--keep-days", str(history.keep_days)]
        if history.keep_mib_max:
            keep += ["--keep-mib-max", str(history.keep_mib_max)]
        if history.free_mib_min:
            keep += ["--free-mib-min", str(history.free_mib_min)]
        if keep and history.delete_journal_segments:
            keep.append("--delete-journal-segments")
        return cls(
            history.archive,
            history.directory,
            history.check_seconds,
            tuple(keep),
            history.marks_every_seconds,
            history.free_mib_min << 20,
            history.compact,
        )

    def place(self, directory: Path) -> Path:
        """Where the archive of this journal lies."""
        return Path(self.directory) if self.directory else JournalPlace(directory, Path()).archive


class ArchiveRuns:
    """One run after another while the observer runs. Event-loop thread only."""

    def __init__(
        self, place: JournalPlace, terms: ArchiveTerms, clock_ns: Callable[[], int]
    ) -> None:
        self._place, self._directory = place, place.directory
        self._terms = terms
        self._clock_ns = clock_ns
        self._marks = MarkSampler(
            place.ring_directory, terms.place(place.directory), clock_ns,
            free_bytes_min=terms.free_bytes_min,
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []
        self._seals_done = 0
        self._day_done = ""  # marks of a day are closed and counted although nothing is sealed
        self.runs = 0
        self.failures = 0

    def start(self) -> None:
        if not self._terms.is_wanted:
            return
        self._tasks.append(asyncio.create_task(self._run()))
        if self._terms.marks_every_seconds:
            self._tasks.append(asyncio.create_task(self._sample_marks()))

    async def stop(self) -> None:
        """Ends a run that is under way: the next one goes on where it was."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def _sample_marks(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._marks.write)
            except (OSError, ValueError) as error:  # no room, or a market file that was cut
                self.failures += 1
                _log.error("marks are not sampled: %s", error)
            await asyncio.sleep(self._terms.marks_every_seconds)

    async def _run(self) -> None:
        while True:
            try:
                seals = await asyncio.to_thread(self._place.seals)
                has_marks = self._terms.marks_every_seconds > 0
                day = day_of(self._clock_ns() - _CLOSED_NS) if has_marks else ""
                is_due = seals > self._seals_done or day != self._day_done
                if is_due and await self._archive():
                    self._seals_done, self._day_done = seals, day
            except OSError as error:  # no process to be had; later there may be
                self.failures += 1
                _log.error("history is not archived: %s", error)
            await asyncio.sleep(self._terms.check_seconds)

    async def _archive(self) -> bool:
        archive = str(self._terms.place(self._directory))
        place = [str(self._directory), "--archive", archive]
        is_good = await self._command("build", *place, "--nice", NICE)
        if self._terms.keep:  # also when it failed: there may have been no room
            await self._command("prune", *place, *self._terms.keep)
        if is_good and self._terms.is_compact:
            await self._command("compact", *place, "--nice", NICE)
        return is_good

    async def _command(self, *arguments: str) -> bool:
        # A file in memory, no pipe: the end of the command alone is waited for, whatever it has
        # started and left behind with its output.
        with os.fdopen(os.memfd_create("history"), "w+b") as said:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "history", *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=said,
            )  # fmt: skip
            try:
                await process.wait()
            except asyncio.CancelledError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                raise
            self.runs += 1
            if process.returncode:
                self.failures += 1
                text = _end_of(said)
                _log.error("history %s ended with %s: %s", arguments[0], process.returncode, text)
        return process.returncode == 0


def _end_of(said: BinaryIO) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _SAID_BYTES))
    return said.read(_SAID_BYTES).decode(errors="replace").strip()

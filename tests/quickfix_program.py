"""Programs of a real QuickFIX engine, each in its own process: they take orders on stdin
and tell what happens on stdout, a line each."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

__all__ = ["Program", "free_port", "program"]

PATIENCE_S = 300


class Program:
    """A child that speaks in lines, ended by its id."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._grew = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *words: str) -> Self:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        return cls(process)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().strip())
            self._grew.set()

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def heard(self, *words: str, after: int = 0) -> int:
        """Wait for a line that has all the words; the index behind it."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for index, line in enumerate(self.lines[after:], start=after):
                    if all(word in line for word in words):
                        return index + 1
                self._grew.clear()
                try:
                    await self._grew.wait()
                except asyncio.CancelledError:
                    print(f"never heard {words} in", *self.lines, sep="\n")
                    raise

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        await self._task


@asynccontextmanager
async def program(*words: str) -> AsyncIterator[Program]:
    running = await Program.start(*words)
    try:
        yield running
    finally:
        await running.kill()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

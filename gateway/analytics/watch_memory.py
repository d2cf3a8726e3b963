"""What a risk watch remembers over its own restarts: one small file, whole or not at all, that
names a record of its journal. One that is damaged, or of another journal, is named and counts as
none."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.history.durable import held_alone, write_file

__all__ = ["JournalPoint", "MemoryFile", "Recalled", "Told", "WatchMemory"]

VERSION = 1
FILE_BYTES_MAX = 16 << 20  # of a file that is read
Name = tuple[str, str]  # level, name; the firm has no name


class JournalPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record of one journal, by its bytes. Two records of one sequence that differ are of
    different journals, or of an end that was lost."""

    sequence: int
    sha256: str

    @classmethod
    def of(cls, sequence: int, record: bytes) -> JournalPoint:
        return cls(sequence, hashlib.sha256(record).hexdigest())


class Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the gate was told of one level entity, and when."""

    time_ns: int
    fields: dict[str, str]


class WatchMemory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a watch cannot see in the journal's newest state."""

    actor: str
    margin: list[tuple[str, str, str]] = []  # account, currency, state
    breached: list[tuple[str, str, str, str]] = []  # level, name, greek, in words
    unjudged: list[tuple[str, str, str]] = []  # level, name, in words
    reduced_for: list[tuple[str, str, list[str]]] = []  # level, name, every reason acted on
    reduced_by_us: list[Name] = []
    left_reduced: list[Name] = []  # what a note said stays reduced
    unsent: list[tuple[str, str]] = []  # notes: subject, reason
    told: dict[str, Told] = {}  # "level:name"

    def decided(self) -> WatchMemory:
        """Without what is told again anyway, and without words that age: what a restart must know
        of at once."""
        unjudged = [(level, name, "") for level, name, _ in self.unjudged]
        return msgspec.structs.replace(self, told={}, unjudged=unjudged)


class Recalled(msgspec.Struct, frozen=True):
    """What a file says; None with the reason why it counts as none. No file: None and ""."""

    memory: WatchMemory | None
    why_none: str = ""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    sha256: str  # of the text of `memory`, byte for byte
    point: JournalPoint
    memory: msgspec.Raw


def _no_step(name: str) -> None:
    """Nobody stops between the steps of a write."""


class MemoryFile:
    """The file of one watch. Only its holder writes; everybody may read."""

    def __init__(self, path: Path, step: Callable[[str], None] = _no_step) -> None:
        self.path = path
        self._step = step

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """One watch at a time. BlockingIOError: another one has it; OSError: no such place."""
        with held_alone(self.path.with_name(self.path.name + ".lock")):
            yield

    def read(self, actor: str, is_held: Callable[[JournalPoint], str]) -> Recalled:
        """`is_held` says why a point is none of the journal that is watched, "" = it is one."""
        try:
            if self.path.stat().st_size > FILE_BYTES_MAX:
                return Recalled(None, f"it is larger than {FILE_BYTES_MAX} bytes")
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Recalled(None)
        except OSError as error:
            return Recalled(None, f"it cannot be read: {error.strerror}")
        return self._checked(data, actor, is_held)

    def _checked(self, data: bytes, actor: str, is_held: Callable[[JournalPoint], str]) -> Recalled:
        try:
            head = msgspec.json.decode(data, type=dict[str, Any])
            if head.get("version") != VERSION:
                text = str(head.get("version"))[:20]
                return Recalled(None, f"it is of version {text}, this program reads {VERSION}")
            document = msgspec.json.decode(data, type=_Document)
            if hashlib.sha256(bytes(document.memory)).hexdigest() != document.sha256:
                return Recalled(None, "it is damaged: its checksum differs")
            memory = msgspec.json.decode(document.memory, type=WatchMemory)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Recalled(None, f"it is damaged: {str(error)[:100]}")
        if memory.actor != actor:
            return Recalled(None, f"it is of the actor {memory.actor[:40]}")
        why = is_held(document.point)
        return Recalled(None, why) if why else Recalled(memory)

    def write(self, memory: WatchMemory, point: JournalPoint) -> None:
        """On the disk when this returns. OSError: what was there before still is."""
        raw = msgspec.json.encode(memory)
        digest = hashlib.sha256(raw).hexdigest()
        document = _Document(VERSION, digest, point, msgspec.Raw(raw))
        write_file(self.path, msgspec.json.encode(document) + b"\n", self._step)

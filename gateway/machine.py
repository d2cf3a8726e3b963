"""What this machine can give the gateway and what it refuses: processors, memory, ways to move
bytes. Judges and reports; must never report a success that was not seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

__all__ = [
    "Mechanism",
    "PinFinding",
    "PinRole",
    "huge_page_mode",
    "judge_pinning",
    "memory_nodes",
    "pinned_roles",
    "transports",
]

HUGE_PAGE_MODE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
Policy = Literal["strict", "warn"]


class PinRole(msgspec.Struct, frozen=True):
    """A thread and the CPU it is to have; -1 = any. A spinning one never gives it away."""

    name: str
    cpu: int
    is_spinning: bool = False


class PinFinding(msgspec.Struct, frozen=True):
    """One way in which the pinning asked for is not what it seems."""

    code: str
    role: str
    cpu: int
    text: str
    is_refused: bool

    def __str__(self) -> str:
        return f"{self.code} {self.role} on CPU {self.cpu}: {self.text}"


class Mechanism(msgspec.Struct, frozen=True):
    """A way to move bytes. Not built = a documented slot."""

    name: str
    is_built: bool
    is_available: bool
    reason: str


def pinned_roles(engine_cpu: int, commit_cpu: int) -> list[PinRole]:
    """The roles that can be given a CPU. The engine needs its own for itself alone."""
    return [
        PinRole("engine", engine_cpu, is_spinning=True),
        PinRole("journal_commit", commit_cpu),
    ]


def judge_pinning(
    roles: list[PinRole],
    policy: Policy,
    *,
    files: dict[str, str] | None = None,
    allowed: list[int] | None = None,
) -> list[PinFinding]:
    """Everything wrong with these CPUs, on this machine or on the one that `files` describe."""
    from gateway._core import machine as native

    rows = [(role.name, role.cpu, role.is_spinning) for role in roles]
    found = native.judge_pinning(rows, policy == "strict", files, allowed)
    return [PinFinding(*row) for row in found]


def memory_nodes(files: dict[str, str] | None = None) -> list[tuple[int, int, list[int]]]:
    """(node, bytes of memory, CPUs) of every online node."""
    from gateway._core import machine as native

    return [
        (row["id"], row["memory_bytes"], row["cpus"]) for row in native.topology(files)["nodes"]
    ]


def transports() -> list[Mechanism]:
    """Every mechanism, and what this kernel says about it now."""
    from gateway._core import machine as native

    return [Mechanism(*row) for row in native.transports()]


def huge_page_mode(path: Path = HUGE_PAGE_MODE) -> str:
    """Whether the kernel gives huge pages: always, madvise (to who asks: we do) or never; "" when
    it does not tell."""
    try:
        text = path.read_text(encoding="ascii")
    except OSError:
        return ""
    return text.partition("[")[2].partition("]")[0]

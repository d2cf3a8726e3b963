"""What the machine offers: processors, memory nodes, ways to move bytes. Reads /sys and /proc, or
`files` (path -> content) that describe another machine; changes nothing."""

from typing import TypedDict

class NodeRow(TypedDict):
    id: int
    cpus: list[int]  # empty: memory only
    memory_bytes: int  # 0: processors only
    free_bytes: int

class ProcessorRow(TypedDict):
    id: int
    node: int  # -1 = not told
    is_online: bool
    is_isolated: bool
    siblings: list[int]  # that share its core, without itself

class TopologyRows(TypedDict):
    nodes: list[NodeRow]
    processors: list[ProcessorRow]

def topology(files: dict[str, str] | None = None) -> TopologyRows: ...
def judge_pinning(
    roles: list[tuple[str, int, bool]],
    is_strict: bool,
    files: dict[str, str] | None = None,
    allowed: list[int] | None = None,
) -> list[tuple[str, str, int, str, bool]]:
    """`roles`: (name, cpu, is_spinning), cpu -1 = any. Answers (code, role, cpu, text, is_refused).
    `allowed` None = the mask of this process."""

def transports() -> list[tuple[str, bool, bool, str]]:
    """(name, is_built, is_available, reason) of epoll, io_uring, af_xdp, dpdk, asked now."""

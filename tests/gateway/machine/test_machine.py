"""Pinning is judged before a thread exists, on this machine and on machines that are described."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import machine
from gateway.machine import PinRole, judge_pinning, memory_nodes, pinned_roles

CPU = "/sys/devices/system/cpu/"
NODE = "/sys/devices/system/node/"


def described(**changes: str) -> dict[str, str]:
    """Two nodes, four processors, 3 isolated and 2 offline; 0 and 1 share a core."""
    files = {
        CPU + "present": "0-3\n",
        CPU + "online": "0-1,3\n",
        CPU + "isolated": "3\n",
        CPU + "cpu0/topology/thread_siblings_list": "0-1\n",
        CPU + "cpu1/topology/thread_siblings_list": "0-1\n",
        NODE + "online": "0-1\n",
        NODE + "node0/cpulist": "0-2\n",
        NODE + "node0/meminfo": "Node 0 MemTotal: 2048 kB\n",
        NODE + "node1/cpulist": "3\n",
        NODE + "node1/meminfo": "Node 1 MemTotal: 4096 kB\n",
    }
    return files | changes


@pytest.mark.parametrize(
    ("cpu", "code"),
    [(7, "CPU_NOT_PRESENT"), (2, "CPU_OFFLINE"), (0, "CPU_NOT_ALLOWED")],
)
@pytest.mark.parametrize("policy", ["warn", "strict"])
def test_a_cpu_that_cannot_be_used_is_refused_by_code(cpu: int, code: str, policy: str) -> None:
    found = judge_pinning(pinned_roles(cpu, -1), policy, files=described(), allowed=[1, 3])  # type: ignore[arg-type]
    assert [(one.code, one.role, one.cpu, one.is_refused) for one in found] == [
        (code, "engine", cpu, True)
    ]


def test_strict_refuses_what_warn_names() -> None:
    roles = pinned_roles(0, 1)
    for policy in ("warn", "strict"):
        found = judge_pinning(roles, policy, files=described(), allowed=[0, 1, 3])  # type: ignore[arg-type]
        assert {one.code for one in found} == {"CPU_NOT_ISOLATED", "CPU_SIBLING_SHARED"}
        assert all(one.is_refused == (policy == "strict") for one in found)


def test_an_isolated_cpu_is_right_until_a_quota_stops_it() -> None:
    roles = pinned_roles(3, -1)
    assert judge_pinning(roles, "strict", files=described(), allowed=[0, 1, 3]) == []
    quota = {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "200000 100000\n"}
    found = judge_pinning(roles, "strict", files=described() | quota, allowed=[0, 1, 3])
    assert [one.code for one in found] == ["CPU_QUOTA"]
    assert "2.00 processors of 3" in str(found[0])


def test_nothing_asked_is_nothing_wrong_on_this_machine() -> None:
    assert judge_pinning([PinRole("engine", -1, is_spinning=True)], "strict") == []


def test_the_mask_of_this_process_counts() -> None:
    code = (
        "import os; from gateway.machine import judge_pinning, pinned_roles\n"
        "cpus = sorted(os.sched_getaffinity(0)); os.sched_setaffinity(0, {cpus[0]})\n"
        "print([one.code for one in judge_pinning(pinned_roles(cpus[-1], -1), 'warn')])\n"
    )
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor: nothing to leave out")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "['CPU_NOT_ALLOWED']"


def test_nodes_are_read_with_their_memory_and_processors() -> None:
    assert memory_nodes(described()) == [(0, 2048 * 1024, [0, 1, 2]), (1, 4096 * 1024, [3])]
    assert memory_nodes({}) == [(0, 0, [])]


def test_transports_are_listed_with_what_is_missing() -> None:
    found = {one.name: one for one in machine.transports()}
    assert list(found) == ["epoll", "io_uring", "af_xdp", "dpdk"]
    assert found["epoll"].is_available and found["io_uring"].is_built
    assert not found["af_xdp"].is_built and not found["dpdk"].is_built
    assert all(one.reason for one in found.values())


def test_a_forbidden_io_uring_is_named_and_not_an_error() -> None:
    """Without a single descriptor left, the kernel refuses the ring: what it says is told."""
    code = (
        "import resource; from gateway import machine; machine.transports()\n"
        "import os; top = os.open('/', 0); os.close(top)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (top, top))\n"
        "one = {m.name: m for m in machine.transports()}['io_uring']\n"
        "print(one.is_available, one.reason)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 16
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("False io_uring")


def test_the_huge_page_mode_is_the_word_in_brackets(tmp_path: Path) -> None:
    path = tmp_path / "enabled"
    path.write_text("always [madvise] never\n", encoding="ascii")
    assert machine.huge_page_mode(path) == "madvise"
    assert machine.huge_page_mode(tmp_path / "none") == ""

"""gateway doctor: does this machine offer what the gateway needs? It looks and changes nothing."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
from msgspec import structs

from gateway import machine, process
from gateway.commands.output import FAILED, json_option, print_json
from gateway.commands.settings import file_argument
from gateway.config import ConfigError, Settings, is_on_tmpfs, load

__all__ = ["Finding", "command", "examine"]

MIB = 1 << 20
CLOCK_BEHIND_SECONDS_MAX = 60.0
GOOD_CLOCKS = {"tsc", "arch_sys_counter", "kvm-clock"}


class Finding(msgspec.Struct, frozen=True):
    """One line of the report. level: ok, warn (works, not for real money) or fail."""

    level: str
    name: str
    text: str
    hint: str = ""


@click.command("doctor")
@file_argument
@json_option
@click.pass_context
def command(context: click.Context, file: Path, as_json: bool) -> None:
    """Check this machine against the configuration FILE.

    \b
    Example:
      gateway doctor conf/gateway.toml
    """
    findings = list(examine(file))
    has_failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        rows = [structs.asdict(finding) for finding in findings]
        print_json({"ok": not has_failed, "findings": rows})
    else:
        for finding in findings:
            click.echo(f"{finding.level:<5} {finding.name}: {finding.text}")
            if finding.hint:
                click.echo(f"      hint: {finding.hint}")
    if has_failed:
        context.exit(FAILED)


def examine(file: Path) -> Iterator[Finding]:
    """Every finding, the machine first, then what the configuration asks of it."""
    yield python_version()
    yield native_part()
    yield cpus()
    yield clock()
    try:
        settings = load(file)
    except ConfigError as error:
        text = f"{len(error.faults)} faults in {file}"
        yield Finding("fail", "configuration", text, f"gateway check {file}")
        return
    yield Finding("ok", "configuration", str(file))
    yield from pinning(settings)
    yield memory_nodes()
    yield huge_pages()
    yield from transports()
    yield memory_lock(settings)
    yield ring_room(settings)
    yield disk_room(settings)
    yield journal_time(settings, process.wall_ns())
    yield private_file("keys file", settings.places.keys_file)
    yield private_file("command line key", settings.places.cli_key_file)
    yield port_free("API port", settings.api.host, settings.api.port, settings)
    yield port_free("observer port", settings.observer.host, settings.observer.port, settings)


def python_version() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.implementation.name != "cpython":
        return Finding("fail", "python", sys.implementation.name, "Use CPython 3.11 or newer.")
    return Finding("ok", "python", version)


def native_part() -> Finding:
    try:
        from gateway._core import types
    except ImportError as error:
        return Finding("fail", "native part", str(error), "Run `make install`.")
    return Finding("ok", "native part", f"{len(types.REFUSALS)} refusals known")


def cpus() -> Finding:
    count = len(os.sched_getaffinity(0))
    if count < 2:
        hint = "The pinned drive needs a CPU of its own; use two or more."
        return Finding("warn", "processors", f"{count} usable", hint)
    return Finding("ok", "processors", f"{count} usable")


def clock() -> Finding:
    source = process.clock_source()
    if source in GOOD_CLOCKS:
        return Finding("ok", "clock source", source)
    hint = "Reading the time may be slow; prefer tsc (kernel parameter clocksource=tsc)."
    return Finding("warn", "clock source", source or "unknown", hint)


def pinning(settings: Settings) -> Iterator[Finding]:
    """Every way in which the CPUs asked for are not what they seem, by code."""
    gateway, journal = settings.gateway, settings.journal
    roles = machine.pinned_roles(gateway.engine_cpu, journal.commit_cpu)
    wanted = ", ".join(f"{role.name} on {role.cpu}" for role in roles if role.cpu >= 0)
    found = machine.judge_pinning(roles, gateway.pinning)
    for finding in found:
        level = "fail" if finding.is_refused else "warn"
        hint = f'gateway.pinning = "{gateway.pinning}"; docs/concepts/threads_and_lanes.md'
        yield Finding(level, "pinned processors", str(finding), hint)
    if not found:
        yield Finding("ok", "pinned processors", wanted or "none asked")


def memory_nodes() -> Finding:
    """One node: nothing to choose. Several: tables go near the engine's CPU."""
    nodes = machine.memory_nodes()
    parts = [f"node {node}: {size // MIB} MiB, CPUs {cpus or 'none'}" for node, size, cpus in nodes]
    note = "" if len(nodes) > 1 else "; one node, nothing to bind"
    return Finding("ok", "memory nodes", "; ".join(parts) + note)


def huge_pages() -> Finding:
    mode = machine.huge_page_mode()
    if mode in {"always", "madvise"}:
        return Finding("ok", "huge pages", f"given to who asks ({mode})")
    hint = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
    return Finding("warn", "huge pages", mode or "the kernel does not tell", hint)


def transports() -> Iterator[Finding]:
    """What this kernel lacks is named; nothing is pretended."""
    for one in machine.transports():
        built = "built" if one.is_built else "a slot, no backend in this build"
        state = "available" if one.is_available else "not available"
        text = f"{built}; {state}: {one.reason}"
        is_missed = one.is_built and not one.is_available
        hint = "The gateway works with epoll." if is_missed else ""
        yield Finding("warn" if is_missed else "ok", f"transport {one.name}", text, hint)


def memory_lock(settings: Settings) -> Finding:
    limit, wanted = process.memory_lock_limit_bytes(), settings.journal.ring_mib * MIB
    if limit is None or limit >= wanted:
        return Finding("ok", "memory lock", "unlimited" if limit is None else f"{limit} bytes")
    hint = "Set LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`."
    return Finding("warn", "memory lock", f"{limit} bytes, the ring has {wanted}", hint)


def existing_parent(path: Path) -> Path:
    """The path, or the nearest directory above it that exists."""
    while not path.exists():
        path = path.parent
    return path


def ring_room(settings: Settings) -> Finding:
    ring = settings.places.ring_directory
    if not is_on_tmpfs(ring):
        return Finding("fail", "ring", f"{ring} is not on tmpfs", "Set gateway.ring_directory.")
    return room("ring", ring, settings.journal.ring_mib * MIB * 2, "Enlarge the tmpfs or ring_mib.")


def disk_room(settings: Settings) -> Finding:
    need = settings.journal.segment_mib * MIB * 4
    return room("journal disk", settings.places.directory, need, "Free some space.")


def journal_time(settings: Settings, wall_ns: int) -> Finding:
    """Whether the clock is behind what is recorded: time in the journal never goes back."""
    from gateway.journal import reader

    name, places = "journal time", settings.places
    if not places.directory.is_dir():
        return Finding("ok", name, f"no journal at {places.directory} yet")
    try:
        newest_ns = reader.newest_time_ns(places.directory, str(places.ring_directory))
    except RuntimeError as error:
        return Finding("warn", name, str(error), f"gateway verify {places.directory}")
    ahead = (newest_ns - wall_ns) / 1e9
    if ahead <= 0:
        return Finding("ok", name, "not ahead of the clock")
    text = f"journal time is {ahead:.3f} s ahead of the clock"
    hint = "docs/guides/operate.md, When the clock was wrong"
    return Finding("fail" if ahead > CLOCK_BEHIND_SECONDS_MAX else "warn", name, text, hint)


def room(name: str, path: Path, need_bytes: int, hint: str) -> Finding:
    """Whether a file system has space and lets us write."""
    there = existing_parent(path)
    status = os.statvfs(there)
    free_bytes = status.f_bavail * status.f_frsize
    if not os.access(there, os.W_OK):
        return Finding("fail", name, f"{there} cannot be written", "Change its owner.")
    if free_bytes < need_bytes:
        text = f"{free_bytes // MIB} MiB free at {there}, {need_bytes // MIB} wanted"
        return Finding("fail", name, text, hint)
    return Finding("ok", name, f"{free_bytes // MIB} MiB free at {there}")


def private_file(name: str, path: Path) -> Finding:
    if not path.exists():
        return Finding("ok", name, f"{path} is made at first start")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("fail", name, f"{path} has mode {mode:04o}", f"chmod 600 {path}")
    return Finding("ok", name, f"{path} has mode {mode:04o}")


def port_free(name: str, host: str, port: int, settings: Settings) -> Finding:
    """Whether the port can be bound; a running gateway of this configuration may hold it."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            text = f"{host}:{port} is not free: {error.strerror}"
            level = "warn" if settings.places.run_file.exists() else "fail"
            return Finding(level, name, text, "Stop the other program or choose another port.")
    return Finding("ok", name, f"{host}:{port} is free" if port else "chosen by the kernel")

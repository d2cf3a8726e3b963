"""Starts the programs of the FIX bench and puts their figures together. Every pair of figures that
is compared comes from turns taken in one run."""

from __future__ import annotations

import datetime
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gateway.benchmarks import _place

__all__ = ["measure_sessions"]

Progress = Callable[[str], None]
Figures = dict[str, Any]
_PACKAGE = "gateway.benchmarks."
_ROUNDS = 3
_WINDOW = 64
_SECONDS_MAX = 60
_MANY = 200
_IDLE = 400
_STRANGERS = 10_000


def measure_sessions(progress: Progress, *, is_quick: bool) -> Figures:
    """Everything that needs sessions. Without the peer's package `peer` is absent."""
    rounds = 1 if is_quick else _ROUNDS
    single, flood = (300, 1_000) if is_quick else (3_000, 20_000)
    ours: list[tuple[Figures, Figures]] = []
    theirs: list[tuple[Figures, Figures]] = []
    has_peer = importlib.util.find_spec("quickfix") is not None
    for number in range(rounds):
        ours.append(_ours(single, flood))
        progress(f"sessions: ours, {number + 1} of {rounds}")
        if has_peer:
            theirs.append(_theirs(single, flood // 4))
            progress(f"sessions: QuickFIX, {number + 1} of {rounds}")
    result = _summary(ours)
    if theirs:
        peer = _summary(theirs)
        result["peer"] = {"name": "quickfix-py", "version": _version("quickfix-py")} | peer
        result["ratios"] = {
            "round_trip": round(result["round_trip_us"]["p50"] / peer["round_trip_us"]["p50"], 3),
            "messages": round(result["messages_per_second"] / peer["messages_per_second"], 2),
        }
    result["door"] = _summary([_ours(single, flood // 2, "_fix_door")])
    progress("sessions: door")
    result["sessions"] = _many(40 if is_quick else _MANY, 10 if is_quick else 100)
    progress("sessions: many")
    result["idle_session_kib"] = _idle_kib(50 if is_quick else _IDLE)
    progress("sessions: idle")
    result["strangers"] = _strangers(200 if is_quick else _STRANGERS, single)
    progress("sessions: strangers")
    return result


def _summary(turns: list[tuple[Figures, Figures]]) -> Figures:
    middle = statistics.median
    return {
        "round_trip_us": {
            "p50": round(middle(each["p50"] for each, _ in turns), 1),
            "p99": round(middle(each["p99"] for each, _ in turns), 1),
        },
        "messages_per_second": round(middle(each["per_second"] for _, each in turns)),
    }


def _ours(single: int, flood: int, program: str = "_fix_server") -> tuple[Figures, Figures]:
    with _server(2, program=program) as (port, _), _place.directories() as (directory, _):
        alone = _client(port, directory, ("window", 0), single, 1)
        return alone, _client(port, directory, ("window", 1), flood, _WINDOW)


def _theirs(single: int, flood: int) -> tuple[Figures, Figures]:
    found = []
    for count, window in ((single, 1), (flood, _WINDOW)):
        with _place.directories() as (directory, _), ExitStack() as stack:
            port = _free_port()
            stack.enter_context(_program("_fix_quickfix", "acceptor", port, directory))
            found.append(_answer("_fix_quickfix", "initiator", port, directory, count, window))
    return found[0], found[1]


def _many(sessions: int, orders: int) -> Figures:
    """All of them at once; the server on one CPU."""
    with _server(sessions, cpu=0) as (port, _), _place.directories() as (directory, _):
        found = _client(port, directory, ("many", sessions), orders, 1)
    return {
        "count": sessions,
        "messages_per_second": round(found["per_second"]),
        "round_trip_us": {"p50": round(found["p50"], 1), "p99": round(found["p99"], 1)},
    }


def _idle_kib(sessions: int) -> Figures:
    """Private memory of the server with so many sessions logged on and with one, by session."""
    found = {}
    for kind in ("plain", "tls"):
        used = [_memory_of(count, is_tls=kind == "tls") for count in (1, sessions + 1)]
        found[kind] = round((used[1] - used[0]) / sessions / 1024, 1)
    return found


def _memory_of(sessions: int, *, is_tls: bool) -> int:
    with _place.directories() as (directory, _):
        more = _certificate(Path(directory)) if is_tls else []
        with _server(sessions + 1, *more) as (port, server):
            rest = ("tls",) if is_tls else ()
            with _program("_fix_crowd", "idle", port, sessions, *rest):
                return int(_ask(server, "memory"))


def _strangers(connections: int, orders: int) -> Figures:
    """A trading session alone, and beside connections that never log on and one that drips."""
    found: dict[str, list[Figures]] = {"alone": [], "beside": []}
    with _server(4) as (port, _), _place.directories() as (directory, _), ExitStack() as stack:
        found["alone"] = [_client(port, directory, ("window", 0), orders, 1)]
        stack.enter_context(_program("_fix_crowd", "strangers", port, connections))
        stack.enter_context(_program("_fix_crowd", "drip", port))
        found["beside"] = [_client(port, directory, ("window", 1), orders, 1)]
    alone, beside = found["alone"][0], found["beside"][0]
    return {
        "connections": connections,
        "alone_us": {name: round(alone[name], 1) for name in ("p50", "p99")},
        "beside_us": {name: round(beside[name], 1) for name in ("p50", "p99")},
        "p99_ratio": round(beside["p99"] / alone["p99"], 2),
    }


# -- programs -------------------------------------------------------------------------------------


@contextmanager
def _server(
    sessions: int, *more: str, cpu: int | None = None, program: str = "_fix_server"
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    with (
        _place.directories() as (directory, ring),
        _program(program, directory, ring, sessions, *more, cpu=cpu) as server,
    ):
        yield int(server.word), server.process


class _Running:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.word = process.stdout.readline().strip()
        if not self.word:
            raise RuntimeError("bench: a program ended before it was up")


@contextmanager
def _program(module: str, *words: object, cpu: int | None = None) -> Iterator[_Running]:
    """Up until the end of the block, then its stdin ends."""
    pin = [] if cpu is None or not hasattr(os, "sched_setaffinity") else ["taskset", "-c", str(cpu)]
    command = [*pin, sys.executable, "-m", _PACKAGE + module, *map(str, words)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    try:
        yield _Running(process)
    finally:
        try:
            process.communicate(timeout=_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def _ask(server: subprocess.Popen[str], word: str) -> str:
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(word + "\n")
    server.stdin.flush()
    return server.stdout.readline()


def _client(port: int, directory: str, place: tuple[str, int], count: int, window: int) -> Figures:
    """`place`: one client by its number, or so many of them."""
    kind, number = place
    return _answer("_fix_client", port, directory, number, kind, count, window)


def _answer(module: str, *words: object) -> Figures:
    command = [sys.executable, "-m", _PACKAGE + module, *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False
    )
    if done.returncode:
        raise RuntimeError(f"bench: {module} failed: {done.stderr[-1000:]}")
    found: Figures = json.loads(done.stdout)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _version(distribution: str) -> str:
    import importlib.metadata

    return importlib.metadata.version(distribution)


def _certificate(directory: Path) -> list[str]:
    """A certificate of its own signing, for loopback."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    chain, private = directory / "bench.pem", directory / "bench.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return [str(chain), str(private)]

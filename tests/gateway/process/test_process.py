"""Notifications reach real sockets, passed sockets are taken once, refusals name the limit."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import process
from gateway.process import Notifier, ProcessError

PID = os.getpid()


def receiver(address: str | bytes) -> socket.socket:
    """A datagram socket in systemd's place."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(address)
    listening.settimeout(60)
    return listening


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_every_notification_arrives_as_written(tmp_path: Path, kind: str) -> None:
    token = f"gateway-{secrets.token_hex(8)}"
    name = str(tmp_path / "notify") if kind == "path" else f"@{token}"
    address = name if kind == "path" else b"\0" + token.encode()
    with receiver(address) as listening:
        notifier = Notifier({"NOTIFY_SOCKET": name})
        assert notifier.is_active
        assert notifier.ready("trading on paper")
        assert listening.recv(4096) == b"READY=1\nSTATUS=trading on paper"
        assert notifier.reloading(1_234_567_890)
        assert listening.recv(4096) == b"RELOADING=1\nMONOTONIC_USEC=1234567"
        assert notifier.watchdog()
        assert listening.recv(4096) == b"WATCHDOG=1"
        assert notifier.stopping()
        assert listening.recv(4096) == b"STOPPING=1\nSTATUS="
        assert notifier.status("two\nlines")
        assert listening.recv(4096) == b"STATUS=two lines"


def test_without_systemd_notifications_do_nothing() -> None:
    notifier = Notifier({})
    assert not notifier.is_active
    assert not notifier.ready()


def test_a_vanished_listener_is_told_and_not_raised(tmp_path: Path) -> None:
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_a_full_listener_never_blocks_the_daemon(tmp_path: Path) -> None:
    with receiver(str(tmp_path / "n")):
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "n")})
        results = [notifier.watchdog() for _ in range(2000)]
    assert results[0] and not results[-1]


@pytest.mark.parametrize("name", ["relative", "@", "/", "@" + "x" * 120])
def test_a_bad_notify_socket_is_refused(name: str) -> None:
    with pytest.raises(ProcessError, match="NOTIFY_SOCKET"):
        Notifier({"NOTIFY_SOCKET": name})


def test_the_watchdog_is_fed_twice_per_interval() -> None:
    assert process.watchdog_interval_seconds({"WATCHDOG_USEC": "2000000"}, PID) == 1.0
    assert process.watchdog_interval_seconds({}, PID) is None
    other = {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(PID + 1)}
    assert process.watchdog_interval_seconds(other, PID) is None


@pytest.mark.parametrize("text", ["0", "-5", "two", "1.5"])
def test_a_bad_watchdog_interval_is_refused(text: str) -> None:
    with pytest.raises(ProcessError, match="WATCHDOG_USEC"):
        process.watchdog_interval_seconds({"WATCHDOG_USEC": text}, PID)


CHILD = """
import os, socket
from gateway.process import take_listen_sockets
os.environ["LISTEN_PID"] = str(os.getpid())
for taken in take_listen_sockets(os.environ, os.getpid()):
    with socket.socket(fileno=taken.descriptor) as listening:
        print(taken.name, listening.getsockname()[1], os.get_inheritable(taken.descriptor))
print(sorted(name for name in os.environ if name.startswith("LISTEN_")))
"""


def test_a_child_takes_the_sockets_it_was_given() -> None:
    with socket.socket() as first, socket.socket() as second:
        for listening in (first, second):
            listening.bind(("127.0.0.1", 0))
            listening.listen()
        ports = [first.getsockname()[1], second.getsockname()[1]]
        launcher = (
            "import os, sys\n"
            "spare = [os.dup(int(text)) for text in sys.argv[1:3]]\n"
            "high = [os.dup2(number, 30 + index) for index, number in enumerate(spare)]\n"
            "for index, number in enumerate(high): os.dup2(number, 3 + index)\n"
            "os.execv(sys.executable, [sys.executable, '-c', sys.argv[3]])\n"
        )
        descriptors = [first.fileno(), second.fileno()]
        done = subprocess.run(
            [sys.executable, "-c", launcher, *map(str, descriptors), CHILD],
            pass_fds=descriptors,
            env=os.environ | {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "api:observer"},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    assert done.stdout.splitlines() == [f"api {ports[0]} False", f"observer {ports[1]} False", "[]"]


def test_sockets_for_another_process_are_left_alone() -> None:
    environ = {"LISTEN_PID": str(PID + 1), "LISTEN_FDS": "1"}
    assert process.take_listen_sockets(environ, PID) == []
    assert environ["LISTEN_FDS"] == "1"


def test_names_and_numbers_of_sockets_must_agree() -> None:
    environ = {"LISTEN_PID": str(PID), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "api"}
    with pytest.raises(ProcessError, match="names 1 sockets"):
        process.take_listen_sockets(environ, PID)


def test_an_absurd_number_of_sockets_is_refused() -> None:
    with pytest.raises(ProcessError, match="LISTEN_FDS"):
        process.take_listen_sockets({"LISTEN_PID": str(PID), "LISTEN_FDS": "65"}, PID)


def test_refused_memory_locking_names_the_limit() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))\n"
        "import ctypes, os; ctypes.CDLL(None).prctl(24, 14, 0, 0, 0)\n"  # drop CAP_IPC_LOCK
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "from gateway.process import ProcessError, lock_memory\n"
        "try: lock_memory()\n"
        "except ProcessError as error: print(error)\n"
    )
    code = "import gateway.process\n" + code
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    assert "limit 65536 bytes: set LimitMEMLOCK=infinity" in done.stdout


def test_an_unknown_clock_source_is_empty_text(tmp_path: Path) -> None:
    assert process.clock_source(tmp_path / "none") == ""
    (tmp_path / "source").write_text("tsc\n", encoding="ascii")
    assert process.clock_source(tmp_path / "source") == "tsc"

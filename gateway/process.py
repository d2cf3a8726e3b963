"""What a daemon owes its operating system: systemd's notifications and sockets, locked
memory, clocks. Must never report a success it has not verified."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import socket
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import msgspec

__all__ = [
    "KernelClock",
    "ListenSocket",
    "Notifier",
    "ProcessError",
    "clock_source",
    "keep_in_memory",
    "kernel_clock",
    "lock_memory",
    "memory_lock_limit_bytes",
    "monotonic_ns",
    "sleep",
    "take_listen_sockets",
    "wall_ns",
    "watchdog_interval_seconds",
]

log = logging.getLogger(__name__)

LISTEN_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3): passed descriptors start here.
LISTEN_DESCRIPTORS_MAX = 64
SOCKET_PATH_BYTES_MAX = 108  # sun_path of unix(7).
CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4


class KernelClock(msgspec.Struct, frozen=True):
    """How good the kernel holds its wall clock to be; -1 = it does not tell."""

    source: str
    is_synchronised: bool
    bound_ns: int  # true time lies within this of the clock, if whoever steers it is right
    estimate_ns: int
    offset_ns: int


class ProcessError(RuntimeError):
    """The operating system did not do what was asked; the message says what to change."""


class Notifier:
    """Speaks sd_notify(3). Without a NOTIFY_SOCKET every call does nothing and returns False.

    A lost datagram is not fatal for trading, so send failures return False and are not raised."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = notify_address(environ.get("NOTIFY_SOCKET", ""))

    @property
    def is_active(self) -> bool:
        """Whether somebody listens."""
        return self._address is not None

    def send(self, **fields: str | int) -> bool:
        """Send one notification, for instance send(READY=1, STATUS="trading")."""
        if self._address is None:
            return False
        text = "\n".join(f"{name}={_one_line(value)}" for name, value in fields.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(text.encode(), self._address)
        except OSError:
            return False
        return True

    def ready(self, status: str = "") -> bool:
        """Start or reload has finished."""
        return self.send(READY=1, STATUS=status)

    def reloading(self, now_monotonic_ns: int) -> bool:
        """A reload begins; end it with ready(). Serves Type=notify and Type=notify-reload."""
        return self.send(RELOADING=1, MONOTONIC_USEC=now_monotonic_ns // 1000)

    def stopping(self, status: str = "") -> bool:
        """An orderly stop begins."""
        return self.send(STOPPING=1, STATUS=status)

    def status(self, status: str) -> bool:
        """One line for `systemctl status`."""
        return self.send(STATUS=status)

    def watchdog(self) -> bool:
        """Alive. Call it only when the engine's beat has advanced since the last call."""
        return self.send(WATCHDOG=1)


def _one_line(value: str | int) -> str:
    return str(value).replace("\n", " ")


def notify_address(name: str) -> str | bytes | None:
    """The socket address of NOTIFY_SOCKET: a path, or @name in the abstract space."""
    if not name:
        return None
    if name[0] not in "/@" or len(name) < 2 or len(name.encode()) > SOCKET_PATH_BYTES_MAX:
        raise ProcessError(f"NOTIFY_SOCKET {name!r} is neither a path nor an abstract name")
    return b"\0" + name[1:].encode() if name[0] == "@" else name


def watchdog_interval_seconds(environ: Mapping[str, str], process_id: int) -> float | None:
    """How often to call Notifier.watchdog: half of WATCHDOG_USEC; None = systemd does not watch."""
    text = environ.get("WATCHDOG_USEC", "")
    if not text:
        return None
    if environ.get("WATCHDOG_PID", str(process_id)) != str(process_id):
        return None
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ProcessError(f"WATCHDOG_USEC {text!r} is not a number of microseconds above zero")
    return int(text) / 2e6


class ListenSocket(msgspec.Struct, frozen=True):
    """A socket that systemd opened for us. `name` is FileDescriptorName of the socket unit."""

    name: str
    descriptor: int


def take_listen_sockets(
    environ: MutableMapping[str, str],
    process_id: int,
    first_descriptor: int = LISTEN_FIRST_DESCRIPTOR,
) -> list[ListenSocket]:
    """Socket activation: take over LISTEN_FDS once. The variables are removed, so that no child
    takes the sockets for its own, and the descriptors are closed on exec."""
    if environ.get("LISTEN_PID", "") != str(process_id):
        return []
    text, names = environ.pop("LISTEN_FDS", "0"), environ.pop("LISTEN_FDNAMES", "")
    environ.pop("LISTEN_PID")
    if not text.isascii() or not text.isdigit() or int(text) > LISTEN_DESCRIPTORS_MAX:
        raise ProcessError(f"LISTEN_FDS {text!r} is not a number from 0 to 64")
    labels = names.split(":") if names else []
    if labels and len(labels) != int(text):
        raise ProcessError(f"LISTEN_FDNAMES names {len(labels)} sockets, LISTEN_FDS says {text}")
    found = []
    for index in range(int(text)):
        descriptor = first_descriptor + index
        os.set_inheritable(descriptor, False)
        found.append(ListenSocket(labels[index] if labels else "unknown", descriptor))
    return found


def memory_lock_limit_bytes() -> int | None:
    """RLIMIT_MEMLOCK of this process; None = unlimited."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return None if soft == resource.RLIM_INFINITY else soft


def lock_memory() -> None:
    """Keep every page in memory once it is touched; tables touch theirs before they are used, and
    space that is only reserved costs nothing. Raises ProcessError with the limit."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0:
        cause = os.strerror(ctypes.get_errno())
        limit = memory_lock_limit_bytes()
        raise ProcessError(
            f"memory cannot be locked ({cause}); limit {limit} bytes: set LimitMEMLOCK=infinity"
        )


def keep_in_memory(wish: str = "try") -> None:
    """No page fault in the engine's turn. Only where the limit lets it hold for all pages
    (LimitMEMLOCK=infinity, as the unit says): a lock that fails later would fail an allocation.
    `wish` is try, require or no; ProcessError when what is required cannot be."""
    if wish == "no":
        return
    try:
        limit = memory_lock_limit_bytes()
        if limit is not None:
            raise ProcessError(f"the limit is {limit} bytes, set LimitMEMLOCK=infinity")
        lock_memory()
    except ProcessError as error:
        if wish == "require":
            raise
        log.warning("memory is not locked: %s", error)


def wall_ns() -> int:
    """Nanoseconds since 1970, for what is compared with the journal's time."""
    return time.time_ns()


def monotonic_ns() -> int:
    """Monotonic clock in ns."""
    return time.monotonic_ns()


def sleep(seconds: float) -> None:
    """Wait, for commands that follow a clock. Never on an event loop."""
    time.sleep(seconds)


def clock_source(path: Path = CLOCK_SOURCE) -> str:
    """The kernel's clock source, "" when it does not tell."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), for 64-bit Linux."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # microseconds, as esterror
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),  # pulses per second, tai and room of later kernels
    )


STA_UNSYNC, STA_NANO, TIME_ERROR = 0x0040, 0x2000, 5


def kernel_clock() -> KernelClock:
    """What adjtimex(2) says of the wall clock, which is asked and not touched."""
    found = _Timex()  # modes 0: nothing is changed
    answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(found))
    if answer < 0:
        return KernelClock(clock_source(), False, -1, -1, -1)
    is_synchronised = answer != TIME_ERROR and not found.status & STA_UNSYNC
    unit_ns = 1 if found.status & STA_NANO else 1000
    return KernelClock(
        clock_source(),
        is_synchronised,
        found.maxerror * 1000,
        found.esterror * 1000,
        found.offset * unit_ns,
    )

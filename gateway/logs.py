"""What the daemon says about itself: one JSON object a line, secrets masked, never blocking. Orders
and positions are not logged here; their record is the journal."""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections import deque
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec

__all__ = [
    "MASK",
    "SECRET_LENGTH_MIN",
    "JsonLineHandler",
    "Redactor",
    "Secret",
    "start_logging",
]

MASK: Final = "********"
QUEUE_LINES_MAX = 8192  # Lines waiting for a slow disk; beyond, lines are dropped and counted.
LINE_CHARACTERS_MAX = 8192  # One message or trace is cut here.
SECRET_LENGTH_MIN = 6  # Shorter values would mask ordinary words.
STOP_SECONDS_MAX = 2.0
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Secret:
    """Text that must not be shown: str, repr, format and logs give a mask; reveal() tells."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself; call it where it is used and keep no copy."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not stored or sent")


class Redactor:
    """Masks registered secret texts wherever they appear in a line."""

    def __init__(self) -> None:
        self._texts: tuple[str, ...] = ()

    def register(self, secret: str | Secret) -> None:
        """Mask this value from now on. Values too short to be told from words are refused."""
        text = secret.reveal() if isinstance(secret, Secret) else secret
        if len(text) < SECRET_LENGTH_MIN:
            raise ValueError(f"a secret has at least {SECRET_LENGTH_MIN} characters")
        # Lines are cleaned as JSON, where quotes and backslashes of a secret stand escaped. The
        # longest first, so that a secret that contains another is masked whole.
        escaped = msgspec.json.encode(text).decode()[1:-1]
        self._texts = tuple(sorted({*self._texts, text, escaped}, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """The text with every registered secret masked."""
        for secret in self._texts:
            text = text.replace(secret, MASK)
        return text


class JsonLineHandler(logging.Handler):
    """Encodes in the caller, writes in its own thread. `dropped` counts lines that found no room.

    The caller never waits for the disk: the queue is bounded and, when full, drops the new line."""

    def __init__(
        self, stream: TextIO, redactor: Redactor | None = None, lines_max: int = QUEUE_LINES_MAX
    ) -> None:
        super().__init__()
        self.redactor = redactor or Redactor()
        self.dropped = 0
        self._reported = 0
        self._stream = stream
        self._lines: deque[str] = deque()
        self._lines_max = lines_max
        self._encoder = msgspec.json.Encoder(enc_hook=str)
        self._wake = threading.Event()
        self._is_closed = False
        self._writer = threading.Thread(target=self._write, name="log_writer", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line. Never raises into the caller, never waits."""
        if self._is_closed or len(self._lines) >= self._lines_max:
            self.dropped += 1
            return
        try:
            self._lines.append(self._line(record))
        except Exception:  # A message that cannot be encoded is lost alone, and counted.
            self.dropped += 1
            return
        self._wake.set()

    def _line(self, record: logging.LogRecord) -> str:
        clean = self.redactor.clean
        line: dict[str, Any] = {
            "time_ns": round(record.created * 1e6) * 1000,
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage()[:LINE_CHARACTERS_MAX],
        }
        for key, value in vars(record).items():
            if key not in STANDARD and not key.startswith("_"):
                line[key] = value
        if record.exc_info and record.exc_info[0]:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))[
                -LINE_CHARACTERS_MAX:
            ]
        return clean(self._encoder.encode(line).decode())

    def _write(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            self._drain()
            if self._is_closed and not self._lines:
                return

    def _drain(self) -> None:
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        lost = self.dropped - self._reported
        if lost:
            self._reported = self.dropped
            note = {"level": "warning", "logger": "gateway.logs", "message": "lines were dropped"}
            lines.append(self._encoder.encode(note | {"dropped": lost}).decode())
        try:
            self._stream.write("".join(line + "\n" for line in lines))
            self._stream.flush()
        except (OSError, ValueError):  # Disk full or stream closed: trading goes on.
            self.dropped += len(lines)
            self._reported = self.dropped

    def close(self) -> None:
        """Write what waits, for a bounded time, then stop the thread."""
        self._is_closed = True
        self._wake.set()
        if threading.current_thread() is not self._writer:
            self._writer.join(STOP_SECONDS_MAX)
        super().close()


def start_logging(level: str, file: str, stderr: TextIO) -> JsonLineHandler:
    """Send all logging to `file`, mode 0600, or to `stderr` when it is empty. Call once."""
    stream = stderr
    if file:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        stream = os.fdopen(os.open(file, flags, 0o600), "a", encoding="utf-8")
    handler = JsonLineHandler(stream)
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.handlers[:] = [handler]
    return handler

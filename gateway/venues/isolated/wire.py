"""What the daemon and an adapter process say to each other: bounded msgpack frames over a socket
pair. The shapes come from the contract itself; what does not fit them is garbage, never a guess.
"""

from __future__ import annotations

import asyncio
import inspect
import typing
from typing import Any

import msgspec

from gateway.api import (
    AdapterPort,
    BorrowSource,
    Capabilities,
    DeadManSwitch,
    MassCancel,
    OutcomeUnknown,
    VenueAdapter,
    VenueError,
    VenueProtocolError,
    VenueRateLimited,
    VenueRejected,
    VenueUnavailable,
)
from gateway.market import MarketTerms

__all__ = [
    "CALLS",
    "EVENTS",
    "SENDS",
    "Answer",
    "Beat",
    "Build",
    "Built",
    "Call",
    "Event",
    "FromChild",
    "FromHost",
    "GarbageError",
    "GiveUp",
    "Line",
    "ReadFact",
    "Refused",
    "error_of",
    "pack",
    "receive",
    "words_of",
]

# The instruments of the largest venues are a few MiB; more in one frame is not an answer.
FRAME_BYTES_MAX = 32 << 20
_LENGTH_BYTES = 4
SENDS = frozenset({"submit", "cancel", "replace"})


class GarbageError(VenueProtocolError):
    """The other side said something that is not of this protocol."""


class _Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of all frames."""


class Build(_Frame, frozen=True, array_like=True, tag=True):
    """First frame to the child: who it is. Secrets cross here and nowhere else."""

    launch: int
    epoch: int
    beat_ms: int
    venue: str
    adapter: str
    settings: dict[str, Any]
    secrets: dict[str, str]
    market: MarketTerms | None = None

    def __repr__(self) -> str:
        """Without the secrets, wherever it is shown."""
        return f"Build(launch={self.launch}, venue={self.venue!r}, adapter={self.adapter!r})"


class Call(_Frame, frozen=True, array_like=True, tag=True):
    """One call of the adapter. A send of another launch or epoch is refused by the child."""

    number: int
    launch: int
    epoch: int
    method: str
    arguments: msgspec.Raw


class GiveUp(_Frame, frozen=True, array_like=True, tag=True):
    """Nobody waits for this call any more."""

    number: int


class Built(_Frame, frozen=True, array_like=True, tag=True):
    """The adapter stands, with its manifest."""

    launch: int
    manifest: Capabilities


class Refused(_Frame, frozen=True, array_like=True, tag=True):
    """It could not be built."""

    reason: str


class Answer(_Frame, frozen=True, array_like=True, tag=True):
    """What a call returned, or the words of what it raised."""

    number: int
    result: msgspec.Raw
    error: list[str] = []


class Event(_Frame, frozen=True, array_like=True, tag=True):
    """A call of the port."""

    name: str
    arguments: msgspec.Raw


class ReadFact(_Frame, frozen=True, array_like=True, tag=True):
    """A fact of the adapter's event reader, packed."""

    packed: bytes


class Line(_Frame, frozen=True, array_like=True, tag=True):
    """A line for the daemon's log, which masks secrets."""

    level: int
    logger: str
    text: str


class Beat(_Frame, frozen=True, array_like=True, tag=True):
    """The child's event loop turns; and what its adapter counts (gateway.api.Counted)."""

    counts: dict[str, int] = {}


FromHost = Build | Call | GiveUp
FromChild = Built | Refused | Answer | Event | ReadFact | Line | Beat


def _shape(function: Any) -> tuple[type[msgspec.Struct], Any]:
    """Arguments of a method of the contract as a struct, and what it returns."""
    hints = typing.get_type_hints(function)
    fields: list[Any] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in ("self", "port"):
            continue
        is_required = parameter.default is inspect.Parameter.empty
        field = (name, hints[name])
        fields.append(field if is_required else (*field, parameter.default))
    shape = msgspec.defstruct(function.__name__, fields, frozen=True, forbid_unknown_fields=True)
    return shape, hints["return"]


def _methods(*protocols: type) -> dict[str, tuple[type[msgspec.Struct], Any]]:
    found = {}
    for protocol in protocols:
        for name, member in vars(protocol).items():
            if inspect.isfunction(member) and not name.startswith("_"):
                found[name] = _shape(member)
    return found


CALLS = _methods(VenueAdapter, BorrowSource, MassCancel, DeadManSwitch)
EVENTS = {name: shape for name, (shape, _) in _methods(AdapterPort).items()}


def pack(frame: FromHost | FromChild) -> bytes:
    """One frame with its length. Raises GarbageError when it is too long for the other side."""
    body = msgspec.msgpack.encode(frame)
    if len(body) > FRAME_BYTES_MAX:
        raise GarbageError(f"a frame of {len(body)} bytes, at most {FRAME_BYTES_MAX}")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


async def receive(reader: asyncio.StreamReader) -> bytes:
    """The body of the next frame. Raises GarbageError, or EOFError at the end of the stream."""
    try:
        head = await reader.readexactly(_LENGTH_BYTES)
        length = int.from_bytes(head, "big")
        if not 0 < length <= FRAME_BYTES_MAX:
            raise GarbageError(f"a frame of {length} bytes")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError("the other side is gone") from error


_ERRORS: dict[str, type[VenueError]] = {
    kind.__name__: kind
    for kind in (VenueUnavailable, VenueRejected, VenueRateLimited, VenueProtocolError)
} | {"OutcomeUnknown": OutcomeUnknown}
_WORDS_MAX = 400


def words_of(error: BaseException) -> list[str]:
    """An exception in words, the same on the other side when it is of the contract."""
    name = next((n for n, kind in _ERRORS.items() if isinstance(error, kind)), "")
    if isinstance(error, VenueRejected):
        return [name, error.code[:_WORDS_MAX], error.text[:_WORDS_MAX]]
    if isinstance(error, VenueRateLimited):
        return [name, str(error)[:_WORDS_MAX], str(error.retry_after_ms)]
    if name:
        return [name, str(error)[:_WORDS_MAX]]
    return ["", f"{type(error).__name__}: {error}"[:_WORDS_MAX]]


def error_of(words: list[str]) -> VenueError:
    """The exception that words_of told. What the contract does not know proves nothing."""
    kind = _ERRORS.get(words[0]) if words else None
    text = words[1] if len(words) > 1 else ""
    if kind is VenueRejected:
        return VenueRejected(text, words[2] if len(words) > 2 else "")
    if kind is VenueRateLimited:
        after = words[2] if len(words) > 2 and words[2].isdigit() else "0"
        return VenueRateLimited(text, int(after))
    return kind(text) if kind is not None else OutcomeUnknown(text)

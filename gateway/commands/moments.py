"""Places in the past as people type them, the same on every command: `123` is a sequence, `123ns`
and an ISO 8601 time are instants. Digits must never be taken for an instant that nobody meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from gateway.history.queries import Moment

__all__ = [
    "Between",
    "as_of_option",
    "between_of",
    "checked_moment",
    "from_option",
    "moment_of",
    "need_order",
    "place_of",
    "sequence_of",
    "span_of",
    "to_option",
]

Function = TypeVar("Function", bound=Callable[..., Any])
_DIGITS = re.compile(r"[0-9]{1,19}")
_SPAN = re.compile(r"([0-9]{1,9})(ns|ms|s|m|h|d)")
_NS = {"ns": 1, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_BOUND = 2**63 - 1


class Between(NamedTuple):
    """Records that are asked for, both ends with them."""

    first: int = 1
    last: int = _BOUND
    from_ns: int = 0
    to_ns: int = _BOUND


def _nanoseconds_of(text: str) -> int:
    """An instant: NNNns since 1970, or an ISO 8601 time, UTC unless it says otherwise."""
    if text.endswith("ns") and _DIGITS.fullmatch(text[:-2]):
        return _within(text[:-2])
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"not a sequence, an ISO 8601 time nor NNNns: {text[:64]}"
        ) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def _within(digits: str) -> int:
    """A number that a record can carry: what is beyond all of them is a slip, never the end."""
    if int(digits) > _BOUND:
        raise click.BadParameter(f"{digits} is beyond every sequence and time: at most {_BOUND}")
    return int(digits)


def place_of(text: str) -> tuple[int | None, int | None]:
    """(sequence, time_ns) of a moment, one of them None: plain digits are a sequence."""
    if _DIGITS.fullmatch(text):
        return _within(text), None
    return None, _nanoseconds_of(text)


def moment_of(text: str | None) -> Moment:
    """A moment for questions to history; None = the end."""
    from gateway.history.queries import Moment

    return Moment() if text is None else Moment(*place_of(text))


def checked_moment(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> str | None:
    """Of an option or argument that is a moment: click.BadParameter names it when it is none."""
    if text is not None:
        place_of(text)
    return text


def need_order(first: str | None, last: str | None) -> None:
    """click.BadParameter: of two sequences, or two instants, the second is the earlier one."""
    if first is None or last is None:
        return
    for begin, end in zip(place_of(first), place_of(last), strict=True):
        if begin is not None and end is not None and end < begin:
            rule = f"{last} is before {first}: name the earlier one with --from"
            raise click.BadParameter(rule, param_hint="--to")


def between_of(first: str | None, last: str | None) -> Between:
    """What --from and --to say; a record and an instant may be mixed."""
    found = Between()
    if first is not None:
        sequence, time_ns = place_of(first)
        found = found._replace(first=max(sequence or 1, 1), from_ns=time_ns or 0)
    if last is not None:
        sequence, time_ns = place_of(last)
        found = found._replace(
            last=_BOUND if sequence is None else sequence,
            to_ns=_BOUND if time_ns is None else time_ns,
        )
    return found


def sequence_of(text: str, directory: Path, ring: str) -> int:
    """The record of a moment; of an instant, the last one at or before it. RuntimeError as
    open_books."""
    from gateway.ledger import Bounds, open_books

    sequence, time_ns = place_of(text)
    if time_ns is None:
        return sequence or 0
    bounds = Bounds(time_ns=max(time_ns, 1))
    return open_books(directory, ring, as_of=bounds, keeps_all=False).sequence


def span_of(text: str) -> int:
    """Nanoseconds of `500ms`, `1m`, `2h`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise click.BadParameter(
            f"{text[:64]} is no span like 500ms, 1s, 5m, 1h, 1d", param_hint="--every"
        )
    return int(found[1]) * _NS[found[2]]


def as_of_option(function: Function) -> Function:
    """--as-of MOMENT as `as_of`, the same on every command that tells how something was; without
    it the newest."""
    told = "As it was behind the last record at or before: a sequence, ISO 8601 or NNNns."
    return click.option("--as-of", metavar="MOMENT", callback=checked_moment, help=told)(function)


def from_option(function: Function) -> Function:
    """--from MOMENT as `first`."""
    told = "From this sequence, ISO 8601 time or NNNns on."
    return click.option("--from", "first", callback=checked_moment, help=told)(function)


def to_option(function: Function) -> Function:
    """--to MOMENT as `last`."""
    told = "Up to this sequence, ISO 8601 time or NNNns."
    return click.option("--to", "last", callback=checked_moment, help=told)(function)

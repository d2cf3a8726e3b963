"""Places in the past as people type them, the same on every command: `123` is a sequence, `123ns`
and an ISO 8601 time are instants. Where only an instant can stand, plain digits are one too."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gateway.history.queries import Point

__all__ = ["nanoseconds_of", "place_of", "point_of", "point_options", "span_of"]

Function = TypeVar("Function", bound=Callable[..., Any])
_DIGITS = re.compile(r"[0-9]{1,19}")
_SPAN = re.compile(r"([0-9]{1,9})(ns|ms|s|m|h|d)")
_NS = {"ns": 1, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_BOUND = 2**63 - 1


def nanoseconds_of(text: str) -> int:
    """An instant: nanoseconds since 1970 with or without `ns` behind them, or an ISO 8601 time, UTC
    unless it says otherwise."""
    if _DIGITS.fullmatch(text.removesuffix("ns")):
        return min(int(text.removesuffix("ns")), _BOUND)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"not an ISO 8601 time nor NNNns: {text[:64]}") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def place_of(text: str) -> tuple[int | None, int | None]:
    """(sequence, time_ns) of a moment, one of them None: plain digits are a sequence."""
    if _DIGITS.fullmatch(text):
        return min(int(text), _BOUND), None
    return None, nanoseconds_of(text)


def point_of(text: str | None) -> Point:
    """A moment for questions to history; None = the end."""
    from gateway.history.queries import Point

    return Point() if text is None else Point(*place_of(text))


def span_of(text: str) -> int:
    """Nanoseconds of `500ms`, `1m`, `2h`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text[:64]} is no span like 500ms, 1s, 5m, 1h, 1d")
    return int(found[1]) * _NS[found[2]]


def point_options(function: Function) -> Function:
    """--sequence or --time, neither is the end."""
    for option in (
        click.option(
            "--time", "at_time", help="Behind the last record at or before: ISO 8601 or NNNns."
        ),
        click.option(
            "--sequence", type=click.IntRange(0, _BOUND), help="As it was behind this record."
        ),
    ):
        function = option(function)
    return function

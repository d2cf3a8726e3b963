"""Places in the past as people type them: a sequence, nanoseconds, or an ISO 8601 time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway.commands.replay import time_ns_of

if TYPE_CHECKING:
    from gateway.history.queries import Point

__all__ = ["nanoseconds_of", "point_of", "point_options", "span_of"]

Function = TypeVar("Function", bound=Callable[..., Any])
_DIGITS = re.compile(r"[0-9]{1,19}")
_SPAN = re.compile(r"([0-9]{1,9})(ns|ms|s|m|h|d)")
_NS = {"ns": 1, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
_BOUND = 2**63 - 1


def nanoseconds_of(text: str) -> int:
    """Nanoseconds since 1970 as they are, or of an ISO 8601 time, UTC unless it says otherwise."""
    if _DIGITS.fullmatch(text):
        return min(int(text), _BOUND)
    return time_ns_of(text)


def point_of(text: str | None) -> Point:
    """`123` is a sequence, `123ns` and an ISO 8601 time are instants; None = the end."""
    from gateway.history.queries import Point

    if text is None:
        return Point()
    if _DIGITS.fullmatch(text):
        return Point(sequence=min(int(text), _BOUND))
    if text.endswith("ns") and _DIGITS.fullmatch(text[:-2]):
        return Point(time_ns=min(int(text[:-2]), _BOUND))
    return Point(time_ns=time_ns_of(text))


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
            "--time", "at_time", help="Behind the last record at or before: ISO 8601 or ns."
        ),
        click.option("--sequence", type=click.IntRange(0, _BOUND), help="Behind this record."),
    ):
        function = option(function)
    return function

"""UTC times as FIX writes them, and ns since 1970. Reads no clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["format_time", "parse_time"]

_SECOND_NS = 1_000_000_000
_FORM = re.compile(rb"(\d{8})-(\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?")


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%d-%H:%M:%S")


def format_time(time_ns: int, digits: int = 3) -> bytes:
    """With 0, 3, 6 or 9 digits of the second; what does not fit is cut, never rounded up."""
    second, rest = divmod(time_ns, _SECOND_NS)
    text = _second_text(second)
    return (f"{text}.{rest:09d}"[: len(text) + 1 + digits] if digits else text).encode()


@lru_cache(maxsize=64)
def _day_s(day: bytes) -> int | None:
    try:
        parsed = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), tzinfo=UTC)
    except ValueError:
        return None
    return int(parsed.timestamp())


def parse_time(text: bytes) -> int | None:
    """ns since 1970, None for what is no timestamp. A leap second counts as the second before."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    day_s = _day_s(match[1])
    hour, minute, second = int(match[2]), int(match[3]), int(match[4])
    if day_s is None or hour > 23 or minute > 59 or second > 60:
        return None
    rest = int((match[5] or b"").ljust(9, b"0")[:9])
    return (day_s + hour * 3600 + minute * 60 + min(second, 59)) * _SECOND_NS + rest

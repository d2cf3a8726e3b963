"""Finds the line of every key in TOML text, for error messages alone. It accepts text that the
real parser has accepted; it must never decide what a value means."""

from __future__ import annotations

import re

__all__ = ["find_lines", "find_repeated"]

HEADER = re.compile(r"^\s*\[\[?\s*(?P<path>[^\]]+?)\s*\]\]?\s*(#.*)?$")
KEY = re.compile(r"""^\s*(?P<path>(?:[A-Za-z0-9_.\- ]|"[^"]*"|'[^']*')+?)\s*=(?P<value>.*)$""")
PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_\-]+)""")
FENCES = ('"""', "'''")


def find_lines(text: str) -> dict[str, int]:
    """Dotted key path -> first line, 1-based."""
    lines: dict[str, int] = {}
    for path, line in _occurrences(text):
        lines.setdefault(path, line)
    return lines


def find_repeated(text: str) -> tuple[str, int, int] | None:
    """First table or key that stands twice: (path, first line, second line)."""
    seen: dict[str, int] = {}
    for path, line in _occurrences(text):
        if path in seen:
            return path, seen[path], line
        seen[path] = line
    return None


def _occurrences(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    table: tuple[str, ...] = ()
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if fence:
            fence = "" if fence in line else fence
        elif header := HEADER.match(line):
            table = _parts(header["path"])
            found.append((".".join(table), number))
        elif key := KEY.match(line):
            found.append((".".join(table + _parts(key["path"])), number))
            fence = _open_fence(key["value"])
    return found


def _parts(path: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in PART.findall(path))


def _open_fence(value: str) -> str:
    for fence in FENCES:
        if value.count(fence) % 2:
            return fence
    return ""

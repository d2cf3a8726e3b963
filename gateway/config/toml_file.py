"""Reads one TOML file into a dict, or notes why it cannot. Must never follow a file out of bounds:
size, kind and encoding are checked before the parser sees a byte."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import tomli

from gateway.config.faults import Faults
from gateway.config.lines import find_lines, find_repeated

__all__ = ["read_toml"]

FILE_BYTES_MAX = 1 << 20
POSITION = re.compile(r"\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)")


def read_toml(path: Path) -> tuple[Faults, dict[str, Any] | None]:
    """The parsed file and a collector that knows its lines; None when a fault was noted."""
    faults = Faults(str(path))
    text = _read_text(path, faults)
    if text is None:
        return faults, None
    try:
        data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        _note_syntax(str(error), text, faults)
        return faults, None
    faults.lines = find_lines(text)
    return faults, data


def _read_text(path: Path, faults: Faults) -> str | None:
    if not path.exists():
        faults.add("FILE_MISSING", "", "an existing file", str(path))
        return None
    if not path.is_file():
        faults.add("FILE_NOT_REGULAR", "", "a regular file", str(path))
        return None
    if path.stat().st_size > FILE_BYTES_MAX:
        faults.add("FILE_TOO_LARGE", "", f"at most {FILE_BYTES_MAX} bytes", path.stat().st_size)
        return None
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        faults.add("NOT_UTF8", "", "UTF-8 text", f"byte {error.start}")
    except OSError as error:
        faults.add("FILE_UNREADABLE", "", "a readable file", error.strerror)
    return None


def _note_syntax(message: str, text: str, faults: Faults) -> None:
    position = POSITION.search(message)
    line = int(position["line"]) if position and position["line"] else text.count("\n") + 1
    column = int(position["column"]) if position and position["column"] else 1
    rule = message[: position.start()].strip() if position else message
    repeated = find_repeated(text)
    path, other = "", ""
    if repeated and re.search("overwrite|declare|twice|mutate", rule):
        path, other = repeated[0], f"{faults.file}:{repeated[1]} {repeated[0]}"
        line = repeated[2]
    faults.lines = {path or "line": line}
    faults.add("SYNTAX", path or "line", f"TOML: {rule} (column {column})", other=other)

"""What is wrong with a configuration, as values. Faults are collected, never raised one by one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import msgspec

from gateway.api.errors import GatewayError

__all__ = ["FAULT_CODES", "ConfigError", "ConfigFault", "Faults", "nearest"]

GIVEN_LENGTH_MAX = 64  # An error message quotes at most this many characters of a value.

FAULT_CODES = {
    "FILE_MISSING": "The file does not exist.",
    "FILE_NOT_REGULAR": "The path is a directory, a device or a pipe.",
    "FILE_UNREADABLE": "The file exists and may not be read.",
    "FILE_TOO_LARGE": "The file is larger than 1 MiB.",
    "NOT_UTF8": "The file is not UTF-8 text.",
    "SYNTAX": "The file is not TOML.",
    "UNKNOWN_KEY": "No setting has this name.",
    "MISSING_KEY": "A required setting is absent.",
    "WRONG_TYPE": "The value has another type than the setting.",
    "OUT_OF_RANGE": "The number or length is outside the allowed range.",
    "BAD_WORD": "The value is not one of the allowed words.",
    "BAD_NAME": "The name or number is not written as such values are written.",
    "UNKNOWN_NAME": "The setting names something the file does not define.",
    "CLASH": "Two settings contradict each other.",
    "NOT_AVAILABLE": "The value is reserved and this version cannot do it.",
    "NEEDS_PINNED": 'The value needs drive = "pinned".',
    "NEEDS_SIMULATED": "The value is allowed on simulated venues alone.",
    "NEEDS_TLS": "A listener beyond loopback needs TLS.",
    "NOT_TMPFS": "The ring directory is not in memory.",
    "INLINE_SECRET": "A secret stands in the file in clear.",
    "SECRET_MISSING": "The file of a secret does not exist or cannot be read.",
    "SECRET_MODE": "The file of a secret may be read by others.",
    "LIMIT_MISSING": "Something that trades has no limits.",
    "LIMIT_TOO_LARGE": "The limit leaves the exact integer range too little room.",
}


class ConfigFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault: where, what was expected, what was given, and the nearest thing that exists."""

    code: str  # a name of FAULT_CODES
    file: str
    path: str  # dotted key path, "" = the whole file
    expected: str
    given: str = ""
    line: int = 0  # 0 = not findable
    nearest: str = ""
    other: str = ""  # the second place of a contradiction, as file:line key.path

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{place}: {self.code} {self.path}".rstrip() + f": expected {self.expected}"
        if self.given:
            text += f", given {self.given}"
        if self.other:
            text += f"; see also {self.other}"
        if self.nearest:
            text += f". Did you mean `{self.nearest}`?"
        return text


class ConfigError(GatewayError):
    """The configuration breaks rules; `faults` holds every one of them."""

    def __init__(self, faults: Sequence[ConfigFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Faults:
    """Collects the faults of one file and knows the lines of its keys."""

    def __init__(self, file: str, lines: dict[str, int] | None = None) -> None:
        self.file = file
        self.lines = lines or {}
        self.found: list[ConfigFault] = []

    def line_of(self, path: str) -> int:
        """Line of the key, else of the nearest enclosing table that stands in the file."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path.rpartition(".")[0]
        return 0

    def place_of(self, path: str) -> str:
        """Where a key stands, for the second half of a contradiction."""
        line = self.line_of(path)
        return f"{self.file}:{line} {path}" if line else f"{self.file} {path}"

    def add(
        self,
        code: str,
        path: str,
        expected: str,
        given: object = None,
        *,
        near: str = "",
        other: str = "",
    ) -> None:
        """Note one fault. `given` is quoted and shortened; pass None for secrets."""
        assert code in FAULT_CODES, code
        self.found.append(
            ConfigFault(
                code=code,
                file=self.file,
                path=printable(path),
                expected=expected,
                given="" if given is None else quote(given),
                line=self.line_of(path),
                nearest=near,
                other=other,
            )
        )


def quote(value: object) -> str:
    """A value for a message: printable, short."""
    if isinstance(value, (dict, list)):
        value = f"a {'table' if isinstance(value, dict) else 'list'} of {len(value)}"
        return str(value)
    text = repr(value)
    return text if len(text) <= GIVEN_LENGTH_MAX else text[:GIVEN_LENGTH_MAX] + "..."


def printable(text: str) -> str:
    """Text whose control characters are escaped, so that a key cannot forge an error line."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that a typing mistake most likely meant, or ""."""
    spelled = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else ""

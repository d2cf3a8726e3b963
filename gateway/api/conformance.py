"""The report of a conformance run: which numbered cases passed for an adapter, in which version and
with which manifest. A distribution ships it inside its package, as conformance.json."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Literal

import msgspec

from gateway.api.capabilities import Capabilities

__all__ = ["REPORT_FILE", "ConformanceCase", "ConformanceReport", "manifest_digest"]

REPORT_FILE = "conformance.json"


class ConformanceCase(msgspec.Struct, frozen=True, kw_only=True):
    """One case. `reason` is empty when it passed."""

    number: int
    title: str
    outcome: Literal["passed", "failed", "not_declared"]
    reason: str = ""


class ConformanceReport(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter's run. `manifest` is the digest of what it declared in it."""

    distribution: str
    version: str
    gateway: str
    api_level: int
    manifest: str
    cases: tuple[ConformanceCase, ...]
    format: int = 1

    def verdict(self, *, version: str, api_level: int) -> str:
        """One line for people: what it found, or why it says nothing about this installation."""
        if (self.version, self.api_level) != (version, api_level):
            made = f"{self.distribution} {self.version}, level {self.api_level}"
            return f"stale: made for {made}"
        count = Counter(case.outcome for case in self.cases)
        if count["failed"]:
            numbers = [str(case.number) for case in self.cases if case.outcome == "failed"]
            return f"failed: case {', '.join(numbers)}"
        return f"{count['passed']} passed, {count['not_declared']} not declared"


def manifest_digest(manifest: Capabilities) -> str:
    """SHA-256 over the manifest without the name it was configured under."""
    rows = msgspec.to_builtins(msgspec.structs.replace(manifest, venue=""))
    for name, value in rows.items():
        if isinstance(value, list):  # sets have no order of their own
            rows[name] = sorted(value, key=repr)
    return hashlib.sha256(msgspec.json.encode(rows, order="sorted")).hexdigest()

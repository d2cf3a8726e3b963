"""Reads the conformance report an installed plugin ships. Only says what is in it: a plugin without
one is not refused."""

from __future__ import annotations

from importlib import resources
from types import ModuleType

import msgspec

from gateway.api import API_LEVEL, Capabilities
from gateway.api.conformance import REPORT_FILE, ConformanceReport, manifest_digest

__all__ = ["declares_as_reported", "read_report", "verdict_of"]


def read_report(plugin: object) -> ConformanceReport | None:
    """The report inside the plugin's package, None when it ships none. Raises ValueError."""
    name = plugin.__name__ if isinstance(plugin, ModuleType) else ""
    if not name or not hasattr(plugin, "__path__"):
        return None  # a single module has no place for it
    file = resources.files(name) / REPORT_FILE
    if not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=ConformanceReport)
    except (msgspec.DecodeError, OSError) as error:
        raise ValueError(f"{REPORT_FILE}: {error}") from error


def verdict_of(plugin: object, version: str) -> str | None:
    """The line of `gateway plugins`."""
    try:
        report = read_report(plugin)
    except ValueError as error:
        return f"unreadable: {error}"
    return None if report is None else report.verdict(version=version, api_level=API_LEVEL)


def declares_as_reported(report: ConformanceReport, manifest: Capabilities) -> bool:
    """False when the adapter declares something else than in the run it reports."""
    return report.manifest == manifest_digest(manifest)

"""The pytest side of the kit: `--conformance-report FILE` writes what the suites found. Changes
nothing else about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

__all__ = ["pytest_addoption", "pytest_configure"]

OPTION = "--conformance-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option."""
    group = parser.getgroup("gateway conformance")
    group.addoption(
        OPTION,
        metavar="FILE",
        help="write the cases of gateway.testing.ConformanceSuite and their outcomes as JSON",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect only when asked, and only where all results come together."""
    path = config.getoption(OPTION)
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collector(Path(path)), "gateway-conformance-collector")


class _Collector:
    """Rows by adapter; one report per run, so one adapter."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[int, dict[str, Any]] = {}
        self._about: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The outcome of one phase of one test."""
        told = dict(report.user_properties)
        if "gateway_case" not in told or (report.when != "call" and report.outcome == "passed"):
            return
        outcome = "not_declared" if report.outcome == "skipped" else report.outcome
        reason = ""
        if outcome != "passed":
            crash = getattr(report.longrepr, "reprcrash", None)
            skipped = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            reason = (crash.message if crash else skipped).splitlines()[0][:200]
        number = int(str(told["gateway_case"]))
        self._rows[number] = {
            "number": number,
            "title": str(told["gateway_title"]),
            "outcome": outcome,
            "reason": reason,
        }
        self._about = {
            name: str(told[f"gateway_{name}"]) for name in ("distribution", "version", "manifest")
        }

    def pytest_sessionfinish(self) -> None:
        """Everything is known."""
        from gateway import __version__
        from gateway.api import API_LEVEL
        from gateway.api.conformance import ConformanceReport

        if not self._rows:
            raise pytest.UsageError(f"{OPTION}: no conformance case ran")
        rows = [self._rows[number] for number in sorted(self._rows)]
        about = self._about | {"gateway": __version__, "api_level": API_LEVEL, "cases": rows}
        report = msgspec.json.encode(msgspec.convert(about, ConformanceReport))
        self._path.write_bytes(msgspec.json.format(report, indent=1) + b"\n")

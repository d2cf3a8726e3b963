"""The suite an adapter author subclasses. Every case becomes one test; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import distribution, version
from typing import ClassVar

import pytest

from gateway.api import API_LEVEL, VenueAdapter
from gateway.api.conformance import manifest_digest
from gateway.testing.cases import all_cases
from gateway.testing.conformance import Case, NotDeclared, run_case
from gateway.testing.venue_under_test import VenueUnderTest
from gateway.venues.conformance import declares_as_reported, read_report
from gateway.venues.registry import ENTRY_POINT_GROUP

__all__ = ["ConformanceSuite"]


def nowhere(venue: VenueUnderTest) -> VenueAdapter:
    """An adapter that is never connected, for what it declares."""
    return venue.adapter("http://127.0.0.1:9", account=venue.account, timeout_ms=1_000)


class ConformanceSuite:
    """Subclass it, name it Test..., and set `venue`."""

    venue: ClassVar[type[VenueUnderTest]]

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        "chosen", [pytest.param(each, id=each.name.replace(" ", "_")) for each in all_cases()]
    )
    async def test_case(self, chosen: Case, record_property: Callable[[str, object], None]) -> None:
        """One numbered case against a venue of its own."""
        venue = self.venue()
        manifest = nowhere(venue).capabilities
        record_property("gateway_case", chosen.number)
        record_property("gateway_title", chosen.title)
        record_property("gateway_manifest", manifest_digest(manifest))
        record_property("gateway_distribution", venue.distribution)
        record_property("gateway_version", version(venue.distribution))
        try:
            await run_case(chosen, venue)
        except NotDeclared as reason:
            pytest.skip(f"{chosen.name}: {reason}")

    def test_the_shipped_report_is_of_this_adapter(self, request: pytest.FixtureRequest) -> None:
        """conformance.json inside the package, when there is one, tells of this version and this
        manifest. Not asked in the run that writes it."""
        if request.config.getoption("--conformance-report"):
            pytest.skip("this run writes the report")
        venue = self.venue()
        points = distribution(venue.distribution).entry_points.select(group=ENTRY_POINT_GROUP)
        ours = [point for point in points if venue.plugin in ("", point.name)]
        reports = [read_report(point.load()) for point in ours]
        shipped = [report for report in reports if report is not None]
        if not shipped:
            pytest.skip("the package ships no report")
        manifest = nowhere(venue).capabilities
        for report in shipped:
            verdict = report.verdict(version=version(venue.distribution), api_level=API_LEVEL)
            assert "passed" in verdict, verdict
            assert declares_as_reported(report, manifest), "the manifest has changed since"
            known = {each.number for each in all_cases()}
            assert {row.number for row in report.cases} == known, "the kit has other cases now"

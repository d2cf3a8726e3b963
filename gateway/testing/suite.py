"""The suite an adapter author subclasses. Every case becomes one test; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from gateway.testing.cases import all_cases
from gateway.testing.conformance import Case, NotDeclared, run_case
from gateway.testing.venue_under_test import VenueUnderTest

__all__ = ["ConformanceSuite"]


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
        manifest = venue.adapter("http://127.0.0.1:9", timeout_ms=1_000).capabilities
        record_property("gateway_case", chosen.number)
        record_property("gateway_title", chosen.title)
        record_property("gateway_adapter", manifest.venue)
        try:
            await run_case(chosen, venue)
        except NotDeclared as reason:
            pytest.skip(f"{chosen.name}: {reason}")

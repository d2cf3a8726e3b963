"""The paper adapter under the conformance kit."""

from paper_under_test import PaperVenue

from gateway.testing import ConformanceSuite


class TestConformance(ConformanceSuite):
    """Every case of the kit."""

    venue = PaperVenue

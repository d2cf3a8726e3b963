"""The OKX adapter under the conformance kit."""

from okx_under_test import OkxVenue

from gateway.testing import ConformanceSuite


class TestConformance(ConformanceSuite):
    """Every case of the kit."""

    venue = OkxVenue

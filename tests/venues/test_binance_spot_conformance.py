"""The Binance Spot adapter under the conformance kit."""

from binance_spot_under_test import BinanceSpotVenue

from gateway.testing import ConformanceSuite


class TestConformance(ConformanceSuite):
    """Every case of the kit."""

    venue = BinanceSpotVenue

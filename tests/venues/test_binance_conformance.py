"""The Binance adapter under the conformance kit."""

from binance_under_test import BinanceVenue

from gateway.testing import ConformanceSuite


class TestConformance(ConformanceSuite):
    """Every case of the kit."""

    venue = BinanceVenue

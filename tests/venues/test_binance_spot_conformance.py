"""The Binance Spot adapter under the conformance kit, on the plain wallet and on the margin
wallet."""

import pytest
from binance_spot_under_test import BinanceMarginVenue, BinanceSpotVenue

from gateway.testing import ConformanceSuite


class TestConformance(ConformanceSuite):
    """Every case of the kit."""

    venue = BinanceSpotVenue


@pytest.mark.slow
class TestMarginConformance(ConformanceSuite):
    """The same on the margin wallet, whose manifest is another one; the report is of the plain
    one."""

    venue = BinanceMarginVenue
    test_the_shipped_report_is_of_this_adapter = None

"""The FIX adapter under the conformance kit, in the generic dialect."""

from fix_under_test import FixVenueUnderTest

from gateway.testing import ConformanceSuite


class TestConformance(ConformanceSuite):
    """Every case of the kit."""

    venue = FixVenueUnderTest

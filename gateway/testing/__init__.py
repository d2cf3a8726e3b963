"""The conformance kit for adapters: numbered cases against a hostile venue on loopback, offline.

An adapter author subclasses VenueUnderTest once and ConformanceSuite in five lines.
"""

from gateway.testing.conformance import Case, NotDeclared
from gateway.testing.fault_proxy import FaultProxy
from gateway.testing.recording_port import RecordingPort
from gateway.testing.shared_budget import BudgetUnderTest, SharedBudgetSuite
from gateway.testing.suite import ConformanceSuite
from gateway.testing.venue_under_test import VenueUnderTest, WireRule
from gateway.testing.waiting import until

__all__ = [
    "BudgetUnderTest",
    "Case",
    "ConformanceSuite",
    "FaultProxy",
    "NotDeclared",
    "RecordingPort",
    "SharedBudgetSuite",
    "VenueUnderTest",
    "WireRule",
    "until",
]

"""The cases, by topic."""

from importlib import import_module

from gateway.testing.conformance import CASES, Case

__all__ = ["all_cases"]

TOPICS = ("life", "orders", "fills", "queries", "streams", "market", "faults")


def all_cases() -> list[Case]:
    """Every case, by number."""
    for topic in TOPICS:
        import_module(f"gateway.testing.cases.{topic}")
    return [CASES[number] for number in sorted(CASES)]

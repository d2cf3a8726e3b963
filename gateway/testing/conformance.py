"""The registry of numbered cases. A case is a sentence about every adapter; what the manifest does
not declare is skipped by name, what it declares must hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.api import Capabilities
from gateway.testing.venue_under_test import VenueUnderTest
from gateway.testing.world import World, open_world

__all__ = ["CASES", "Case", "NotDeclared", "case", "run_case"]

Run = Callable[[World], Awaitable[None]]


class NotDeclared(Exception):
    """The manifest does not declare what the case is about: skipped, by name."""


class Case(NamedTuple):
    """One numbered sentence. `needs`: a manifest field, or field=word for one of its words."""

    number: int
    title: str
    run: Run
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The id in reports: number and title."""
        return f"{self.number} {self.title}"


CASES: dict[int, Case] = {}


def case(number: int, title: str, *needs: str) -> Callable[[Run], Run]:
    """Register a case under its number."""

    def register(run: Run) -> Run:
        assert number not in CASES, f"case {number} is there twice"
        CASES[number] = Case(number, title, run, needs)
        return run

    return register


def undeclared(manifest: Capabilities, needs: str) -> str:
    """What of `needs` the manifest does not declare, "" when it does."""
    field, _, word = needs.partition("=")
    declared = getattr(manifest, field)
    if word:
        return "" if word in declared else f"{field} has no {word}"
    if isinstance(declared, int) and not isinstance(declared, bool):
        return "" if declared > 1 else f"{field} is {declared}"
    return "" if declared and declared != "none" else f"{field} is not declared"


async def run_case(chosen: Case, venue: VenueUnderTest) -> None:
    """Run one case in a world of its own. Raises AssertionError, or NotDeclared."""
    async with open_world(venue) as world:
        for needs in chosen.needs:
            if missing := undeclared(world.manifest, needs):
                raise NotDeclared(missing)
        await chosen.run(world)

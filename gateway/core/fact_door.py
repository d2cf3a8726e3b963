"""Door to the place where natively read facts enter a venue port. It knows only what it was taught;
a fact with any other name in it is left to the caller, who tells it in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway._core.engine import FactDoor

if TYPE_CHECKING:
    from gateway._core.engine import VenuePort

__all__ = ["FactDoor", "open_fact_door"]


def open_fact_door(port: VenuePort, instance: int, shape: tuple[str, str, int, int]) -> FactDoor:
    """`shape`: marker, alphabet and places of the client order ids at this venue."""
    return FactDoor(port, instance, *shape)

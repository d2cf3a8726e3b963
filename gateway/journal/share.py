"""How long to rest behind work that is done again and again and shall take a share of the time at
most. Never longer than a bound: time in which the process stood still was no work."""

from __future__ import annotations

__all__ = ["REST_SECONDS_MAX", "rest_seconds"]

# Work that takes longer than a quarter of a second takes more than its twentieth; one look that was
# stretched by a stop of a minute would else be followed by twenty minutes without the next.
REST_SECONDS_MAX = 5.0


def rest_seconds(took: float, share: int, seconds_max: float = REST_SECONDS_MAX) -> float:
    """Until the next time behind one that took so many seconds: `share` times that."""
    return min(share * took, seconds_max)

"""What an adapter on this toolkit tells of itself (gateway.api.Counted), under the names that every
venue shares. Reads; must never wait for anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.transport.rate_limit import Budget

__all__ = ["shared_counts"]

_LIMITS_MAX = 32  # budgets by instrument may be many: those that are nearest to their end


def shared_counts(
    pool: Mapping[str, Any],
    budget: Budget,
    venue_ns: int,
    wall_ns: int,
    lines: Iterable[Mapping[str, Any]] = (),
) -> dict[str, int]:
    """`pool` and `lines`: their rows. `venue_ns` and `wall_ns`: the venue's time and that of
    this host."""
    found = {
        "requests.answered": pool["answers"],
        "requests.not_sent": pool["not_sent"],
        "requests.unknown": pool["unknown"],
        "connections_opened": pool["opened"],
        "connections_lost": pool["lost"],
        "connections_failed": pool["connect_failed"],
        "clock_offset_us": (venue_ns - wall_ns) // 1_000,
    }
    for line in lines:
        name = str(line["name"]).replace(" ", "_")
        found[f"reconnects.{name}"] = max(0, line["ups"] - 1)
        found[f"frames_{name}"] = line["frames"]
    row = budget.row()
    found["banned_ms"] = row["banned_ms"]
    found["requests_held_back"] = row["refused"]
    rows = sorted(row["limits"], key=lambda each: each["used"] / max(1, each["capacity"]))
    for limit in rows[-_LIMITS_MAX:]:
        found[f"limit_used.{limit['name']}"] = limit["used"]
        found[f"limit_capacity.{limit['name']}"] = limit["capacity"]
    return found

"""Names of time zones as options of commands take them."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

__all__ = ["zone_of"]


def zone_of(name: str) -> ZoneInfo:
    """click.BadParameter: there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"no such time zone: {name[:64]}"
        raise click.BadParameter(text, param_hint="--time-zone") from None

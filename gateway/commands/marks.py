"""The file of prices that commands value positions at."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

__all__ = ["marks_of", "marks_option"]

Function = TypeVar("Function", bound=Callable[..., Any])


def marks_option(what: str) -> Callable[[Function], Function]:
    """--marks FILE, the same on every command that values something; `what` says what for."""
    return click.option(
        "--marks",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"JSON {{instrument: price}}: {what}",
    )


def marks_of(path: Path | None) -> dict[str, Decimal]:
    """Prices by instrument. click.BadParameter: it is no such file."""
    if path is None:
        return {}
    try:
        told = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        prices = {name: Decimal(price) for name, price in told.items()}
    except (OSError, msgspec.MsgspecError, InvalidOperation) as error:
        text = f"{path.name}: {error}"
        raise click.BadParameter(text, param_hint="--marks") from None
    if not all(price.is_finite() and price > 0 for price in prices.values()):
        raise click.BadParameter(f"{path.name}: prices are above zero", param_hint="--marks")
    return prices

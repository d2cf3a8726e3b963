"""The file of prices that commands value positions at."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

__all__ = ["marks_of", "marks_option", "price_of"]

# What DECIMAL(38, 18) holds: no mark has more.
_PRICE = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")
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
        return {name: price_of(price) for name, price in told.items()}
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        text = f"{path.name}: {error}"
        raise click.BadParameter(text, param_hint="--marks") from None


def price_of(text: str) -> Decimal:
    """A price as people write it. ValueError: it is no plain decimal above zero that fits."""
    if not _PRICE.fullmatch(text):
        raise ValueError(f"{text[:64]} is no price like 64000.5")
    price = Decimal(text)
    if not price:
        raise ValueError("prices are above zero")
    return price

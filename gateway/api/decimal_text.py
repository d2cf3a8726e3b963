"""Decimals as every wire carries them. Must never round: `Decimal.normalize` would, at the 28
digits of the default context, so nothing here asks a context."""

from decimal import Decimal

__all__ = ["plain_text"]


def plain_text(amount: Decimal) -> str:
    """Decimal text without an exponent and without zeros that say nothing."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("", "-0") else text

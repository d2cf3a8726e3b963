"""Decimal text <-> integers and fractions. Never a float; rounding only where it is named."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["decimals", "mantissa", "money", "money_text", "number_text"]

MONEY_SCALE = 18
_UNSIGNED = re.compile(r"\d{1,30}(\.\d{1,18})?")


def decimals(text: str) -> int:
    """Decimals needed to write `text` without trailing zeros."""
    return len(text.rstrip("0").partition(".")[2]) if "." in text else 0


def mantissa(text: str, scale: int) -> int:
    """Integer of unsigned decimal `text` at `scale`. Raises ValueError with what is wrong."""
    if not _UNSIGNED.fullmatch(text):
        raise ValueError("not a decimal number")
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    if len(part) > scale:
        raise ValueError(f"more than {scale} decimals")
    value = int(whole + part.ljust(scale, "0"))
    if value >= 1 << 63:
        raise ValueError("too large")
    return value


def number_text(value: int, scale: int) -> str:
    """Decimal text of a mantissa, without trailing zeros."""
    digits = str(abs(value)).rjust(scale + 1, "0")
    whole, part = (digits[:-scale], digits[-scale:].rstrip("0")) if scale else (digits, "")
    return ("-" if value < 0 else "") + whole + ("." + part if part else "")


def money(value: Fraction) -> Fraction:
    """`value` at 10^-18, half-even: how money is stated and paid."""
    return Fraction(round(value * 10**MONEY_SCALE), 10**MONEY_SCALE)


def money_text(value: Fraction) -> str:
    return number_text(round(value * 10**MONEY_SCALE), MONEY_SCALE)

"""How an order of the gateway is called at Binance Spot, where a cancel takes the order's name away
and a replacement is another order. Every name says whose order it is: `g1`, replaced `g1//2`,
canceled `g1//c`, canceled in favour of its second replacement `g1//r2`."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["LENGTH_MAX", "PATTERN", "Name", "read_name"]

# The venue takes 36 of [.A-Z:/a-z0-9_-]; what stands behind the gateway's name needs five.
LENGTH_MAX = 31
PATTERN = r"[A-Za-z0-9_-]{1,31}"
GENERATION_MAX = 99
_TAIL = re.compile(r"(.*)//(?:(c)|r([0-9]{1,2})|([0-9]{1,2}))")


class Name(NamedTuple):
    """`generation`: which replacement bears the name; `successor`: which one it went for, 0 =
    none."""

    own: str
    generation: int = 0
    successor: int = 0
    is_cancel: bool = False

    @property
    def wire(self) -> str:
        """The name of the working order."""
        return f"{self.own}//{self.generation}" if self.generation else self.own


def read_name(text: str) -> Name:
    found = _TAIL.fullmatch(text)
    if found is None:
        return Name(text)
    own, cancel, successor, generation = found.groups()
    return Name(own, int(generation or 0), int(successor or 0), bool(cancel))


def cancel_name(own: str) -> str:
    return f"{own}//c"


def succeeded_name(own: str, successor: int) -> str:
    return f"{own}//r{successor}"

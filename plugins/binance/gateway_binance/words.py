"""What the documents of every product have in common, as the gateway's words. Pure; a word nobody
documented is a VenueProtocolError that names it, never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from gateway.api import VenueProtocolError
from gateway.api.messages import SideName
from gateway_binance.messages import FilterRow

__all__ = [
    "decimals",
    "end_reason",
    "filter_of",
    "nanoseconds",
    "price_of",
    "side_of",
    "without_zeros",
    "word_of",
]

Kind = TypeVar("Kind")
_SIDES: dict[str, SideName] = {"BUY": "buy", "SELL": "sell"}
_NS_PER_MS = 1_000_000


def word_of(words: Mapping[str, Kind], word: str, what: str) -> Kind:
    found = words.get(word)
    if found is None:
        raise VenueProtocolError(f"unknown {what} {word[:40]!r}")
    return found


def side_of(word: str) -> SideName:
    return word_of(_SIDES, word, "side")


def nanoseconds(milliseconds: int) -> int:
    return milliseconds * _NS_PER_MS


def end_reason(status: str) -> str:
    """Why an order ended, as a reason word of the gateway."""
    return {"CANCELED": "requested", "EXPIRED_IN_MATCH": "self_trade"}.get(status, "time_in_force")


def filter_of(symbol: str, filters: Sequence[FilterRow], kind: str) -> FilterRow:
    found = next((each for each in filters if each.filter_type == kind), None)
    if found is None:
        raise VenueProtocolError(f"{symbol}: no {kind}")
    return found


def without_zeros(symbol: str, text: str | None) -> str:
    """Without trailing zeros: tick 0.10 has one decimal."""
    if text is None:
        raise VenueProtocolError(f"{symbol}: an incomplete filter")
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def price_of(text: str) -> str | None:
    """The venue writes "0" where there is no price."""
    return text if text.strip("0.") else None

"""The words of the API and the integers of the journal (types/side.hpp, record/kinds.hpp).

Numbers are on disk: this table follows the headers and never leads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

from gateway.api import RefusedError

__all__ = [
    "AMENDS",
    "CROSS_MS_MAX",
    "DURABILITIES",
    "EVIDENCE",
    "FACT_REASONS",
    "INSTRUMENT_KINDS",
    "LEGS",
    "LEVELS",
    "LINKS",
    "LIQUIDITIES",
    "MARGIN_MODES",
    "OFFERS_ICEBERG",
    "ORDER_FLAGS",
    "ORDER_TYPES",
    "SCOPES",
    "SIDES",
    "TERMINAL_STATES",
    "TIMES_IN_FORCE",
    "TRADING_STATES",
    "VENUE_MARGIN_MODES",
    "CancelReason",
    "RecordKind",
    "VenueSessionState",
    "crossing_flags",
    "fact_reason",
    "mask",
    "word_of",
]

SIDES: Final = {"buy": 1, "sell": 2}
ORDER_TYPES: Final = {"market": 1, "limit": 2, "stop": 3, "stop_limit": 4}
TIMES_IN_FORCE: Final = {"day": 0, "gtc": 1, "ioc": 3, "fok": 4, "gtd": 6}
LEGS: Final = {"net": 0, "long": 1, "short": 2}
MARGIN_MODES: Final = {"cash": 0, "cross": 1, "isolated": 2}
VENUE_MARGIN_MODES: Final = {None: 0, "cross": 1, "isolated": 2, "unknown": 3}
INSTRUMENT_KINDS: Final = {"spot": 1, "linear": 2, "inverse": 3, "quanto": 4}
LIQUIDITIES: Final = {"unknown": 0, "maker": 1, "taker": 2}
DURABILITIES: Final = {"memory": 0, "process": 1, "disk_async": 2, "disk": 3}
LEVELS: Final = {"instrument": 0, "strategy": 1, "account": 2, "venue": 3, "firm": 4}
TRADING_STATES: Final = {"active": 0, "reducing": 1, "halted": 2}
AMENDS: Final = {"none": 0, "native": 1, "cancel_new": 2}
SCOPES: Final = {"read": 1, "trade": 2, "cancel": 4, "admin": 8, "override": 16, "risk": 32}
ORDER_FLAGS: Final = {
    "post_only": 1,
    "reduce_only": 2,
    "emulate": 8,
    "external": 64,
    "cancel_on_disconnect": 128,
    "override_size": 256,  # the second byte: overrides of soft limits
}
EVIDENCE: Final = {"none": 0, "stream": 1, "query": 2, "fills": 3, "operator": 4, "gateway": 5}
FACT_REASONS: Final = {
    "none": 0,
    "requested": 1,
    "time_in_force": 2,
    "post_only": 3,
    "reduce_only": 4,
    "self_trade": 5,
    "expired": 6,
    "venue_decision": 7,
    "timeout": 8,
    "disconnected": 9,
    "send_error": 10,
    "restart": 11,
    "untriggered": 12,
    "queue_stale": 13,
    "insufficient_funds": 14,
    "unknown_outcome_cancel": 15,
    "unknown_outcome_replace": 16,
    "cross_ended": 17,
}
CROSS_MS_MAX: Final = 30_000  # the longest time an order may ask to be kept for an opposite one
OFFERS_ICEBERG: Final = 256  # of a venue's flags, beside those of ORDER_FLAGS
# How orders of one group hang together (docs/concepts/linked_orders.md).
LINKS: Final = {"oco": 1, "ouo": 2, "bracket": 3}
TERMINAL_STATES: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED", "REFUSED"})


class RecordKind(IntEnum):
    """Kinds of records a notice or an outbound entry can carry."""

    ORDER_NEW = 30
    ORDER_REFUSED = 31
    CANCEL_REQUESTED = 32
    REPLACE_REQUESTED = 33
    ORDER_TRIGGERED = 34
    ORDER_ACCEPTED = 40
    ORDER_REJECTED = 41
    ORDER_CANCELED = 42
    ORDER_EXPIRED = 43
    ORDER_REPLACED = 44
    CANCEL_REJECTED = 45
    REPLACE_REJECTED = 46
    ORDER_UNKNOWN = 47
    ORDER_NOT_SENT = 48
    ORDER_FILLED = 49
    FILL_BUSTED = 50
    FILL_CORRECTED = 51
    ORDER_ADOPTED = 52
    ANOMALY = 53


class CancelReason(IntEnum):
    """Why we asked for a cancel."""

    CLIENT = 0
    MASS_CANCEL = 1
    KILL = 2
    DISCONNECT = 3
    SHUTDOWN = 4
    EXPIRY = 5
    OPERATOR = 6
    LINK = 7


class VenueSessionState(IntEnum):
    """New orders need RECONCILED."""

    DOWN = 0
    GAP_OPEN = 1
    RECONCILED = 2


def fact_reason(text: str) -> int:
    """The FactReason of an adapter's word; any other text is the venue's own decision."""
    if not text:
        return FACT_REASONS["none"]
    return FACT_REASONS.get(text, FACT_REASONS["venue_decision"])


def crossing_flags(cross_ms: int) -> int:
    """The third and fourth byte of a submit's flags: how long to keep the order for a cross."""
    if not 0 <= cross_ms <= CROSS_MS_MAX:
        rule = f"0 to {CROSS_MS_MAX}"
        raise RefusedError("RANGE", field="cross_ms", value=cross_ms, rule=rule)
    return cross_ms << 16


def mask(words: Iterable[str], table: Mapping[str, int]) -> int:
    """One bit per word: 1 << number, as VenueDefined stores types and times in force."""
    return sum(1 << table[word] for word in set(words))


def word_of(table: Mapping[str, int], number: int) -> str:
    """The word of a number. A number without a word is a bug, so it raises."""
    for word, value in table.items():
        if value == number:
            return word
    raise LookupError(f"{number} has no word in {sorted(table)}")

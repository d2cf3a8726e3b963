"""The settings of one FIX venue, read and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.api.instruments import InstrumentKindName
from gateway_fix.dialect import Dialect, load_dialect
from gateway_fix.logon import LOGONS

__all__ = ["FixSettings", "InstrumentSettings", "check_secrets", "read_settings"]


class InstrumentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument: FIX tells too little of it everywhere. Decimal text."""

    symbol: str  # the venue's spelling, 55
    name: str = ""  # ours without the venue; the venue's spelling when empty
    kind: InstrumentKindName = "spot"
    base: str
    quote: str
    settle: str = ""  # the quote when empty
    tick: str
    lot: str
    multiplier: str = "1"
    quantity_min: str = "0"
    quantity_max: str = "0"
    notional_min: str = "0"


class FixSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session is one account; docs/reference/venues/fix.md says each in words."""

    account: str  # the gateway's name of the session's account
    state_directory: str  # where numbers, sent messages and fills are kept
    instruments: tuple[InstrumentSettings, ...]
    dialect: str = "generic"  # one of our own, or a file
    dialect_directory: str = "."
    host: str = ""  # empty = the dialect's
    port: int = 0
    has_tls: bool | None = None  # none = as the dialect says
    server_name: str = ""  # of the certificate; empty = the host
    sender_comp_id: str = ""  # needed, unless 49 is the key
    target_comp_id: str = ""
    venue_account: str = ""  # 1 in requests; empty = the account's name
    market_host: str = ""  # of a session for prices, when the dialect has one of its own
    market_port: int = 0
    market_sender_comp_id: str = ""
    logon_fields: dict[str, str] = {}  # beside and above those of the dialect
    heartbeat_s: int = 0  # 0 = the dialect's
    has_marks: bool = True
    follows_lost_numbers: bool = True  # when one side begins anew, so does the other
    is_synced: bool = True  # what was filled is on disk before it is told
    timeout_ms: int = 5_000
    history_days: int = 30  # fills that are kept for questions


def read_settings(settings: Mapping[str, Any]) -> tuple[FixSettings, Dialect]:
    """Settings and their dialect. Raises ValueError naming the setting."""
    try:
        terms = msgspec.convert(dict(settings), FixSettings)
    except msgspec.ValidationError as error:
        raise ValueError(f"settings of the fix adapter: {error}") from None
    dialect = load_dialect(terms.dialect, Path(terms.dialect_directory))
    if fault := _fault(terms, dialect):
        raise ValueError(fault)
    return terms, dialect


def check_secrets(dialect: Dialect, secrets: Mapping[str, str]) -> None:
    """Raises ValueError naming what is missing."""
    if dialect.logon not in LOGONS:
        raise ValueError(f"dialect: logon {dialect.logon!r}: expected one of {sorted(LOGONS)}")
    for name in LOGONS[dialect.logon][0]:
        if not secrets.get(name):
            raise ValueError(f"{name}: missing secret")


def _fault(terms: FixSettings, dialect: Dialect) -> str:
    """The first thing that is wrong, with the name of its setting."""
    if not terms.instruments:
        return "instruments: at least one"
    if len({each.symbol for each in terms.instruments}) < len(terms.instruments):
        return "instruments: a symbol stands twice"
    if any(each.kind != "spot" for each in terms.instruments) and not dialect.has_positions:
        return f"instruments: {dialect.name} tells no positions over FIX, only spot can be traded"
    if not (terms.host or dialect.host) or not 0 < (terms.port or dialect.port) < 65_536:
        return "host, port: where the venue listens is needed"
    if not terms.sender_comp_id and not dialect.is_sender_the_key:
        return "sender_comp_id: needed"
    if not (terms.target_comp_id or dialect.target_comp_id):
        return "target_comp_id: needed"
    if not 0 <= terms.heartbeat_s <= 300:
        return "heartbeat_s: 0 to 300"
    if not 50 <= terms.timeout_ms <= 60_000:
        return "timeout_ms: 50 to 60000"
    if not 0 < terms.history_days <= 3_650:
        return "history_days: 1 to 3650"
    return ""

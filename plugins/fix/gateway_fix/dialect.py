"""What one venue makes of FIX, as data: everything in which two FIX venues differ, read from a TOML
file and checked once. Decides nothing; a dialect that contradicts itself is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import tomli

from gateway.api import RateLimit
from gateway.api.capabilities import ClientOrderIdReuse
from gateway.api.messages import OrderTypeName, TimeInForceName

__all__ = ["OWN_DIALECTS", "Dialect", "FieldText", "load_dialect"]

OWN_DIALECTS = ("generic", "binance_spot", "coinbase_exchange", "deribit")
_FOLDER = Path(__file__).parent / "dialects"

# A field as configuration writes it: {"18" = "6"}.
FieldText = dict[str, str]


class Dialect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """docs/reference/venues/fix.md says every field in words."""

    name: str
    source: str  # the document it was read from, and when

    # The session.
    begin_string: Literal["FIX.4.4", "FIXT.1.1"] = "FIX.4.4"
    application_version: str = "9"  # 1137, with FIXT.1.1
    host: str = ""
    port: int = 0
    has_tls: bool = True
    target_comp_id: str = ""
    is_sender_the_key: bool = False  # 49 is the API key
    heartbeat_s: int = 30
    time_digits: Literal[0, 3, 6, 9] = 3
    logon: str = "none"  # a name of gateway_fix.logon
    logon_fields: FieldText = {}  # further fields of our Logon
    has_raw_data_length: bool = True  # 95 before 96
    # never: numbers go on for ever; logon: 141=Y at every Logon; silent: 1 without a word.
    reset: Literal["never", "logon", "silent"] = "never"
    has_resend: bool = True
    needs_encrypt_method: bool = True  # 98 stands in the venue's Logon
    header_tags: tuple[int, ...] = ()  # fields the venue puts into its header
    message_types: tuple[str, ...] = ()  # message types of its own

    # Orders out.
    order_types: dict[OrderTypeName, str]
    times_in_force: dict[TimeInForceName, str]
    market_time_in_force: str = ""  # 59 of a market order; empty = the order's own
    order_fields: FieldText = {}  # in D and G, such as {"21" = "1"}
    has_account: bool = False  # 1 in requests
    has_transact_time: bool = True  # 60 in requests
    has_side_in_cancel: bool = True  # 54 in F
    # 41 of a cancel or replace: the name in force, or the venue's order id.
    original: Literal["client_id", "venue_id"] = "client_id"
    post_only: str = ""  # word of 18
    reduce_only: str = ""  # word of 18
    display_tag: int = 0  # of the displayed quantity: 111, 210, 1138
    client_order_id: Literal["plain", "uuid4"] = "plain"
    client_order_id_length_max: int = 36
    client_order_id_reuse: ClientOrderIdReuse = "never"
    amend: Literal["replace", "none"] = "replace"
    # 530 of a mass cancel, "" when there is none; by_symbol: one request per instrument.
    mass_cancel: str = ""
    is_mass_cancel_by_symbol: bool = False

    # Reports in.
    client_id_tag: Literal[11, 41] = 11  # where a report carries the name we gave
    fill_id_tag: int = 17
    has_fills_group: bool = False  # 1362: fills within a report
    fee: Literal["commission", "misc_fees", "none"] = "commission"
    triggered_types: tuple[str, ...] = ("L",)  # 150 of a stop that fired
    error_tag: int = 0  # the venue's own code, such as 25016
    unknown_outcomes: frozenset[str] = frozenset()  # codes or words of 58 that prove nothing
    duplicate_words: tuple[str, ...] = ("duplicate",)  # of 58, in lower case
    unknown_order_words: tuple[str, ...] = ()  # of 58, in lower case, where 103 is not 5

    # Questions.
    order_status: Literal["H", "AF", ""] = "H"
    mass_status: Literal["AF", ""] = "AF"
    # last: 911 and 912 say which report is the last; silence: nothing more for a while.
    mass_status_end: Literal["last", "silence"] = "last"
    has_positions: bool = False  # AN, AP
    has_security_list: bool = False  # x, y
    lot_tag: int = 561
    market_data: Literal["same", "own", "none"] = "none"  # V, on this session or one of its own

    rate_limits: tuple[RateLimit, ...] = ()  # every message spends one of each
    acceptance_window_ms: int = 0
    not_found_proof_after_ms: int | None = None
    ended_orders_kept_ms: int | None = None


def load_dialect(name: str, folder: Path) -> Dialect:
    """One of our own by name, or a file (relative to `folder`). Raises ValueError."""
    path = _FOLDER / f"{name}.toml" if name in OWN_DIALECTS else folder / name
    try:
        dialect = msgspec.convert(tomli.loads(path.read_text(encoding="utf-8")), Dialect)
    except OSError as error:
        known = ", ".join(OWN_DIALECTS)
        raise ValueError(f"dialect: {name}: {error.strerror}; own ones are {known}") from None
    except (msgspec.ValidationError, tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"dialect: {path.name}: {error}") from None
    if fault := _fault(dialect):
        raise ValueError(f"dialect: {path.name}: {fault}")
    return dialect


def _fault(dialect: Dialect) -> str:
    """What cannot be meant."""
    if "limit" not in dialect.order_types or not dialect.times_in_force:
        return "order_types need limit, times_in_force need one"
    for name in ("logon_fields", "order_fields"):
        for tag in getattr(dialect, name):
            if not tag.isdigit() or not int(tag):
                return f"{name}: {tag!r} is no field number"
    if dialect.client_order_id == "plain" and dialect.client_order_id_length_max < 30:
        return "client_order_id_length_max: below 30 no chain of replaces fits"
    if not 0 < dialect.heartbeat_s <= 300:
        return "heartbeat_s: 1 to 300"
    return ""

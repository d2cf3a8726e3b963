"""The tables of the rules of engagement (docs/reference/fix.md), made from what the door does.

A test holds the page against them: a counterparty codes against that page.
`python tests/house/fix_tables.py docs/reference/fix.md` writes them into it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway._core.types import REFUSALS
from gateway.entry.fix_acceptor.reports import EVENT_NAMES
from gateway.entry.fix_acceptor.words import UserTag, cancel_reason, order_reason
from gateway.transport.fix_codec import FixCodec
from gateway.transport.fix_session import own_dictionary
from gateway.transport.fix_session.message import decode_own

__all__ = ["INCOMING", "with_tables"]

# What order-entry sessions may send, and what answers it.
INCOMING = {
    "D": ("NewOrderSingle", "8"),
    "E": ("NewOrderList: OCO, OUO, bracket", "8, N"),
    "F": ("OrderCancelRequest", "8, 9"),
    "G": ("OrderCancelReplaceRequest", "8, 9"),
    "H": ("OrderStatusRequest", "8"),
    "AF": ("OrderMassStatusRequest", "8"),
    "q": ("OrderMassCancelRequest", "r, 8"),
}
_VERSIONS = {42: b"FIX.4.2", 44: b"FIX.4.4", 50: b"FIXT.1.1"}
_USER_TAGS = {
    "STRATEGY": "D, E, G: book of the order; default: the first of the session",
    "LEG": "D, E: `net`, `long` or `short`; default `net`",
    "EMULATE": "D, E: `Y` = done here when the venue does not offer the type or time in force",
    "CROSS_MS": "D: ms, 1 to 30000, for which the order is kept here to be crossed; absent = not",
    "CONTINGENCY": "E before FIX 5.0, as 1385: 1 OCO, 2 bracket, 3 or 4 OUO",
}
_ORDER = {
    "order_id": "7", "client_order_id": "a", "instrument": "X", "account": "m", "side": "buy",
    "type": "limit", "time_in_force": "gtc", "quantity": "2", "price": "1", "trigger_price": None,
    "display_quantity": None, "expires_ns": None, "pending": "", "average_price": None,
}  # fmt: skip
# State, pending, executed and open quantity behind each event, as examples of the matrix.
_AFTER = {
    "order_new": ("PENDING_NEW", "", "0", "2"),
    "order_accepted": ("NEW", "", "0", "2"),
    "order_rejected": ("REJECTED", "", "0", "0"),
    "order_not_sent": ("REJECTED", "", "0", "0"),
    "order_filled": ("PARTIALLY_FILLED", "", "1", "1"),
    "cancel_requested": ("NEW", "cancel", "0", "2"),
    "order_canceled": ("CANCELED", "", "1", "0"),
    "order_expired": ("EXPIRED", "", "1", "0"),
    "replace_requested": ("NEW", "replace", "0", "2"),
    "order_replaced": ("NEW", "", "0", "2"),
    "order_triggered": ("NEW", "", "0", "2"),
    "order_unknown": ("UNKNOWN", "", "0", "2"),
    "fill_busted": ("NEW", "", "0", "2"),
    "fill_corrected": ("PARTIALLY_FILLED", "", "1", "1"),
}


def with_tables(page: str) -> str:
    """The page with every table as the code has it now."""
    tables = {
        "messages": _messages(),
        "fields": _user_fields(),
        "reports": _reports(),
        "refusals": _refusals(),
    }
    for name, table in tables.items():
        begin, end = f"<!-- table {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        page = pattern.sub(lambda _, text=f"{begin}\n{table}\n{end}": text, page)  # type: ignore[misc]
    return page


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _messages() -> str:
    rows = []
    for kind, (name, answer) in INCOMING.items():
        required = [_required(version, kind) for version in _VERSIONS.values()]
        rows.append((f"`{kind}`", name, *required, answer))
    return _table(("35", "message", "4.2 requires", "4.4 requires", "5.0 requires", "answered by"),
                  rows)  # fmt: skip


def _required(begin_string: bytes, kind: str) -> str:
    section = own_dictionary(begin_string).messages.get(kind.encode())
    return "not in this version" if section is None else " ".join(map(str, section.required))


def _user_fields() -> str:
    rows = [(f"`{getattr(UserTag, name)}`", text) for name, text in _USER_TAGS.items()]
    return _table(("field", "what it says"), rows)


def _reports() -> str:
    rows = []
    for kind, event in EVENT_NAMES.items():
        cells = [_written(version, kind) for version in (42, 44, 50)]
        rows.append((kind.replace("_", " "), f"`{event}`", *cells))
    return _table(("event", "name", "4.2: 20 150 39", "4.4: 150 39", "5.0: 150 39"), rows)


def _written(version: int, kind: str) -> str:
    codec = FixCodec(begin_string=_VERSIONS[version].decode(), sender="G", target="C")
    state, pending, executed, leaves = _AFTER[kind]
    order = _ORDER | {"state": state, "pending": pending, "cumulative_quantity": executed}
    order["leaves_quantity"] = leaves
    if kind == "order_triggered" and version < 50:
        return "not told"
    data = codec.execution_report(
        order, EVENT_NAMES[kind], sequence=1, sending_time_ns=1, execution_id="E1",
        transact_time_ns=1, last_price="1", last_quantity="1",
    )  # fmt: skip
    message = decode_own(data)
    tags = (20, 150, 39) if version == 42 else (150, 39)
    return " ".join((message.get(tag) or b"-").decode() for tag in tags)


def _refusals() -> str:
    rows = []
    for _, name, _, reason_103, reason_102, sentence in sorted(REFUSALS):
        if (reason_103, reason_102) == (99, 99):
            continue
        orders = " ".join(str(order_reason(name, version)) for version in (42, 44, 50))
        changes = " ".join(str(cancel_reason(name, version)) for version in (42, 44, 50))
        rows.append((f"`{name}`", orders, changes, sentence))
    return _table(("code in 58", "103 in 4.2, 4.4, 5.0", "102 in 4.2, 4.4, 5.0", "meaning"), rows)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_tables(file.read_text(encoding="utf-8")), encoding="utf-8")

"""Which F asked for a cancel, written down before the engine is asked: a record of a cancel has no
room for a client order id, yet what becomes of it is told by that id, over any number of restarts.

Must never hold a cancel back: with no room in the journal it goes out unmarked.
"""

from __future__ import annotations

import logging

from gateway.core.fix_store import FixJournal
from gateway.transport.fix_session import StoreError
from gateway.transport.fix_session.message import decode_own

__all__ = ["MARKS_NAME", "CancelMarks"]

log = logging.getLogger(__name__)

# A session nobody can log on to; its messages are the marks.
MARKS_NAME = "FIX.4.4:GATEWAY->JOURNAL:CANCELS"
_READ_BACK_MAX = 65_536
_CLIENT_ORDER_ID, _ORDER_ID = 11, 37


class CancelMarks:
    """One per daemon. Event-loop thread only."""

    def __init__(self, journal: FixJournal, *, now_ns: int) -> None:
        self._store = journal.open(MARKS_NAME, now_ns=now_ns)

    def note(self, order_id: int, client_order_id: str) -> None:
        """The order's next cancel is asked for by this F; "" = by none, the one before is over."""
        name = client_order_id.encode("latin-1", "replace")
        data = b"8=FIX.4.4\x0135=F\x01%d=%b\x01%d=%d\x01" % (
            _CLIENT_ORDER_ID, name, _ORDER_ID, order_id
        )  # fmt: skip
        self._store.save(self._store.next_outgoing, data)

    def keep(self) -> None:
        """What was noted is in the journal, if it has room."""
        try:
            self._store.flush()
        except StoreError as failure:
            log.warning("a cancel goes out without a mark: %s", failure)

    def newest(self) -> dict[int, str]:
        """By order; of orders whose last cancel is over, none."""
        found: dict[int, str] = {}
        last = self._store.next_outgoing - 1
        for _, data in self._store.range(max(1, last - _READ_BACK_MAX + 1), last):
            mark = decode_own(data)
            order_id = int(mark.get(_ORDER_ID) or 0)
            found.pop(order_id, None)
            if name := mark.get(_CLIENT_ORDER_ID):
                found[order_id] = name.decode("latin-1")
        return found

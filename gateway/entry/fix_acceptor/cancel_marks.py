"""Which F asked for a cancel, written down before the engine is asked: a record of a cancel has no
room for a client order id, yet what becomes of it is told by that id, over any number of restarts.

Must never hold a cancel back: with no room in the journal it goes out unmarked.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from gateway.core.fix_store import FixJournal
from gateway.transport.fix_session import StoreError
from gateway.transport.fix_session.message import decode_own

__all__ = ["MARKS_NAME", "CancelMarks"]

log = logging.getLogger(__name__)

# A session nobody can log on to; its messages are the marks.
MARKS_NAME = "FIX.4.4:GATEWAY->JOURNAL:CANCELS"
_READ_BACK_MAX = 65_536
_USED_MAX = 65_536
_CLIENT_ORDER_ID, _ORDER_ID, _PRINCIPAL = 11, 37, 109


class CancelMarks:
    """One per daemon. Event-loop thread only."""

    def __init__(self, journal: FixJournal, *, now_ns: int) -> None:
        self._store = journal.open(MARKS_NAME, now_ns=now_ns)
        self._used: OrderedDict[tuple[str, str], int] = OrderedDict()  # the order's id

    def note(self, principal: str, order_id: int, client_order_id: str) -> None:
        """The order's next cancel is asked for by this F; "" = by none, the one before is over."""
        name, owner = client_order_id.encode("latin-1", "replace"), principal.encode()
        data = b"8=FIX.4.4\x0135=F\x01%d=%b\x01%d=%d\x01%d=%b\x01" % (
            _CLIENT_ORDER_ID, name, _ORDER_ID, order_id, _PRINCIPAL, owner
        )  # fmt: skip
        self._store.save(self._store.next_outgoing, data)
        self._use(principal, client_order_id, order_id)

    def give_back(self, principal: str, client_order_id: str) -> None:
        """The F was refused: its id may name something else."""
        self._used.pop((principal, client_order_id), None)

    def is_used(self, principal: str, client_order_id: str) -> bool:
        """Whether one of the principal's newest cancels had this id."""
        return (principal, client_order_id) in self._used

    def order_of(self, principal: str, client_order_id: str) -> int:
        """Which order the newest cancel of this id was about, 0 = there is none."""
        return self._used.get((principal, client_order_id), 0)

    def _use(self, principal: str, client_order_id: str, order_id: int) -> None:
        if client_order_id:
            self._used[principal, client_order_id] = order_id
        if len(self._used) > _USED_MAX:
            self._used.popitem(last=False)

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
            if name := (mark.get(_CLIENT_ORDER_ID) or b"").decode("latin-1"):
                found[order_id] = name
                self._use((mark.get(_PRINCIPAL) or b"").decode(), name, order_id)
        return found

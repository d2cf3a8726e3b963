"""Reading events of venues by a table. One thread. Outcomes, words and numbers are those of the
table; gateway.transport.venue_events is the door."""

from collections.abc import Sequence

_Place = tuple[
    Sequence[str], str, str, bool, bool, bool, tuple[tuple[str, str], ...], Sequence[str]
]

class Fact:
    """One fact as a venue told it, before the ids and scales of the engine. A reader's own is
    overwritten by its next event."""

    kind: str
    side: int
    leg: int
    liquidity: int
    order_id: int
    venue_time_ns: int
    venue_sequence: int
    account: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    venue_order_key: tuple[str, int]  # symbol and the same as a number, 0 when it is none
    trade_id: str
    price: str
    quantity: str
    cumulative_quantity: str
    fee: str
    fee_currency: str
    reason: str
    @staticmethod
    def unpack(data: bytes) -> Fact:
        """Raises ValueError for bytes that pack() did not make."""
    def pack(self) -> bytes: ...
    def address(self, client_order_id: str, order_id: int) -> None:
        """Whose order it is, as the adapter knows. Raises ValueError for a name that is too
        long."""

class EventReader:
    fact: Fact
    fault: str
    events_read: int
    def __init__(
        self,
        account: str,
        places: Sequence[_Place],
        outcomes: Sequence[tuple[str, str, str, str]],
        is_fee_negated: bool,
        is_sequence_the_trade: bool,
    ) -> None:
        """Raises ValueError for a table that contradicts itself."""
    def read(self, data: bytes) -> int:
        """1 + the place of the outcome, and `fact` holds it; 0 = read it in the ordinary way,
        `fault` says why."""
    def faults(self) -> dict[str, int]: ...

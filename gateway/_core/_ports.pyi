"""Ports of the native engine: how doors and adapters speak with it. A stub alone, no module: at run
time all of it stands in gateway._core.engine. What holds for every call is said in engine.pyi."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway._core.event import Fact

class Notice(NamedTuple):
    """One event for a client port. `kind` is a RecordKind; kOrderRefused carries the refusal."""

    sequence: int  # of the journal record; 0 for a refusal that is only counted
    request: int  # what submit/cancel/replace returned; 0 for events nobody on this port asked for
    order_id: int
    kind: int
    refusal: int
    level: int  # Level that refused, -1 = none
    limit: int  # explained refusal: mantissas in the rule's own unit (refusals.md)
    current: int
    would_be: int
    working: int

class Outbound(NamedTuple):
    """One thing to send. kind: 30 new, 32 cancel, 33 replace (RecordKind). Decimal text."""

    kind: int
    order_id: int
    epoch: int
    account: int
    instrument: int
    strategy: int
    side: int
    type: int
    time_in_force: int
    flags: int
    leg: int
    price: str  # "" = none
    quantity: str
    trigger_price: str
    display_quantity: str
    expires_ns: int
    venue_order_id: str

class OrderTemplate:
    """An order prepared once; made by ClientPort.compile_template."""

    @property
    def holes(self) -> int:
        """1 quantity, 2 price, 4 trigger price, 8 display quantity, 16 expiry."""
    @property
    def instrument(self) -> int: ...

class ClientPort:
    """Commands in, notices out. One per door."""

    number: int
    def submit(
        self,
        principal: int,
        client_id: str,
        instrument: int,
        account: int,
        strategy: int,
        side: int,
        type: int,
        time_in_force: int,
        quantity: str,
        price: str = "",
        trigger_price: str = "",
        display_quantity: str = "",
        expires_ns: int = 0,
        leg: int = 0,
        flags: int = 0,
    ) -> int:
        """Queue a new order; returns the request number, or 0 when the lane is full. Number text
        is checked here: raises ValueError("CODE field") for BAD_NUMBER, PRECISION, OVERFLOW,
        RANGE, BAD_CLIENT_ID, UNKNOWN_INSTRUMENT."""
    def compile_template(
        self,
        principal: int,
        instrument: int,
        account: int,
        strategy: int,
        side: int,
        type: int,
        time_in_force: int,
        holes: int,
        quantity: str = "",
        price: str = "",
        trigger_price: str = "",
        display_quantity: str = "",
        expires_ns: int = 0,
        leg: int = 0,
        flags: int = 0,
    ) -> OrderTemplate:
        """Prepare an order of which the numbers in `holes` are left open (and left out here).
        Raises ValueError("CODE template") for what no value of a hole could mend."""
    def submit_template(
        self,
        template: OrderTemplate,
        client_number: int,
        quantity: int = 0,
        price: int = 0,
        trigger_price: int = 0,
        display_quantity: int = 0,
        expires_ns: int = 0,
    ) -> int:
        """Queue an order; whole numbers in the instrument's scales, exactly the holes. Returns the
        request number, 0 when the lane is full. Raises ValueError("CODE hole") before anything is
        queued, TypeError for what is no number."""
    def submit_linked(self, principal: int, kind: int, orders: Sequence[tuple[Any, ...]]) -> int:
        """Queue 2 to 8 orders as one group; each tuple is submit()'s arguments behind `principal`,
        all fourteen of them. Returns the request number of the first, the others count on from
        it; 0 when the lane is full. Raises as submit(), and "BAD_LINK orders"."""
    def cancel(self, principal: int, order_id: int, reason: int = 0) -> int: ...
    def replace(
        self,
        principal: int,
        order_id: int,
        client_id: str = "",
        quantity: str = "",
        price: str = "",
    ) -> int:
        """Empty quantity or price = unchanged."""
    def mass_cancel(
        self,
        principal: int,
        account: int = 0,
        strategy: int = 0,
        instrument: int = 0,
        venue: int = 0,
        origin_port: int = 0,
        reason: int = 1,
    ) -> int:
        """Cancel every open order that matches all given ids (0 = any) and the principal may
        cancel. The kStopped-free answer is one notice with kind 32 per order, then one with
        order_id 0 and `current` = number of cancels sent."""
    def notices(self, limit: int = 1024) -> list[Notice]: ...
    def submit_batch(
        self, principal: int, orders: NDArray[Any], codes: NDArray[np.uint16]
    ) -> tuple[int, int]:
        """Rows and codes of gateway.core.batch. (first request, rows queued); the queued rows have
        consecutive requests in their order. Raises ValueError for rows of another size."""
    def take_notices(self, rows: NDArray[Any]) -> int:
        """As notices(), into rows of gateway.core.batch; returns how many."""
    @property
    def overruns(self) -> int:
        """Notices lost because nobody read; re-read from the journal."""
    def wake_fd(self) -> int:
        """An eventfd that becomes readable when notices wait (pinned drive)."""

class FactDoor:
    """Where facts of event readers enter a venue port, in the engine's own numbers. Event-loop
    thread."""

    def __init__(
        self, port: VenuePort, instance: int, marker: str, alphabet: str, head: int, tail: int
    ) -> None: ...
    def take(self, fact: Fact) -> int:
        """The order that a fill was put on the port for, below zero that of any other fact. 0 =
        nothing was done: a name it has not
        learned, an account that is not open, a number that does not fit, a full lane, an order
        that is not ours."""
    def learn_account(self, name: str, id: int) -> None: ...
    def learn_instrument(self, symbol: str, id: int) -> None: ...
    def learn_currency(self, code: str, id: int) -> None: ...
    def forget_instruments(self) -> None: ...
    def open(self, account: str) -> None:
        """Fills of the account are taken from now on."""
    def close(self) -> None:
        """Of every account: older fills may be missing."""

class VenuePort:
    """The engine's side of one venue: outbound work, inbound facts. Facts are never refused for
    space; False = the fact lane is full right now, call again after the engine has turned."""

    venue: int
    def take(self, limit: int = 256) -> list[Outbound]:
        """Work to send now. Entries of an older epoch are dropped by the engine beforehand."""
    def wake_fd(self) -> int: ...
    def accepted(
        self,
        order_id: int,
        venue_order_id: str,
        is_untriggered: bool,
        venue_time_ns: int,
        venue_sequence: int,
        evidence: int = 1,
    ) -> bool: ...
    def rejected(
        self, order_id: int, reason: int, text: str, venue_time_ns: int, evidence: int = 1
    ) -> bool: ...
    def not_sent(self, order_id: int, reason: int, text: str, evidence: int = 5) -> bool: ...
    def unknown(self, order_id: int, reason: int, text: str) -> bool: ...
    def triggered(self, order_id: int, venue_time_ns: int) -> bool: ...
    def canceled(
        self,
        order_id: int,
        reason: int,
        text: str,
        cumulative_quantity: str,
        venue_time_ns: int,
        venue_sequence: int,
        evidence: int = 1,
        venue_order_id: str = "",
    ) -> bool:
        """`cumulative_quantity` "" = not told. Text in the instrument's scale."""
    def expired(
        self,
        order_id: int,
        reason: int,
        text: str,
        cumulative_quantity: str,
        venue_time_ns: int,
        venue_sequence: int,
        evidence: int = 1,
        venue_order_id: str = "",
    ) -> bool: ...
    def replaced(
        self,
        order_id: int,
        price: str,
        quantity: str,
        venue_order_id: str,
        venue_time_ns: int,
        venue_sequence: int,
        evidence: int = 1,
    ) -> bool: ...
    def cancel_rejected(self, order_id: int, reason: int, text: str) -> bool: ...
    def replace_rejected(self, order_id: int, reason: int, text: str) -> bool: ...
    def filled(
        self,
        order_id: int,
        account: int,
        instrument: int,
        side: int,
        leg: int,
        price: str,
        quantity: str,
        value: str,
        fee: str,
        fee_currency: int,
        liquidity: int,
        trade_id: str,
        venue_order_id: str,
        venue_time_ns: int,
        venue_sequence: int,
    ) -> bool:
        """order_id 0 = external. value "" = compute from price."""
    def fill_revised(
        self,
        order_id: int,
        account: int,
        instrument: int,
        side: int,
        leg: int,
        price: str,
        quantity: str,
        value: str,
        fee: str,
        fee_currency: int,
        liquidity: int,
        trade_id: str,
        venue_order_id: str,
        venue_time_ns: int,
        revision: int,
    ) -> bool:
        """quantity "0" = bust, else correction."""
    def adopt(
        self,
        account: int,
        instrument: int,
        strategy: int,
        side: int,
        type: int,
        time_in_force: int,
        flags: int,
        leg: int,
        price: str,
        quantity: str,
        cumulative_quantity: str,
        venue_order_id: str,
        venue_client_id: str,
    ) -> bool:
        """Take in an order found at the venue that the journal does not hold."""
    def marked(self, instrument: int, mark: str, bid: str, ask: str, last: str) -> bool:
        """Reference prices, "" = absent. Volatile."""
    def session(self, state: int, text: str) -> bool:
        """0 down, 1 gap open, 2 reconciled."""
    def funding(
        self,
        account: int,
        instrument: int,
        leg: int,
        currency: int,
        amount: str,
        rate: str,
        reference: str,
        venue_time_ns: int,
    ) -> bool: ...
    def balance(
        self,
        account: int,
        currency: int,
        amount: str,
        reason: int,
        reference: str,
        venue_time_ns: int = 0,
    ) -> bool: ...
    def collateral(
        self,
        account: int,
        instrument: int,
        leg: int,
        amount: str,
        venue_time_ns: int,
        evidence: int,
        venue_margin_mode: int = 0,
    ) -> bool:
        """Margin mode of a position (0 = the venue does not say) and what lies in an isolated one,
        settlement currency; "0" = nothing. ValueError: no number, below zero, or more than nothing
        in a cross position."""

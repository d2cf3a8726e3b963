"""FIX framing and the codec of hot messages. Its Python door is gateway.transport. What is checked
where: docs/concepts/fix_codec.md."""

from typing import Any, Literal

class FixFrame:
    """One whole message, or bytes that were dropped. It has bytes of its own."""

    @property
    def data(self) -> bytes:
        """From 8= to the last SOH; with a fault what was dropped, cut to 256 bytes."""
    @property
    def fault(self) -> str:
        """Empty for a good message; else junk, header_order, body_length, too_long,
        checksum, trailer_order, bad_tag or too_many_fields: garbled, to be ignored."""
    @property
    def begin_string(self) -> str: ...
    @property
    def message_type(self) -> str:
        """As on the wire, also empty; "" when a fault came before it."""
    @property
    def byte_count(self) -> int:
        """Of the message or of everything that was dropped."""
    @property
    def length_fault(self) -> int:
        """First length field (95, 212, ...) whose data field has another length; 0 = none. That
        data was read up to its first SOH."""
    def fields(self) -> list[tuple[int, bytes]]:
        """Every field in the order of the wire, 8 and 10 included; empty for a fault. A tag may be
        0 or negative and a value empty: the session layer answers those."""

class FixFramer:
    """Bytes of one connection in, messages out. Feed, then call `next` until it gives None."""

    def __init__(self, *, message_bytes_max: int = 65536, fields_max: int = 2048) -> None: ...
    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Raises BufferError, and takes nothing, when more than message_bytes_max and 1 MiB would
        wait: somebody does not call `next`."""
    def next(self) -> FixFrame | None: ...
    @property
    def buffered(self) -> int:
        """Bytes fed and neither delivered nor dropped."""
    @property
    def capacity(self) -> int:
        """Bytes of memory held."""
    @property
    def work(self) -> int:
        """Bytes looked at or moved since the start: linear in the bytes fed."""

class FixRequest:
    """A D, F, G, H or q as typed values. Texts are "" and numbers None when the field is absent,
    times and counts 0. Numbers are canonical decimal text."""

    @property
    def data(self) -> bytes: ...
    @property
    def message_type(self) -> Literal["D", "F", "G", "H", "q"]: ...
    @property
    def sequence(self) -> int: ...
    @property
    def is_possible_duplicate(self) -> bool: ...
    @property
    def is_possible_resend(self) -> bool: ...
    @property
    def sender(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def sender_sub(self) -> str: ...
    @property
    def target_sub(self) -> str: ...
    @property
    def on_behalf_of(self) -> str: ...
    @property
    def deliver_to(self) -> str: ...
    @property
    def sending_time_ns(self) -> int: ...
    @property
    def original_sending_time_ns(self) -> int: ...
    @property
    def transact_time_ns(self) -> int: ...
    @property
    def client_order_id(self) -> str: ...
    @property
    def original_client_order_id(self) -> str: ...
    @property
    def order_id(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def security_id(self) -> str: ...
    @property
    def security_id_source(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def exchange(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def status_request_id(self) -> str: ...
    @property
    def side(self) -> str:
        """buy, sell or "" (absent, or a side this gateway does not do: see fault)."""
    @property
    def type(self) -> str:
        """market, limit, stop, stop_limit or ""."""
    @property
    def time_in_force(self) -> str:
        """day (also when absent), gtc, ioc, fok, gtd or ""."""
    @property
    def quantity(self) -> str | None: ...
    @property
    def price(self) -> str | None: ...
    @property
    def trigger_price(self) -> str | None: ...
    @property
    def display_quantity(self) -> str | None: ...
    @property
    def expires_ns(self) -> int:
        """126."""
    @property
    def expire_date(self) -> int:
        """432 as the number YYYYMMDD."""
    @property
    def position_effect(self) -> str: ...
    @property
    def mass_cancel_type(self) -> str: ...
    @property
    def is_post_only(self) -> bool:
        """18=6."""
    @property
    def is_reduce_only(self) -> bool:
        """18=E."""
    @property
    def has_groups(self) -> bool:
        """Repeating groups are there."""
    @property
    def needs_dictionary(self) -> bool:
        """Groups, or a tag (fault 373=2) that only a whole dictionary can judge: it has the last
        word. What it lets pass is unsupported (103=11) here, for nobody knows its meaning."""
    @property
    def fault(self) -> Literal["", "session", "business", "unsupported"]:
        """Who answers: a Reject, a BusinessMessageReject, or a refused order."""
    @property
    def fault_reason(self) -> int:
        """373, 380 or 103."""
    @property
    def fault_tag(self) -> int:
        """371."""
    @property
    def fault_text(self) -> str: ...
    def mantissa(self, tag: int, scale: int) -> int:
        """A number at an instrument's scale; 111 stands for 1138 too. Raises
        ValueError("PRECISION"|"OVERFLOW"|"MISSING_FIELD")."""

def decode_request(data: bytes, *, allows_user_fields: bool = True) -> FixRequest | None:
    """`data` of a frame without fault. None: not one of the hot messages of this version."""

def order_status(order: dict[str, Any]) -> str:
    """39 of an order row."""

EventName = Literal[
    "pending_new",
    "new",
    "rejected",
    "fill",
    "pending_cancel",
    "canceled",
    "pending_replace",
    "replaced",
    "expired",
    "done_for_day",
    "bust",
    "correct",
    "status",
    "restated",
    "triggered",
    "suspended",
]

class FixCodec:
    """Writes the hot messages of one session, whole and ready to be stored and sent. Empty values
    are not written. Raises ValueError for a value with SOH, for more than 16 KiB, and for a message
    that this version of FIX does not have."""

    def __init__(
        self,
        *,
        begin_string: str,
        sender: str,
        target: str,
        sender_sub: str = "",
        target_sub: str = "",
        application_version: str = "",
        precision: int = 3,
    ) -> None:
        """precision: digits of a second in every time: 0, 3, 6 or 9."""
    def execution_report(
        self,
        order: dict[str, Any],
        event: EventName,
        *,
        sequence: int,
        sending_time_ns: int,
        execution_id: str,
        transact_time_ns: int,
        client_order_id: str = "",
        original_client_order_id: str = "",
        symbol: str = "",
        last_price: str = "",
        last_quantity: str = "",
        text: str = "",
        reject_reason: int = -1,
        restatement_reason: int = -1,
        execution_reference: str = "",
        liquidity: str = "",
        last_capacity: str = "",
        last_market: str = "",
        status_request_id: str = "",
        mass_status_id: str = "",
        total_reports: int = 0,
        is_last_report: bool = False,
        is_possible_resend: bool = False,
        last_processed: int = 0,
        on_behalf_of: str = "",
        deliver_to: str = "",
    ) -> bytes:
        """`order` is a row as every door has it, after the event; 150, 39 and 20 follow from event,
        row and version. client_order_id and symbol replace the row's own when they are given. A
        refused order without a row: a dict of what is known, with the state REFUSED."""
    def cancel_reject(
        self,
        *,
        sequence: int,
        sending_time_ns: int,
        order_id: str,
        client_order_id: str,
        original_client_order_id: str,
        status: str,
        response_to: Literal["cancel", "replace"],
        reason: int = -1,
        text: str = "",
        transact_time_ns: int = 0,
        account: str = "",
        last_processed: int = 0,
        on_behalf_of: str = "",
        deliver_to: str = "",
    ) -> bytes: ...
    def mass_cancel_report(
        self,
        *,
        sequence: int,
        sending_time_ns: int,
        order_id: str,
        client_order_id: str,
        request_type: str,
        response: str,
        reject_reason: int = -1,
        total_affected: int = 0,
        text: str = "",
        transact_time_ns: int = 0,
        account: str = "",
        symbol: str = "",
        side: str = "",
        report_id: str = "",
        last_processed: int = 0,
        on_behalf_of: str = "",
        deliver_to: str = "",
    ) -> bytes:
        """Not before 4.3."""
    def session_reject(
        self,
        *,
        sequence: int,
        sending_time_ns: int,
        reference_sequence: int,
        reference_tag: int | None = None,
        reference_type: str = "",
        reason: int = -1,
        text: str = "",
        last_processed: int = 0,
        on_behalf_of: str = "",
        deliver_to: str = "",
    ) -> bytes:
        """What the version does not have is left out: 371 to 373 before 4.2, reasons above 11 in
        4.2."""
    def business_reject(
        self,
        *,
        sequence: int,
        sending_time_ns: int,
        reference_sequence: int,
        reference_type: str,
        reason: int,
        reference_id: str = "",
        text: str = "",
        last_processed: int = 0,
        on_behalf_of: str = "",
        deliver_to: str = "",
    ) -> bytes:
        """Not before 4.2."""

def encode_message(fields: list[tuple[int, bytes]]) -> bytes:
    """8, 9, 35, the other fields as they come, 10: the bytes that simplefix writes. 9 and 10 are
    made here, given ones left out. The values are not looked at."""

class FixScreenTable:
    """The flat part of a dictionary, for any number of screens."""

    def __init__(
        self,
        fields: list[tuple[int, int, list[str]]],
        messages: list[tuple[str, list[tuple[int, int, bool]]]],
    ) -> None:
        """fields: (tag, form, values); form: 0 text, 1 integer, 2 count, 3 decimal, 4 character,
        5 flag, 6 time, 7 anything else, never certain; no values = any. messages: (type, members)
        with (tag, part, is_required); part: 1 header, 2 body, 3 trailer. Raises ValueError."""

class FixScreen:
    """What is certainly good of what one peer sends."""

    def __init__(
        self,
        table: FixScreenTable,
        *,
        begin_string: str,
        sender: str,
        target: str,
        time_difference_ns_max: int,
    ) -> None:
        """sender and target as the peer writes 49 and 56; 0 ns = its time is not looked at."""
    def check(self, frame: FixFrame, now_ns: int) -> int:
        """MsgSeqNum of a message that is well formed by the table, from that peer, of now and no
        possible duplicate; 0 = not certain, the message may be good all the same."""

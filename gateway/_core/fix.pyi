"""FIX framing and the codec of hot messages. Its Python door is gateway.transport. What is checked
where: docs/concepts/fix_codec.md."""

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

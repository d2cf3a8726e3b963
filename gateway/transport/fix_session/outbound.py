"""Builds, numbers, stores and queues what a session sends, and answers ResendRequests.

Nothing leaves that is not stored: `take` hands bytes out only after the store was flushed. New
messages wait behind a resend that is under way, so a peer sees its gap closed in order. A number
is used only for a message that the store and the peer can take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from gateway.transport.fix_session.groups import ordered
from gateway.transport.fix_session.message import Field, FixMessage, decode_own, encode
from gateway.transport.fix_session.settings import SessionSettings
from gateway.transport.fix_session.store import SessionStore
from gateway.transport.fix_session.tags import (
    ADMIN_TYPES,
    HEADER_TAGS,
    TRAILER_TAGS,
    MessageType,
    Tag,
)
from gateway.transport.fix_session.timestamps import format_time

__all__ = ["Body", "Outbound"]

# Written by the session alone, whatever the application hands over.
_SESSION_TAGS = frozenset((8, 9, 10, 34, 35, 43, 49, 52, 56, 122, 369))
_TAKEN_BYTES = 256 * 1024  # a take ends with the message that passes it
_MESSAGE_BYTES_MAX = 65_536  # as LineLimits, and less than the journal takes
_RESENDS_MAX = 16
_PAGE_END = b""  # of a resend, in place of a message
# The fields of a message, or a call that builds it whole for its number.
Body = Sequence[Field] | Callable[[int], bytes]
_Complete = Callable[[dict[int, bytes], list[Field]], list[Field]]


class Outbound:
    """One session's way out."""

    def __init__(self, settings: SessionSettings, store: SessionStore) -> None:
        identity = settings.identity
        self._settings, self._store = settings, store
        self._begin_string = identity.begin_string.encode()
        self._sender = identity.sender_comp_id.encode()
        self._target = identity.target_comp_id.encode()
        self._ready: deque[bytes] = deque()
        self._held: deque[bytes] = deque()  # behind the resends
        self._resends: deque[Iterator[bytes]] = deque()
        self.last_sent_ns = 0
        self.processed: int | None = None  # number under work, for 369
        self.queued_bytes = 0
        self.sent = self.resent = 0

    def send(
        self,
        message_type: bytes,
        fields: Body,
        now_ns: int,
        *,
        complete: _Complete | None = None,
        is_line_up: bool = True,
    ) -> int:
        """Number, store and queue one message; returns its number. `complete` sees the header
        before the body is final. With the line down it is kept, for good when this returns, for
        a later resend. ValueError: too long, and no number was used."""
        number = self._store.next_outgoing
        if callable(fields):
            data = fields(number)
        else:
            data = self._built(message_type, fields, number, now_ns, complete)
        if len(data) > _MESSAGE_BYTES_MAX:
            raise ValueError(f"a message of {len(data)} bytes, at most {_MESSAGE_BYTES_MAX}")
        self._store.save(number, data)
        if is_line_up:
            self._queue(data)
            self.last_sent_ns = now_ns
        else:
            self._store.flush()  # No `take` will do it.
        self.sent += 1
        return number

    def _built(
        self,
        message_type: bytes,
        fields: Sequence[Field],
        number: int,
        now_ns: int,
        complete: _Complete | None,
    ) -> bytes:
        header = self._header(message_type, number, now_ns)
        extra = [(t, v) for t, v in fields if t in HEADER_TAGS and t not in _SESSION_TAGS]
        body = [(t, v) for t, v in fields if t not in HEADER_TAGS and t not in TRAILER_TAGS]
        if complete is not None:
            body = complete(header, body)
        section = self._settings.dictionary_in_force.messages.get(message_type)
        return self._encode([*header.items(), *extra], ordered(body, section))

    def resend(
        self, first: int, last: int, now_ns: int, may_resend: Callable[[FixMessage], bool]
    ) -> bool:
        """Queue the numbers again, application messages as they were, all else as gap fills.
        False: too many such answers are under way."""
        if len(self._resends) >= _RESENDS_MAX:
            return False
        self.last_sent_ns = now_ns
        if self._held:  # Before they are said again: behind that they would be too low.
            self._resends.append(self._released(self._held))
            self._held = deque()
        self._resends.append(self._resent(first, last, now_ns, may_resend))
        return True

    def take(self) -> list[bytes]:
        """What may be written now, in order; call again while there is more. A page of a resend
        ends it, with or without a message: the others have their turn. StoreBehind: nothing is
        taken, and it may be tried again."""
        self._store.flush()
        taken: list[bytes] = []
        size = 0
        while size < _TAKEN_BYTES and (data := self._next()):
            taken.append(data)
            size += len(data)
        return taken

    @property
    def has_more(self) -> bool:
        """Whether `take` would give something."""
        return bool(self._ready or self._held or self._resends)

    def clear(self) -> None:
        """The line is gone; what is stored stays stored."""
        self._ready.clear()
        self._held.clear()
        self._resends.clear()
        self.processed = None
        self.queued_bytes = 0

    def reset(self) -> None:
        """The numbers begin anew: what a resend would say or holds back belongs to none of them.
        A Logout is said nevertheless."""
        self._resends.clear()
        self._ready.extend(each for each in self._held if each.split(b"\x01", 3)[2] == b"35=5")
        self._held.clear()
        self.processed = None
        self.queued_bytes = sum(len(each) for each in self._ready)

    def _queue(self, data: bytes) -> None:
        (self._held if self._resends or self._held else self._ready).append(data)
        self.queued_bytes += len(data)

    def _released(self, held: deque[bytes]) -> Iterator[bytes]:
        while held:
            self.queued_bytes -= len(held[0])
            yield held.popleft()

    def _next(self) -> bytes | None:
        """Queued before the resends, the resends, held behind them. Empty: a resend goes on with
        its next page, later."""
        if not self._ready:
            while self._resends:
                data = next(self._resends[0], None)
                if data is not None:
                    return data
                self._resends.popleft()
        queue = self._ready or self._held
        if not queue:
            return None
        self.queued_bytes -= len(queue[0])
        return queue.popleft()

    def _header(self, message_type: bytes, number: int, now_ns: int) -> dict[int, bytes]:
        header = {
            Tag.BEGIN_STRING: self._begin_string,
            Tag.MSG_TYPE: message_type,
            Tag.MSG_SEQ_NUM: b"%d" % number,
            Tag.SENDER_COMP_ID: self._sender,
            Tag.SENDING_TIME: format_time(now_ns, self._settings.digits),
            Tag.TARGET_COMP_ID: self._target,
        }
        if self._settings.has_last_processed:
            header[Tag.LAST_MSG_SEQ_NUM_PROCESSED] = b"%d" % self._last_processed()
        return header

    def _last_processed(self) -> int:
        processed = self.processed
        return self._store.next_expected - 1 if processed is None else processed

    def _encode(self, header: Sequence[Field], body: Sequence[Field]) -> bytes:
        """8, 9 and 35 first, the other header fields ascending, the body as it comes."""
        return encode([*sorted(header), *body])

    def _resent(
        self, first: int, last: int, now_ns: int, may_resend: Callable[[FixMessage], bool]
    ) -> Iterator[bytes]:
        start = first
        for place, page in enumerate(self._store.pages(first, last)):
            if place:
                yield _PAGE_END
            for number, data in page:
                message = decode_own(data)
                if message.message_type in ADMIN_TYPES or not may_resend(message):
                    continue
                if number > start:
                    yield self._gap_fill(start, number, now_ns)
                yield self._again(message, now_ns)
                start = number + 1
        if start <= last:
            yield self._gap_fill(start, last + 1, now_ns)

    def _again(self, message: FixMessage, now_ns: int) -> bytes:
        self.resent += 1
        fresh = self._header(message.message_type, message.number or 0, now_ns)
        fresh[Tag.POSS_DUP_FLAG] = b"Y"
        fresh[Tag.ORIG_SENDING_TIME] = message.get(Tag.SENDING_TIME) or b""
        kept = [each for each in message.fields if each[0] not in _SESSION_TAGS]
        header = [each for each in kept if each[0] in HEADER_TAGS]
        body = [each for each in kept if each[0] not in HEADER_TAGS]
        return self._encode([*fresh.items(), *header], body)

    def _gap_fill(self, number: int, new_number: int, now_ns: int) -> bytes:
        header = self._header(MessageType.SEQUENCE_RESET, number, now_ns)
        header[Tag.POSS_DUP_FLAG] = b"Y"
        header[Tag.ORIG_SENDING_TIME] = header[Tag.SENDING_TIME]
        body = [(Tag.NEW_SEQ_NO, b"%d" % new_number), (Tag.GAP_FILL_FLAG, b"Y")]
        return self._encode(list(header.items()), body)

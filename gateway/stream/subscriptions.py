"""What one stream client asked for, and the messages that bring it up to date. A subscription holds
no queue: it remembers the sequence it sent and asks the channel what changed since."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway.journal import Row
from gateway.stream.authority import EVERYTHING, Authority
from gateway.stream.channel import Change, Channel
from gateway.stream.channels import CHANNELS, ChannelName
from gateway.stream.shared_messages import ENCODERS, Encoding, Entry, SharedMessages

__all__ = ["Filter", "Request", "StreamFault", "Subscription"]

ROWS_PER_MESSAGE = 1000
PATTERN_CHARACTERS_MAX = 64
WILDCARDS_MAX = 4  # bounds the work of one match
encode = msgspec.json.Encoder().encode


class StreamFault(Exception):
    """A request the stream cannot serve; `error` is what the client is told."""

    def __init__(self, code: str, field: str, value: object, rule: str, hint: str = "") -> None:
        super().__init__(rule)
        self.error = {
            "code": code,
            "field": field,
            "value": str(value)[:64],
            "rule": rule,
            "hint": hint,
        }


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """One message of a client."""

    op: Literal["subscribe", "unsubscribe", "ping"]
    channel: ChannelName | None = None
    filter: dict[str, str] = {}
    resume: int | None = None  # the last sequence the client holds
    stream: str | None = None  # the stream that sequence belongs to, as the snapshot named it
    encoding: Encoding = "json"


class Filter:
    """Patterns with `*` over the names in a row, and what the client may see. All must match; an
    empty filter takes all that may be seen."""

    def __init__(
        self, channel: ChannelName, patterns: Mapping[str, str], authority: Authority = EVERYTHING
    ) -> None:
        self._channel = channel
        self._authority = authority
        allowed = CHANNELS[self._channel].filters
        for name, pattern in patterns.items():
            _check_pattern(channel, allowed, name, pattern)
        self._patterns = tuple(
            (name, re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL))
            for name, pattern in patterns.items()
            if pattern != "*"
        )
        # Equal filters have equal text.
        self.text = encode(sorted(patterns.items())).decode() + authority.text

    def takes(self, row: Row) -> bool:
        return self._authority.sees(self._channel, row) and all(
            pattern.fullmatch(str(row.get(name, ""))) is not None
            for name, pattern in self._patterns
        )


def _check_pattern(channel: str, allowed: frozenset[str], name: str, pattern: str) -> None:
    field = f"filter.{name}"
    if name not in allowed:
        rule = f"{channel} can be filtered by {', '.join(sorted(allowed))}"
        raise StreamFault("UNKNOWN_FILTER", field, name, rule)
    if len(pattern) > PATTERN_CHARACTERS_MAX or pattern.count("*") > WILDCARDS_MAX:
        rule = f"at most {PATTERN_CHARACTERS_MAX} characters and {WILDCARDS_MAX} `*`"
        raise StreamFault("BAD_FILTER", field, pattern, rule)


class Subscription:
    """One channel as one client sees it."""

    def __init__(
        self,
        channel: Channel,
        selection: Filter,
        stream: str,
        resume: int | None = None,
        resumed_stream: str | None = None,
        *,
        encoding: Encoding = "json",
        shared: SharedMessages | None = None,
    ) -> None:
        """`stream` prefixes the generation in the snapshots' `stream` field. `shared` holds what
        was encoded for others who ask the same; every stream has one of its own."""
        self.channel = channel
        self.filter = selection
        self.encoding: Encoding = encoding
        self.conflated = 0  # changes this client did not see one by one
        self.snapshots = 0  # that were made for it
        self._encode = ENCODERS[encoding]
        self._shared = SharedMessages() if shared is None else shared
        self.is_resume_refused = False
        self._stream = stream
        self._revision: int | None = None  # None until the first snapshot or delta
        self._resume_at: int | None = None
        self._generation = channel.generation
        self._changes_total = channel.changes_total
        if resume is not None:
            self._resume(resume, resumed_stream)

    def _resume(self, sequence: int, stream: str | None) -> None:
        # A sequence alone may be of another run, of which this one does not know what was told.
        if stream == self.stream_name and self.channel.since(sequence) is not None:
            self._resume_at = sequence
        else:
            self.is_resume_refused = True

    @property
    def stream_name(self) -> str:
        return f"{self._stream}.{self.channel.generation}"

    @property
    def is_behind(self) -> bool:
        channel = self.channel
        if self._resume_at is not None:
            return True  # answered also when nothing was missed
        return self._revision != channel.revision or self._generation != channel.generation

    def messages(self) -> Iterator[bytes]:
        """Bring the client up to date, in messages of bounded size. The state is the one at the
        first call; read the iterator to its end before the next call."""
        channel = self.channel
        stands = (self._generation, self._revision, self._resume_at, self.is_resume_refused)
        place = (*stands, channel.generation, channel.revision)
        key = (channel.name, self.filter.text, self.encoding, *place)
        entry = self._shared.find(key)
        if entry is None:
            yield from self._make(key)
            return
        self._advance(entry.changes)
        if entry.message is not None:
            yield entry.message

    def _make(self, key: Hashable) -> Iterator[bytes]:
        """The messages, and the only one of them for whoever comes to the same place."""
        reason = self._reason()
        changes = None if reason else self._missed()
        if changes is None:
            count, parts, removed = None, *self._snapshot_rows()
            first = self._first(reason or "too_far_behind")
        else:
            count, (parts, removed) = len(changes), self._delta_rows(changes)
            first = {"type": "delta"}
        is_owed = self._resume_at is not None
        sequence = self._advance(count)
        if count is not None and not is_owed and not removed and not parts[0]:
            self._shared.keep(key, Entry(None, count))
            return
        for message in self._encoded(first, parts, removed, sequence):
            if len(parts) == 1:
                self._shared.keep(key, Entry(message, count))
            yield message

    def _reason(self) -> str:
        """Why only a snapshot helps; "" = the changes are enough, as far as they are known."""
        if self._revision is None and self._resume_at is None:
            return "resume_too_old" if self.is_resume_refused else "subscribed"
        return "journal_reopened" if self._generation != self.channel.generation else ""

    def _missed(self) -> list[Change] | None:
        if self._resume_at is not None:
            return self.channel.since(self._resume_at)
        return None if self._revision is None else self.channel.after(self._revision)

    def _advance(self, changes: int | None) -> int:
        """The client is where the channel is, by so many changes; None = by a snapshot."""
        channel = self.channel
        if changes is None:
            self.snapshots += 1
        else:
            # A resumed client may see more keys than changed since it connected, hence max().
            published = channel.changes_total - self._changes_total
            self.conflated += max(0, published - changes)
        self.is_resume_refused = False
        self._resume_at, self._revision = None, channel.revision
        self._generation, self._changes_total = channel.generation, channel.changes_total
        return channel.sequence

    def _first(self, reason: str) -> dict[str, Any]:
        waiting = {"waiting": self.channel.waiting} if self.channel.waiting else {}
        is_fresh = reason != "subscribed"
        told = {"stream": self.stream_name, "reason": reason, "is_fresh": is_fresh}
        return {"type": "snapshot", **told, **waiting}

    def _snapshot_rows(self) -> tuple[list[list[Row]], list[str]]:
        return _parts([row for row in self.channel.rows.values() if self.filter.takes(row)]), []

    def _delta_rows(self, changes: Sequence[Change]) -> tuple[list[list[Row]], list[str]]:
        taken = [change for change in changes if self.filter.takes(change.row)]
        removed = [change.key for change in taken if change.is_removed]
        return _parts([change.row for change in taken if not change.is_removed]), removed

    def _encoded(
        self,
        first: dict[str, Any],
        parts: Sequence[Sequence[Row]],
        removed: list[str],
        sequence: int,
    ) -> Iterator[bytes]:
        last = len(parts) - 1
        for index, rows in enumerate(parts):
            head = first if index == 0 else {"type": "delta"}
            told = {"channel": self.channel.name, "sequence": sequence, "rows": rows}
            if head["type"] == "delta":
                told["removed"] = removed if index == last else []
            yield self._encode({**head, **told, "has_more": index < last})


def _parts(rows: list[Row]) -> list[list[Row]]:
    """Slices of bounded length; at least one."""
    starts = range(0, max(1, len(rows)), ROWS_PER_MESSAGE)
    return [rows[start : start + ROWS_PER_MESSAGE] for start in starts]

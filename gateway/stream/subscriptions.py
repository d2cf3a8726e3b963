"""What one stream client asked for, and the messages that bring it up to date. A subscription holds
no queue: it remembers the sequence it sent and asks the channel what changed since."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from gateway.journal import Row
from gateway.stream.authority import EVERYTHING, Authority
from gateway.stream.channel import Change, Channel
from gateway.stream.channels import CHANNELS, ChannelName

__all__ = ["ChannelName", "Filter", "Request", "StreamFault", "Subscription"]

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


class Filter:
    """Patterns with `*` over the names in a row, and what the client may see. All must match; an
    empty filter takes all that may be seen."""

    def __init__(
        self, channel: str, patterns: Mapping[str, str], authority: Authority = EVERYTHING
    ) -> None:
        self._channel = cast(ChannelName, channel)
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
    ) -> None:
        """`stream` prefixes the generation in the snapshots' `stream` field."""
        self.channel = channel
        self.filter = selection
        self.conflated = 0  # changes this client did not see one by one
        self.is_resume_refused = False
        self._stream = stream
        self._revision: int | None = None  # None until the first snapshot or delta
        self._resume_at: int | None = None
        self._generation = channel.generation
        self._changes_total = channel.changes_total
        if resume is not None:
            self._resume(resume, resumed_stream)

    def _resume(self, sequence: int, stream: str | None) -> None:
        is_same = stream is None or stream == self.stream_name
        if is_same and self.channel.since(sequence) is not None:
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
            return self._generation != channel.generation or channel.since(self._resume_at) != []
        return self._revision != channel.revision or self._generation != channel.generation

    def messages(self) -> Iterator[bytes]:
        """Bring the client up to date, in messages of bounded size. The state is the one at the
        first call; read the iterator to its end before the next call."""
        if self._revision is None and self._resume_at is None:
            reason = "resume_too_old" if self.is_resume_refused else "subscribed"
            self.is_resume_refused = False
            yield from self._snapshot(reason)
            return
        changes = None
        if self._generation == self.channel.generation:
            changes = self._missed()
        if changes is None:
            is_reset = self._generation != self.channel.generation
            yield from self._snapshot("journal_reopened" if is_reset else "too_far_behind")
            return
        yield from self._delta(changes)

    def _missed(self) -> list[Change] | None:
        if self._resume_at is not None:
            return self.channel.since(self._resume_at)
        return None if self._revision is None else self.channel.after(self._revision)

    def _advance(self) -> int:
        self._resume_at, self._revision = None, self.channel.revision
        self._generation = self.channel.generation
        self._changes_total = self.channel.changes_total
        return self.channel.sequence

    def _snapshot(self, reason: str) -> Iterator[bytes]:
        rows = [row for row in self.channel.rows.values() if self.filter.takes(row)]
        first: dict[str, Any] = {
            "type": "snapshot",
            "channel": self.channel.name,
            "sequence": self._advance(),
            "stream": self.stream_name,
            "reason": reason,
            "is_fresh": reason != "subscribed",
        }
        if self.channel.waiting:
            first["waiting"] = self.channel.waiting
        parts = _parts(rows)
        yield encode(first | {"rows": parts[0], "has_more": len(parts) > 1})
        yield from self._rest(first["sequence"], parts, [])

    def _delta(self, changes: Sequence[Change]) -> Iterator[bytes]:
        # A resumed client may see more keys than changed since it connected, hence max().
        published = self.channel.changes_total - self._changes_total
        self.conflated += max(0, published - len(changes))
        taken = [change for change in changes if self.filter.takes(change.row)]
        removed = [change.key for change in taken if change.is_removed]
        sequence = self._advance()
        if not taken:
            return
        parts = _parts([change.row for change in taken if not change.is_removed])
        yield from self._rest(sequence, [[], *parts], removed)

    def _rest(
        self, sequence: int, parts: Sequence[Sequence[Row]], removed: list[str]
    ) -> Iterator[bytes]:
        last = len(parts) - 1
        for index, rows in enumerate(parts[1:], 1):
            yield encode(
                {
                    "type": "delta",
                    "channel": self.channel.name,
                    "sequence": sequence,
                    "rows": rows,
                    "removed": removed if index == last else [],
                    "has_more": index < last,
                }
            )


def _parts(rows: list[Row]) -> list[list[Row]]:
    """Slices of bounded length; at least one."""
    starts = range(0, max(1, len(rows)), ROWS_PER_MESSAGE)
    return [rows[start : start + ROWS_PER_MESSAGE] for start in starts]

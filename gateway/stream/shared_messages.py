"""Messages that many clients share: whoever asks the same of a channel and stands at the same place
gets the same bytes, encoded once. Holds what fits into one message; a long answer is made for its
client alone, part by part. Event-loop thread only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Literal, NamedTuple

import msgspec

__all__ = ["ENCODERS", "Encoding", "SharedMessages"]

Encoding = Literal["json", "binary"]
ENTRIES_MAX = 1024  # four places of each of 256 clients
BYTES_MAX = 16 << 20
ENCODERS: dict[Encoding, Callable[[Any], bytes]] = {
    "json": msgspec.json.Encoder().encode,
    "binary": msgspec.msgpack.Encoder().encode,
}


class Entry(NamedTuple):
    """One message, None = nothing was for this filter; and how many changes it tells, None = it is
    a snapshot."""

    message: bytes | None
    changes: int | None


class SharedMessages:
    """The newest entries by what was asked and where the asker stood."""

    def __init__(self, entries_max: int = ENTRIES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self.encoded = 0  # messages that had to be made
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._entries_max, self._bytes_max = entries_max, bytes_max
        self._bytes = 0

    def find(self, key: Hashable) -> Entry | None:
        return self._entries.get(key)

    def keep(self, key: Hashable, entry: Entry) -> Entry:
        self.encoded += entry.message is not None
        self._entries[key] = entry
        self._bytes += len(entry.message or b"")
        while len(self._entries) > self._entries_max or self._bytes > self._bytes_max:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= len(oldest.message or b"")
        return entry

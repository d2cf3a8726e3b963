"""The ClOrdIDs of one order: the gateway's own for D, and a new one for every cancel and replace
that still says which order it is about. Must never make the same name twice, whatever the clock
does."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["OrderNames", "PlainNames", "UuidNames", "has_our_shape"]

# Milliseconds since 2020 and eight bits of counting: unique across restarts without being stored.
_EPOCH_MS = 1_577_836_800_000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SERIAL_BITS = 48


class _Serials:
    """Numbers that only rise."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns, self._last = now_ns, 0

    def next(self) -> int:
        due = (self._now_ns() // 1_000_000 - _EPOCH_MS) << 8
        self._last = max(self._last + 1, due % (1 << _SERIAL_BITS))
        return self._last


class PlainNames:
    """`g0a1b2c3` for D, `g0a1b2c3-1a2b3c4d5e` for what follows."""

    pattern = r"[A-Za-z0-9]+"

    def __init__(self, now_ns: Callable[[], int], length_max: int) -> None:
        self._serials = _Serials(now_ns)
        self.length_max = length_max - 11  # a dash and 48 bits to the base 36

    def first(self, client_id: str) -> str:
        return client_id

    def next(self, client_id: str) -> str:
        number, text = self._serials.next(), ""
        while number:
            number, digit = divmod(number, 36)
            text = _DIGITS[digit] + text
        return f"{client_id}-{text}"

    def root(self, name: str) -> str:
        """The client id within; a name that is not ours stays as it is."""
        return name.partition("-")[0] if _CHAINED.fullmatch(name) else name


# The gateway's shape for that pattern, a dash, a serial: names of others have dashes too.
_CHAINED = re.compile(r"g[0-9a-hjkmnp-tv-z]{15}-[0-9a-z]{1,10}")


class UuidNames:
    """The same as a UUID of version 4: 75 bits of client id and 42 of serial in its 122. Coinbase
    Exchange wants it so (Order Entry Messages 5.0, ClOrdID, read 2026-11-21)."""

    # The gateway's shape for this pattern: g and 15 digits to the base 32.
    pattern = r"[0-9a-z]+"
    length_max = 16
    _ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
    _SERIAL_MASK = (1 << 42) - 1

    def __init__(self, now_ns: Callable[[], int], length_max: int = 36) -> None:
        self._serials = _Serials(now_ns)

    def first(self, client_id: str) -> str:
        return self._made(client_id, 0)

    def next(self, client_id: str) -> str:
        return self._made(client_id, self._serials.next() & self._SERIAL_MASK or 1)

    def root(self, name: str) -> str:
        """The client id within; a UUID that is not ours stays as it is."""
        if _UUID.fullmatch(name) is None:
            return name
        digits = name.replace("-", "")
        number = int(digits[:12] + digits[13:16] + digits[17:], 16)
        body, serial = number >> 42, number & self._SERIAL_MASK
        if body >> 75 != _MARK:
            return name
        found = "g" + "".join(self._ALPHABET[body >> shift & 31] for shift in range(70, -1, -5))
        places = [self._ALPHABET.index(letter) for letter in found[1:]]
        check = sum(at * place for at, place in enumerate(places[:-1], 1)) % 32
        return found if check == places[-1] and self._made(found, serial) == name else name

    def _made(self, client_id: str, serial: int) -> str:
        if _SHAPE.fullmatch(client_id) is None:
            return client_id  # of somebody else: a UUID already
        body = _MARK
        for letter in client_id[1:]:
            body = body << 5 | self._ALPHABET.index(letter)
        text = f"{body << 42 | serial:030x}"
        digits = f"{text[:12]}4{text[12:15]}8{text[15:]}"
        return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])


_SHAPE = re.compile(r"g[0-9a-hjkmnp-tv-z]{15}")
_MARK = 0b101  # of the three bits to spare: UUIDs of others have it seldom
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

OrderNames = PlainNames | UuidNames


def has_our_shape(client_id: str) -> bool:
    """Whether a gateway made it; of which instance, the gateway knows."""
    return _SHAPE.fullmatch(client_id) is not None

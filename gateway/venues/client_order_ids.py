"""The venue's client order id, derived from our 63-bit order id: fixed length, reversible.

A derived id is never stored: restart and recovery compute it again. An id of another gateway
instance, of a person or of another program never decodes. Rules of venues that were read:
docs/concepts/client_order_ids.md.
"""

from __future__ import annotations

import re

__all__ = ["ClientOrderIds", "epoch_of"]

_ORDER_ID_MAX = (1 << 63) - 1
_INSTANCE_SHIFT = 51
# Ids read or made lately: a venue speaks of the same orders again and again.
_RECENT_MAX = 16_384
_DIGITS = "0123456789"
_LOWER = "0123456789abcdefghjkmnpqrstvwxyz"
_HEX = "0123456789abcdef"
# (marker, alphabet, places for instance, places for epoch and sequence); first that fits is used.
_SHAPES = (
    ("g", _LOWER, 3, 11),
    ("G", _LOWER.upper(), 3, 11),
    ("7", _DIGITS, 4, 16),
    ("t-g", _LOWER, 3, 11),  # ids of people begin with t-
    ("0x676174657761790", _HEX, 3, 13),  # 128 bits in hexadecimal: "gateway" and our number
)


def epoch_of(order_id: int) -> int:
    """The boot epoch in one of our order ids; 0 for none."""
    return (order_id >> 31) & 0xFFFFF


class ClientOrderIds:
    """Encodes and decodes under one venue's rules. Raises ValueError when no shape fits them."""

    def __init__(self, instance: int, *, length_max: int, pattern: str) -> None:
        if not 0 < instance < 4096:
            raise ValueError(f"instance {instance}: must be 1 to 4095")
        self._instance = instance
        self._recent: dict[str, int] = {}
        rule = re.compile(pattern)
        for marker, alphabet, head, tail in _SHAPES:
            self._marker, self._alphabet, self._head, self._tail = marker, alphabet, head, tail
            self._pairs = [
                (a + b, x, y) for x, a in enumerate(alphabet) for y, b in enumerate(alphabet)
            ]
            self._head_text, self._head_sum = self._written(instance, head, 0)
            self.length = len(marker) + head + tail + 1
            samples = (self.encode(instance << _INSTANCE_SHIFT), self._wide_sample())
            if self.length <= length_max and all(rule.fullmatch(each) for each in samples):
                self.prefix = samples[0][: len(marker) + head]
                return
        raise ValueError(
            f"no client order id shape fits length <= {length_max} and pattern {pattern}"
        )

    @property
    def shape(self) -> tuple[str, str, int, int]:
        """Marker, alphabet, places of the instance and of the rest: what the native reader of these
        ids needs."""
        return self._marker, self._alphabet, self._head, self._tail

    def encode(self, order_id: int) -> str:
        """The venue's client order id of one order of this instance."""
        if not 0 < order_id <= _ORDER_ID_MAX or order_id >> _INSTANCE_SHIFT != self._instance:
            raise ValueError(f"order id {order_id} is not of instance {self._instance}")
        rest = order_id & ((1 << _INSTANCE_SHIFT) - 1)
        text, total = self._written(rest, self._tail, self._head)
        check = (self._head_sum + total) % len(self._alphabet)
        return self._marker + self._head_text + text + self._alphabet[check]

    def decode(self, text: str) -> int:
        """Our order id, 0 when the text is not one of ours."""
        return self._recent.get(text) or self._read(text)

    def _read(self, text: str) -> int:
        if len(text) != self.length or not text.startswith(self.prefix):
            return 0
        body, check = text[len(self._marker) : -1], text[-1]
        if any(letter not in self._alphabet for letter in body) or self._check(body) != check:
            return 0
        rest = 0
        for letter in body[self._head :]:
            rest = rest * len(self._alphabet) + self._alphabet.index(letter)
        if rest >> _INSTANCE_SHIFT:
            return 0
        if len(self._recent) >= _RECENT_MAX:
            self._recent.clear()
        order_id = self._recent[text] = self._instance << _INSTANCE_SHIFT | rest
        return order_id

    def _written(self, number: int, places: int, before: int) -> tuple[str, int]:
        """The number in so many digits, and its part of the check sum: each digit times its place,
        the first of an id being 1. Two digits a step."""
        pairs, texts, total = self._pairs, [], 0
        at = before + places  # the place of the last digit
        for _ in range(places // 2):
            number, pair = divmod(number, len(pairs))
            text, first, second = pairs[pair]
            texts.append(text)
            total += (at - 1) * first + at * second
            at -= 2
        if places % 2:
            text, _, digit = pairs[number]  # what is left is one digit
            texts.append(text[1])
            total += at * digit
        texts.reverse()
        return "".join(texts), total

    def _check(self, body: str) -> str:
        total = sum((at + 1) * self._alphabet.index(letter) for at, letter in enumerate(body))
        return self._alphabet[total % len(self._alphabet)]

    def _wide_sample(self) -> str:
        body = (self._alphabet * 2)[: self._head + self._tail]
        wide = self._alphabet[-(self._head + self._tail) :]
        return self._marker + wide.rjust(len(body), self._alphabet[-1]) + self._alphabet[-1]

"""What an error of Binance proves about the request, by (product, code, text).

The same code means different things in different products, so the product is part of the key.
Sources: "Error Codes" and "General Info" (HTTP return codes, 503) of the USDS-M futures
documentation, 2026-10; errors.md and rest-api.md of binance-spot-api-docs, read 2026-11. What is
not in the table and has a 4xx status is a plain rejection.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["Meaning", "Product", "meaning_of"]

Product = Literal["usdm", "spot"]
Meaning = Literal[
    "rejected",  # definite: the venue said no
    "unknown",  # it may have been carried out
    "not_executed",  # overload or maintenance: surely not carried out
    "rate_limited",  # surely not carried out; wait
    "clock",  # outside the window: not carried out, our clock is off
    "duplicate",  # an open order has this id, perhaps this very one
    "not_found",  # ended, never arrived, or not visible yet
    "no_change",  # the order already is as asked
    "listen_key",  # the listen key is gone
]

_BY_CODE: dict[tuple[Product, int], Meaning] = {
    ("usdm", -1000): "unknown",
    ("usdm", -1001): "unknown",
    ("usdm", -1003): "rate_limited",
    ("usdm", -1006): "unknown",
    ("usdm", -1007): "unknown",
    ("usdm", -1008): "not_executed",
    ("usdm", -1015): "rate_limited",
    ("usdm", -1021): "clock",
    ("usdm", -1125): "listen_key",
    ("usdm", -2011): "not_found",
    ("usdm", -2013): "not_found",
    ("usdm", -4116): "duplicate",
    ("usdm", -4197): "no_change",
    ("usdm", -5027): "no_change",
    ("usdm", -5028): "clock",
    ("spot", -1000): "unknown",
    ("spot", -1001): "unknown",
    ("spot", -1003): "rate_limited",
    ("spot", -1006): "unknown",
    ("spot", -1007): "unknown",
    ("spot", -1008): "unknown",  # no document says that an overloaded server has done nothing
    ("spot", -1015): "rate_limited",
    ("spot", -1021): "clock",
    ("spot", -2011): "not_found",
    ("spot", -2013): "not_found",
}
_BY_TEXT: dict[tuple[Product, int, str], Meaning] = {
    ("spot", -2010, "Duplicate order sent."): "duplicate",
    # 503 with exactly this message is a failure; any other 5xx, HTML too, may have gone through.
    # On Spot there is no such exception: a 5xx may always have gone through (rest-api.md).
    ("usdm", -1, "Service Unavailable."): "not_executed",
}


def meaning_of(product: Product, status: int, code: int | None, text: str) -> Meaning:
    """`code` None = no error body that could be read, which after a 5xx proves nothing."""
    if status in (418, 429):
        return "rate_limited"
    if code is None:
        return "unknown"
    found = _BY_TEXT.get((product, code, text)) or _BY_CODE.get((product, code))
    if status >= 500:
        return found if found == "not_executed" else "unknown"
    return found or "rejected"

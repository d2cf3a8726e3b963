"""What OKX's codes mean for an order. The same code may mean different things per product, so the
map is keyed by (product, code); "" = every product. Codes: docs-v5, error code, read 2026-11-21."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["UNKNOWN_CODES", "Verdict", "reason_of", "verdict_of"]

Verdict = Literal[
    "done",
    "unknown",  # it may have happened
    "rate_limited",  # nothing happened
    "clock",  # nothing happened: our time is off
    "duplicate",  # an order of this client id is open, perhaps this very one
    "gone",  # filled, canceled or never there: ambiguous, the order itself is asked
    "canceling",  # the cancel is under way already
    "rejected",
]

# 50004 says so itself; 50001, 50013 and 50026 come from behind the gate, where an order may have
# passed already; 51149 and 64007 are timeouts inside.
UNKNOWN_CODES: Final = frozenset({"50001", "50004", "50013", "50026", "51149", "64007"})
_VERDICTS: Final[dict[tuple[str, str], Verdict]] = {
    ("", "0"): "done",
    **{("", code): "unknown" for code in UNKNOWN_CODES},
    ("", "50011"): "rate_limited",
    ("", "50040"): "rate_limited",
    ("", "50061"): "rate_limited",
    ("", "60014"): "rate_limited",
    ("", "50102"): "clock",
    ("", "50112"): "clock",
    ("", "60006"): "clock",
    ("", "51016"): "duplicate",
    ("", "50071"): "duplicate",
    ("", "51400"): "gone",
    ("", "51401"): "gone",
    ("", "51402"): "gone",
    ("", "51410"): "canceling",
    ("", "51503"): "gone",
    ("", "51509"): "gone",
    ("", "51510"): "gone",
    ("", "51603"): "gone",
    # An algo order that is not there has the code of a cancel that failed.
    ("ALGO", "51000"): "rejected",
}
_REASONS: Final[dict[tuple[str, str], str]] = {
    ("", "51008"): "insufficient_funds",
    ("", "51127"): "insufficient_funds",
    ("", "51131"): "insufficient_funds",
    ("", "51502"): "insufficient_funds",
    **{
        (product, code): "reduce_only"
        for product in ("SWAP", "FUTURES")
        for code in ("51112", "51169")
    },
    ("", "51511"): "post_only",
}


def verdict_of(product: str, code: str) -> Verdict:
    """A code that is not on the list is a plain no: OKX documents what may have happened."""
    return _VERDICTS.get((product, code)) or _VERDICTS.get(("", code)) or "rejected"


def reason_of(product: str, code: str, text: str) -> str:
    """A word the gateway knows, else the code and OKX's text."""
    known = _REASONS.get((product, code)) or _REASONS.get(("", code))
    return known or f"{code} {text}"[:120]

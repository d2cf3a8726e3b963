"""Words of somebody in a hurry, as the journal stores words: printable ASCII of bounded length."""

from __future__ import annotations

import unicodedata

__all__ = ["ACTOR_MAX", "REASON_MAX", "printable"]

ACTOR_MAX, REASON_MAX = 40, 48  # as the journal stores them
_SPELLED = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)


def printable(text: str, length_max: int) -> str:
    """Letters without their marks, typographic signs as a keyboard has them, ? for the rest; the
    beginning, with "..." behind it where something was cut. "" of what has no letter."""
    plain = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    kept = (each for each in plain if not unicodedata.combining(each))
    spelled = "".join(
        each if " " <= each <= "~" else " " if each.isspace() else "?" for each in kept
    )
    found = " ".join(spelled.split())
    return found if len(found) <= length_max else found[: length_max - 3] + "..."

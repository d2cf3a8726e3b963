"""Door to the native ledger: balanced books, lots and disposals from a journal's files. Reads only;
must never be part of the live process."""

from gateway.ledger.books import (
    METHODS,
    RULES,
    Bounds,
    Designation,
    books_to_follow,
    open_books,
    realised_totals,
    undecided,
    unmet,
)

__all__ = [
    "METHODS",
    "RULES",
    "Bounds",
    "Designation",
    "books_to_follow",
    "open_books",
    "realised_totals",
    "undecided",
    "unmet",
]

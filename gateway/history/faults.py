"""What the past refuses: a question without an answer, an archive that cannot go on. Needs no
package of its own, so that every caller can name a fault."""

from __future__ import annotations

__all__ = ["ArchiveFault", "HistoryFault"]


class HistoryFault(Exception):
    """A question that has no answer, with a code for programs."""

    def __init__(self, code: str, rule: str, field: str = "", value: str = "") -> None:
        super().__init__(rule)
        self.code = code
        self.field = field
        self.value = value


class ArchiveFault(Exception):
    """The archive cannot go on here. `code` is for programs, the text names the file."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

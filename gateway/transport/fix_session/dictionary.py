"""What a version of FIX allows: fields, messages and repeating groups. Data; reads no file.

A dictionary that is not complete (our own small table) must never reject a field of the standard in
an application message just because it does not list it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = ["Dictionary", "FieldRule", "GroupRule", "Section"]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field: how its value is written, and which values there are (None = any)."""

    tag: int
    name: str
    kind: str
    values: frozenset[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A header, a trailer or the body of a message: its members in order, and the groups."""

    name: str
    members: Mapping[int, int]  # number -> place
    required: tuple[int, ...] = ()
    groups: Mapping[int, GroupRule] = field(default_factory=dict)
    all_tags: frozenset[int] = frozenset()  # the members, and those of the groups at every depth
    inner_tags: frozenset[int] = frozenset()  # those that stand in groups alone

    def __post_init__(self) -> None:
        inside = (group.section.all_tags for group in self.groups.values())
        all_tags = frozenset(self.members).union(*inside)
        object.__setattr__(self, "all_tags", all_tags)
        object.__setattr__(self, "inner_tags", all_tags - self.members.keys())


@dataclass(frozen=True, slots=True)
class GroupRule:
    """A repeating group: an entry begins with the delimiter, its first member."""

    count_tag: int
    delimiter: int
    section: Section


@dataclass(frozen=True, slots=True)
class Dictionary:
    """One version, or the transport and application part of one (see `with_application`)."""

    begin_string: bytes
    fields: Mapping[int, FieldRule]
    header: Section
    trailer: Section
    messages: Mapping[bytes, Section]
    is_complete: bool = True
    standard_types: frozenset[bytes] = frozenset()  # known, though without a rule here
    standard_tag_max: int = 0  # the highest number of this version; 0 = those in `fields` only

    def knows_type(self, message_type: bytes) -> bool:
        """Whether the standard has this message."""
        return message_type in self.messages or message_type in self.standard_types

    def knows_tag(self, tag: int) -> bool:
        """Whether the standard has this field."""
        return tag in self.fields or 0 < tag <= self.standard_tag_max

    def with_application(self, application: Dictionary) -> Dictionary:
        """FIXT: this transport (header, trailer, session messages) with those messages."""
        return replace(
            self,
            fields={**application.fields, **self.fields},
            messages={**application.messages, **self.messages},
            is_complete=self.is_complete and application.is_complete,
            standard_types=self.standard_types | application.standard_types,
            standard_tag_max=max(self.standard_tag_max, application.standard_tag_max),
        )

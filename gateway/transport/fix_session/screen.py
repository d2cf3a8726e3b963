"""Lets good messages of a peer through without a look at every field: the native screen, made from
the session's dictionary. Must never pass what `validate` or the checks of the header would refuse:
what is not certain goes the long way.
"""

from __future__ import annotations

from typing import Final

from gateway._core.fix import FixScreen, FixScreenTable
from gateway.transport.fix_session.dictionary import Dictionary, FieldRule, Section
from gateway.transport.fix_session.settings import SessionSettings
from gateway.transport.fix_session.tags import ADMIN_TYPES, MessageType
from gateway.transport.fix_session.validation import MULTIPLE_KINDS

__all__ = ["screen_of"]

_TEXT, _INTEGER, _COUNT, _DECIMAL, _CHARACTER, _FLAG, _TIME, _ODD = range(8)
_HEADER, _BODY, _TRAILER = 1, 2, 3
_TAG_MAX: Final = 65_535
_FIELDS_MAX: Final = 2_000
_TABLES_MAX: Final = 64
_SECOND_NS: Final = 1_000_000_000
_FORMS: Final = {
    **dict.fromkeys(("INT", "TAGNUM"), _INTEGER),
    **dict.fromkeys(("LENGTH", "SEQNUM"), _COUNT),
    **dict.fromkeys(
        ("FLOAT", "QTY", "QUANTITY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE"), _DECIMAL
    ),
    **dict.fromkeys(("UTCTIMESTAMP", "TIME"), _TIME),
    **dict.fromkeys(
        ("NUMINGROUP", "UTCDATE", "UTCDATEONLY", "LOCALMKTDATE", "DATE", "UTCTIMEONLY",
         "MONTHYEAR", "DAYOFMONTH", *MULTIPLE_KINDS), _ODD
    ),
    "CHAR": _CHARACTER,
    "BOOLEAN": _FLAG,
}  # fmt: skip
# Dictionaries are made once and shared by sessions; so are their tables.
_tables: dict[int, tuple[Dictionary, FixScreenTable]] = {}


def screen_of(settings: SessionSettings) -> FixScreen:
    """The screen of one session. Its table is shared by all sessions of the dictionary."""
    identity = settings.identity
    return FixScreen(
        _table(settings.dictionary_in_force),
        begin_string=identity.begin_string,
        sender=identity.target_comp_id,
        target=identity.sender_comp_id,
        time_difference_ns_max=int(settings.sending_time_max_s * _SECOND_NS),
    )


def _table(dictionary: Dictionary) -> FixScreenTable:
    known = _tables.get(id(dictionary))
    if known is not None:
        return known[1]
    if len(_tables) >= _TABLES_MAX:
        _tables.clear()
    fields = {tag: rule for tag, rule in dictionary.fields.items() if 0 < tag <= _TAG_MAX}
    fields = dict(sorted(fields.items())[:_FIELDS_MAX])
    is_old = dictionary.begin_string in {b"FIX.4.0", b"FIX.4.1"}
    rows = [(tag, *_field(rule, is_old=is_old)) for tag, rule in fields.items()]
    messages = [
        (name.decode("ascii"), _members(dictionary, section, fields))
        for name, section in dictionary.messages.items()
        if name not in ADMIN_TYPES and name != MessageType.BUSINESS_REJECT
    ]
    table = FixScreenTable(rows, [each for each in messages if each[1]])
    _tables[id(dictionary)] = (dictionary, table)
    return table


def _field(rule: FieldRule, *, is_old: bool) -> tuple[int, list[str]]:
    """(form, values). A value that is no text makes the field uncertain. Up to 4.1 a CHAR is a text
    of any length."""
    values = sorted(rule.values) if rule.values is not None else []
    if rule.values is not None and not values:
        return _ODD, []
    if not all(each.isascii() for each in values):
        return _ODD, []
    form = _TEXT if is_old and rule.kind == "CHAR" else _FORMS.get(rule.kind, _TEXT)
    return form, [each.decode() for each in values]


def _members(
    dictionary: Dictionary, section: Section, fields: dict[int, FieldRule]
) -> list[tuple[int, int, bool]]:
    """Of a message: what stands outside of groups. Empty: a required field cannot be judged."""
    parts = ((_HEADER, dictionary.header), (_BODY, section), (_TRAILER, dictionary.trailer))
    rows: list[tuple[int, int, bool]] = []
    for part, each in parts:
        if any(tag not in fields or tag in each.groups for tag in each.required):
            return []
        rows += [
            (tag, part, tag in each.required)
            for tag in each.members
            if tag in fields and tag not in each.groups
        ]
    inner = dictionary.header.inner_tags | section.inner_tags
    return [row for row in rows if row[0] not in inner]

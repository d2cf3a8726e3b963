"""Loads a dictionary in the XML form of the QuickFIX family, the form in which venues publish
their dialects. The file is an input of a user: entities, other encodings and size are refused.

The form: <fix major= minor= type=> with <header>, <trailer>, <messages>, <components>, <fields>.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from gateway.transport.fix_session.dictionary import Dictionary, FieldRule, GroupRule, Section

__all__ = ["DictionaryError", "load_dictionary", "parse_dictionary"]

FILE_BYTES_MAX = 16 * 1024 * 1024
_DEPTH_MAX = 32
_MEMBERS_MAX = 500_000  # after components are put in
_DECLARED = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_ASCII_FAMILY = {b"UTF-8", b"US-ASCII", b"ASCII", b"ISO-8859-1", b"LATIN1"}


class DictionaryError(ValueError):
    """A dictionary file that cannot be used; the text says which and why."""


def load_dictionary(path: Path, application: Path | None = None) -> Dictionary:
    """One file, or for FIXT the transport file and the application file."""
    dictionary = parse_dictionary(_read(path), str(path))
    if application is None:
        return dictionary
    return dictionary.with_application(parse_dictionary(_read(application), str(application)))


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise DictionaryError(f"{path}: {size} bytes, at most {FILE_BYTES_MAX} are read")
        return path.read_bytes()
    except OSError as error:
        raise DictionaryError(f"{path}: {error.strerror}") from error


def parse_dictionary(data: bytes, name: str) -> Dictionary:
    """The dictionary of a document; `name` is what errors call it."""
    if len(data) > FILE_BYTES_MAX:
        raise DictionaryError(f"{name}: {len(data)} bytes, at most {FILE_BYTES_MAX} are read")
    encoding = _ENCODING.search(data[:200])
    is_wide = data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in data[:200]
    if is_wide or (encoding and encoding[1].upper() not in _ASCII_FAMILY):
        raise DictionaryError(f"{name}: only UTF-8 and its like are read")
    if _DECLARED.search(data):
        raise DictionaryError(f"{name}: document types and entities are refused")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise DictionaryError(f"{name}: no XML: {error}") from error
    return _Reader(root, name).dictionary()


class _Reader:
    """One document."""

    def __init__(self, root: ElementTree.Element, name: str) -> None:
        if root.tag != "fix":
            raise DictionaryError(f"{name}: the root is <{root.tag[:32]}>, expected <fix>")
        self._root, self._name = root, name
        self._rules = [self._field_rule(each) for each in root.findall("fields/field")]
        self._by_name = {rule.name: rule for rule in self._rules}
        found = root.findall("components/component")
        self._components = {self._text(each, "name"): each for each in found}
        self._sections: dict[str, Section] = {}
        self._members = 0

    def dictionary(self) -> Dictionary:
        root = self._root
        major, minor = self._text(root, "major"), self._text(root, "minor")
        kind = root.get("type", "FIX")
        messages = {
            self._text(each, "msgtype").encode(): self._section(each)
            for each in root.findall("messages/message")
        }
        return Dictionary(
            begin_string=f"{kind}.{major}.{minor}".encode(),
            fields={rule.tag: rule for rule in self._rules},
            header=self._part("header"),
            trailer=self._part("trailer"),
            messages=messages,
        )

    def _part(self, tag: str) -> Section:
        element = self._root.find(tag)
        return Section(tag, {}) if element is None else self._section(element)

    def _text(self, element: ElementTree.Element, attribute: str) -> str:
        value = element.get(attribute)
        if not value:
            raise DictionaryError(f"{self._name}: <{element.tag}> without {attribute}")
        return value

    def _field_rule(self, element: ElementTree.Element) -> FieldRule:
        name, number = self._text(element, "name"), self._text(element, "number")
        if not number.isdigit() or len(number) > 9:
            raise DictionaryError(f"{self._name}: field {name[:64]} has the number {number[:16]}")
        listed = [self._text(each, "enum").encode() for each in element.findall("value")]
        is_open = element.get("allowOtherValues", "N").upper() in {"Y", "TRUE"}
        values = frozenset(listed) if listed and not is_open else None
        return FieldRule(int(number), name, element.get("type", "STRING").upper(), values)

    def _section(self, element: ElementTree.Element) -> Section:
        name = element.get("name", element.tag)
        return self._collect(element, name, 0)

    def _collect(self, element: ElementTree.Element, name: str, depth: int) -> Section:
        """The members in order. A component is read once and its members are put in; what it
        requires counts where the component itself is required."""
        if depth > _DEPTH_MAX:
            raise DictionaryError(f"{self._name}: nested deeper than {_DEPTH_MAX}")
        members: dict[int, int] = {}
        required: list[int] = []
        groups: dict[int, GroupRule] = {}
        for child in element:
            is_required = child.get("required", "N").upper() == "Y"
            if child.tag == "component":
                inside = self._component(self._text(child, "name"), depth + 1)
                for tag in inside.members:
                    members.setdefault(tag, len(members))
                groups.update(inside.groups)
                required += inside.required if is_required else ()
                self._count(len(inside.members))
                continue
            tag = self._tag_of(child)
            members.setdefault(tag, len(members))
            if is_required:
                required.append(tag)
            if child.tag == "group":
                groups[tag] = self._group(tag, child, depth)
            self._count(1)
        return Section(name, members, tuple(required), groups)

    def _count(self, members: int) -> None:
        self._members += members
        if self._members > _MEMBERS_MAX:
            raise DictionaryError(f"{self._name}: more than {_MEMBERS_MAX} members")

    def _tag_of(self, element: ElementTree.Element) -> int:
        name = self._text(element, "name")
        rule = self._by_name.get(name)
        if rule is None:
            raise DictionaryError(f"{self._name}: field {name[:64]} is not defined")
        return rule.tag

    def _component(self, name: str, depth: int) -> Section:
        section = self._sections.get(name)
        if section is None:
            element = self._components.get(name)
            if element is None:
                raise DictionaryError(f"{self._name}: component {name[:64]} is not defined")
            section = self._sections[name] = self._collect(element, name, depth)
        return section

    def _group(self, count_tag: int, element: ElementTree.Element, depth: int) -> GroupRule:
        section = self._collect(element, f"group {count_tag}", depth + 1)
        if not section.members:
            raise DictionaryError(f"{self._name}: group {count_tag} has no members")
        return GroupRule(count_tag, next(iter(section.members)), section)

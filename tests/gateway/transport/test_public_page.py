"""The reference pages have every public name of their room and no other."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import gateway.transport
import gateway.transport.fix_codec
import gateway.transport.fix_session

DOCS = Path(__file__).parents[3] / "docs"
SECTION = re.compile(r"^## Public names\n(.*?)^## ", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("room", "page"),
    [
        (gateway.transport, "reference/transport.md"),
        (gateway.transport.fix_session, "reference/fix_session.md"),
        (gateway.transport.fix_codec, "concepts/fix_codec.md"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_every_public_name_has_its_row_and_every_row_its_name(room: ModuleType, page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    section = SECTION.search(text)  # A page without one is about nothing but names.
    cells = re.findall(r"^\| (`[^|]+) \|", section[1] if section else text, re.MULTILINE)
    names = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(names) == sorted(room.__all__)
    for name in names:
        assert hasattr(room, name)

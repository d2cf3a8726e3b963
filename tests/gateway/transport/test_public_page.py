"""The reference page has every public name of the room and no other."""

import re
from pathlib import Path

import gateway.transport

PAGE = Path(__file__).parents[3] / "docs/reference/transport.md"


def test_every_public_name_has_its_row_and_every_row_its_name() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(gateway.transport.__all__)
    for name in gateway.transport.__all__:
        assert hasattr(gateway.transport, name)

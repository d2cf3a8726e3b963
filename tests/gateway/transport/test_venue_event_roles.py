"""The roles and kinds of places stand in two languages: they are the same."""

import re
from pathlib import Path
from typing import get_args

import pytest

from gateway.transport.venue_events import EventPlace, EventReader, PlaceKind, PlaceRole

TABLE = Path(__file__).parents[3] / "core_ext/src/event_table.cpp"


def fault_of(kind: str, role: str) -> str:
    """Why a table of this one place is refused, "" when it is not."""
    try:
        EventReader("main", [EventPlace("a", kind, role)], [])  # type: ignore[arg-type]
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("role", get_args(PlaceRole))
def test_the_native_reader_knows_every_role(role: str) -> None:
    faults = [fault_of(kind, role) for kind in get_args(PlaceKind)]
    assert all("no such kind or role" not in fault for fault in faults)
    assert any("cannot be the" not in fault for fault in faults), "some kind can have it"


@pytest.mark.parametrize("role", ["none", "Symbol", "symbol ", "account", "trade", "\0"])
def test_the_native_reader_knows_no_other_role(role: str) -> None:
    assert "no such kind or role" in fault_of("text", role)


@pytest.mark.parametrize(("name", "words"), [("kRoleNames", PlaceRole), ("kKindNames", PlaceKind)])
def test_the_lists_of_both_languages_are_one(name: str, words: object) -> None:
    native = re.search(rf"{name} = \{{(.*?)\}};", TABLE.read_text(encoding="utf-8"), re.DOTALL)
    assert native is not None
    assert tuple(re.findall(r'"(\w*)"', native[1])) == get_args(words)

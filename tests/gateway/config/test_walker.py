"""Whatever TOML can hold, the walker answers with faults or settings, and agrees with msgspec."""

import datetime
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.faults import FAULT_CODES, Faults
from gateway.config.lines import find_lines, find_repeated
from gateway.config.secrets import check_venue_secrets
from gateway.config.settings import Document
from gateway.config.walker import walk

SCALARS: st.SearchStrategy[Any] = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.just(datetime.date(2026, 1, 1))
    | st.sampled_from(["paper", "process", "all", "read", "1", "127.0.0.1"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
SECTIONS = [field.name for field in msgspec.structs.fields(Document)]
KEYS = st.sampled_from(
    [
        "instance",
        "name",
        "drive",
        "port",
        "host",
        "adapter",
        "venue",
        "scopes",
        "accounts",
        "secrets",
        "settings",
        "durability",
        "ring_mib",
        "level",
        "USD",
        "paper",
        "main",
    ]
)
TABLES = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=4)
DOCUMENTS = st.dictionaries(st.sampled_from(SECTIONS), TABLES | VALUES, max_size=4)


@settings(max_examples=400)
@given(DOCUMENTS)
def test_the_walker_refuses_exactly_what_the_types_refuse(data: dict[str, Any]) -> None:
    faults = Faults("file")
    found = walk(Document, data, "", faults)
    try:
        wanted = msgspec.convert(data, Document)
    except msgspec.ValidationError:
        wanted = None
    assert bool(faults.found) == (wanted is None)
    if wanted is not None:
        assert found == wanted
    assert {fault.code for fault in faults.found} <= set(FAULT_CODES)
    for fault in faults.found:
        assert fault.path and fault.expected
        assert len(str(fault)) < 1000 and str(fault).isprintable()


@settings(max_examples=200)
@given(DOCUMENTS)
def test_the_search_for_secrets_never_stumbles(data: dict[str, Any]) -> None:
    venues = data.get("venues", {})
    if isinstance(venues, dict):
        check_venue_secrets(venues, Path("/nowhere"), {}, Faults("file"))


@settings(max_examples=200)
@given(st.text(alphabet="[]=.\"'#ab \n", max_size=60))
def test_the_search_for_lines_never_stumbles(text: str) -> None:
    count = len(text.splitlines())
    assert all(1 <= line <= count for line in find_lines(text).values())
    repeated = find_repeated(text)
    assert repeated is None or repeated[1] < repeated[2]


def test_lines_are_those_of_the_keys() -> None:
    text = '# c\n[a]\nb = 1\n[a."x.y"]\nc.d = """\ne = 1\n"""\nf = 2\n'
    assert find_lines(text) == {"a": 2, "a.b": 3, "a.x.y": 4, "a.x.y.c.d": 5, "a.x.y.f": 8}

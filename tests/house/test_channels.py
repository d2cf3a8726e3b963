"""A channel of the stream is entered once, in `gateway/stream/channels.py`: whatever else knows all
of them, the documents too, follows from that table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.stream.channels import CHANNELS
from gateway.stream.page import channels_script

ROOT = Path(__file__).parents[2]
STREAM = ROOT / "gateway" / "stream"
TABLE = STREAM / "channels.py"
NAMES_MAX = 3  # a list of more channels than this is a second table
DOCUMENT = (ROOT / "docs/reference/stream.md").read_text(encoding="utf-8")


def sources() -> list[Path]:
    return sorted([*STREAM.rglob("*.py"), ROOT / "gateway/observer.py"])


def written_lists(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """(line, texts) of each list, tuple, set and dictionary that is written out."""
    for node in ast.walk(tree):
        elements: list[ast.expr | None] = []
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            elements = list(node.elts)
        elif isinstance(node, ast.Dict):
            elements = list(node.keys)
        texts = {each.value for each in elements if isinstance(each, ast.Constant)}
        yield getattr(node, "lineno", 0), {text for text in texts if isinstance(text, str)}


def second_tables(path: Path, text: str) -> list[str]:
    return [
        f"{path.name}:{line}: {sorted(texts & set(CHANNELS))}"
        for line, texts in written_lists(ast.parse(text))
        if len(texts & set(CHANNELS)) > NAMES_MAX
    ]


def test_no_second_table_of_channels_is_kept() -> None:
    found = [
        table
        for path in sources()
        if path != TABLE
        for table in second_tables(path, path.read_text(encoding="utf-8"))
    ]
    assert found == []
    assert second_tables(TABLE, TABLE.read_text(encoding="utf-8")), "this would find one"


def test_the_page_takes_the_channels_from_the_table() -> None:
    script = (STREAM / "dashboard" / "stream.js").read_text(encoding="utf-8")
    assert set(re.findall(r"\b\w+\b", script)) & set(CHANNELS) == set()
    shown = {name for name, spec in CHANNELS.items() if spec.is_on_page}
    assert set(re.findall(r'"(\w+)": \[', channels_script().decode())) == shown


def test_rows_of_the_journal_have_a_reader_each() -> None:
    kinds = {
        each.value.value
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "kind"
        if isinstance(each.value, ast.Constant)
    }
    assert kinds == {spec.kind for spec in CHANNELS.values() if spec.source == "journal"}
    assert {bool(spec.kind) == (spec.source == "journal") for spec in CHANNELS.values()} == {True}


def test_the_document_has_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| `(.+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)
    assert rows == [
        (name, spec.told, r"\|".join(spec.key), ", ".join(sorted(spec.filters)))
        for name, spec in CHANNELS.items()
    ]


def test_the_document_names_what_is_answered_as_a_whole() -> None:
    (line,) = re.findall(
        r"^\| `GET /v1/(positions`, .+) and the filters \|", DOCUMENT, re.MULTILINE
    )
    answered = [name for name, spec in CHANNELS.items() if spec.is_answered]
    assert re.findall(r"(\w+)`", line) == answered

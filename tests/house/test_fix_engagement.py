"""The rules of engagement say what the FIX door does."""

from pathlib import Path

from house.fix_tables import INCOMING, with_tables

from gateway.entry.fix_acceptor.order_entry import ORDER_MESSAGES

PAGE = Path(__file__).parents[2] / "docs/reference/fix.md"


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- table ") == 4
    assert with_tables(page) == page, "python tests/house/fix_tables.py docs/reference/fix.md"


def test_every_message_that_is_handled_has_its_row() -> None:
    assert {kind.encode() for kind in INCOMING} == set(ORDER_MESSAGES)

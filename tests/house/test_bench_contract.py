"""The bench contract is whole: every figure has its row in the reference page, and the benches that
are asked for exist. That each field is really printed: tests/gateway/commands/test_bench.py."""

import re
from pathlib import Path

from gateway.benchmarks._contract import CONTRACT, find
from gateway.commands.bench import names

PAGE = Path(__file__).parents[2] / "docs/reference/bench.md"
ROW = re.compile(r"^\| `(\w+)` \| `([\w.]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_the_page_lists_the_contract_and_nothing_else() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## The contract")[2].partition("\n## ")[0]
    told = {(bench, path): (what, reach) for bench, path, what, reach in ROW.findall(section)}
    asked = {(each.bench, each.path): (each.what, each.reach) for each in CONTRACT}
    assert told == asked


def test_every_figure_belongs_to_a_bench_of_this_build() -> None:
    assert {each.bench for each in CONTRACT} <= set(names())
    assert len({(each.bench, each.path) for each in CONTRACT}) == len(CONTRACT)


def test_a_missing_or_unnumbered_field_is_found() -> None:
    assert find({"a": {"b": 2}}, "a.b") == 2.0
    for broken in ({}, {"a": 1}, {"a": {"b": None}}, {"a": {"b": True}}, {"a": {"b": "2"}}):
        assert find(broken, "a.b") is None

"""Guides name codes that exist."""

import re
from pathlib import Path

import pytest

from gateway.commands.codes import COMMAND_CODES
from gateway.config.faults import FAULT_CODES

ROOT = Path(__file__).parents[2]
REFUSALS = ROOT / "core_ext/include/gateway_core/types/refusals.def"
PAGES = sorted([*(ROOT / "docs/guides").glob("*.md"), ROOT / "docs/architecture.md"])
OTHER_WORDS = {"API_LEVEL"}


def codes() -> set[str]:
    """Every refusal, configuration fault and code of a command."""
    table = re.findall(r"^X\(\d+, \w+, (\w+),", REFUSALS.read_text(encoding="utf-8"), re.MULTILINE)
    return set(table) | set(FAULT_CODES) | set(COMMAND_CODES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_code_in_a_guide_is_a_code_of_the_tables(page: Path) -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", page.read_text(encoding="utf-8")))
    assert named - OTHER_WORDS <= codes()


def test_the_guides_an_operator_needs_are_there() -> None:
    wanted = {"operate", "troubleshooting", "write_an_adapter", "architecture"}
    assert wanted <= {page.stem for page in PAGES}

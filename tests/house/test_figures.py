"""The page of measured figures says what the results in benchmarks/results say, missed ones too."""

import re
from pathlib import Path

import pytest

from gateway.benchmarks._judgement import judge

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/figures.md").read_text(encoding="utf-8")
SECTIONS = dict(
    re.findall(r"^## (core|observe|history|fix|venues)$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
)
REACHED = {True: "yes", False: "no", None: ""}


def test_every_bench_with_goals_has_its_section() -> None:
    assert set(SECTIONS) == {"core", "observe", "history", "fix", "venues"}


@pytest.mark.parametrize("bench", SECTIONS)
def test_a_section_has_the_medians_of_its_results_and_leaves_none_out(bench: str) -> None:
    names = re.findall(r"^- `(.+?\.json)`$", SECTIONS[bench], re.MULTILINE)
    wanted = [
        f"| {row['figure']} | `{row['field']}` | {row['reach']} | {row['measured']:,.12g} "
        f"| {REACHED[row['is_reached']]} |"
        for row in judge(bench, [ROOT / "benchmarks/results" / name for name in names])
    ]
    told = [line for line in SECTIONS[bench].splitlines() if "`" in line and line[:2] == "| "]
    assert told == wanted, "\n".join(wanted)

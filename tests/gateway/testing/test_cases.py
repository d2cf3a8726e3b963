"""The cases as documents, and a registry that refuses two of one number."""

import re
from pathlib import Path

import pytest

from gateway.testing import conformance
from gateway.testing.cases import all_cases

ROOT = Path(__file__).parents[3]


def test_every_case_has_its_row_in_the_reference():
    text = (ROOT / "docs" / "reference" / "conformance.md").read_text()
    rows = re.findall(r"^\| ([0-9]+) \| (.+) \| (.+) \|$", text, re.MULTILINE)
    told = [(int(number), title, needs) for number, title, needs in rows]
    known = [
        (each.number, each.title, ", ".join(each.needs) or "every adapter") for each in all_cases()
    ]
    assert told == known


def test_a_number_is_given_once():
    number = all_cases()[0].number
    with pytest.raises(AssertionError, match="twice"):
        conformance.case(number, "again")(all_cases()[0].run)


def test_every_operation_meets_every_fault():
    numbers = {each.number for each in all_cases()}
    for first in (500, 520, 540, 560):
        assert set(range(first, first + 11)) <= numbers
    assert len([number for number in numbers if 500 <= number < 600]) >= 40

"""The kit catches what it is for: each planted bug fails one of the cases it names."""

import asyncio

import pytest
from paper_under_test import PaperVenue
from planted_bugs import PLANTED

from gateway.testing.cases import all_cases
from gateway.testing.conformance import NotDeclared, run_case

CASES = {each.number: each for each in all_cases()}
# A planted bug that waits for what never comes waits this long, not half a minute.
CAUGHT_WITHIN_SECONDS = 3.0


async def is_caught(kind, number):
    venue = PaperVenue()
    venue.adapter_class = kind
    try:
        async with asyncio.timeout(CAUGHT_WITHIN_SECONDS):
            await run_case(CASES[number], venue)
    except NotDeclared:
        return False
    except (AssertionError, TimeoutError, ExceptionGroup):
        return True
    except Exception:
        return True
    return False


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_caught(name):
    kind, cases = PLANTED[name]
    caught = (number for number in cases if asyncio.run(is_caught(kind, number)))
    assert next(caught, None), f"{name}: none of the cases {cases} saw it"


def test_there_are_at_least_thirty_of_them():
    assert len(PLANTED) >= 30

"""The kit catches what it is for: each planted bug fails one of the cases it names."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from gateway_paper.adapter import PaperAdapter
from paper_under_test import PaperVenue
from planted_bugs import PLANTED

from gateway.testing import live_gateway, recording_port
from gateway.testing.cases import all_cases
from gateway.testing.conformance import NotDeclared, run_case

CASES = {each.number: each for each in all_cases()}
# A planted bug that waits for what never comes waits this long, not half a minute.
CAUGHT_WITHIN_SECONDS = 2.0
TOGETHER = 8
# Bugs that are exceptions: what an adapter raises there is what the case is about.
RAISES = {"FailureOfAnotherKind": RuntimeError}


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    for module in (recording_port, live_gateway):
        monkeypatch.setattr(module, "SECONDS_MAX", CAUGHT_WITHIN_SECONDS)


class Venue(PaperVenue):
    """Remembers the adapters it made, for some of them do not clean up after themselves."""

    def __init__(self, kind):
        self.adapter_class, self.made = kind, []

    def adapter(self, url, **terms):
        self.made.append(super().adapter(url, **terms))
        return self.made[-1]


async def is_caught(kind, number):
    """Whether the case fails by what it asserts; anything else is a fault of the test."""
    venue = Venue(kind)
    try:
        await run_case(CASES[number], venue)
    except (AssertionError, RAISES.get(kind.__name__, AssertionError)):
        return True
    except NotDeclared:
        pass
    finally:
        for adapter in venue.made:
            await PaperAdapter.close(adapter)
    return False


def missed(name):
    """What to say when no case catches the bug; "" when one does."""
    kind, cases = PLANTED[name]
    caught = (number for number in cases if asyncio.run(is_caught(kind, number)))
    return "" if next(caught, None) else f"{name}: none of the cases {cases} saw it"


@pytest.mark.parametrize("first", range(0, len(PLANTED), TOGETHER))
def test_planted_bugs_are_caught(first):
    """Most of a case with a bug is waiting for what never comes, so several wait together, each in
    a loop of its own."""
    names = list(PLANTED)[first : first + TOGETHER]
    with ThreadPoolExecutor(TOGETHER) as threads:
        verdicts = [each for each in threads.map(missed, names) if each]
    assert not verdicts, "\n".join(verdicts)


def test_there_are_at_least_thirty_of_them():
    assert len(PLANTED) >= 30

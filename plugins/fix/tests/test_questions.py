"""Answers find their questions, refusals are no answers, and no report of the stream is lost to a
question."""

import asyncio
from pathlib import Path

import pytest
from gateway_fix import requests
from gateway_fix.dialect import load_dialect
from gateway_fix.known_orders import KnownOrder
from gateway_fix.questions import Questions

from gateway.api import VenueUnavailable
from gateway.transport.fix_session import FixMessage

pytestmark = pytest.mark.asyncio


class Line:
    is_up = True

    def __init__(self):
        self.sent = []

    def send(self, kind, fields):
        self.sent.append(dict(fields))
        return len(self.sent)


class Freely:
    async def wait(self, lane, costs, timeout_ms):
        return 0

    def give_back(self, costs, taken_ns):
        """Nothing is counted."""


def asked(dialect):
    line = Line()
    questions = Questions(
        line,
        load_dialect(dialect, Path()),
        requests.Terms("main", lambda: 10**18),
        budget=Freely(),
        account="main",
        timeout_ms=20_000,
        now_ns=lambda: 10**18,
    )
    return questions, line


async def task_of(question, line, count=1):
    """The question once it has left."""
    task = asyncio.ensure_future(question)
    await until_sent(line, count)
    return task


async def until_sent(line, count):
    for _ in range(100):  # turns of the loop, no time
        if len(line.sent) == count:
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not leave")


def message(text):
    fields = [part.split("=", 1) for part in text.split("|")]
    return FixMessage([(int(tag), value.encode()) for tag, value in fields])


async def test_a_report_of_the_stream_is_no_mere_answer():
    """Deribit tells its fills and ends in reports that look like statuses."""
    questions, line = asked("deribit")
    task = await task_of(questions.mass_status(), line)
    fill = message("35=8|37=V1|11=V1|41=a|39=1|14=1|1362=1|1363=X#1|1364=10|1365=1")
    assert not questions.take(fill), "it is a fact as well"
    key = line.sent[0][584].decode()
    assert questions.take(message(f"35=8|37=V2|11=V2|41=b|39=0|14=0|584={key}"))
    assert [each.get(37) for each in await task] == [b"V1", b"V2"]


async def test_two_may_ask_about_one_order_at_once():
    questions, line = asked("deribit")
    known = KnownOrder(client_id="a", symbol="X")
    first = await task_of(questions.order_status(known, "a"), line)
    second = asyncio.ensure_future(questions.order_status(known, "a"))
    await asyncio.sleep(0)
    answer = message("35=8|37=V1|41=a|11=V1|39=0|584=a")
    assert questions.take(answer)
    assert (await first).get(37) == b"V1"
    await until_sent(line, 2)
    assert questions.take(answer)
    assert (await second).get(37) == b"V1"


async def test_an_answer_to_an_older_question_answers_no_newer_one():
    """After a cut the venue says again what was lost: how the order was then."""
    questions, line = asked("generic")
    known = KnownOrder(client_id="a", symbol="X", side="buy")
    task = await task_of(questions.order_status(known, "a"), line)
    key = line.sent[0][790].decode()
    assert questions.take(message("35=8|43=Y|37=V1|11=a|150=I|39=0|790=older"))
    await asyncio.sleep(0)
    assert not task.done()
    assert questions.take(message(f"35=8|37=V1|11=a|150=I|39=4|790={key}"))
    assert (await task).get(39) == b"4"


@pytest.mark.parametrize(
    ("more", "is_answer"), [("911=0|912=Y|103=99", True), ("912=Y|103=99|58=throttled", False)]
)
async def test_a_list_that_was_refused_is_not_empty(more, is_answer):
    questions, line = asked("generic")
    task = await task_of(questions.mass_status(), line)
    key = line.sent[0][584].decode()
    questions.take(message(f"35=8|37=NONE|150=I|39=8|584={key}|{more}"))
    if is_answer:
        assert await task == []
        return
    with pytest.raises(VenueUnavailable, match="throttled"):
        await task

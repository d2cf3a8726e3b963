"""The past over HTTP, and the archiver beside the observer."""

import shutil
import time
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.config.settings import HistorySettings
from gateway.history.archive_runs import ArchiveRuns, ArchiveTerms
from gateway.history.catalog import Catalog
from gateway.history.marks import marks_at
from gateway.journal import JournalPlace
from gateway.stream.access import AUTHORITY
from gateway.stream.authority import EVERYTHING
from gateway.stream.history_api import WAITING_MAX, HistoryApi
from gateway.testing import until


@pytest.fixture
def api(past, tmp_path):
    found = HistoryApi(JournalPlace(past.directory, past.ring), tmp_path, time.monotonic)
    yield found
    found.close()


def as_one_who_sees_everything(handler, _):
    async def checked(request):
        request[AUTHORITY] = EVERYTHING
        return await handler(request)

    return checked


def client_of(api):
    application = web.Application()
    application.add_routes(api.routes(as_one_who_sees_everything))
    return TestClient(TestServer(application, host="127.0.0.1"))


@pytest.mark.asyncio
async def test_a_state_has_the_live_hash_and_an_order_its_chain(past, api):
    station = past.stations[3]
    async with client_of(api) as client:
        for query in (f"sequence={station['sequence']}", f"time_ns={station['time_ns']}"):
            body = await (await client.get(f"/v1/at?{query}")).json()
            assert body["state_hash"] == station["state_hash"]
            assert body["orders"] == station["orders"]
            assert body["sequence"] == station["sequence"]
        answer = await client.get(f"/v1/why/order/{past.orders[0]}")
        chain = (await answer.json())["chain"]
        assert [step["event"] for step in chain][:2] == ["order_new", "risk_decision"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/at", 400, "BAD_VALUE"),
        ("/v1/at?sequence=1&time_ns=1", 400, "BAD_VALUE"),
        ("/v1/at?sequence=-1", 400, "BAD_VALUE"),
        ("/v1/at?sequence=1e9", 400, "BAD_VALUE"),
        ("/v1/at?sequence=99999999999999999999999", 400, "BAD_VALUE"),
        ("/v1/at?sequence=999999999", 404, "OUT_OF_RANGE"),
        ("/v1/why/order/nobody", 404, "UNKNOWN_ORDER"),
        ("/v1/why/order/*", 400, "BAD_VALUE"),
        ("/v1/why/order/no%20body", 400, "BAD_VALUE"),
        (f"/v1/why/order/{'x' * 65}", 400, "BAD_VALUE"),
    ],
)
async def test_a_bad_question_is_answered_with_a_code(api, path, status, code):
    async with client_of(api) as client:
        answer = await client.get(path)
        assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)


@pytest.mark.asyncio
async def test_the_answer_that_is_kept_is_of_this_journal_alone(past, copied):
    api = HistoryApi(JournalPlace(copied, past.ring), copied / "history", time.monotonic)
    path = f"/v1/at?sequence={past.stations[3]['sequence']}"
    async with client_of(api) as client:
        found = await (await client.get(path)).read()
        sequence, identity, body = api._newest
        assert body == found
        api._newest = (sequence, identity, b"kept")
        assert await (await client.get(path)).read() == b"kept"
        copied.rename(other := copied.with_name("other"))
        shutil.copytree(other, copied)
        assert await (await client.get(path)).read() == found
        api._newest = (sequence, api._newest[1], b"kept")
        assert await (await client.get(path)).read() == b"kept"
        block = (copied / "superblock").read_bytes()  # twice, and one is enough
        (copied / "superblock").write_bytes(block[: len(block) // 2] + bytes(len(block) // 2))
        assert await (await client.get(path)).read() == found
    api.close()


@pytest.mark.asyncio
async def test_more_questions_than_may_wait_are_refused_at_once(api):
    api._waiting = WAITING_MAX
    async with client_of(api) as client:
        answer = await client.get("/v1/at?sequence=1")
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "BUSY")


@pytest.mark.one_loop
@pytest.mark.asyncio
async def test_new_seals_are_archived_in_a_process_beside(past, copied, tmp_path):
    archive = tmp_path / "archive"
    (tmp_path / "marks.json").write_text('{"BTC-PERP": {"mark": "64000.5", "time_ns": 1}}')
    settings = HistorySettings(archive=True, directory=str(archive), check_seconds=1)
    place = JournalPlace(copied, tmp_path)
    runs = ArchiveRuns(place, ArchiveTerms.from_settings(settings), lambda: 10**18)
    runs.start()
    try:
        await until(lambda: runs.runs == 1 + settings.compact, "build, and what follows it")
        await until(lambda: marks_at(archive, 10**18), "the first sample")
    finally:
        await runs.stop()
    assert runs.failures == 0
    assert len(Catalog(archive).manifests) == len(past.seals())


@pytest.mark.one_loop
@pytest.mark.asyncio
@pytest.mark.parametrize("compact", [True, False])
async def test_behind_each_build_the_days_that_are_over_are_merged(copied, tmp_path, compact):
    archive = tmp_path / "archive"
    settings = HistorySettings(
        archive=True, directory=str(archive), check_seconds=1, marks_every_seconds=0,
        compact=compact,
    )  # fmt: skip
    runs = ArchiveRuns(
        JournalPlace(copied, tmp_path), ArchiveTerms.from_settings(settings), lambda: 10**18
    )
    runs.start()
    try:
        await until(lambda: runs.runs == 1 + compact, "build, and what follows it")
    finally:
        await runs.stop()
    assert runs.failures == 0
    assert len(Catalog(archive).days) == compact


@pytest.mark.asyncio
async def test_a_new_day_is_looked_at_although_nothing_is_sealed(copied, tmp_path, monkeypatch):
    now_ns, ran = 10**18, []

    async def archived(self):
        ran.append(now_ns)
        return True

    monkeypatch.setattr(ArchiveRuns, "_archive", archived)
    settings = HistorySettings(archive=True, directory=str(tmp_path), marks_every_seconds=60)
    terms = replace(ArchiveTerms.from_settings(settings), check_seconds=0.01)
    runs = ArchiveRuns(JournalPlace(copied, tmp_path), terms, lambda: now_ns)
    runs.start()
    try:
        await until(lambda: len(ran) == 1, "the first run")
        now_ns += 86_400_000_000_000
        await until(lambda: len(ran) == 2, "the next day's run")
    finally:
        await runs.stop()
    assert ran == [10**18, now_ns]


def test_nothing_runs_unless_asked_for_and_what_stays_is_passed_on(copied):
    terms = ArchiveTerms.from_settings(HistorySettings())
    assert not terms.is_wanted and terms.keep == ()
    assert terms.place(copied) == copied / "history"
    kept = HistorySettings(
        archive=True, keep_days=7, keep_mib_max=5, free_mib_min=9, delete_journal_segments=True
    )
    assert ArchiveTerms.from_settings(kept).keep == (
        "--keep-days", "7", "--keep-mib-max", "5", "--free-mib-min", "9",
        "--delete-journal-segments",
    )  # fmt: skip

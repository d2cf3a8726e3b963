"""Files of days that are over become one per table: the same rows, whatever the run is ended at,
and for questions that run meanwhile, too."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
from killed_run import run_until_killed
from past_world import DAY_NS
from test_archive import Killed, build, digests

from gateway.history.archive import Archiver
from gateway.history.catalog import Catalog
from gateway.history.columns import TABLES
from gateway.history.compaction import KEEP_NS, delete_replaced, merge_next_day
from gateway.history.faults import ArchiveFault
from gateway.history.queries import History, Moment
from gateway.history.retention import Retention, apply_retention, status_of
from gateway.history.views import Views

NOW_NS = 1_000 * DAY_NS
LATER_NS = NOW_NS + KEEP_NS
MERGE = """
from gateway.history.compaction import KEEP_NS, delete_replaced, merge_next_day
while merge_next_day(places[0], 1, step):
    pass
delete_replaced(places[0], KEEP_NS + 1, step)
"""


def compact(archive, now_ns=NOW_NS, step=lambda name: None):
    """Everything there is to merge, and what is ten minutes old deleted."""
    while merge_next_day(archive, now_ns, step):
        pass
    return delete_replaced(archive, now_ns + KEEP_NS, step)


@pytest.fixture(scope="module")
def built(past, tmp_path_factory):
    archive = tmp_path_factory.mktemp("small")
    build(past.directory, archive)
    return archive


@pytest.fixture
def archive(built, tmp_path):
    shutil.copytree(built, tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture(scope="module")
def compacted(built, tmp_path_factory):
    place = tmp_path_factory.mktemp("merged") / "archive"
    shutil.copytree(built, place)
    assert compact(place) > 0
    return place


def asked(past, archive):
    """Answers of every sort, the same before and after."""
    views = Views(past.directory, archive, str(past.ring), threads=1)
    try:
        history = History(views)
        found = {table: history.range(table, Moment(), Moment(), limit=100_000).rows
                 for table in TABLES}  # fmt: skip
        for number, station in enumerate(past.stations):
            at = Moment(sequence=station["sequence"])
            for table in ("orders", "positions", "balances"):
                found[table, number] = history.as_of(table, at).rows
            by_time = history.as_of("positions", Moment(time_ns=station["time_ns"]))
            found["positions by time", number] = by_time.rows
        found["last"] = history.last("fills", ["instrument"], Moment()).rows
        return found
    finally:
        views.close()


@pytest.fixture(scope="module")
def answers(past, built):
    return asked(past, built)


def test_a_day_that_is_over_is_one_file_for_each_table(past, compacted, built):
    before, after = Catalog(built), Catalog(compacted)
    (day,) = after.days.values()
    assert not day.holds_replaced
    files = list(after.present())
    names = [(file.table, file.day) for file in files if file.day == day.day]
    assert len(names) == len(set(names)) > 5
    small = [file for file in before.present() if file.day == day.day]
    assert len(small) > len(names)
    assert {str(compacted / file.path) for file in files} == {
        str(path) for path in compacted.rglob("*.parquet")
    }, "no file is left over"
    for table in TABLES:
        assert sum(f.rows for f in files if f.table == table and f.day) == sum(
            f.rows for f in before.present() if f.table == table and f.day
        )
    # The day of the newest record is not over, and stays as it is.
    newest = [file for file in files if file.day and file.day != day.day]
    assert newest and not [file for file in newest if "merged" in file.path]


def test_every_answer_is_the_same(past, compacted, answers):
    assert asked(past, compacted) == answers


def test_as_of_reads_behind_the_key_states_alone(past, compacted):
    catalog = Catalog(compacted)
    (day,) = catalog.days.values()
    segments = [each for each in catalog.manifests if each.segment <= day.last_segment]
    after = segments[-1].last_sequence
    rows = catalog.row_files("positions", catalog.manifests[len(segments) - 1 :], after)
    assert [file.after for file in rows if file.path.name == "merged.parquet"] == [after]


def test_a_second_run_does_nothing(compacted):
    before = digests(compacted)
    assert compact(compacted) == 0
    assert digests(compacted) == before


def test_stopped_at_every_step_it_answers_the_same_and_ends_the_same(
    past, archive, compacted, answers, tmp_path
):
    wanted = digests(compacted)
    stop = 0
    while True:
        work = tmp_path / f"stop{stop}"
        shutil.copytree(archive, work)
        left = stop

        def step(name):
            nonlocal left
            if left == 0:
                raise Killed(name)
            left -= 1

        try:
            compact(work, step=step)
            is_done = True
        except Killed:
            is_done = False
        if stop % 8 == 0:  # as a reader finds it
            assert asked(past, work) == answers, stop
        compact(work)
        assert digests(work) == wanted, stop
        shutil.rmtree(work)
        if is_done:
            break
        stop += 1
    assert stop > 45


@pytest.mark.parametrize("at", [3, 25, 45])
def test_killed_for_real_the_next_run_finishes(past, archive, compacted, answers, at):
    run_until_killed(MERGE, at, archive)
    assert asked(past, archive) == answers
    compact(archive)
    assert asked(past, archive) == answers
    parquet = {path.relative_to(archive) for path in archive.rglob("*.parquet")}
    assert parquet == {path.relative_to(compacted) for path in compacted.rglob("*.parquet")}


def test_a_question_that_began_before_still_answers(past, archive, answers):
    views = Views(past.directory, archive, str(past.ring), threads=1)
    history = History(views)
    begun = views.connection.execute("SELECT sequence FROM fills ORDER BY sequence")
    while merge_next_day(archive, NOW_NS):
        pass
    assert delete_replaced(archive, LATER_NS - 1) == 0, "not within ten minutes"
    assert len(begun.fetchall()) == len(answers["fills"])
    assert history.range("fills", Moment(), Moment(), limit=100_000).rows == answers["fills"]
    assert delete_replaced(archive, LATER_NS) > 0
    # A shell that was opened before goes on with what is there now.
    assert history.range("fills", Moment(), Moment(), limit=100_000).rows == answers["fills"]
    station = past.stations[2]
    found = history.as_of("positions", Moment(sequence=station["sequence"])).rows
    assert found == answers["positions", 2]
    assert history.sql("SELECT count(*) AS n FROM orders").rows == [{"n": len(answers["orders"])}]
    views.close()


def test_a_view_that_was_opened_before_a_segment_was_archived_doubles_nothing(
    past, tmp_path, answers
):
    place = tmp_path / "growing"
    first = Archiver(past.directory, place)
    first.step()
    views = Views(past.directory, place, str(past.ring), threads=1)
    history = History(views)
    build(past.directory, place)
    compact(place)
    for table in ("fills", "orders", "positions"):
        rows = history.range(table, Moment(), Moment(), limit=100_000).rows
        assert rows == answers[table]
    views.close()


def test_what_retention_takes_of_a_merged_day_is_not_told_any_more(past, copied, archive):
    while merge_next_day(archive, NOW_NS):
        pass
    catalog = Catalog(archive)
    (day,) = catalog.days.values()
    assert day.last_segment > day.first_segment
    sizes = [catalog.bytes_of(each) for each in catalog.manifests]
    assert sum(sizes) == sum(file.bytes for file in catalog.present())
    bound = sum(sizes) - 1  # the oldest goes
    apply_retention(copied, archive, Retention(bytes_max=bound), 0)
    after = Catalog(archive)
    assert [each.is_expired for each in after.manifests][:2] == [True, False]
    views = Views(copied, archive, str(past.ring), threads=1)
    history = History(views)
    found = history.range("fills", Moment(sequence=0), Moment(), limit=100_000)
    assert found.begins_at == after.manifests[1].first_sequence
    assert min(row["sequence"] for row in found.rows) >= found.begins_at
    views.close()
    assert delete_replaced(archive, LATER_NS) > 0
    # The day goes with its last segment, file and manifest.
    apply_retention(copied, archive, Retention(bytes_max=1), 0)
    left = Catalog(archive)
    if left.newest.segment > day.last_segment:
        assert left.days == {}
    assert not list(archive.rglob("day=*/merged.parquet")) or left.days
    status = status_of(copied, archive)
    assert status["segments"] == 1 and status["merged_days"] == len(left.days)


def test_a_file_that_is_not_what_its_manifest_says_is_named(archive):
    catalog = Catalog(archive)
    victim = next(file for file in catalog.present() if file.day and file.table == "fills")
    path = archive / victim.path
    table = pq.ParquetFile(path).read()
    pq.write_table(table.slice(0, table.num_rows - 1), path)
    with pytest.raises(ArchiveFault) as caught:
        while merge_next_day(archive, NOW_NS):
            pass
    assert caught.value.code == "BAD_ARCHIVE"
    assert Catalog(archive).days == {}


def test_a_lost_merged_file_is_named_by_the_next_build(past, archive):
    compact(archive)
    lost = next(archive.rglob("day=*/merged.parquet"))
    lost.unlink()
    with pytest.raises(ArchiveFault, match="merged") as caught:
        Archiver(past.directory, archive).step()
    assert caught.value.code == "BAD_ARCHIVE"


def test_the_archive_goes_on_behind_a_merged_day(past, tmp_path, answers):
    place = tmp_path / "archive"
    archiver = Archiver(past.directory, place)
    for _ in past.seals():
        archiver.step()
        compact(place)
    assert asked(past, place) == answers


def test_only_one_at_a_time_changes_an_archive(past, archive):
    refused = []

    def step(name):
        with pytest.raises(ArchiveFault) as caught:
            Archiver(past.directory, archive).step()
        refused.append(caught.value.code)

    compact(archive, step=step)
    assert refused and set(refused) == {"ARCHIVE_BUSY"}


def test_an_unreadable_day_manifest_is_named(archive):
    compact(archive)
    (path,) = (archive / "manifests").glob("day-*.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 9}))
    with pytest.raises(ArchiveFault, match="version 9") as caught:
        Catalog(archive)
    assert caught.value.code == "BAD_MANIFEST"

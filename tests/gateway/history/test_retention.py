"""What is too old or too much goes, oldest first; what recovery needs stays."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.history.archive import Archiver
from gateway.history.catalog import Catalog
from gateway.history.faults import HistoryFault
from gateway.history.queries import History, Moment
from gateway.history.retention import Retention, apply_retention, status_of
from gateway.history.time_machine import state_at
from gateway.history.views import Views
from gateway.history.why import why_order, why_position
from gateway.journal import JournalPlace, reader

DAY_NS = 86_400_000_000_000


@pytest.fixture
def archive(copied):
    found = copied / "history"
    archiver = Archiver(copied, found)
    while archiver.step():
        pass
    return found


def kept(archive):
    return [each.segment for each in Catalog(archive).manifests if not each.is_expired]


def test_old_segments_go_with_their_files_and_the_newest_stays(past, copied, archive):
    before = kept(archive)
    files = len(list(archive.rglob("*.parquet")))
    now_ns = past.stations[-1]["time_ns"] + 100 * DAY_NS
    gone = apply_retention(copied, archive, Retention(days=30), now_ns)
    assert kept(archive) == before[-1:]
    assert gone["files"] == files - len(list(archive.rglob("*.parquet"))) > 0
    assert gone["journal_segments"] == 0
    assert len(list(copied.glob("segment-*.seal"))) == len(past.seals())
    again = apply_retention(copied, archive, Retention(days=30), now_ns)
    assert again == {"files": 0, "bytes": 0, "journal_segments": 0}


def test_nothing_goes_within_the_days_that_stay(past, copied, archive):
    before = kept(archive)
    apply_retention(copied, archive, Retention(days=2), past.stations[-1]["time_ns"])
    assert kept(archive) == before


def test_the_oldest_go_until_the_rest_fits(copied, archive):
    sizes = {
        each.segment: sum(file.bytes for file in each.files) for each in Catalog(archive).manifests
    }
    bound = sum(sizes.values()) - 1
    apply_retention(copied, archive, Retention(bytes_max=bound), 0)
    assert kept(archive) == sorted(sizes)[1:]


def test_the_oldest_go_until_the_disk_has_room_again(copied, archive):
    sizes = {
        each.segment: sum(file.bytes for file in each.files) for each in Catalog(archive).manifests
    }
    first, second = sorted(sizes)[:2]
    wanted = 10_000_000_000 + sizes[first] + 1

    def apply(free_bytes):
        retention = Retention(free_bytes_min=wanted)
        apply_retention(copied, archive, retention, 0, free_bytes_of=lambda path: free_bytes)

    apply(wanted)
    assert kept(archive) == sorted(sizes)
    apply(10_000_000_000)  # by one byte the first segment is not enough
    assert kept(archive) == [each for each in sorted(sizes) if each not in (first, second)]
    apply(0)
    assert kept(archive) == sorted(sizes)[-1:], "the newest stays, whatever the disk says"


def test_room_that_journal_segments_make_counts_too(copied, archive):
    manifests = Catalog(archive).manifests
    sizes = [sum(file.bytes for file in each.files) for each in manifests]
    wanted = sizes[0] + 1  # more than the first one's files
    retention = Retention(free_bytes_min=wanted, deletes_segments=True)
    apply_retention(copied, archive, retention, 0, free_bytes_of=lambda path: 0)
    assert kept(archive) == [each.segment for each in manifests[1:]], "its segment is far larger"


def test_what_an_ended_run_marked_goes_before_the_room_is_measured(copied, archive):
    class Killed(BaseException):
        pass

    def step(name):
        if name.startswith("delete"):
            raise Killed

    others = kept(archive)[1:]
    of_first = sum(file.bytes for file in Catalog(archive).manifests[0].files)
    before = sum(path.stat().st_size for path in archive.rglob("*.parquet"))

    def free_bytes_of(path):
        return before - sum(each.stat().st_size for each in path.rglob("*.parquet"))

    retention = Retention(free_bytes_min=of_first)
    with pytest.raises(Killed):
        apply_retention(copied, archive, retention, 0, step, free_bytes_of=free_bytes_of)
    assert kept(archive) == others, "marked, and not gone"
    apply_retention(copied, archive, retention, 0, free_bytes_of=free_bytes_of)
    assert kept(archive) == others


@pytest.mark.parametrize("bound", ["bytes_max", "free_bytes_min"])
def test_marks_count_and_go_with_the_oldest(copied, archive, bound):
    place = archive / "marks"
    place.mkdir()
    for day in ("1971-01-01", "1971-01-02", "1971-01-03"):
        (place / f"day={day}.csv").write_text("x" * 10_000_000)
    before = kept(archive)
    files = sum(each.stat().st_size for each in archive.rglob("*.parquet"))
    room = {"bytes_max": files + 15_000_000, "free_bytes_min": 15_000_000}[bound]
    retention = Retention(**{bound: room})
    gone = apply_retention(copied, archive, retention, 0, free_bytes_of=lambda path: 0)
    assert gone["bytes"] == 20_000_000
    assert [path.name for path in place.iterdir()] == ["day=1971-01-03.csv"]
    assert kept(archive) == before


def test_an_archive_with_a_past_that_went_answers_what_is_left(past, copied, archive):
    apply_retention(copied, archive, Retention(bytes_max=1), 0)
    views = Views(copied, archive, str(past.ring), threads=1)
    history = History(views)
    station = past.stations[-1]
    live = {row["instrument"]: row["quantity"] for row in station["positions"]}
    found = history.as_of("positions", Moment(sequence=station["sequence"])).rows
    assert {row["instrument"]: row["quantity"] for row in found} == live
    with pytest.raises(HistoryFault) as caught:
        history.as_of("positions", Moment(sequence=past.stations[1]["sequence"]))
    assert caught.value.code == "OUT_OF_RANGE"
    begins_at = Catalog(archive).manifests[-1].first_sequence
    asked = [
        history.range("fills", Moment(sequence=0), Moment()),
        history.range("fills", Moment(time_ns=0), Moment()),
        history.newest("fills", Moment(), limit=10_000),
        history.last("fills", ["instrument"], Moment()),
        history.downsample("fills", "quantity", DAY_NS, (Moment(sequence=0), Moment())),
        history.sql("SELECT count(*) FROM fills"),
    ]
    assert {answer.begins_at for answer in asked} == {begins_at}
    assert history.range("fills", Moment(sequence=begins_at), Moment()).begins_at == 0
    assert history.newest("fills", Moment(), limit=1).begins_at == 0
    whole = why_order(history, str(past.orders[-1]))
    assert (whole["is_cut"], whole["begins_at"]) == (False, 0)
    decision = next(step for step in whole["chain"] if step["event"] == "risk_decision")
    assert f"limits set before record {begins_at}" in decision["words"]
    position = why_position(history, {"instrument": "BTC-PERP"}, limit=10_000)
    assert (position["is_cut"], position["begins_at"]) == (True, begins_at)
    views.close()
    assert Archiver(copied, archive).step() is None, "what went is not archived again"


def test_stopped_between_two_files_it_goes_on(copied, archive):
    class Killed(BaseException):
        pass

    steps = 0

    def step(name):
        nonlocal steps
        steps += 1
        if name.startswith("delete") and steps > 5:
            raise Killed

    with pytest.raises(Killed):
        apply_retention(copied, archive, Retention(bytes_max=1), 0, step)
    views = Views(copied, archive, threads=1)
    assert History(views).range("fills", Moment(), Moment()).rows, "no file is missed"
    views.close()
    apply_retention(copied, archive, Retention(bytes_max=1), 0)
    named = {str(archive / f.path) for each in Catalog(archive).manifests for f in each.files}
    assert {str(path) for path in archive.rglob("*.parquet")} == named


def test_journal_segments_go_only_behind_two_snapshots_and_when_asked(past, copied, archive):
    now_ns = past.stations[-1]["time_ns"] + 100 * DAY_NS
    everything = Retention(days=1, deletes_segments=True)
    assert apply_retention(copied, archive, everything, now_ns)["journal_segments"] == 0
    second = Catalog(archive).manifests[1]
    for target in (second.last_sequence + 1, 0):
        replica = reader.open_replica(copied, use_snapshot=False)
        replica.follow(1 << 20, target)
        replica.write_snapshot()
    live_hash = replica.state_hash()
    assert apply_retention(copied, archive, everything, now_ns)["journal_segments"] == 2
    assert not (copied / "segment-0000000002.journal").exists()
    assert (copied / "segment-0000000003.journal").exists()
    again = reader.open_replica(copied, use_snapshot=True)
    assert again.state_hash() == live_hash
    assert Archiver(copied, archive).step() is None


def with_snapshots(directory, archive):
    """A journal whose first two segments may go; what may not must stay."""
    for target in (Catalog(archive).manifests[1].last_sequence + 1, 0):
        replica = reader.open_replica(directory, use_snapshot=False)
        replica.follow(1 << 20, target)
        replica.write_snapshot()


@pytest.mark.parametrize("spoilt", ["empty", "of another record"])
def test_the_name_of_a_snapshot_deletes_nothing(copied, archive, spoilt):
    with_snapshots(copied, archive)
    one, other = sorted(copied.glob("snapshot-*.state"))
    if spoilt == "empty":
        for path in (one, other):
            path.write_bytes(b"")
    else:
        one.write_bytes(other.read_bytes())
    everything = Retention(bytes_max=1, deletes_segments=True)
    assert apply_retention(copied, archive, everything, 0)["journal_segments"] == 0
    assert reader.open_replica(copied, use_snapshot=True).follow(1) <= 1
    assert (copied / "segment-0000000001.journal").exists()


@pytest.mark.parametrize("place", range(4))
def test_ended_while_segments_go_the_journal_stays_without_a_gap(copied, archive, place):
    class Killed(BaseException):
        pass

    with_snapshots(copied, archive)
    deletions = 0

    def step(name):
        nonlocal deletions
        if "segment-" in name and name.endswith(".journal"):
            deletions += 1
            if deletions > place:
                raise Killed

    everything = Retention(bytes_max=1, deletes_segments=True)
    with pytest.raises(Killed):
        apply_retention(copied, archive, everything, 0, step)
    gaps = {"MISSING_SEGMENT", "CORRUPT"}
    assert not gaps & {fault["code"] for fault in reader.verify(copied)["faults"]}
    apply_retention(copied, archive, everything, 0)
    assert not gaps & {fault["code"] for fault in reader.verify(copied)["faults"]}
    left = [int(path.stem[8:]) for path in sorted(copied.glob("segment-*.journal"))]
    assert left == list(range(3, 3 + len(left)))
    assert min(copied.glob("segment-*.seal")).stem == "segment-0000000003"


@pytest.fixture
def cut(copied, archive):
    """A journal whose first two segments went, and the first record that is left."""
    with_snapshots(copied, archive)
    everything = Retention(bytes_max=1, deletes_segments=True)
    assert apply_retention(copied, archive, everything, 0)["journal_segments"] == 2
    return copied, Catalog(archive).manifests[1].last_sequence + 1


def said(*words):
    return CliRunner().invoke(root, [str(word) for word in words])


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "recheck"),
        ("statement", "--day", "2026-11-21"),
        ("ledger", "trial-balance"),
        ("replay",),
    ],
)
def test_what_needs_every_record_names_those_that_were_deleted(cut, words):
    directory, first = cut
    found = said(*words, directory, "--json")
    error = json.loads(found.stdout)["error"]
    assert (found.exit_code, error["code"]) == (1, "JOURNAL_BEGINS_LATER")
    assert f"records 1 to {first - 1} were deleted" in json.dumps(error)


def test_the_trail_of_a_cut_journal_begins_with_what_is_left_under_its_names(past, cut):
    directory, first = cut
    whole = [
        json.loads(line) for line in said("audit", past.directory, "--json").stdout.split("\n")[:-1]
    ]
    found = said("audit", directory, "--json")
    rows = [json.loads(line) for line in found.stdout.split("\n")[:-1]]
    assert f"records 1 to {first - 1} were deleted" in found.stderr
    assert rows[0]["sequence"] == first
    named = {row["sequence"]: row for row in whole}
    for row in rows:
        was = named[row["sequence"]]
        assert [row[name] for name in ("what", "who", "why")] == [
            was[name] for name in ("what", "who", "why")
        ]
        if row["kind"] in ("order_new", "order_filled"):
            assert row["subject"] == was["subject"]


def test_a_state_before_the_oldest_snapshot_of_a_cut_journal_is_out_of_range(cut):
    directory, first = cut
    with pytest.raises(HistoryFault) as caught:
        state_at(JournalPlace(directory, Path()), sequence=2)
    assert caught.value.code == "OUT_OF_RANGE"
    assert f"records 1 to {first - 1} were deleted" in str(caught.value)


def test_a_seal_that_is_missing_ends_the_deletions(copied, archive):
    with_snapshots(copied, archive)
    (copied / "segment-0000000001.seal").unlink()
    everything = Retention(bytes_max=1, deletes_segments=True)
    assert apply_retention(copied, archive, everything, 0)["journal_segments"] == 0
    assert (copied / "segment-0000000002.journal").exists()


def test_the_status_adds_up(copied, archive):
    found = status_of(copied, archive)
    assert found["segments"] == len(list(copied.glob("segment-*.seal")))
    assert found["pending_segments"] == 0
    fills = next(row for row in found["tables"] if row["table"] == "fills")
    assert fills["rows"] > 100 and fills["last_day"] == "2026-11-21"

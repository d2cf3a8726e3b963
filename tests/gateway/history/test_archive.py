"""Sealed segments become Parquet files once each: exact, whatever the run is killed at."""

import hashlib
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from killed_run import run_until_killed

from gateway._core import journal
from gateway.history.archive import Archiver
from gateway.history.catalog import Catalog
from gateway.history.columns import TABLES
from gateway.history.faults import ArchiveFault
from gateway.history.retention import Retention, apply_retention
from gateway.history.views import Views
from gateway.journal import reader
from gateway.journal.verify_export import SEAL
from gateway.journal.words import EVENTS

BUILD = """
from gateway.history.archive import Archiver
archiver = Archiver(*places, step=step)
while archiver.step():
    pass
"""


class Killed(BaseException):
    """Stands for the end of the process."""


def build(directory, archive, **options):
    archiver = Archiver(directory, archive, **options)
    done = []
    while found := archiver.step():
        done.append(found)
    archiver.close()
    return done


def digests(archive):
    """Every file of the archive but snapshots, by its bytes."""
    return {
        str(path.relative_to(archive)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in archive.rglob("*")
        if path.is_file() and "snapshots" not in path.parts
    }


def rows_of(archive, table):
    catalog = Catalog(archive)
    return [row for path in catalog.files(table) for row in pq.ParquetFile(path).read().to_pylist()]


@pytest.fixture(scope="module")
def built(past, tmp_path_factory):
    archive = tmp_path_factory.mktemp("archive")
    build(past.directory, archive)
    return archive


def records_to(past, last):
    return list(reader.decoded(past.directory, last=last))


def test_every_record_that_makes_a_row_makes_exactly_one(past, built):
    records = records_to(past, Catalog(built).sequence)
    for table, kinds in {
        "fills": {"order_filled", "fill_busted", "fill_corrected"},
        "refusals": {"order_refused"},
        "funding": {"funding"},
        "limits": {"limits_set"},
        "trading_states": {"trading_state_set"},
    }.items():
        wanted = [record["sequence"] for record in records if record["kind"] in kinds]
        assert [row["sequence"] for row in rows_of(built, table)] == wanted, table
        assert wanted, table
    events = {row["sequence"]: row["event"] for row in rows_of(built, "orders")}
    assert events == {
        record["sequence"]: record["kind"]
        for record in records
        if record["kind"] in EVENTS.values()
        and record["kind"] not in ("balance_changed", "funding", "position_adopted")
    }


def test_a_fill_is_there_to_the_last_digit(past, built):
    records = {record["sequence"]: record for record in records_to(past, Catalog(built).sequence)}
    rows = rows_of(built, "fills")
    for row in rows:
        record = records[row["sequence"]]
        for name in ("value", "fee"):
            assert row[name] == Decimal(record[name])
        assert row["time_ns"] == record["time_ns"]
        assert row["price_mantissa"] == record["price"]
        assert row["quantity_mantissa"] == record["quantity"]
        assert row["trade_id"] == record["trade_id"]
        assert row["order_id"] == record["order_id"]
    assert {row["liquidity"] for row in rows} == {"maker"}


def test_money_is_no_float_anywhere():
    kinds = {str(kind) for columns in TABLES.values() for kind in columns.values()}
    assert not [kind for kind in kinds if "float" in kind or "double" in kind]


def test_files_are_of_one_day_and_name_it(built):
    for manifest in Catalog(built).manifests:
        for file in manifest.files:
            if file.day:
                times = pq.ParquetFile(built / file.path).read(columns=["time_ns"])["time_ns"]
                days = {time // 86_400_000_000_000 for time in times.to_pylist()}
                assert len(days) == 1
                assert f"day={file.day}" in file.path
    assert len({file.day for each in Catalog(built).manifests for file in each.files}) > 2


def test_a_second_run_does_nothing_and_a_fresh_one_makes_the_same_bytes(past, built, tmp_path):
    before = digests(built)
    assert build(past.directory, built) == []
    assert digests(built) == before
    build(past.directory, tmp_path)
    assert digests(tmp_path) == before


def test_small_batches_hold_the_same_rows(past, built, tmp_path):
    build(past.directory, tmp_path, batch_rows=17)
    for table in TABLES:
        assert rows_of(tmp_path, table) == rows_of(built, table), table


def test_stopped_at_every_other_step_of_a_segment_it_makes_the_same_files(past, built, tmp_path):
    stops = 0
    while True:
        left = stops

        def step(name):
            nonlocal left
            if left == 0:
                raise Killed(name)
            left -= 1

        archiver = Archiver(past.directory, tmp_path, step=step)
        try:
            archiver.step()
            break
        except Killed:
            stops += 2
    assert stops > 30
    build(past.directory, tmp_path)
    assert digests(tmp_path) == digests(built)


@pytest.mark.parametrize("at", [12, 75])
def test_killed_for_real_it_makes_the_same_files(past, built, tmp_path, at):
    run_until_killed(BUILD, at, past.directory, tmp_path)
    build(past.directory, tmp_path)
    assert digests(tmp_path) == digests(built)


def test_a_damaged_segment_is_named_and_what_is_before_stays(copied, tmp_path):
    segment = copied / "segment-0000000002.journal"
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    archiver = Archiver(copied, tmp_path / "archive")
    assert archiver.step().segment == 1
    with pytest.raises(ArchiveFault, match=r"segment-0000000002\.journal") as caught:
        archiver.step()
    assert caught.value.code == "DAMAGED_SEGMENT"
    assert [each.segment for each in Catalog(tmp_path / "archive").manifests] == [1]


def test_a_seal_that_was_made_for_a_bad_record_does_not_help(copied, tmp_path):
    segment, seal = copied / "segment-0000000002.journal", copied / "segment-0000000002.seal"
    data = bytearray(segment.read_bytes())
    data[8192 + 70] ^= 1
    segment.write_bytes(data)
    sealed = bytearray(seal.read_bytes())
    sealed[48:80] = hashlib.sha256(data).digest()
    seal.write_bytes(sealed)
    archiver = Archiver(copied, tmp_path / "archive")
    archiver.step()
    with pytest.raises(ArchiveFault, match="segment-0000000002"):
        archiver.step()


def test_the_archive_of_another_journal_is_refused(past, copied, tmp_path, built):
    seal = copied / "segment-0000000001.seal"
    data = bytearray(seal.read_bytes())
    data[50] ^= 1
    seal.write_bytes(data)
    with pytest.raises(ArchiveFault) as caught:
        Archiver(copied, built).step()
    assert caught.value.code == "FOREIGN_ARCHIVE"


def test_a_gap_between_archive_and_journal_is_named(copied, tmp_path):
    for suffix in ("journal", "seal"):
        (copied / f"segment-0000000001.{suffix}").unlink()
    with pytest.raises(ArchiveFault) as caught:
        Archiver(copied, tmp_path).step()
    assert caught.value.code == "MISSING_SEGMENT"


def test_two_at_once_never_share_an_archive(past, built, tmp_path):
    refused = []

    def step(name):
        for meddle in (
            lambda: Archiver(past.directory, tmp_path).step(),
            lambda: apply_retention(past.directory, tmp_path, Retention(bytes_max=1), 0),
        ):
            with pytest.raises(ArchiveFault) as caught:
                meddle()
            refused.append(caught.value.code)

    archiver = Archiver(past.directory, tmp_path, step=step)
    archiver.step()
    assert refused and set(refused) == {"ARCHIVE_BUSY"}
    other = Archiver(past.directory, tmp_path)
    assert other.step().segment == 2, "between two steps another may go on"
    quiet = Archiver(past.directory, tmp_path)
    while quiet.step():
        pass
    assert other.step() is None
    assert digests(tmp_path) == digests(built)


def test_one_that_was_overtaken_goes_on_behind_the_other(past, built, tmp_path):
    first, second = (Archiver(past.directory, tmp_path) for _ in range(2))
    order = (first, second, second, first)
    assert [each.step().segment for each in order[: len(past.seals())]] == [1, 2, 3, 4][
        : len(past.seals())
    ]
    build(past.directory, tmp_path)
    assert digests(tmp_path) == digests(built)


def test_a_file_that_is_not_what_was_written_gets_no_manifest(past, tmp_path):
    def step(name):
        if name.startswith("rename segment"):
            for path in tmp_path.rglob("*.parquet.tmp"):
                if "orders" in path.parts:
                    path.write_bytes(b"PAR1")

    with pytest.raises(ArchiveFault) as caught:
        Archiver(past.directory, tmp_path, step=step).step()
    assert caught.value.code == "BAD_ARCHIVE"
    assert not Catalog(tmp_path).manifests


def test_a_lost_file_is_named_by_the_next_run(past, tmp_path):
    build(past.directory, tmp_path)
    lost = Catalog(tmp_path).files("fills")[0]
    lost.unlink()
    with pytest.raises(ArchiveFault, match=lost.name) as caught:
        Archiver(past.directory, tmp_path).step()
    assert caught.value.code == "BAD_ARCHIVE"


def test_a_segment_without_records_keeps_the_time(past, copied, tmp_path):
    build(copied, tmp_path)
    newest = Catalog(tmp_path).newest
    segment = copied / f"segment-{newest.segment + 1:010d}.journal"
    segment.write_bytes(segment.read_bytes()[:4096])
    fields = list(SEAL.unpack((copied / f"segment-{newest.segment:010d}.seal").read_bytes()))
    first = newest.last_sequence + 1
    fields[3], fields[5:9] = newest.segment + 1, [first, first - 1, 4096, b""]
    fields[8] = hashlib.sha256(segment.read_bytes()).digest()
    segment.with_suffix(".seal").write_bytes(SEAL.pack(*fields))
    assert Archiver(copied, tmp_path).step().records == 0
    assert Catalog(tmp_path).newest.last_time_ns == newest.last_time_ns


def test_an_amount_that_no_column_holds_is_named(past, tmp_path, monkeypatch):
    def too_large(*_):
        raise ArithmeticError("an amount is beyond 10^20")

    monkeypatch.setattr("gateway.history.archive.tables_of", too_large)
    with pytest.raises(ArchiveFault) as caught:
        Archiver(past.directory, tmp_path).step()
    assert caught.value.code == "AMOUNT_TOO_LARGE"
    with pytest.raises(ArchiveFault) as caught:
        Views(past.directory, tmp_path)
    assert caught.value.code == "AMOUNT_TOO_LARGE"


def test_a_new_run_goes_on_from_a_snapshot(past, built, tmp_path):
    first = Archiver(past.directory, tmp_path)
    first.step()
    first.close()
    assert list((tmp_path / "snapshots").glob("snapshot-*.state"))
    build(past.directory, tmp_path)
    assert digests(tmp_path) == digests(built)


def test_words_are_those_of_the_decoder(past):
    native = journal.Reader(str(past.directory))
    seen = {}
    while batch := native.read(1024):
        for _, record in batch:
            decoded = journal.decode(record)
            seen[int.from_bytes(record[4:6], "little")] = decoded["kind"]
    for number, word in seen.items():
        assert EVENTS.get(number, word) == word
    assert len(set(seen) & set(EVENTS)) > 8


def test_an_archive_never_begins_behind_the_first_record(copied, tmp_path):
    replica = reader.open_replica(copied, use_snapshot=False)
    replica.follow(1 << 20)
    replica.write_snapshot()
    for suffix in ("journal", "seal"):
        (copied / f"segment-0000000001.{suffix}").unlink()
    with pytest.raises(ArchiveFault) as caught:
        Archiver(copied, tmp_path).step()
    assert caught.value.code == "MISSING_SEGMENT"

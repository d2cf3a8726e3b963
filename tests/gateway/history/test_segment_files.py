"""Rows are encoded while the next ones are made and files synced at the same time: what is in
memory stays bounded, the order on the way to the disk holds, and no failure passes unseen."""

import errno
import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_archive import build, digests

from gateway.history import durable, segment_files
from gateway.history.archive import Archiver
from gateway.history.catalog import Catalog
from gateway.history.columns import schema_of
from gateway.history.row_groups import RowGroupFile, encode_group
from gateway.history.segment_files import SegmentFiles

APPEND = RowGroupFile.append
SECONDS = 300


@pytest.fixture(scope="module")
def built(past, tmp_path_factory):
    archive = tmp_path_factory.mktemp("archive")
    build(past.directory, archive)
    return archive


def balances(first):
    row = {"event": "balance_changed", "account": "a", "currency": "USD", "total": 0, "change": 0}
    rows = [{**row, "sequence": n, "time_ns": n} for n in range(first, first + 3)]
    return {"balances": pa.Table.from_pylist(rows, schema=schema_of("balances"))}


def test_one_batch_is_encoded_while_the_next_is_made_and_no_third_one_begins(tmp_path, monkeypatch):
    is_allowed, passed = threading.Event(), []

    def encode(rows, options):
        assert is_allowed.wait(SECONDS)
        return encode_group(rows, options)

    monkeypatch.setattr(segment_files, "encode_group", encode)
    files = SegmentFiles(tmp_path, 1, lambda name: None)
    files.write(balances(1))  # comes back although nothing is encoded yet

    def go_on():
        files.write(balances(4))
        passed.append(is_allowed.is_set())

    thread = threading.Thread(target=go_on)
    thread.start()
    thread.join(0.3)
    assert thread.is_alive(), "two batches are in memory: it waits"
    is_allowed.set()
    thread.join(SECONDS)
    assert passed == [True]
    (file,) = files.finish()
    assert file.rows == 6
    assert pq.read_table(file.temporary)["sequence"].to_pylist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("at", [1, 5, 20])
def test_what_has_no_room_on_the_disk_ends_the_segment(past, built, tmp_path, monkeypatch, at):
    calls = []

    def append(file, group):
        calls.append(group)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, "no room")
        APPEND(file, group)

    monkeypatch.setattr(RowGroupFile, "append", append)
    archiver = Archiver(past.directory, tmp_path, batch_rows=50)
    with pytest.raises(OSError, match="no room"):
        archiver.step()
    assert not Catalog(tmp_path).manifests
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("encoder")]
    monkeypatch.undo()
    build(past.directory, tmp_path)
    assert digests(tmp_path) == digests(built)


def test_what_an_encoder_cannot_encode_ends_the_segment(past, built, tmp_path, monkeypatch):
    calls = []

    def encode(rows, options):
        calls.append(rows)
        if len(calls) == 7:
            raise pa.ArrowInvalid("no such value")
        return encode_group(rows, options)

    monkeypatch.setattr(segment_files, "encode_group", encode)
    with pytest.raises(pa.ArrowInvalid, match="no such value"):
        Archiver(past.directory, tmp_path, batch_rows=50).step()
    assert not Catalog(tmp_path).manifests
    monkeypatch.undo()
    build(past.directory, tmp_path)
    assert digests(tmp_path) == digests(built)


def test_a_file_or_directory_that_is_not_synced_gets_no_manifest(
    past, built, tmp_path, monkeypatch
):
    sync = os.fsync
    for word in ("orders", "fills", "segment"):

        def failing(descriptor, word=word):
            if word in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
                raise OSError(errno.EIO, "the disk is gone")
            sync(descriptor)

        monkeypatch.setattr(durable.os, "fsync", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            Archiver(past.directory, tmp_path).step()
        assert not Catalog(tmp_path).manifests
        monkeypatch.undo()
    build(past.directory, tmp_path)
    assert digests(tmp_path) == digests(built)


def test_all_are_synced_before_one_is_renamed_and_all_is_durable_before_the_manifest(
    past, tmp_path, monkeypatch
):
    happened = []
    sync, rename = os.fsync, Path.rename

    def syncing(descriptor):
        place = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)
        happened.append(("sync", place))

    def renaming(path, target):
        happened.append(("rename", str(target)))
        return rename(path, target)

    monkeypatch.setattr(durable.os, "fsync", syncing)
    monkeypatch.setattr(Path, "rename", renaming)
    Archiver(past.directory, tmp_path).step()
    (manifest,) = Catalog(tmp_path).manifests
    files = {str(tmp_path / file.path) for file in manifest.files}
    named = [place for what, place in happened if what == "rename"]
    assert set(named[:-1]) == files and named[-1].endswith(".json")
    first, last = (happened.index(("rename", place)) for place in (named[0], named[-2]))
    directories = {str(Path(file).parent) for file in files}
    tables = {str(Path(each).parent) for each in directories}
    above = {str(tmp_path), str(tmp_path / "states"), *tables}  # where new directories are named
    assert {place for _, place in happened[:first]} == {f"{file}.tmp" for file in files} | above
    count = last + 1 + len(directories)
    assert {place for _, place in happened[last + 1 : count]} == directories
    assert happened[count:] == [
        ("sync", str(tmp_path)),  # the name of the manifests' directory
        ("sync", f"{named[-1]}.tmp"),
        ("rename", named[-1]),
        ("sync", str(Path(named[-1]).parent)),
    ]

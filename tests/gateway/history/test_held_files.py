"""What is asked for again is held decoded, within bounds."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.history import held_files
from gateway.history.held_files import HeldFiles, rows_with

SCHEMA = pa.schema(
    [("sequence", pa.uint64()), ("word", pa.dictionary(pa.int32(), pa.string())), ("n", pa.int64())]
)


def rows_of(words, first=0):
    columns = [
        pa.array(range(first, first + len(words)), pa.uint64()),
        pa.array(words, pa.string()).dictionary_encode(),
        pa.array([7] * len(words), pa.int64()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


@pytest.fixture
def paths(tmp_path):
    found = []
    for number in range(3):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(rows_of(["a", "b", None, "a"], first=10 * number), path, row_group_size=2)
        found.append(path)
    return found


def sequences(rows):
    return rows["sequence"].to_pylist()


def test_files_are_held_from_the_second_question_in_a_row_on(paths):
    held = HeldFiles()
    assert held.matching(SCHEMA, paths[:2], {"word": "a"}) is None
    assert held.bytes == 0
    assert sequences(held.matching(SCHEMA, paths[:2], {"word": "a"})) == [0, 3, 10, 13]
    assert held.matching(SCHEMA, paths[1:], {"word": "b"}) is None  # one of them is new
    assert sequences(held.matching(SCHEMA, paths[1:], {"word": "b"})) == [11, 21]


def test_only_rows_that_hold_every_value_are_found():
    rows = pa.concat_tables([rows_of(["a", None, "b"]), rows_of(["b", "c"], first=3)])
    assert sequences(rows_with(rows, {"word": "b"})) == [2, 3]
    assert sequences(rows_with(rows, {"word": "b", "sequence": 3})) == [3]
    assert sequences(rows_with(rows, {"word": "nowhere"})) == []
    assert sequences(rows_with(SCHEMA.empty_table(), {"word": "a", "n": 7})) == []


def test_what_is_held_is_bounded_and_the_oldest_goes_first(paths):
    one = rows_of(["a", "b", None, "a"]).nbytes
    held = HeldFiles(bytes_max=3 * one)
    for path in paths:
        held.matching(SCHEMA, [path], {"n": 7})
        assert held.matching(SCHEMA, [path], {"n": 7}).num_rows == 4
        assert held.bytes <= 3 * one
    assert held.matching(SCHEMA, [paths[2]], {"n": 7}).num_rows == 4
    assert held.matching(SCHEMA, [paths[0]], {"n": 7}) is None


def test_files_that_are_too_many_together_are_decoded_once_and_then_read_where_they_lie(
    paths, monkeypatch
):
    decoded = []
    read = pq.read_table

    def reading(path, **options):
        decoded.append(path)
        return read(path, **options)

    monkeypatch.setattr(held_files.pq, "read_table", reading)
    one = read(paths[0], schema=SCHEMA).nbytes
    held = HeldFiles(bytes_max=2 * one)
    assert [held.matching(SCHEMA, paths, {"n": 7}) for _ in range(5)] == [None] * 5
    assert decoded == paths, "each once: their sizes are known from then on"
    assert held.bytes <= 2 * one
    assert sequences(held.matching(SCHEMA, paths[:2], {"word": "b"})) == [1, 11]
    assert decoded == paths, "what was held is there"
    assert held.matching(SCHEMA, paths[1:], {"n": 7}) is None  # one of them is new
    assert held.matching(SCHEMA, paths[1:], {"n": 7}).num_rows == 8
    assert (decoded[3:], held.bytes) == ([paths[2]], 2 * one)


def test_a_file_that_decodes_to_more_than_the_bound_is_never_held(paths):
    held = HeldFiles(bytes_max=1)
    assert [held.matching(SCHEMA, paths[:1], {"n": 7}) for _ in range(3)] == [None] * 3
    assert held.bytes == 0


def test_the_sizes_that_are_remembered_are_bounded(paths, monkeypatch):
    monkeypatch.setattr(held_files, "_SIZES_MAX", 2)
    held = HeldFiles()
    for asked in (paths[:2], paths[:2], paths[1:], paths[1:]):
        held.matching(SCHEMA, asked, {"n": 7})
    assert set(held._sizes) == set(paths[1:])
    assert [held.matching(SCHEMA, paths, {"n": 7}) for _ in range(2)] == [None] * 2


def test_a_file_that_would_fill_the_memory_is_read_where_it_lies(paths, monkeypatch):
    monkeypatch.setattr(held_files, "_FILE_BYTES_MAX", 1)
    held = HeldFiles()
    assert [held.matching(SCHEMA, paths, {"n": 7}) for _ in range(3)] == [None] * 3
    assert held.bytes == 0

"""Row groups that were encoded apart make the file that one writer would have made."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.history.columns import TABLES, schema_of
from gateway.history.row_groups import RowGroupFile, encode_group
from gateway.history.segment_files import parquet_options, parquet_writer


def value_of(kind, draw):
    if pa.types.is_dictionary(kind):
        return draw.choice(["alpha", "beta", None])
    if pa.types.is_string(kind):
        return draw.choice(["", "text of some length", "é" * 40])
    if pa.types.is_decimal(kind):
        return draw.randint(-(10**9), 10**9)
    if pa.types.is_boolean(kind):
        return draw.random() < 0.5
    return draw.randint(0, 2**7 if kind.bit_width < 16 else 2**15 - 1)


def rows_of(table, count, seed):
    draw, schema = random.Random(seed), schema_of(table)
    rows = [{field.name: value_of(field.type, draw) for field in schema} for _ in range(count)]
    return pa.Table.from_pylist(rows, schema=schema)


def plain(path, groups):
    with parquet_writer(path, groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group)
    return path.read_bytes()


def joined(path, groups, **more):
    options = parquet_options(groups[0].schema) | more
    with closing(RowGroupFile(path)) as file, ThreadPoolExecutor(2) as threads:
        for group in threads.map(lambda rows: encode_group(rows, options), groups):
            file.append(group)
    return path.read_bytes()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("sizes", [[1], [300, 1, 77], [5] * 40])
def test_it_is_the_file_of_one_writer_byte_for_byte(tmp_path, table, sizes):
    groups = [rows_of(table, size, seed) for seed, size in enumerate(sizes)]
    assert joined(tmp_path / "joined", groups) == plain(tmp_path / "plain", groups)
    assert pq.read_table(tmp_path / "joined").equals(pq.read_table(tmp_path / "plain"))


def test_offsets_beyond_32_bits_are_told(tmp_path):
    group = encode_group(rows_of("fills", 20, 1), parquet_options(schema_of("fills")))
    file = RowGroupFile(tmp_path / "long")
    file.append(group)
    file._file.seek(5 << 30)  # a hole, as of many groups
    file.append(group)
    file.close()
    metadata = pq.read_metadata(tmp_path / "long")
    assert metadata.row_group(1).column(0).data_page_offset >= 5 << 30
    assert metadata.num_rows == 40
    first, second = (pq.ParquetFile(tmp_path / "long").read_row_group(n) for n in range(2))
    assert first.equals(second)


def test_a_file_without_its_end_is_none(tmp_path):
    file = RowGroupFile(tmp_path / "cut")
    file.append(encode_group(rows_of("fills", 20, 1), parquet_options(schema_of("fills"))))
    file._file.flush()
    with pytest.raises(pa.ArrowInvalid):
        pq.read_metadata(tmp_path / "cut")
    file.close()
    file.close()  # once more changes nothing
    assert pq.read_metadata(tmp_path / "cut").num_rows == 20


def test_what_would_have_to_move_outside_of_the_pages_is_refused(tmp_path):
    rows = [rows_of("balances", 20, 1)]
    with pytest.raises(ValueError, match="cannot be moved"):
        joined(tmp_path / "a", rows, write_page_index=True)

"""A key is found among held row groups as by looking at every row; what is read and held is
bounded."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.history import held_groups
from gateway.history.catalog import VERSION, RowFile
from gateway.history.columns import ADDED, schema_of
from gateway.history.faults import ArchiveFault
from gateway.history.held_groups import Ending, HeldGroups

SCHEMA = schema_of("balances")
GROUP = 4
ALL = Ending("sequence", 2**63 - 1)


def rows_of(keys, first=1):
    """Two records at each time; (account, currency) by record."""
    return pa.Table.from_pylist(
        [
            {
                "sequence": sequence,
                "time_ns": sequence // 2,
                "event": "balance_changed",
                "account": account,
                "currency": currency,
                "total": 0,
                "change": 0,
                "reference": str(sequence),
            }
            for sequence, (account, currency) in enumerate(keys, first)
        ],
        schema=SCHEMA,
    )


def written(path, rows, **options):
    pq.write_table(rows, path, row_group_size=GROUP, **options)
    return RowFile(path, VERSION)


@pytest.fixture
def past(tmp_path):
    """Three files of ten rows and a tail of five; each row's key is drawn."""
    draw = random.Random(7)
    keys = [(draw.choice("abc"), draw.choice(["USD", "EUR", None])) for _ in range(35)]
    parts = [rows_of(keys[at : at + 10], at + 1) for at in (0, 10, 20)]
    files = [written(tmp_path / f"{n}.parquet", part) for n, part in enumerate(parts)]
    return files, rows_of(keys[30:], 31)


def looked_up(files, tail, wanted, ending):
    """Row by row."""
    found = {}
    tables = [(file, pq.read_table(file.path)) for file in files]
    for file, table in [*tables, (RowFile(None, VERSION), tail)]:
        for row in table.to_pylist():
            is_meant = file.after < row["sequence"] <= (file.until or 2**63)
            is_meant &= row[ending.column] <= ending.last
            if is_meant and all(row[name] == value for name, value in wanted.items()):
                found[row["account"], row["currency"]] = row["sequence"]
    return sorted(found.values())


def sequences(rows):
    return rows["sequence"].to_pylist()


@pytest.mark.parametrize("bytes_max", [1, 2_000, 1 << 20])
def test_every_key_is_what_a_look_at_every_row_finds(past, bytes_max):
    files, tail = past
    held = HeldGroups(bytes_max)
    endings = [Ending("sequence", n) for n in range(0, 37)] + [Ending("time_ns", n)
               for n in range(0, 19)]  # fmt: skip
    wishes = [{"account": "a"}, {"currency": "EUR"}, {"account": "b", "currency": "USD"},
              {"account": "nobody"}]  # fmt: skip
    bounds = [(0, 0), (13, 0), (0, 17), (12, 14)]
    for after, until in bounds:
        bounded = [files[0], files[1]._replace(after=after, until=until), files[2]]
        for ending in endings:
            for wanted in wishes:
                found = held.newest("balances", bounded, tail, wanted, ending)
                asked = (after, until, ending, wanted)
                assert sequences(found) == looked_up(bounded, tail, wanted, ending), asked
                assert held.bytes <= bytes_max
    assert sequences(held.newest("balances", [], None, wishes[0], ALL)) == []


@pytest.fixture
def reads(monkeypatch):
    """(file, row group, whether all columns) of each read."""
    found = []
    rows_of_group = held_groups._rows_of

    def reading(path, metadata, number, schema, columns):
        found.append((path.name, number, columns is None))
        return rows_of_group(path, metadata, number, schema, columns)

    monkeypatch.setattr(held_groups, "_rows_of", reading)
    return found


def test_a_whole_key_is_sought_from_the_newest_group_back_and_read_once(tmp_path, reads):
    keys = [("other", "USD")] * 40
    keys[5] = keys[17] = keys[30] = ("mine", "USD")
    file = written(tmp_path / "f", rows_of(keys))
    held, mine = HeldGroups(), {"account": "mine", "currency": "USD"}

    def ask(last):
        reads.clear()
        return sequences(held.newest("balances", [file], None, mine, Ending("sequence", last)))

    assert ask(24) == [18]  # of groups of four, the fifth holds records 17 to 20
    assert reads == [("f", 5, False), ("f", 4, False), ("f", 4, True)]
    assert ask(24) == [18] and reads == []
    assert ask(20) == [18] and reads == []
    assert ask(40) == [31]
    assert {number for _, number, _ in reads} == {7, 8, 9}
    # Within a group the place of the last record that counts is read as well.
    assert ask(17) == [6]
    assert reads == [("f", 4, False), ("f", 3, False), ("f", 2, False), ("f", 1, False),
                     ("f", 1, True)]  # fmt: skip


def test_of_a_long_file_only_the_groups_between_are_read(tmp_path, reads):
    file = written(tmp_path / "day", rows_of([("a", "USD")] * 400))
    held = HeldGroups()
    bounded = file._replace(after=200, until=300)
    part = {"account": "a"}
    assert sequences(held.newest("balances", [bounded], None, part, Ending("sequence", 210))) == [
        210
    ]
    assert {number for _, number, _ in reads} == {50, 51, 52}
    reads.clear()
    assert sequences(held.newest("balances", [bounded], None, part, Ending("time_ns", 104))) == [
        209
    ]
    assert {number for _, number, _ in reads} == {52}


def test_what_is_held_is_bounded_and_the_oldest_goes_first(tmp_path, reads):
    files = [written(tmp_path / str(n), rows_of([("a", "USD")] * 4)) for n in range(5)]
    held = HeldGroups()
    for file in files:
        held.newest("balances", [file], None, {"account": "a"}, ALL)
    small = HeldGroups(bytes_max=held.bytes * 3 // 5)
    for file in files:
        small.newest("balances", [file], None, {"account": "a"}, ALL)
        assert small.bytes <= held.bytes * 3 // 5
    reads.clear()
    small.newest("balances", [files[4]], None, {"account": "a"}, ALL)
    assert reads == []
    small.newest("balances", [files[0]], None, {"account": "a"}, ALL)
    assert len(reads) == 2


def test_a_file_that_says_nothing_of_its_groups_is_read_whole(past):
    files, tail = past
    silent = [
        written(file.path.with_suffix(".silent"), pq.read_table(file.path), write_statistics=False)
        for file in files
    ]
    for last in range(36):
        ending, wanted = Ending("sequence", last), {"account": "c"}
        found = HeldGroups().newest("balances", silent, tail, wanted, ending)
        assert sequences(found) == looked_up(files, tail, wanted, ending)


def test_what_a_file_of_before_lacks_is_null(tmp_path):
    schema = schema_of("orders")
    values = {field.name: None if field.nullable else 7 for field in schema}
    values |= dict.fromkeys(ADDED["orders"], 5)
    now = pa.Table.from_pylist([values], schema=schema)
    before = written(tmp_path / "before", now.drop_columns([*ADDED["orders"]]))
    for file, crossed in ((written(tmp_path / "now", now), 5), (before, None)):
        (row,) = HeldGroups().newest("orders", [file], None, {"order_id": 7}, ALL).to_pylist()
        assert (row["order_id"], row["crossed_mantissa"]) == (7, crossed)


@pytest.mark.parametrize("damage", ["lost", "cut"])
def test_a_file_that_cannot_be_read_is_named(past, damage):
    (file, *_), tail = past
    if damage == "lost":
        file.path.unlink()
    else:
        file.path.write_bytes(file.path.read_bytes()[:-20])
    with pytest.raises(ArchiveFault, match=file.path.name) as caught:
        HeldGroups().newest("balances", [file], tail, {"account": "a"}, ALL)
    assert caught.value.code == "BAD_ARCHIVE"

"""Sampled marks as a table, and the ones in force at a moment. Days that are over become Parquet
files; a question never changes a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gateway.api.decimal_text import plain_text
from gateway.history.columns import I64, MONEY, WORD
from gateway.history.durable import publish, temporary_of
from gateway.history.faults import ArchiveFault
from gateway.history.mark_samples import MARKS_DIRECTORY, Sample, day_of
from gateway.history.segment_files import parquet_writer

__all__ = ["SAMPLE_NS_MAX", "close_days", "delete_days", "mark_files", "marks_at", "marks_query"]

SAMPLE_NS_MAX = 3_600_000_000_000  # an older sample says nothing about a moment
_HOUR_NS = 3_600_000_000_000
_DAY_NS = 24 * _HOUR_NS
_SCHEMA = pa.schema(
    {"time_ns": I64, "instrument": WORD, "mark": MONEY, "source": WORD, "age_ms": I64}
)
_NAMES = ", ".join(_SCHEMA.names)
_CSV_COLUMNS = (
    "{'time_ns': 'BIGINT', 'instrument': 'VARCHAR', 'mark': 'DECIMAL(38, 18)', "
    "'source': 'VARCHAR', 'age_ms': 'BIGINT', 'whole': 'VARCHAR'}"
)


def marks_query(archive: Path, days: tuple[str, ...] = ()) -> str:
    """SELECT of every sample, or of these days. A line that was cut off is left out."""
    place = archive / MARKS_DIRECTORY
    parquet = {path.stem: path for path in sorted(place.glob("day=*.parquet"))}
    text = {path.stem: path for path in sorted(place.glob("day=*.csv"))}
    wanted = {f"day={day}" for day in days} or {*parquet, *text}
    parts = [
        f"SELECT {_NAMES} FROM read_parquet({_quoted(path)}, hive_partitioning = false)"
        for name, path in parquet.items()
        if name in wanted
    ]
    parts += [
        f"SELECT {_NAMES} FROM read_csv({_quoted(path)}, columns = {_CSV_COLUMNS}, "
        "auto_detect = false, header = false, delim = ',', quote = '', escape = '', "
        "ignore_errors = true, hive_partitioning = false) WHERE whole = '.'"
        for name, path in text.items()
        if name in wanted and name not in parquet
    ]
    nothing = (
        "SELECT 0::BIGINT AS time_ns, '' AS instrument, 0::DECIMAL(38, 18) AS mark, '' AS source, "
        "0::BIGINT AS age_ms WHERE false"
    )
    return " UNION ALL ".join(parts) or nothing


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def marks_at(archive: Path, time_ns: int) -> list[Sample]:
    """The newest sample of every instrument at a moment, an hour old at most; what the engine
    valued at goes before what a venue said. ArchiveFault: a file that cannot be read."""
    first_ns = time_ns - SAMPLE_NS_MAX
    days = tuple(sorted({day_of(max(first_ns, 0)), day_of(max(time_ns, 0))}))
    query = (
        f"SELECT {_NAMES} FROM ({marks_query(archive, days)}) "
        "WHERE time_ns BETWEEN ? AND ? "
        "QUALIFY row_number() OVER (PARTITION BY instrument ORDER BY time_ns DESC, source) = 1 "
        "ORDER BY instrument"
    )
    connection = duckdb.connect(":memory:", config={"threads": 1})
    try:
        found = connection.execute(query, [first_ns, time_ns]).fetchall()
    except duckdb.Error as error:
        text = str(error).split("\n", 1)[0][:500]
        raise ArchiveFault("BAD_ARCHIVE", f"marks: {text}") from None
    finally:
        connection.close()
    return [
        Sample(told_ns, name, plain_text(mark), source, age_ms)
        for told_ns, name, mark, source, age_ms in found
    ]


def close_days(
    archive: Path, now_ns: int, step: Callable[[str], None] = lambda name: None
) -> list[str]:
    """Makes a Parquet file of every day that ended an hour ago or longer; which ones. Whoever calls
    it holds the archive's lock. Ended anywhere, the next call makes the same file. A text of which
    whole lines would be lost stays as it is."""
    closed = []
    place = archive / MARKS_DIRECTORY
    for path in sorted(place.glob("day=*.csv")):
        if path.stem >= f"day={day_of(now_ns - _HOUR_NS)}":
            continue
        target = path.with_suffix(".parquet")
        if not target.exists() and not _make_parquet(archive, path, target, step):
            continue
        step(f"delete {path.name}")
        path.unlink()
        closed.append(path.stem.removeprefix("day="))
    return closed


def _make_parquet(archive: Path, text: Path, target: Path, step: Callable[[str], None]) -> bool:
    """False: fewer rows came out than there are whole lines, so none are taken."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    temporary = temporary_of(target)
    rows = 0
    try:
        day = text.stem.removeprefix("day=")
        query = f"{marks_query(archive, (day,))} ORDER BY time_ns, instrument, source"
        with parquet_writer(temporary, _SCHEMA) as writer:
            batches: Any = connection.sql(query).to_arrow_reader(65_536)
            for batch in batches:
                rows += batch.num_rows
                writer.write_table(pa.Table.from_batches([batch]).cast(_SCHEMA))
    finally:
        connection.close()
    if rows < _whole_lines(text):
        temporary.unlink()
        return False
    publish([target], step)
    return True


def _whole_lines(text: Path) -> int:
    with text.open("rb") as lines:
        return sum(line.endswith(b",.\n") for line in lines)


def mark_files(archive: Path) -> list[tuple[str, Path, int]]:
    """Day, place and size of each file of marks, oldest day first."""
    paths = sorted((archive / MARKS_DIRECTORY).glob("day=*.*"))
    return [
        (path.stem.removeprefix("day="), path, path.stat().st_size)
        for path in paths
        if path.suffix in (".csv", ".parquet")
    ]


def delete_days(archive: Path, keep_days: int, now_ns: int) -> int:
    """Forgets samples of days before what is kept; how many files went."""
    oldest = f"day={day_of(max(now_ns - keep_days * _DAY_NS, 0))}"
    gone = [path for path in (archive / MARKS_DIRECTORY).glob("day=*.*") if path.stem < oldest]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)

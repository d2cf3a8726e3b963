"""Merges the Parquet files of a day that is over into one per table. Rows are copied and never
changed; the manifest of the day, written last, puts the new files in the place of the old ones,
which go later: a question that began before still reads them. Ended anywhere, the next run makes
the same files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from msgspec import structs

from gateway.history.catalog import VERSION, ArchivedFile, Catalog, DayManifest, RowFile
from gateway.history.columns import TABLES, schema_of
from gateway.history.durable import locked, remove_temporary
from gateway.history.faults import ArchiveFault
from gateway.history.mark_samples import day_of
from gateway.history.segment_files import GROUP_ROWS, parquet_writer
from gateway.history.views import MEMORY, read_rows
from gateway.history.written_files import WrittenFile, publish_written

__all__ = ["KEEP_NS", "Merged", "delete_replaced", "merge_next_day"]

KEEP_NS = 600_000_000_000  # files that were merged stay: a question lasts 30 seconds at most
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Merged:
    """One day that was merged: files before and now, and their bytes."""

    day: str
    files_before: int
    files: int
    rows: int
    bytes_before: int
    bytes: int


def merge_next_day(archive: Path, now_ns: int, step: Step = lambda name: None) -> Merged | None:
    """The oldest day that is over and has several files of a table; None when there is none. It is
    over when the archive holds a record of a later day. ArchiveFault: a file is not what its
    manifest says, or somebody else is changing the archive."""
    with locked(archive):
        remove_temporary(archive)
        catalog = Catalog(archive)
        found = _next_day(catalog)
        return None if found is None else _merge(catalog, *found, now_ns, step)


def delete_replaced(archive: Path, now_ns: int, step: Step = lambda name: None) -> int:
    """Deletes what was merged `KEEP_NS` ago or longer; how many files."""
    gone = 0
    with locked(archive):
        catalog = Catalog(archive)
        for day in list(catalog.days.values()):
            if not day.holds_replaced or now_ns - day.merged_ns < KEEP_NS:
                continue
            for file in _replaced(catalog, day):
                step(f"delete {file.path}")
                path = archive / file.path
                gone += path.exists()
                path.unlink(missing_ok=True)
            catalog.write_day(structs.replace(day, holds_replaced=False), step)
    return gone


_Parts = dict[str, list[tuple[int, ArchivedFile]]]  # by table: segment and file, oldest first


def _next_day(catalog: Catalog) -> tuple[str, _Parts] | None:
    newest = catalog.newest
    if newest is None:
        return None
    over_before = day_of(max(newest.last_time_ns, 0))
    days: dict[str, _Parts] = defaultdict(lambda: defaultdict(list))
    for manifest in catalog.kept:
        for file in catalog.files_of(manifest):
            if file.day and file.day < over_before and file.day not in catalog.days:
                days[file.day][file.table].append((manifest.segment, file))
    for day, tables in sorted(days.items()):
        several = {table: parts for table, parts in sorted(tables.items()) if len(parts) > 1}
        if several:
            return day, several
    return None


def _merge(catalog: Catalog, day: str, tables: _Parts, now_ns: int, step: Step) -> Merged:
    versions = {each.segment: each.version for each in catalog.kept}
    written = []
    for table, parts in tables.items():
        sources = [RowFile(catalog.directory / file.path, versions[at]) for at, file in parts]
        rows = sum(file.rows for _, file in parts)
        written.append(_merge_table(catalog.directory, table, day, (sources, rows), step))
    segments = [segment for parts in tables.values() for segment, _ in parts]
    manifest = DayManifest(
        version=VERSION,
        day=day,
        first_segment=min(segments),
        last_segment=max(segments),
        files=tuple(written),
        merged_ns=now_ns,
    )
    catalog.write_day(manifest, step)
    before = [file for parts in tables.values() for _, file in parts]
    return Merged(
        day=day,
        files_before=len(before),
        files=len(written),
        rows=sum(file.rows for file in written),
        bytes_before=sum(file.bytes for file in before),
        bytes=sum(file.bytes for file in written),
    )


def _merge_table(
    archive: Path, table: str, day: str, given: tuple[list[RowFile], int], step: Step
) -> ArchivedFile:
    sources, rows = given
    file = WrittenFile(table, day, archive / table / f"day={day}" / "merged.parquet", rows)
    step(f"merge {table} {day}")
    found, last = 0, 0
    with parquet_writer(file.temporary, schema_of(table)) as writer:
        for batch in _batches(table, sources):
            sequences = batch["sequence"].to_numpy()
            if sequences[0] < last or (sequences[1:] < sequences[:-1]).any():
                raise ArchiveFault("BAD_ARCHIVE", f"{table} of {day}: rows are not in order")
            last = int(sequences[-1])
            found += batch.num_rows
            writer.write_table(batch, row_group_size=GROUP_ROWS)
    if found != rows:
        text = f"{table} of {day}: {found} rows, written were {rows}"
        raise ArchiveFault("BAD_ARCHIVE", text)
    return publish_written(archive, [file], step)[0]


def _batches(table: str, sources: list[RowFile]) -> Iterator[pa.Table]:
    """Rows in the order of the files, a row group at a time. One thread keeps the order."""
    columns = ", ".join(f'"{name}"' for name in TABLES[table])
    connection = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": MEMORY})
    try:
        for query in read_rows(table, sources, columns):
            reader: Any = connection.sql(query).to_arrow_reader(GROUP_ROWS)
            for batch in reader:
                if batch.num_rows:
                    yield pa.Table.from_batches([batch]).cast(schema_of(table))
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        text = str(error).split("\n", 1)[0][:500]
        raise ArchiveFault("BAD_ARCHIVE", f"{table}: {text}") from None
    finally:
        connection.close()


def _replaced(catalog: Catalog, day: DayManifest) -> list[ArchivedFile]:
    return [
        file
        for manifest in catalog.manifests
        for file in manifest.files
        if file.day == day.day and day.stands_for(manifest.segment, file)
    ]

"""The tables of history as SQL sees them: prices and quantities as exact decimals instead of
mantissas, flags as words. One DuckDB connection over the archive's files and the tail of the
journal that is not archived yet; closed to every other file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gateway.history.archive import archived_tables, open_extractor, refusal_words
from gateway.history.catalog import Catalog, RowFile, stamp_of
from gateway.history.columns import ADDED, ADDED_IN, TABLES, schema_of
from gateway.history.faults import ArchiveFault
from gateway.history.marks import marks_query

__all__ = ["EXACT", "Views", "columns_of", "read_rows"]

TAIL_RECORDS_MAX = 4_000_000  # what is not archived yet is held in memory; beyond, build first
TAIL_ROWS_PER_STEP = 65_536
MEMORY = "1GiB"
_SCALES = {
    "price_mantissa": ("price", "price_scale"),
    "trigger_price_mantissa": ("trigger_price", "price_scale"),
    "reference_price_mantissa": ("reference_price", "price_scale"),
    "quantity_mantissa": ("quantity", "quantity_scale"),
    "cumulative_mantissa": ("cumulative_quantity", "quantity_scale"),
    "display_quantity_mantissa": ("display_quantity", "quantity_scale"),
    "crossed_mantissa": ("crossed_quantity", "quantity_scale"),
    # The middle of both has one decimal more than they have.
    "cross_bid_mantissa": ("cross_bid", "price_scale - 1"),
    "cross_ask_mantissa": ("cross_ask", "price_scale - 1"),
}
_FLAGS = {"is_post_only": 1, "is_reduce_only": 2, "is_emulated": 8}
# 19 digits times 19 digits: exact, and no wider than the widest DECIMAL.
EXACT = (
    "CREATE MACRO exact(mantissa, scale) AS CAST(mantissa AS DECIMAL(19, 0)) * CASE scale "
    + " ".join(f"WHEN {scale} THEN CAST('1e-{scale}' AS DECIMAL(19, 18))" for scale in range(19))
    + " END"
)
_E18 = "1000000000000000000"


def _times() -> str:
    """Two amounts: DuckDB's own product of two DECIMAL(38, 18) has 36 decimals and no room. Whole
    parts and decimals are multiplied apart, as integers; what is too large ends in an overflow."""
    exactly = {name: f"CAST({name} AS DECIMAL(38, 18))" for name in "ab"}
    whole = {name: f"CAST(trunc({text}) AS HUGEINT)" for name, text in exactly.items()}
    parts = {
        name: f"CAST(CAST({text} - trunc({text}) AS DECIMAL(19, 18))"
        f" * CAST({_E18} AS DECIMAL(19, 0)) AS HUGEINT)"
        for name, text in exactly.items()
    }
    small = f"{parts['a']} * {parts['b']}"
    mantissa = (
        f"({whole['a']} * {whole['b']} * {_E18} + {whole['a']} * {parts['b']}"
        f" + {parts['a']} * {whole['b']} + {small} // {_E18})"
    )
    return (
        f"CREATE MACRO times(a, b) AS CASE WHEN {small} % {_E18} <> 0"
        " THEN error('times: the product has more than 18 decimals')"
        f" ELSE CAST({mantissa} // {_E18} AS DECIMAL(38, 18))"
        f" + CAST({mantissa} % {_E18} AS DECIMAL(18, 0)) * CAST('1e-18' AS DECIMAL(19, 18)) END"
    )


TIMES = _times()


def columns_of(table: str) -> str:
    """What a view selects from the files of its table."""
    chosen = []
    for name in TABLES[table]:
        if name in _SCALES:
            shown, scale = _SCALES[name]
            chosen.append(f"exact({name}, {scale}) AS {shown}")
        elif name == "flags":
            chosen += [f"(flags & {bit}) <> 0 AS {word}" for word, bit in _FLAGS.items()]
        elif not name.endswith("_scale"):
            chosen.append(f'"{name}"')
    return ", ".join(chosen)


def read_rows(table: str, files: Sequence[RowFile], columns: str) -> list[str]:
    """A SELECT of these columns for each run of files that are read alike, in their order."""
    parts = []
    for alike, run in groupby(files, lambda file: file[1:]):
        version, after, until = alike
        names = ", ".join("'" + str(file.path).replace("'", "''") + "'" for file in run)
        source = f"read_parquet([{names}], hive_partitioning = false)"
        if version < ADDED_IN and table in ADDED:
            added = ", ".join(f"{sql} AS {name}" for name, sql in ADDED[table].items())
            source = f"(SELECT *, {added} FROM {source})"
        bounds = [f"sequence > {after}"] * (after > 0) + [f"sequence <= {until}"] * (until > 0)
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        parts.append(f"SELECT {columns} FROM {source}{where}")
    return parts


class Views:
    """One connection. Not for several threads at once."""

    def __init__(
        self,
        directory: Path | None,
        archive: Path,
        ring_directory: str = "",
        *,
        threads: int = 2,
        has_tail: bool = True,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """`directory` None: the archive alone. `between` is called now and then while the tail is
        read, and may raise. ArchiveFault: it cannot be read, or too much of the journal is not
        archived."""
        self._stamp = stamp_of(archive)
        self.catalog = Catalog(archive)
        options: dict[str, Any] = {
            "threads": threads,
            "memory_limit": MEMORY,
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_unsigned_extensions": False,
            "temp_directory": "",
        }
        self.connection = duckdb.connect(":memory:", config=options)
        self.connection.execute("SET parquet_metadata_cache = true")  # files never change
        self.connection.execute(EXACT)
        self.connection.execute(TIMES)
        self.tail = dict[str, pa.Table]()
        self.tail_first = self.catalog.sequence + 1
        self.sequence = self.catalog.sequence
        try:
            if directory is not None and has_tail:
                self._read_tail(directory, archive, ring_directory, between)
            self._make_views()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.connection.close()

    def refresh(self) -> None:
        """Files that were merged, or that retention took, since the last look; the newest record
        stays what it was."""
        stamp = stamp_of(self.catalog.directory)
        if stamp != self._stamp:
            self.catalog = Catalog(self.catalog.directory, until=self.tail_first - 1)
            self._make_views()
            self._stamp = stamp

    def _make_views(self) -> None:
        for table in TABLES:
            query = self.rows(table, self.catalog.row_files(table), is_with_tail=True)
            self._make_view(table, query)
        self._make_view("marks", marks_query(self.catalog.directory))

    def _read_tail(
        self, directory: Path, archive: Path, ring_directory: str, between: Callable[[], None]
    ) -> None:
        extractor = open_extractor(directory, archive, self.catalog.sequence, ring_directory)
        refusals = refusal_words()
        until = self.catalog.sequence + TAIL_RECORDS_MAX
        parts: dict[str, list[pa.Table]] = {table: [] for table in TABLES}
        try:
            while found := extractor.extract(until, TAIL_ROWS_PER_STEP):
                between()
                if not found["records"]:
                    break
                for table, rows in archived_tables(found, extractor, refusals).items():
                    parts[table].append(rows)
        except RuntimeError as error:
            raise ArchiveFault("BAD_JOURNAL", str(error)) from None
        if extractor.sequence == until:
            text = f"more than {TAIL_RECORDS_MAX} records are not archived yet"
            raise ArchiveFault("TAIL_TOO_LONG", text)
        self.hold_tail(parts, extractor.sequence)

    def hold_tail(self, parts: Mapping[str, Sequence[pa.Table]], sequence: int) -> None:
        """Rows that are not archived, up to a record. Before views of their tables are made."""
        self.sequence = sequence
        for table, found_parts in parts.items():
            if any(part.num_rows for part in found_parts):
                self.tail[table] = pa.concat_tables(found_parts)
                self.connection.register(f"tail_{table}", self.tail[table])

    def _make_view(self, table: str, query: str) -> None:
        try:
            self.connection.execute(f"CREATE OR REPLACE VIEW {table} AS {query}")
        except (duckdb.Error, OSError) as error:
            text = str(error).split("\n", 1)[0][:500]
            raise ArchiveFault("BAD_ARCHIVE", f"{table}: {text}") from None

    def rows(self, table: str, files: Sequence[RowFile], *, is_with_tail: bool) -> str:
        """A query for the rows of these files, and of the tail."""
        parts = read_rows(table, files, columns_of(table))
        if is_with_tail and table in self.tail:
            parts.append(f"SELECT {columns_of(table)} FROM tail_{table}")
        if not parts:
            self._register_empty(table)
            parts.append(f"SELECT {columns_of(table)} FROM empty_{table}")
        return " UNION ALL ".join(parts)

    def chosen(self, table: str, rows: pa.Table) -> str:
        """A query for these rows of a table, good until the next call."""
        self.connection.register("chosen", rows)
        return f"SELECT {columns_of(table)} FROM chosen"

    def _register_empty(self, table: str) -> None:
        self.connection.register(f"empty_{table}", schema_of(table).empty_table())

    def close_to_files(self) -> None:
        """From now on no statement reads a file outside the archive, or changes a setting."""
        archive = str(self.catalog.directory.resolve()).replace("'", "''")
        self.connection.execute(f"SET allowed_directories = ['{archive}/']")
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")

"""History in PostgreSQL. The mark of the last record is written in the transaction of its rows, so
that both are there or neither; a number is never a float on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from gateway.api import (
    SinkBatch,
    SinkMark,
    SinkRefused,
    SinkTable,
    SinkUnavailable,
)
from gateway_postgres.layout import check_or_create
from gateway_postgres.settings import Settings

__all__ = ["PostgresSink"]

_MARK = ("journal", "sequence", "time_ns", "state_hash")


class PostgresSink:
    """A HistorySink. One thread."""

    def __init__(self, settings: Settings, step: Callable[[str], None] = lambda name: None) -> None:
        """`step` hears the name of each step of a write before it is made."""
        self._settings = settings
        self._step = step
        self._connection: psycopg.Connection[Any] | None = None
        self._tables: dict[str, SinkTable] = {}

    def open(self, tables: Sequence[SinkTable]) -> None:
        self.close()
        self._tables = {table.name: table for table in tables}
        with _faults():
            self._connection = psycopg.connect(**self._settings.connection)
            # What write() called durable stays so, whatever the database's own default is.
            self._connection.execute("SET SESSION synchronous_commit = on")
            self._connection.execute("SET SESSION idle_in_transaction_session_timeout = '60s'")
            self._connection.commit()
            self._check_encoding()
            with self._connection.transaction():
                check_or_create(self._connection, self._settings.schema, tables)

    def high_water(self) -> SinkMark | None:
        with _faults(), self._open_connection().transaction():
            return self._mark(for_update=False)

    def write(self, batch: SinkBatch) -> None:
        with _faults(), self._open_connection().transaction():
            found = self._mark(for_update=True)
            if found != batch.after:
                raise SinkRefused(f"another process writes too: it left {found}, not {batch.after}")
            for table, rows in batch.rows.items():
                self._step(f"copy {table}")
                self._copy(self._tables[table], rows)
            self._step("mark")
            self._set_mark(batch.mark)
            self._step("commit")

    def _check_encoding(self) -> None:
        """A text that the database cannot hold would stop the sink in the middle of a journal."""
        with self._open_connection().transaction():
            row = self._open_connection().execute("SHOW server_encoding").fetchone()
        if row is None or row[0] not in ("UTF8", b"UTF8"):
            raise SinkRefused(f"the database's encoding is {row and row[0]!r}, it needs UTF8")

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _open_connection(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise SinkUnavailable("not open")
        return self._connection

    def _mark(self, *, for_update: bool) -> SinkMark | None:
        columns = sql.SQL(", ").join(map(sql.Identifier, _MARK))
        query = sql.SQL("SELECT {} FROM {}").format(columns, self._table("gateway_sink"))
        if for_update:  # a second writer waits here, and then finds another mark
            query += sql.SQL(" FOR UPDATE")
        row = self._open_connection().execute(query).fetchone()
        if row is None:
            raise SinkRefused("gateway_sink lost its row: fill another schema")
        return SinkMark(*row) if row[1] else None

    def _copy(self, table: SinkTable, rows: Sequence[tuple[Any, ...]]) -> None:
        columns = sql.SQL(", ").join(sql.Identifier(each.name) for each in table.columns)
        query = sql.SQL("COPY {} ({}) FROM STDIN").format(self._table(table.name), columns)
        with self._open_connection().cursor() as cursor, cursor.copy(query) as copy:
            for row in rows:
                copy.write_row([_without_zero_byte(value) for value in row])

    def _set_mark(self, mark: SinkMark) -> None:
        query = sql.SQL(
            "UPDATE {} SET journal = %s, sequence = %s, time_ns = %s, state_hash = %s"
        ).format(self._table("gateway_sink"))
        values = (mark.journal, mark.sequence, mark.time_ns, mark.state_hash)
        self._open_connection().execute(query, values)

    def _table(self, name: str) -> sql.Identifier:
        return sql.Identifier(self._settings.schema, name)


def _without_zero_byte(value: Any) -> Any:
    """TEXT holds every character but this one; a venue's text may not stop the sink for ever."""
    if isinstance(value, str) and "\0" in value:
        return value.replace("\0", "\N{SYMBOL FOR NULL}")
    return value


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """The driver's errors as the contract's two kinds."""
    try:
        yield
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.ReadOnlySqlTransaction,  # a standby that may become the primary
    ) as error:
        raise SinkUnavailable(_text(error)) from None
    except psycopg.Error as error:
        raise SinkRefused(_text(error)) from None


def _text(error: psycopg.Error) -> str:
    """One line; libpq names host, database and user, never the password."""
    state = f" ({error.sqlstate})" if error.sqlstate else ""
    return " ".join(str(error).split())[:300] + state

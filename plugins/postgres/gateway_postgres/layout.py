"""The tables of the sink: made when they are not there, else compared column by column. Never
changes what is there: an older layout is named, and filled anew in another schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from gateway.api import SinkColumn, SinkSchemaMismatch, SinkTable

__all__ = ["LAYOUT_VERSION", "check_or_create"]

LAYOUT_VERSION = 1
TYPES = {
    "integer": "bigint",
    "decimal": "numeric(38,18)",
    "text": "text",
    "boolean": "boolean",
}
INDEXED = ("sequence", "order_id")
_LOCK = 0x67_77_73_69_6E_6B  # "gwsink": two first runs do not lay out at once


def check_or_create(
    connection: psycopg.Connection[Any], schema: str, tables: Sequence[SinkTable]
) -> None:
    """Within the caller's transaction. SinkSchemaMismatch: what is there is another layout."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    if _columns(connection, schema, "gateway_sink"):
        _check(connection, schema, tables)
    else:
        _create(connection, schema, tables)


def _check(connection: psycopg.Connection[Any], schema: str, tables: Sequence[SinkTable]) -> None:
    marks = sql.Identifier(schema, "gateway_sink")
    row = connection.execute(sql.SQL("SELECT version FROM {}").format(marks)).fetchone()
    version = row[0] if row else None
    if version != LAYOUT_VERSION:
        text = f"schema {schema} has version {version}, this plugin writes {LAYOUT_VERSION}"
        raise SinkSchemaMismatch(text)
    for table in tables:
        expected = [(each.name, TYPES[each.kind]) for each in table.columns]
        found = _columns(connection, schema, table.name)
        if found != expected:
            differing = sorted({name for name, _ in set(found) ^ set(expected)})
            text = f"table {schema}.{table.name} differs in {', '.join(differing) or 'its order'}"
            raise SinkSchemaMismatch(text)


def _columns(connection: psycopg.Connection[Any], schema: str, table: str) -> list[tuple[str, str]]:
    """(name, type) in order; empty = no such table."""
    query = (
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return connection.execute(query, (schema, table)).fetchall()


def _create(connection: psycopg.Connection[Any], schema: str, tables: Sequence[SinkTable]) -> None:
    found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
    if found.fetchone() is None:  # else the right to make tables in it is enough
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    marks = sql.Identifier(schema, "gateway_sink")
    connection.execute(
        sql.SQL(
            "CREATE TABLE {} (is_single boolean PRIMARY KEY DEFAULT true CHECK (is_single),"
            " version integer NOT NULL, journal text NOT NULL DEFAULT '',"
            " sequence bigint NOT NULL DEFAULT 0, time_ns bigint NOT NULL DEFAULT 0,"
            " state_hash text NOT NULL DEFAULT '')"
        ).format(marks)
    )
    query = sql.SQL("INSERT INTO {} (version) VALUES (%s)").format(marks)
    connection.execute(query, (LAYOUT_VERSION,))
    for table in tables:
        _create_table(connection, schema, table)


def _create_table(connection: psycopg.Connection[Any], schema: str, table: SinkTable) -> None:
    place = sql.Identifier(schema, table.name)
    columns = sql.SQL(", ").join(map(_column, table.columns))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(place, columns))
    for column in table.columns:
        if column.name in INDEXED:
            name = sql.Identifier(column.name)
            connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(place, name))


def _column(column: SinkColumn) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(TYPES[column.kind]))

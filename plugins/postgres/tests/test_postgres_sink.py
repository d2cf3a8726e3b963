"""The sink on a real server: rows and mark together or not at all, and every no by its name."""

import signal
import subprocess
import sys
from decimal import Decimal

import psycopg
import pytest
from gateway_postgres import gateway_history_sinks
from gateway_postgres.settings import settings_of
from gateway_postgres.sink import PostgresSink

from gateway.api import (
    SinkBatch,
    SinkColumn,
    SinkMark,
    SinkRefused,
    SinkSchemaMismatch,
    SinkTable,
    SinkUnavailable,
)

FILLS = SinkTable(
    "fills",
    (
        SinkColumn("sequence", "integer"),
        SinkColumn("price", "decimal"),
        SinkColumn("limit", "text"),
        SinkColumn("is_latch", "boolean"),
    ),
)
WIDEST = Decimal("99999999999999999999.999999999999999999")
KILLER = """
import os, signal, sys
from gateway.api import SinkBatch, SinkColumn, SinkMark, SinkTable
from gateway_postgres.settings import settings_of
from gateway_postgres.sink import PostgresSink
def step(name):
    if name == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
dsn, schema, password = sys.stdin.read().split("|")
sink = PostgresSink(settings_of({"dsn": dsn, "schema": schema}, {"password": password}), step)
sink.open([SinkTable("fills", tuple(
    SinkColumn(name, kind) for name, kind in (("sequence", "integer"), ("price", "decimal"),
                                              ("limit", "text"), ("is_latch", "boolean"))))])
rows = [(8, None, "x", True)] * 1000
sink.write(SinkBatch(sink.high_water(), SinkMark("instance 1", 8, 80, "h8"), {"fills": rows}))
"""


def mark(sequence, state_hash=""):
    return SinkMark("instance 1", sequence, sequence * 10, state_hash or f"h{sequence}")


def batch(after, sequence, *rows):
    return SinkBatch(after and mark(after), mark(sequence), {"fills": rows})


@pytest.fixture
def made(server, schema):
    opened = []

    def make(**changes):
        settings = {"dsn": server.dsn, "schema": schema} | changes
        opened.append(PostgresSink(settings_of(settings, {"password": server.password})))
        return opened[-1]

    yield make
    for sink in opened:
        sink.close()


@pytest.fixture
def sink(made):
    made_sink = made()
    made_sink.open([FILLS])
    return made_sink


def test_rows_come_back_exactly_as_they_went(sink, schema, ask):
    rows = [
        (1, WIDEST, "a\tb\\N\n'\"é\N{ROCKET}", True),
        (2, WIDEST.copy_negate(), "", False),
        ((1 << 63) - 1, Decimal("0.000000000000000001"), None, None),
    ]
    sink.write(batch(None, 5, *rows))
    assert ask(f"SELECT * FROM {schema}.fills ORDER BY sequence") == rows
    assert sink.high_water() == mark(5)


def test_no_column_is_a_float(sink, ask, schema):
    types = ask(
        f"SELECT DISTINCT data_type FROM information_schema.columns WHERE table_schema = '{schema}'"
    )
    assert types and not {kind for (kind,) in types} & {"real", "double precision"}


def test_a_zero_byte_in_a_text_does_not_stop_the_sink(sink, schema, ask):
    sink.write(batch(None, 5, (1, None, "a\0b", None)))
    assert ask(f'SELECT "limit" FROM {schema}.fills') == [("a\N{SYMBOL FOR NULL}b",)]


def test_a_value_the_server_does_not_take_leaves_neither_rows_nor_mark(sink, schema, ask):
    with pytest.raises(SinkRefused, match="out of range"):
        sink.write(batch(None, 5, (1, None, "x", None), (1 << 63, None, "x", None)))
    assert ask(f"SELECT * FROM {schema}.fills") == []
    assert sink.high_water() is None
    sink.write(batch(None, 5, (1, None, "x", None)))
    assert sink.high_water() == mark(5)


@pytest.mark.parametrize("step", ["copy fills", "mark", "commit"])
def test_killed_before_the_commit_leaves_what_was_there(sink, server, schema, ask, step):
    sink.write(batch(None, 5, (1, None, "x", None)))
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, step],
        input=f"{server.dsn}|{schema}|{server.password}".encode(),
        timeout=300,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    sink.write(batch(5, 8, (8, None, "y", None)))  # waits until the server let go of the other
    assert ask(f'SELECT sequence, "limit" FROM {schema}.fills ORDER BY 1') == [(1, "x"), (8, "y")]
    assert sink.high_water() == mark(8)


def test_two_writers_do_not_double_a_row(sink, made, schema, ask):
    other = made()
    other.open([FILLS])
    sink.write(batch(None, 5, (1, None, "x", None)))
    with pytest.raises(SinkRefused, match="another process writes too"):
        other.write(batch(None, 5, (1, None, "x", None)))
    assert ask(f"SELECT count(*) FROM {schema}.fills") == [(1,)]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_server_that_goes_is_unavailable_and_keeps_what_was_committed(sink, server, how):
    sink.write(batch(None, 5, (1, None, "x", None)))
    server.stop(how)
    try:
        with pytest.raises(SinkUnavailable):
            sink.write(batch(5, 8))
        with pytest.raises(SinkUnavailable):
            sink.open([FILLS])
    finally:
        server.start()
    sink.open([FILLS])
    assert sink.high_water() == mark(5)
    sink.write(batch(5, 8))
    assert sink.high_water() == mark(8)


@pytest.mark.parametrize("version", [0, 2])
def test_another_version_of_the_layout_is_refused_by_both_numbers(sink, schema, ask, version):
    ask(f"UPDATE {schema}.gateway_sink SET version = {version}")
    with pytest.raises(SinkSchemaMismatch, match=f"version {version}, this plugin writes 1"):
        sink.open([FILLS])


@pytest.mark.parametrize(
    "change",
    ["DROP COLUMN price", "ADD COLUMN more text", "ALTER COLUMN price TYPE double precision"],
)
def test_a_table_with_other_columns_is_refused_by_the_column(sink, schema, ask, change):
    ask(f"ALTER TABLE {schema}.fills {change}")
    with pytest.raises(SinkSchemaMismatch, match=r"fills differs in (price|more)"):
        sink.open([FILLS])


def test_a_wrong_password_or_place_is_named_and_no_secret_with_it(server, schema):
    for dsn, word in ((server.dsn, "password"), ("host=/nowhere user=x dbname=y", "nowhere")):
        settings = settings_of({"dsn": dsn, "schema": schema}, {"password": "not-this-one"})
        with pytest.raises(SinkUnavailable, match=word) as caught:
            PostgresSink(settings).open([FILLS])
        assert "not-this-one" not in str(caught.value) + repr(settings)


def test_a_user_without_the_right_to_lay_out_is_refused(server, schema, ask):
    name = f"reader_{schema}"
    ask(f"CREATE ROLE {name} LOGIN PASSWORD 'p'")
    dsn = server.dsn.replace(f"user={server.user}", f"user={name}")
    refused = PostgresSink(settings_of({"dsn": dsn, "schema": schema}, {"password": "p"}))
    with pytest.raises(SinkRefused, match="permission denied"):
        refused.open([FILLS])
    refused.close()


def test_a_server_that_takes_no_writes_now_is_asked_again(server, made):
    standby = made(dsn=f"{server.dsn} options='-c default_transaction_read_only=on'")
    with pytest.raises(SinkUnavailable, match="read-only"):
        standby.open([FILLS])


def test_a_database_that_cannot_hold_every_text_is_refused(server, made):
    with psycopg.connect(server.dsn, password=server.password, autocommit=True) as connection:
        connection.execute("CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1'")
    narrow = made(dsn=server.dsn.replace("dbname=postgres", "dbname=narrow"))
    with pytest.raises(SinkRefused, match="LATIN1"):
        narrow.open([FILLS])


@pytest.mark.parametrize(
    ("settings", "secrets", "key"),
    [
        ({}, {}, "dsn: missing"),
        ({"dsn": 7}, {}, "dsn: missing"),
        ({"dsn": "nonsense here"}, {}, "dsn: not what libpq takes"),
        ({"dsn": "postgresql://u:hidden@h/d"}, {}, "dsn: holds a password"),
        ({"dsn": "host=h", "schema": ""}, {}, "schema"),
        ({"dsn": "host=h", "schema": "s" * 64}, {}, "schema"),
        ({"dsn": "host=h", "schema": "pg_mine"}, {}, "schema"),
        ({"dsn": "host=h", "tables": "x"}, {}, "tables: unknown"),
        ({"dsn": "host=h"}, {"key": "x"}, "key: unknown"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_with_it(settings, secrets, key):
    with pytest.raises(ValueError, match=key) as caught:
        gateway_history_sinks()["postgres"](settings, secrets)
    assert "hidden" not in str(caught.value)


def test_loading_the_plugin_imports_no_driver():
    probe = "import sys, gateway_postgres; sys.exit('psycopg' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], timeout=300, check=False).returncode == 0


def test_a_schema_may_be_called_anything(made, ask):
    name = 'a "b"; DROP'
    sink = made(schema=name)
    sink.open([FILLS])
    sink.write(batch(None, 5, (1, None, "x", None)))
    assert ask('SELECT sequence FROM "a ""b""; DROP".fills') == [(1,)]
    with psycopg.connect(**made()._settings.connection) as connection:
        connection.execute('DROP SCHEMA "a ""b""; DROP" CASCADE')

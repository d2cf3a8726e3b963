"""A journal in a sink: the rows questions see, each once, whatever goes wrong on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import types
from dataclasses import replace
from random import Random

import pytest
from click.testing import CliRunner
from past_world import Past, World, trade

from gateway.__main__ import root
from gateway.api import SinkMark, SinkRefused, SinkSchemaMismatch, SinkUnavailable, hookimpl
from gateway.history.archive import Archiver, default_archive
from gateway.history.columns import TABLES
from gateway.history.faults import ArchiveFault
from gateway.history.sink_rows import SinkRows
from gateway.history.sink_run import feed_sink
from gateway.history.sinks import make_sink, sink_makers
from gateway.history.views import Views
from gateway.testing.postgres_server import PostgresServer, find_programs


class MemorySink:
    """Keeps what it takes, and fails as `faults` say: one word for each call, None = works."""

    def __init__(self, faults=()):
        self.mark = None
        self.rows = {table: [] for table in TABLES}
        self.batches = []
        self.faults = list(faults)

    def _fault(self):
        return self.faults.pop(0) if self.faults else None

    def open(self, tables):
        assert [table.name for table in tables] == list(TABLES)
        if self._fault():
            raise SinkUnavailable("gone")

    def high_water(self):
        return self.mark

    def write(self, batch):
        fault = self._fault()
        if fault == "before":
            raise SinkUnavailable("gone")
        if batch.after != self.mark:
            raise SinkRefused("not what is there")
        for table, rows in batch.rows.items():
            self.rows[table] += rows
        self.mark = batch.mark
        self.batches.append(batch.mark.sequence)
        if fault == "answer lost":
            raise SinkUnavailable("gone")

    def close(self):
        pass


def source(directory, **options):
    return SinkRows(directory, default_archive(directory), **options)


def feed(directory, sink, *, batch_records=100, **options):
    rows = source(directory, batch_records=batch_records)
    options = {
        "stop": threading.Event(),
        "wait": lambda seconds: None,
        "random": Random(1),
    } | options
    try:
        return feed_sink(rows, sink, **options)
    finally:
        rows.close()


@pytest.fixture(scope="module")
def asked(past):
    """What questions to history answer, by table."""
    views = Views(past.directory, default_archive(past.directory))
    found = {
        table: views.connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES
    }
    yield found, views.sequence
    views.close()


def test_a_sink_holds_the_rows_that_questions_see(past, asked):
    sink = MemorySink()
    progress = feed(past.directory, sink)
    rows, sequence = asked
    assert all(rows[table] for table in ("orders", "fills", "positions", "balances", "funding"))
    assert sink.rows == rows
    assert sink.mark.sequence == progress.sequence == sequence
    assert progress.rows == sum(map(len, rows.values()))
    assert progress.batches == len(sink.batches) > 3


def test_the_next_run_goes_on_where_the_last_one_ended(past, asked):
    sink = MemorySink()
    for until in (1, 700, 701, 1200):
        assert feed(past.directory, sink, until=until).sequence == until
    feed(past.directory, sink)
    assert sink.rows == asked[0]
    assert feed(past.directory, sink).batches == 0


FAULTS = [
    [None, "before"],
    [None, "answer lost"],
    [None, None, "before", "open", "open", None, "answer lost"],
    [None, "before", None, "before", None, "before"],
]


@pytest.mark.parametrize("faults", FAULTS)
def test_a_sink_that_goes_away_gets_each_row_once(past, asked, faults):
    sink = MemorySink(faults)
    waits = []
    progress = feed(past.directory, sink, wait=waits.append)
    assert sink.rows == asked[0]
    assert not sink.faults and progress.reconnects == len(waits) > 0


def test_a_sink_that_lost_what_it_had_called_durable_gets_it_again(past, asked):
    class Forgetful(MemorySink):
        def write(self, batch):
            kept = (self.mark, {table: list(rows) for table, rows in self.rows.items()})
            super().write(batch)
            if len(self.batches) == 3:
                self.mark, self.rows = self.before
                raise SinkUnavailable("crashed")
            self.before = kept

    sink = Forgetful()
    feed(past.directory, sink)
    assert sink.rows == asked[0]


def test_a_sink_that_stays_away_ends_the_run_by_name(past):
    waits = []
    sink = MemorySink([None, "before", *["open"] * 50])
    with pytest.raises(ArchiveFault, match="gone") as caught:
        feed(past.directory, sink, attempts_max=5, wait=waits.append)
    assert caught.value.code == "SINK_UNAVAILABLE"
    assert len(waits) == 5
    with pytest.raises(ArchiveFault) as caught:  # at the start it is not asked again
        feed(past.directory, MemorySink(["open"]))
    assert caught.value.code == "SINK_UNAVAILABLE"


@pytest.mark.parametrize(
    "change",
    [
        {"state_hash": "0" * 64},
        {"journal": "instance 99"},
        {"time_ns": 1},
        {"sequence": 10_000_000},
    ],
)
def test_rows_of_another_journal_are_refused_by_name(past, change):
    sink = MemorySink()
    feed(past.directory, sink, until=700)
    sink.mark = replace(sink.mark, **change)
    before = {table: list(rows) for table, rows in sink.rows.items()}
    with pytest.raises(ArchiveFault) as caught:
        feed(past.directory, sink)
    assert caught.value.code == "FOREIGN_SINK"
    assert sink.rows == before


def test_what_a_sink_refuses_is_named(past):
    class Other(MemorySink):
        def open(self, tables):
            raise SinkSchemaMismatch("version 7, this plugin writes 1")

    with pytest.raises(ArchiveFault, match="version 7") as caught:
        feed(past.directory, Other())
    assert caught.value.code == "SINK_SCHEMA"
    sink = MemorySink()
    sink.high_water = lambda: None
    sink.mark = SinkMark("instance 1", 5, 5, "h")
    with pytest.raises(ArchiveFault, match="not what is there") as caught:
        feed(past.directory, sink)
    assert caught.value.code == "SINK_REFUSED"


def test_a_damaged_journal_is_named_and_what_was_whole_is_kept(copied):
    first = sorted(copied.glob("segment-*.journal"))[1]
    data = bytearray(first.read_bytes())
    data[len(data) // 2] ^= 1
    first.write_bytes(data)
    sink = MemorySink()
    with pytest.raises(ArchiveFault) as caught:
        feed(copied, sink, batch_records=50)
    assert caught.value.code == "BAD_JOURNAL"
    assert sink.mark.sequence > 0 and sink.mark.sequence == sink.batches[-1]


def test_a_journal_without_its_beginning_is_continued_and_not_begun(copied, asked):
    archiver = Archiver(copied, default_archive(copied))
    while archiver.step():
        pass
    archiver.close()  # leaves a snapshot
    sink = MemorySink()
    feed(copied, sink, until=archiver.catalog.sequence + 5)
    for path in copied.glob("segment-0000000001.*"):
        path.unlink()
    feed(copied, sink)
    assert sink.rows == asked[0]
    with pytest.raises(ArchiveFault) as caught:
        feed(copied, MemorySink())
    assert caught.value.code == "BAD_JOURNAL"


def test_following_writes_what_comes_later_until_it_is_stopped(tmp_path):
    """Each wait of the follower lets the engine trade on; the fourth ends it."""
    ring = tempfile.mkdtemp(dir="/dev/shm", prefix=f"gateway-test-{os.getpid()}-")
    world = World(str(tmp_path / "journal"), f"{ring}/journal", segment_bytes=1 << 16,
                  ring_bytes=1 << 20)  # fmt: skip
    world.session(2)
    world.mark("100")
    past = Past(world, tmp_path / "journal")
    stop, sink, ends = threading.Event(), MemorySink(), []

    def wait(_):
        ends.append(sink.mark.sequence if sink.mark else 0)
        if len(ends) == 4:
            stop.set()
            return
        trade(past, rounds=5)
        assert world.engine.wait_synced(world.engine.state_hash()[0], 60_000)

    assert world.engine.wait_synced(world.engine.state_hash()[0], 60_000)
    feed(past.directory, sink, stop=stop, wait=wait, is_following=True)
    world.engine.stop()
    shutil.rmtree(ring, ignore_errors=True)
    assert ends == sorted(set(ends)), "each look found more"
    once = MemorySink()
    feed(past.directory, once, until=sink.mark.sequence)
    assert sink.rows == once.rows


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg")
    pytest.importorskip("gateway_postgres")
    programs = find_programs()
    if programs is None:
        pytest.skip("no postgresql is installed: initdb and postgres are not there")
    with PostgresServer(programs) as started:
        secret = started.directory / "secret"
        secret.touch(0o600)
        secret.write_text(started.password + "\n")
        yield started


def words(directory, server, schema, *more):
    return [
        "history", "sink", str(directory), "--sink", "postgres",
        "--setting", f"dsn={server.dsn}", "--setting", f"schema={schema}",
        "--secret", f"password={server.directory}/secret", *more, "--json",
    ]  # fmt: skip


def invoked(*arguments):
    return CliRunner().invoke(root, words(*arguments))


def rows_there(server, schema):
    import psycopg

    with psycopg.connect(server.dsn, password=server.password) as connection:
        return {
            table: connection.execute(f'SELECT * FROM {schema}."{table}"').fetchall()
            for table in TABLES
        }


def test_postgresql_holds_the_rows_though_the_program_is_killed(past, asked, server):
    """Killed as soon as it began, then asked to end, then left to end."""
    small = ("--batch-records", "50")
    command = words(past.directory, server, "killed", *small, "--follow")
    for how, exit_code in ((signal.SIGKILL, -9), (signal.SIGTERM, 0)):
        started = subprocess.Popen(
            [sys.executable, "-m", "gateway", *command],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        assert b"behind record" in started.stderr.readline()
        started.send_signal(how)
        assert started.wait(60) == exit_code
        started.stderr.close()
    ended = invoked(past.directory, server, "killed", *small)
    assert ended.exit_code == 0 and server.password not in ended.output
    there = rows_there(server, "killed")
    assert {table: sorted(rows, key=repr) for table, rows in there.items()} == {
        table: sorted(rows, key=repr) for table, rows in asked[0].items()
    }


def test_the_server_may_restart_under_a_run(past, asked, server):
    from gateway_postgres.settings import settings_of
    from gateway_postgres.sink import PostgresSink

    sink = PostgresSink(
        settings_of({"dsn": server.dsn, "schema": "restarted"}, {"password": server.password})
    )
    left = [signal.SIGQUIT, signal.SIGINT]

    def report(progress):
        if left and progress.batches % 2:
            server.stop(left.pop())

    def wait(_):
        server.start()

    progress = feed(past.directory, sink, report=report, wait=wait)
    assert progress.reconnects == 2 and not left
    assert {table: len(rows) for table, rows in rows_there(server, "restarted").items()} == {
        table: len(rows) for table, rows in asked[0].items()
    }


def test_a_journal_that_was_cut_back_is_another_one(past, copied, server):
    """The same instance, and its newest records are gone; nothing tells that they were there."""
    ended = invoked(past.directory, server, "foreign")
    assert ended.exit_code == 0, ended.output
    for path in sorted(copied.glob("segment-*"))[4:]:
        path.unlink()
    found = invoked(copied, server, "foreign")
    assert json.loads(found.stdout)["error"]["code"] == "BAD_JOURNAL"  # it had ended in order
    (copied / "superblock").unlink()
    found = invoked(copied, server, "foreign")
    assert found.exit_code == 1 and json.loads(found.stdout)["error"]["code"] == "FOREIGN_SINK"


@pytest.fixture
def run(past):
    def runner(*words, exit_code):
        command = ["history", "sink", str(past.directory), *words, "--json"]
        result = CliRunner().invoke(root, command)
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)["error"]

    return runner


def test_a_wrong_name_or_setting_is_refused_before_anything_is_read(run):
    pytest.importorskip("gateway_postgres")
    unknown = run("--sink", "nowhere", exit_code=2)
    assert unknown["code"] == "BAD_VALUE" and "postgres" in unknown["rule"]
    assert "dsn: missing" in run("--sink", "postgres", exit_code=2)["rule"]
    inline = run("--sink", "postgres", "--setting", "dsn=password=hidden host=h", exit_code=2)
    assert "hidden" not in str(inline) and "secret" in inline["rule"]


def test_a_secret_in_clear_or_open_to_others_is_refused_and_not_shown(run, tmp_path):
    said = run("--sink", "postgres", "--setting", "password=hidden", exit_code=4)
    assert "INLINE_SECRET" in str(said) and "hidden" not in str(said)
    (tmp_path / "secret").write_text("hidden")
    (tmp_path / "secret").chmod(0o644)
    (tmp_path / "sink.toml").write_text('[secrets]\npassword = "./secret"\n')
    said = run("--sink", "postgres", "--settings", f"{tmp_path}/sink.toml", exit_code=4)
    assert "SECRET_MODE" in str(said) and "hidden" not in str(said)
    (tmp_path / "sink.toml").write_text("[setting]\n[secrets]\npassword = 7\n")
    said = run("--sink", "postgres", "--settings", f"{tmp_path}/sink.toml", exit_code=4)
    assert {fault["code"] for fault in said["faults"]} == {"UNKNOWN_KEY", "WRONG_TYPE"}


class Point:
    """An entry point whose plugin is at hand."""

    def __init__(self, name, plugin):
        self.name, self.plugin = name, plugin

    def load(self):
        if isinstance(self.plugin, Exception):
            raise self.plugin
        return self.plugin


def plugin(*names, level=1):
    made = types.ModuleType("made")
    made.gateway_api_level = hookimpl(lambda: level)
    made.gateway_history_sinks = hookimpl(lambda: {name: lambda *_: MemorySink() for name in names})
    return made


def test_a_plugin_that_does_not_load_is_named_and_hinders_no_other():
    points = [
        Point("a", plugin("one", "two")),
        Point("b", plugin("two")),
        Point("c", ImportError("no driver")),
        Point("d", plugin("three", level=7)),
        Point("e", types.ModuleType("an adapter alone")),
    ]
    makers, broken = sink_makers(points)
    assert set(makers) == {"one", "two"} and set(broken) == {"b", "c", "d"}
    assert isinstance(make_sink("one", {}, {}, points), MemorySink)
    with pytest.raises(ValueError, match=r"installed sinks: one, two; .*taken.*no driver.*level 1"):
        make_sink("three", {}, {}, points)

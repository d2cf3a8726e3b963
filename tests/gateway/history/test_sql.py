"""SQL reads history and nothing else."""

import pytest

from gateway.history.archive import Archiver
from gateway.history.queries import History, HistoryFault
from gateway.history.views import Views


@pytest.fixture(scope="module")
def place(past, tmp_path_factory):
    archive = tmp_path_factory.mktemp("archive")
    archiver = Archiver(past.directory, archive)
    archiver.step()
    archiver.step()
    return archive


@pytest.fixture(scope="module")
def history(past, place):
    views = Views(past.directory, place, str(past.ring), threads=1)
    views.close_to_files()
    yield History(views)
    views.close()


def refused(history, statement, **options):
    with pytest.raises(HistoryFault) as caught:
        history.sql(statement, **options)
    return caught.value.code


def test_a_select_over_files_and_tail_is_exact(history):
    found = history.sql("SELECT count(*) AS n, sum(quantity) AS q, min(price) AS p FROM fills")
    every = history.sql("SELECT quantity FROM fills", limit=10_000).rows
    assert found.rows[0]["n"] == len(every)
    assert found.rows[0]["q"] == f"{sum(float(row['quantity']) for row in every):g}"
    assert history.sql("SELECT 1.10 + 2.20 AS x").rows == [{"x": "3.3"}]


def test_an_answer_is_bounded_in_bytes(history, monkeypatch):
    monkeypatch.setattr("gateway.history.queries.ANSWER_BYTES_MAX", 1 << 20)
    for statement in (
        "SELECT repeat('x', 2000000) AS x FROM range(3)",
        "SELECT [repeat('x', 700000), repeat('y', 700000)] AS x",
        "SELECT repeat('x', 1000) AS x FROM range(5000)",
    ):
        assert refused(history, statement, limit=10_000) == "TOO_LARGE"
    found = history.sql("SELECT repeat('x', 1000) AS x FROM range(900)", limit=10_000)
    assert len(found.rows) == 900


def test_every_table_can_be_asked(history):
    tables = ("orders", "fills", "positions", "balances", "funding", "refusals", "limits",
              "trading_states", "events")  # fmt: skip
    for table in tables:
        assert history.sql(f"SELECT count(*) AS n FROM {table}").rows[0]["n"] > 0, table


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '../../../../../../../../etc/passwd'",
        "SELECT * FROM read_text('https://127.0.0.1:1/x')",
    ],
)
def test_no_other_file_is_read(history, statement):
    assert refused(history, statement) in ("NOT_ALLOWED", "BAD_SQL")


@pytest.mark.parametrize(
    "statement",
    [
        "COPY fills TO '{target}'",
        "EXPLAIN ANALYZE COPY fills TO '{target}'",
        "EXPORT DATABASE '{target}'",
        "ATTACH '{target}'",
        "CREATE TABLE taken AS SELECT 1",
        "DROP VIEW fills",
        "DELETE FROM fills",
        "SET enable_external_access = true",
        "RESET enable_external_access",
        "PRAGMA disable_checkpoint_on_shutdown",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CALL duckdb_settings()",
        "BEGIN",
        "",
        "SELECT 1; SELECT 2",
    ],
)
def test_nothing_is_written_or_changed(history, place, statement):
    target = place / "written"
    assert refused(history, statement.format(target=target)) in ("NOT_READING", "BAD_SQL")
    assert not target.exists()


def test_names_of_the_program_are_out_of_reach(history):
    secret = [1, 2, 3]  # noqa: F841  # a variable that a replacement scan would find
    assert refused(history, "SELECT * FROM secret") == "BAD_SQL"


def test_a_statement_that_takes_too_long_is_ended(history):
    assert (
        refused(history, "SELECT sum(range) FROM range(1000000000000)", seconds=0.2) == "TOO_LONG"
    )
    assert history.sql("SELECT 1 AS x").rows == [{"x": 1}]


def test_a_result_is_bounded(history):
    found = history.sql("SELECT range FROM range(5000)", limit=10)
    assert (len(found.rows), found.is_cut) == (10, True)
    assert refused(history, "SELECT 1", limit=10**6) == "BAD_VALUE"
    assert refused(history, "SELECT '" + "x" * 70_000 + "'") == "BAD_SQL"

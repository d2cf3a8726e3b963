"""What people and scripts type to ask the past."""

import builtins
import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.__main__ import root


@pytest.fixture(scope="module")
def run(past, tmp_path_factory):
    archive = str(tmp_path_factory.mktemp("archive"))

    def runner(*words, exit_code=0, **options):
        words = [str(past.directory) if word == "DIR" else str(word) for word in words]
        result = CliRunner().invoke(root, [*words, "--archive", archive], **options)
        assert result.exit_code == exit_code, result.output
        return result.stdout

    built = json.loads(runner("history", "build", "DIR", "--json").splitlines()[-1])
    assert built["segments"] == len(past.seals())
    return runner


def answer(run, *words, **options):
    return json.loads(run(*words, "--json", **options))


def test_questions_answer_in_json_and_as_a_table(run, past):
    station = past.stations[4]
    at = ("--as-of", station["sequence"])
    rows = answer(run, "history", "as-of", "DIR", "positions", *at)["rows"]
    assert {row["quantity"] for row in rows} == {row["quantity"] for row in station["positions"]}
    assert "BTC-PERP" in run("history", "as-of", "DIR", "positions", *at)
    found = answer(run, "history", "range", "DIR", "fills", "--limit", "3", "--column", "sequence")
    assert len(found["rows"]) == 3 and found["is_cut"]
    assert answer(run, "history", "last", "DIR", "fills", "--by", "instrument")["rows"]
    hours = ("--column", "price", "--every", "1h", "--from", "2026-11-21T00:00:00")
    assert answer(run, "history", "downsample", "DIR", "fills", *hours)["rows"]
    assert answer(run, "history", "status", "DIR")["pending_segments"] == 0
    assert "ratio" in run("history", "status", "DIR")
    assert answer(run, "history", "prune", "DIR", "--keep-days", "36500")["files"] == 0


def test_files_of_a_day_that_is_over_are_merged(run):
    before = answer(run, "history", "sql", "DIR", "SELECT count(*) AS n FROM orders")["rows"]
    told = json.loads(run("history", "compact", "DIR", "--json").splitlines()[-1])
    assert told["days"] == 1 and told["files_before"] > told["files"] > 1
    assert told["files_deleted"] == 0, "they stay for ten minutes"
    status = answer(run, "history", "status", "DIR")
    assert status["merged_days"] == 1
    assert (
        answer(run, "history", "sql", "DIR", "SELECT count(*) AS n FROM orders")["rows"] == before
    )
    assert json.loads(run("history", "compact", "DIR", "--json").splitlines()[-1])["days"] == 0
    assert "files deleted" in run("history", "compact", "DIR")


def test_sql_takes_an_argument_or_statements_one_after_another(run):
    assert answer(run, "history", "sql", "DIR", "SELECT 2 AS x")["rows"] == [{"x": 2}]
    said = run("history", "sql", "DIR", input="SELECT 1\n AS one;\nnonsense;\nSELECT 3 AS three;\n")
    assert "one" in said and "three" in said
    refused = answer(run, "history", "sql", "DIR", "COPY fills TO '/tmp/x'", exit_code=1)
    assert refused["error"]["code"] == "NOT_READING"


def test_at_diff_and_why(run, past):
    first, last = past.stations[3], past.stations[4]
    state = answer(run, "at", "DIR", "--as-of", first["sequence"])
    assert state["state_hash"] == first["state_hash"]
    assert "state hash" in run("at", "DIR", "--as-of", f"{first['time_ns']}ns")
    changes = answer(run, "diff", "DIR", str(first["sequence"]), f"{last['time_ns']}ns")
    assert changes["to"] == last["sequence"] and changes["changes"]
    assert "->" in run("diff", "DIR", str(first["sequence"]), str(last["sequence"]))
    order = str(past.orders[0])
    assert answer(run, "why", "order", "DIR", order)["chain"][0]["event"] == "order_new"
    assert "executed 0.5" in run("why", "order", "DIR", order)
    key = ("DIR", "main", "BTC-PERP", "alpha")
    assert answer(run, "why", "position", *key)["chain"]
    assert answer(run, "why", "balance", "DIR", "main", "USD", "--limit", "2")["is_cut"]


def test_the_product_of_two_amounts_of_the_documentation_runs(run):
    concepts = Path(__file__).parents[3] / "docs/concepts/history.md"
    (example,) = re.findall(r"```sql\n(SELECT .*times\(.*)\n```", concepts.read_text())
    answer(run, "history", "sql", "DIR", example)
    for a, b, product in (
        ("-500.25", "64000.1234567890123456", "-32016061.759258703425886400"),
        ("0.000000001", "0.000000001", "0.000000000000000001"),
        ("99999999999999999999.999999999999999999", "1", "99999999999999999999.999999999999999999"),
    ):
        typed = f"SELECT times({a}, {b}) AS product"
        (row,) = answer(run, "history", "sql", "DIR", typed)["rows"]
        assert Decimal(row["product"]) == Decimal(product)
    for typed, told in (
        ("times(0.0000000001, 0.000000001)", "more than 18 decimals"),
        ("times(99999999999999999999, 2)", "Overflow"),
        ("x * x FROM (SELECT CAST(500 AS DECIMAL(38, 18)) AS x)", "times(a, b)"),
    ):
        found = answer(run, "history", "sql", "DIR", f"SELECT {typed}", exit_code=1)["error"]
        assert found["code"] == "BAD_SQL" and told in found["rule"]


@pytest.mark.parametrize(
    "words",
    [
        ("range", "DIR", "fills", "--from", "40", "--to", "20"),
        ("range", "DIR", "fills", "--to", "yesterday"),
        ("downsample", "DIR", "fills", "--column", "price", "--from", "2026-11-21", "--to",
         "2026-11-20"),
    ],
)  # fmt: skip
def test_an_end_before_its_beginning_or_no_moment_names_its_option(past, words):
    place = [str(past.directory) if word == "DIR" else word for word in words]
    result = CliRunner().invoke(root, ["history", *place])
    assert result.exit_code == 2 and "--to" in result.output


@pytest.mark.parametrize("what", ["build", "prune"])
def test_a_directory_without_a_journal_is_left_alone(tmp_path, what):
    result = CliRunner().invoke(root, ["history", what, str(tmp_path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "BAD_JOURNAL"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("diff", "DIR", "40", "20"), 2, "BAD_VALUE"),
        (("history", "as-of", "DIR", "nonsense"), 2, "UNKNOWN_TABLE"),
        (("history", "range", "DIR", "fills", "--where", "nope=1"), 2, "UNKNOWN_COLUMN"),
        (("at", "DIR", "--as-of", "999999999"), 1, "OUT_OF_RANGE"),
        (("history", "as-of", "DIR", "orders", "--as-of", "999999999"), 1, "OUT_OF_RANGE"),
        (("history", "as-of", "DIR", "orders", "--as-of", "0"), 1, "OUT_OF_RANGE"),
        (("history", "as-of", "DIR", "orders", "--as-of", "1969-01-01"), 1, "OUT_OF_RANGE"),
        (("history", "last", "DIR", "fills", "--by", "venue", "--as-of", "0"), 1, "OUT_OF_RANGE"),
        (("why", "balance", "DIR", "main", "USD", "--as-of", "999999999"), 1, "OUT_OF_RANGE"),
        (("why", "order", "DIR", "nobody"), 1, "UNKNOWN_ORDER"),
        (("why", "position", "DIR", "a", "b", "c"), 1, "UNKNOWN_POSITION"),
        (("why", "balance", "DIR", "main", "ZZZ"), 1, "UNKNOWN_BALANCE"),
    ],
)
def test_a_failure_has_a_code(run, words, exit_code, code):
    assert answer(run, *words, exit_code=exit_code)["error"]["code"] == code


def test_without_the_extra_the_command_says_what_to_install(run, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] in ("duckdb", "pyarrow") or name.startswith(
            "gateway.history.views"
        ):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    error = answer(run, "history", "sql", "DIR", "SELECT 1", exit_code=1)["error"]
    assert error["code"] == "MISSING_EXTRA"
    assert "exchange-gateway[history]" in error["hint"]

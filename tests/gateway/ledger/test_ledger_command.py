"""gateway ledger on a real journal: tables, JSON and CSV of every view, as of a point, and how it
fails."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_world import BUY, SELL

from gateway.__main__ import root
from gateway.ledger import realised_totals, undecided

DAY_NS = 86_400_000_000_000
VIEWS = ("trial-balance", "accounts", "positions", "lots", "disposals", "unbooked")


def call(world, view, *words):
    result = CliRunner().invoke(
        root, ["ledger", view, world.journal, "--ring-directory", world.ring, *words]
    )
    assert not result.exception or isinstance(result.exception, SystemExit), result.exception
    return result


def told(world, view, *words):
    result = call(world, view, "--json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def traded(world):
    """Two lots bought, most of them sold, a fee in a third currency."""
    for number, (side, quantity, price) in enumerate(
        ((BUY, "2", "100"), (BUY, "2", "80"), (SELL, "3", "90")), start=1
    ):
        world.fill(0, quantity, price, side=side, number=number, time_ns=number * 10**9,
                   fee="0.01", fee_currency=world.bnb, venue_order="x")  # fmt: skip
    return world


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_a_table_json_or_csv(traded, view):
    assert call(traded, view).exit_code == 0
    document = told(traded, view)
    name = "currencies" if view == "trial-balance" else view
    assert document["sequence"] > 0 and document["unbooked_count"] == 0
    lines = list(csv.DictReader(io.StringIO(call(traded, view, "--csv").stdout)))
    assert len(lines) == len(document[name])
    for line, row in zip(lines, document[name], strict=True):
        assert line == {key: "" if row[key] is None else str(row[key]) for key in line}


def test_the_trial_balance_is_zero_in_each_currency(traded):
    document = told(traded, "trial-balance")
    assert document["is_balanced"] is True
    assert {row["currency"] for row in document["currencies"]} == {"USD", "BTC", "BNB"}
    assert all(row["total"] == "0" and row["debit"] == row["credit"]
               for row in document["currencies"])  # fmt: skip


@pytest.mark.parametrize(
    ("method", "realised", "left"),
    [("fifo", "-10", "80"), ("lifo", "10", "100"), ("hifo", "-10", "80"), ("wac", "0", "90")],
)
def test_a_method_decides_what_is_realised_and_what_is_left(traded, method, realised, left):
    (position,) = told(traded, "positions", "--method", method)["positions"]
    assert (position["realised"], position["cost"]) == (realised, left)
    (lot,) = told(traded, "lots", "--method", method)["lots"]
    assert (lot["quantity"], lot["cost"]) == ("1", left)
    document = told(traded, "disposals", "--method", method)
    assert sum(Decimal(row["realised"]) for row in document["disposals"]) == Decimal(realised)
    assert [row["ledger"] for row in document["totals"]] == [realised]


def refused_at(world, moment):
    result = call(world, "trial-balance", "--json", "--as-of", moment)
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "OUT_OF_RANGE"
    return error


def test_when_all_is_booked_that_is_said(traded):
    assert "Every record is in the books." in call(traded, "unbooked").stdout


def test_an_average_has_no_lots_and_no_zeros_for_them(traded):
    (lot,) = told(traded, "lots")["lots"]
    assert (lot["lot"], lot["opened_ns"]) == (None, None)
    for row in told(traded, "disposals")["disposals"]:
        assert row["lot"] is row["opened_ns"] is row["held_days"] is None
    assert told(traded, "lots", "--method", "fifo")["lots"][0]["lot"] not in (None, "0")


def test_ages_are_those_at_the_moment_that_is_asked_for(traded):
    traded.pass_time(3 * DAY_NS)
    traded.fact("balance", traded.account, traded.usd, "1", 1, "three days later")
    then = ("--as-of", str(traded.engine.sequence))
    document = told(traded, "ageing", *then)
    (row,) = document["ageing"]
    age = Decimal(document["time_ns"] - int(row["oldest_opened_ns"])) / 10**9
    assert Decimal(row["oldest_seconds"]) == round(age, 3) > 3 * 86_400 - 3
    assert row["quantity"] == row["buckets"]["under_7_days"] == "1"
    assert sum(map(Decimal, row["buckets"].values())) == 1
    instant = told(traded, "ageing", "--as-of", f"{document['time_ns']}ns")
    assert instant["ageing"] == document["ageing"]
    (line,) = csv.DictReader(io.StringIO(call(traded, "ageing", "--csv", *then).stdout))
    assert line == {key: str({**row, **row["buckets"]}[key]) for key in line}
    assert "90_days_and_more" in line and "oldest seconds" in call(traded, "ageing", *then).stdout
    (now,) = told(traded, "ageing")["ageing"]
    assert Decimal(now["oldest_seconds"]) > Decimal(row["oldest_seconds"]), "without it, now"


def test_a_ring_that_cannot_be_one_is_refused_and_a_gone_one_is_told(traded, tmp_path, monkeypatch):
    place = ["ledger", "trial-balance", traded.journal, "--ring-directory", str(tmp_path / "gone")]
    monkeypatch.setattr("gateway.commands.verify.is_on_tmpfs", lambda path: False)
    result = CliRunner().invoke(root, place)
    assert result.exit_code == 2 and "--ring-directory" in result.output
    monkeypatch.setattr("gateway.commands.verify.is_on_tmpfs", lambda path: True)
    result = CliRunner().invoke(root, place)
    assert "only what is on disk is read" in result.stderr and result.exit_code != 2


def test_as_of_takes_a_sequence_or_an_instant(traded):
    closing = int(told(traded, "disposals")["disposals"][0]["closed_by"])
    document = told(traded, "positions", "--as-of", str(closing - 1))
    assert document["sequence"] == closing - 1
    assert document["positions"][0]["quantity"] == "4"
    refused_at(traded, "1970-01-01T00:00:00")
    refused_at(traded, "0")
    assert f"1 to {document['sequence']}" not in refused_at(traded, "999999999")["rule"]
    assert "the journal holds records 1 to" in refused_at(traded, "999999999")["rule"]
    assert call(traded, "positions", "--as-of", "yesterday").exit_code == 2


def test_a_wash_sale_is_carried_into_the_lot_that_is_left(traded):
    document = told(traded, "disposals", "--method", "fifo", "--rule", "us_wash_sale")
    # Two units of the older lot lose 10 each; one unit of the younger is left to replace one.
    rows = [(row["realised"], row["disallowed"], row["carried"], row["taxable"])
            for row in document["disposals"]]  # fmt: skip
    assert rows == [("-20", "10", "0", "-10"), ("10", "0", "0", "10")]
    (waiting,) = document["waiting"]
    assert (waiting["quantity"], waiting["amount"]) == ("1", "10")
    words = ("disposals", "--method", "fifo", "--rule", "us_wash_sale")
    table = call(traded, *words).stdout
    assert "held earlier days" in table and table.splitlines()[-1].split()[-2] == "10"
    assert "1 losses wait in open lots" in call(traded, *words, "--csv").stderr
    assert call(traded, "disposals", "--method", "wac", "--rule", "us_wash_sale").exit_code == 2


def test_named_lots_come_from_a_file(traded, tmp_path):
    disposals = told(traded, "disposals", "--method", "lifo")["disposals"]
    young, closing = disposals[0]["lot"], disposals[0]["closed_by"]
    path = tmp_path / "lots.json"
    path.write_text(json.dumps([{"closed_by": closing, "lot": young, "quantity": "2"}]))
    rows = told(traded, "disposals", "--method", "specific", "--designations", str(path))
    assert rows["disposals"][0]["lot"] == young
    assert all(row["is_tied"] for row in rows["totals"])
    whole = {"closed_by": closing, "lot": young, "quantity": "2"}
    wrong = [{"closed_by": "x"}, {"lot": "-1"}, {"quantity": "-2"}, {"quantity": "0.0"},
             {"quantity": "1e3"}, {"quantity": "1" * 40}, {"lot": 7}]  # fmt: skip
    for bad in ("[", "{}", '[{"lot": "1"}]', *(json.dumps([whole | each]) for each in wrong)):
        path.write_text(bad)
        failed = call(traded, "lots", "--method", "specific", "--designations", str(path))
        assert failed.exit_code == 2 and "lots.json" in failed.output, bad


def named(path, *rows):
    path.write_text(json.dumps(rows))
    return ("--method", "specific", "--designations", str(path))


@pytest.mark.parametrize("view", VIEWS[:-1])
def test_named_lots_count_in_every_view_and_one_that_meets_nothing_fails(traded, tmp_path, view):
    (young, _) = told(traded, "disposals", "--method", "lifo")["disposals"]
    wish = {"closed_by": young["closed_by"], "lot": young["lot"], "quantity": "2"}
    words = named(tmp_path / "lots.json", wish)
    assert told(traded, view, *words) | {"method": ""} == told(traded, view, "--method", "lifo") | {
        "method": ""
    }
    words = named(tmp_path / "lots.json", wish, wish | {"lot": "1"})
    failed = call(traded, view, *words)
    assert failed.exit_code == 1
    assert "a designation meets nothing: 2 of lot 1" in failed.stderr
    before = ("--as-of", str(int(young["closed_by"]) - 1))
    assert call(traded, view, *words, *before).exit_code == 0  # the close is still to come
    assert call(traded, view, "--method", "fifo", *words[2:]).exit_code == 2


def test_a_loss_that_a_later_purchase_may_disallow_is_told(traded):
    words = ("disposals", "--method", "fifo", "--rule", "us_wash_sale")
    rows = [{"taxable": "-1", "closed_ns": 40 * DAY_NS}, {"taxable": "1", "closed_ns": 0}]
    assert [undecided(rows, day * DAY_NS) for day in (40, 70, 71)] == [1, 1, 0]
    late = undecided(told(traded, *words)["disposals"], told(traded, *words)["time_ns"])
    assert told(traded, *words)["undecided"] == late
    assert ("a later purchase" in call(traded, *words).stderr) == bool(late)


def test_disposals_fail_when_a_record_is_not_in_the_books(traded):
    half = str(6 * 10**19)  # an account of the books ends at 8.5 x 10^19
    traded.fact("balance", traded.account, traded.usd, half, 2, "B1")
    assert call(traded, "disposals").exit_code == 0
    traded.fact("balance", traded.account, traded.usd, half, 2, "B2")
    for view in ("disposals", "trial-balance"):
        failed = call(traded, view)
        assert (failed.exit_code, "not in the books" in failed.stderr) == (1, True), view


def test_a_damaged_journal_is_not_cut_short(open_world):
    world = open_world(segment_bytes=1 << 16)
    number = 0
    while len(list(Path(world.journal).glob("segment-*.journal"))) < 3:
        number += 1
        assert number < 5_000
        world.fill(0, "1", "100", number=number, venue_order="x")
    world.engine.stop()
    world.ring = ""
    assert call(world, "positions").exit_code == 0
    second = sorted(Path(world.journal).glob("segment-*.journal"))[1]
    whole = second.read_bytes()
    for at in (100, len(whole) // 2):  # its header, a record
        second.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        for view in VIEWS:
            failed = call(world, view)
            assert (failed.exit_code, "BAD_JOURNAL" in failed.output) == (1, True), (at, view)
        early = call(world, "positions", "--as-of", "20")
        assert early.exit_code == 0  # what is asked for lies before it
    second.write_bytes(whole)
    assert call(world, "positions").exit_code == 0


def test_a_number_beyond_all_sequences_is_a_usage_error(traded):
    for bad in ("9" * 5_000, "9" * 19, "\u0661"):
        assert call(traded, "positions", "--as-of", bad).exit_code == 2


def test_a_name_that_a_spreadsheet_would_run_is_kept_as_text(world):
    evil = world.engine.define_account(world.venue, "=1+1", 1, False, 1)
    world.fill(0, "1", "100", account=evil, venue_order="x")
    lines = list(csv.DictReader(io.StringIO(call(world, "positions", "--csv").stdout)))
    assert [line["account"] for line in lines] == ["'=1+1"]
    assert told(world, "positions")["positions"][0]["account"] == "=1+1"


def test_a_directory_without_a_journal_fails_by_name(world, tmp_path):
    (tmp_path / "empty").mkdir()
    world.journal = str(tmp_path / "empty")
    world.ring = ""
    result = call(world, "trial-balance", "--json")
    assert result.exit_code == 1
    assert "BAD_JOURNAL" in result.output and "no journal" in result.output


def test_a_bad_rate_is_a_usage_error(traded):
    assert call(traded, "positions", "--exit-fee-rate", "2").exit_code == 2


def test_a_total_that_differs_from_the_books_is_not_tied():
    disposal = {"currency": "USD", "realised": "1", "disallowed": "0", "carried": "0",
                "taxable": "1"}  # fmt: skip
    account = {"currency": "USD", "purpose": "realised", "balance": "-1"}
    closed = {"currency": "USD", "realised": "0.5"}
    assert realised_totals([disposal], [account])[0]["is_tied"]
    assert not realised_totals([disposal, disposal], [account])[0]["is_tied"]
    assert not realised_totals([disposal], [account], [closed])[0]["is_tied"]
    tiny = dict(disposal, realised="0." + "0" * 17 + "1", taxable="0")
    assert not realised_totals([disposal, tiny], [account])[0]["is_tied"]

"""A day's statement ties to the last digit, whatever was traded, paid, busted and moved; one that
does not tie is not stated."""

import csv
import io
import json
import random
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_world import BUY, SELL

from gateway.__main__ import root
from gateway.journal import reader
from gateway.journal.audit_trail import instant
from gateway.ledger.statement import MOVEMENTS, Day, NotTied, statement

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS


def day_at(world, days=0):
    start = world.engine.now_ns() // DAY_NS * DAY_NS + days * DAY_NS
    return Day(start, start + DAY_NS)


def stated(world, day, **more):
    return statement(Path(world.journal), day, ring_directory=world.ring, **more)


def trade(world, chance, number):
    """Something that moves money or quantities; every kind of it."""
    deed, time_ns = chance.randrange(10), number
    side = chance.choice((BUY, SELL))
    instrument = chance.choice(world.instruments)
    quantity = str(chance.randrange(1, 9))
    price = str(chance.randrange(9000, 11000) / 100)
    if deed < 4:
        world.fill(0, quantity, price, side=side, instrument=instrument, venue_order="x",
                   number=number, time_ns=time_ns, fee="0.013", fee_currency=chance.choice(
                       (world.usd, world.bnb)))  # fmt: skip
    elif deed < 7:
        order = world.working(side, quantity, "100", instrument=instrument)
        trade_id = f"T{number}"
        world.fill(order, quantity, "100", side=side, instrument=instrument, trade=trade_id,
                   number=number, time_ns=time_ns, fee="-0.001",
                   fee_currency=world.usd)  # fmt: skip
        if deed == 6:
            changed = chance.choice(("0", "0.5" if instrument != world.inverse else "1"))
            world.revise(order, trade_id, 1, changed, "100", side=side, instrument=instrument,
                         fee="0.002", fee_currency=world.usd)  # fmt: skip
    elif deed == 7:
        world.fact("funding", world.account, world.perpetual, 0, world.usd,
                   chance.choice(("0.000000000000000007", "-1.25")), "0.0001", f"F{number}",
                   time_ns)  # fmt: skip
    else:
        world.fact("balance", world.account, chance.choice((world.usd, world.btc)),
                   chance.choice(("100", "-3.000000000000000001")), chance.randrange(7),
                   f"B{number}")  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_random_days_tie_and_follow_each_other_without_a_gap(world, seed):
    chance, first = random.Random(seed), day_at(world)
    for number in range(1, 161):
        world.mark("100")
        trade(world, chance, number)
        world.pass_time(chance.randrange(HOUR_NS))
    last = day_at(world)
    before = {}
    for start_ns in range(first.start_ns, last.end_ns, DAY_NS):
        found = stated(world, Day(start_ns, start_ns + DAY_NS))
        for row in found["balances"]:
            key = row["account"], row["currency"]
            moved = sum(Decimal(row[name]) for name in MOVEMENTS)
            assert Decimal(row["before"]) + moved == Decimal(row["after"])
            assert row["before"] == before.get(key, "0")
            before[key] = row["after"]
        for row in found["positions"]:
            assert Decimal(row["before"]) + Decimal(row["moved"]) == Decimal(row["after"])
        parts = sum(Decimal(row["realised"]) for row in found["positions"])
        assert parts == sum(Decimal(row["realised"]) for row in found["results"])
        for row in found["balances"]:  # one account: its movements are those of its strategies
            of = [each for each in found["results"] if each["currency"] == row["currency"]]
            told = sum(
                Decimal(each[name])
                for each in of
                for name in ("fees", "funding", "interest", "other")
            )
            names = ("fees", "funding", "interest", "settlement", "adjustment")
            assert told == sum(Decimal(row[name]) for name in names)
    engine = {(row["account"], row["currency"]): Decimal(row["total"])
              for row in world.engine.balances()}  # fmt: skip
    assert {key: Decimal(value) for key, value in before.items()} == engine


def test_a_day_says_what_moved_and_what_it_is_worth(world):
    world.fact("balance", world.account, world.usd, "1000", 2, "D1")
    world.fill(0, "2", "100", instrument=world.perpetual, venue_order="x", fee="0.1",
               fee_currency=world.usd)  # fmt: skip
    world.pass_time(DAY_NS)
    day = day_at(world)
    world.fill(0, "1", "110", side=SELL, instrument=world.perpetual, venue_order="x", number=8,
               time_ns=8)  # fmt: skip
    world.fact("funding", world.account, world.perpetual, 0, world.usd, "-0.5", "0.0001", "F", 9)
    found = stated(world, day, marks={"BTC-PERP": Decimal(120)})
    (balance,) = found["balances"]
    assert balance == {
        **dict.fromkeys(MOVEMENTS, "0"), "account": "main", "currency": "USD", "before": "999.9",
        "trades": "10", "funding": "-0.5", "after": "1009.4",
    }  # fmt: skip
    (position,) = found["positions"]
    assert (position["before"], position["moved"], position["after"]) == ("2", "-1", "1")
    (result,) = found["results"]
    assert (result["realised"], result["unrealised"], result["fees"]) == ("10", "20", "0")
    assert [row["quantity"] for row in found["fills"]] == ["-1"]
    assert found["excluded"] == [] and not found["is_complete"]
    without = stated(world, day)
    assert without["excluded"] == ["BTC-PERP"] and without["positions"][0]["unrealised"] is None
    assert stated(world, day_at(world, -1))["is_complete"]
    assert stated(world, day, account="hedge")["balances"] == []


def test_results_have_what_belongs_to_no_book(world):
    world.fill(0, "2", "100", instrument=world.perpetual, venue_order="x", fee="0.1",
               fee_currency=world.bnb)  # fmt: skip
    world.fact("balance", world.account, world.usd, "5", 1, "I1")
    world.fact("balance", world.account, world.usd, "-7", 5, "S1")
    world.fact("funding", world.account, world.perpetual, 0, world.usd, "-0.5", "0.0001", "F", 9)
    found = stated(world, day_at(world), marks={"BTC-PERP": Decimal(100)})
    sums = {}
    for row in found["results"]:
        for name in ("fees", "funding", "interest", "other"):
            key = row["currency"], name
            sums[key] = sums.get(key, Decimal(0)) + Decimal(row[name])
    assert {key: str(value) for key, value in sums.items() if value} == {
        ("BNB", "fees"): "-0.1", ("USD", "funding"): "-0.5", ("USD", "interest"): "5",
        ("USD", "other"): "-7",
    }  # fmt: skip
    assert stated(world, day_at(world), account="hedge")["results"] == []


def test_a_day_at_the_end_of_the_calendar_and_an_account_nobody_has_are_usage_errors(world):
    world.fact("balance", world.account, world.usd, "5", 2, "D1")
    words = ["statement", world.journal, "--ring-directory", world.ring]
    late = CliRunner().invoke(root, [*words, "--day", "9999-12-31"])
    assert late.exit_code == 2 and "9999-12-31" in late.output
    day = instant(world.engine.now_ns())[:10]
    assert CliRunner().invoke(root, [*words, "--day", day, "--account", "main"]).exit_code == 0
    typing_error = CliRunner().invoke(root, [*words, "--day", day, "--account", "mian"])
    assert typing_error.exit_code == 2 and "mian" in typing_error.output


def test_an_inverse_position_is_worth_what_its_coins_are(world):
    world.fill(0, "100", "100", instrument=world.inverse, venue_order="x")
    found = stated(world, day_at(world), marks={"BTC-INV": Decimal(200)})
    assert found["results"][0]["unrealised"] == "0.5"


def test_a_day_that_ends_at_five_in_new_york_holds_what_was_traded_until_then(world):
    hours = {"a": "2026-11-19T21:59:59", "b": "2026-11-19T22:00:01", "c": "2026-11-20T21:59:59",
             "d": "2026-11-20T22:00:01"}  # fmt: skip
    for trade, at in hours.items():
        world.engine.set_time(int(datetime.fromisoformat(at + "+00:00").timestamp()) * 10**9)
        world.fill(0, "1", "100", venue_order="x", trade=trade)
    words = ["statement", world.journal, "--ring-directory", world.ring, "--json"]
    words += ["--ends-at", "17:00", "--time-zone", "America/New_York", "--day"]
    shown = CliRunner().invoke(root, [*words, "2026-11-20"])
    assert shown.exit_code == 0, shown.output
    found = json.loads(shown.stdout)
    assert [row["trade_id"] for row in found["fills"]] == ["b", "c"]
    assert (found["ends_at"], found["is_complete"]) == ("17:00", True)
    wrong = CliRunner().invoke(root, [*words, "2026-11-20", "--ends-at", "25:00"])
    assert wrong.exit_code == 2 and "25:00" in wrong.output


def test_what_does_not_tie_is_not_stated(world, monkeypatch):
    world.fill(0, "2", "100", instrument=world.perpetual, venue_order="x", fee="0.1",
               fee_currency=world.usd)  # fmt: skip
    honest = reader.decoded

    def falsified(*words, **more):
        for record in honest(*words, **more):
            yield record | {"fee": "0.1000000000000001"} if "fee" in record else record

    monkeypatch.setattr(reader, "decoded", falsified)
    with pytest.raises(NotTied, match=r"main USD: records say -0\.1000000000000001, ledger -0\.1"):
        stated(world, day_at(world))
    day = instant(world.engine.now_ns())[:10]
    words = ["statement", world.journal, "--ring-directory", world.ring, "--day", day]
    failed = CliRunner().invoke(root, words)
    assert (failed.exit_code, failed.stdout) == (1, ""), failed.output
    assert "NOT_TIED" in failed.stderr


def test_trades_of_nobody_s_orders_may_share_an_id(world):
    world.fill(0, "2", "100", side=BUY, venue_order="a", trade="T1")
    world.fill(0, "1", "100", side=SELL, venue_order="b", trade="T1")
    world.revise(0, "T1", 1, "0", side=BUY, venue_order="a")
    (row,) = [row for row in stated(world, day_at(world))["balances"] if row["currency"] == "BTC"]
    assert Decimal(row["after"]) == world.balance("BTC") == -1


def test_a_day_without_a_record_says_so(world):
    world.fill(0, "2", "100", venue_order="x")
    for day in ("1999-01-01", "2199-01-01"):
        words = ["statement", world.journal, "--ring-directory", world.ring, "--day", day]
        shown = CliRunner().invoke(root, words)
        assert shown.exit_code == 0, shown.output
        assert f"{day} UTC, no record on this day" in shown.stdout


def test_the_command_prints_tables_json_and_csv(world, tmp_path):
    world.fill(0, "2", "100", venue_order="x")
    day = instant(world.engine.now_ns())[:10]
    (tmp_path / "marks.json").write_text('{"BTC-USD": "101"}')
    words = ["statement", world.journal, "--ring-directory", world.ring, "--day", day]
    words += ["--marks", str(tmp_path / "marks.json")]
    shown = CliRunner().invoke(root, words)
    assert shown.exit_code == 0 and "balances" in shown.stdout, shown.output
    document = json.loads(CliRunner().invoke(root, [*words, "--json"]).stdout)
    assert document["results"][0]["unrealised"] == "2"
    table = CliRunner().invoke(root, [*words, "--csv", "balances"]).stdout
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [line["after"] for line in lines] == [row["after"] for row in document["balances"]]
    for wrong in (["--day", "yesterday"], ["--day", day, "--time-zone", "Nowhere/Else"]):
        assert CliRunner().invoke(root, ["statement", world.journal, *wrong]).exit_code == 2

"""Share matching as the worked examples of HM Revenue & Customs have it; parts are the whole."""

import json
import random
from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from click.testing import CliRunner
from engine_world import BUY, SELL

from gateway.__main__ import root
from gateway.journal import reader
from gateway.ledger.share_matching import (
    Pool,
    Trade,
    day_of,
    matched,
    share_matching,
    trades_of,
)


def trade(day, quantity, money):
    return Trade(day, Fraction(quantity), Fraction(money))


def told(found):
    return [(each.rule, each.quantity, round(each.cost)) for each in found.matches]


def test_cryptoassets_manual_22252_the_same_day_rule():
    day = date(2026, 6, 23)
    trades = [trade(day, -1000, 800), trade(day, 1600, 1000), trade(day, -500, 600)]
    (found,), pool = share_matching(trades, Pool(Fraction(5000), Fraction(500)))
    assert (found.quantity, found.proceeds) == (1500, 1400)
    assert told(found) == [("same_day", 1500, 938)]
    assert round(found.gain) == 462
    assert (pool.quantity, round(pool.cost)) == (5100, 562)


def test_cryptoassets_manual_22255_the_30_day_rule_and_the_pool():
    trades = [
        trade(date(2026, 8, 30), -4000, 160_000), trade(date(2026, 9, 11), 500, 17_500)
    ]  # fmt: skip
    (found,), pool = share_matching(trades, Pool(Fraction(14_000), Fraction(200_000)))
    assert told(found) == [("30_days", 500, 17_500), ("pool", 3500, 50_000)]
    assert found.gain == 92_500
    assert pool == Pool(Fraction(10_500), Fraction(150_000))


def test_the_30th_day_counts_and_the_31st_does_not():
    sold = trade(date(2026, 1, 1), -1, 10)
    for days, rule in ((30, "30_days"), (31, "pool")):
        bought = trade(date(2026, 1, 1) + timedelta(days=days), 1, 7)
        (found,), _ = share_matching([sold, bought], Pool(Fraction(1), Fraction(3)))
        assert told(found)[0][0] == rule


def test_the_same_day_comes_before_an_earlier_disposal_s_30_days():
    first, second = date(2026, 3, 1), date(2026, 3, 10)
    trades = [trade(first, -10, 100), trade(second, 10, 50), trade(second, -6, 60)]
    found, pool = share_matching(trades, Pool(Fraction(10), Fraction(20)))
    assert told(found[1]) == [("same_day", 6, 30)]
    assert told(found[0]) == [("30_days", 4, 20), ("pool", 6, 12)]
    assert pool == Pool(Fraction(4), Fraction(8))


def test_what_was_never_acquired_is_named_and_has_no_cost():
    (found,), pool = share_matching([trade(date(2026, 3, 1), -2, 9)])
    assert told(found) == [("unmatched", 2, 0)]
    assert pool.quantity == 0


def test_what_the_pool_could_not_give_meets_what_is_acquired_later():
    """HMRC CG51555, the last rule: TCGA 1992 s105(2). A phantom pool must not be left behind."""
    sales = [trade(date(2026, 1, 1), -1, 100), trade(date(2026, 7, 1), -1, 150)]
    buys = [trade(date(2026, 3, 1), 1, 80), trade(date(2026, 6, 1), 1, 120)]
    found, pool = share_matching([*sales, *buys])
    assert [told(each) for each in found] == [[("later", 1, 80)], [("pool", 1, 120)]]
    assert pool == Pool(Fraction(0), Fraction(0))
    (first,), pool = share_matching([sales[0], trade(date(2026, 3, 1), 3, 240)])
    assert (first.gain, pool) == (20, Pool(Fraction(2), Fraction(160)))


def test_of_two_that_wait_the_earlier_disposal_is_first():
    trades = [
        trade(date(2026, 1, 1), -1, 100), trade(date(2026, 1, 5), -1, 110),
        trade(date(2026, 6, 1), 1, 80), trade(date(2026, 7, 1), 1, 90),
    ]  # fmt: skip
    found, _ = share_matching(trades)
    assert [told(each) for each in found] == [[("later", 1, 80)], [("later", 1, 90)]]


def test_a_fill_told_late_counts_on_the_day_of_its_trade(world):
    traded_ns = world.engine.now_ns()
    world.pass_time(86_400_000_000_000)
    world.fill(0, "1", "100", venue_order="x", trade="b1", time_ns=traded_ns)
    records = reader.decoded(world.journal, ring_directory=world.ring)
    ((found,),) = trades_of(records, ZoneInfo("UTC")).values()
    assert found.day == day_of(traded_ns, ZoneInfo("UTC"))


def test_trades_of_nobody_s_orders_may_share_an_id(world):
    """A trade with oneself, or a venue that counts trades by order."""
    world.fill(0, "2", "100", side=BUY, venue_order="a", trade="T1")
    world.fill(0, "1", "100", side=SELL, venue_order="b", trade="T1")
    world.fill(0, "4", "100", side=BUY, venue_order="c", trade="T1")
    world.revise(0, "T1", 1, "3", "100", side=BUY, venue_order="c")
    records = reader.decoded(world.journal, ring_directory=world.ring)
    (found,) = trades_of(records, ZoneInfo("UTC")).values()
    assert [each.quantity for each in found] == [2, -1, 3]


def test_a_position_taken_over_was_acquired_and_other_moneys_are_named():
    records = [
        {"kind": "currency_defined", "id": number, "currency": number, "code": code}
        for number, code in enumerate(("BTC", "USD", "EUR"), 1)
    ] + [
        {"kind": "instrument_defined", "id": number, "symbol": f"BTC-{number}", "quantity_scale": 0,
         "instrument_kind": 1, "base": 1, "quote": number}
        for number in (2, 3)
    ]  # fmt: skip
    execution = {"account": 1, "time_ns": 10**18, "quantity": 2, "side": 1, "value": "90"}
    adopted = {**execution, "kind": "position_adopted", "instrument": 2, "sequence": 7}
    sold = {**execution, "kind": "order_filled", "instrument": 2, "side": 2, "order_id": 1,
            "trade_id": "t", "sequence": 8, "venue_time_ns": 10**18 + 10**15}  # fmt: skip
    other = {**sold, "instrument": 3, "side": 1, "trade_id": "u", "sequence": 9}
    disposals, pools = matched(trades_of([*records, adopted, sold, other], ZoneInfo("UTC")))
    assert [(row["rule"], row["gain"]) for row in disposals] == [("pool", "0")]
    assert disposals[0]["other_currencies"] == ["EUR"]
    assert [row["other_currencies"] for row in pools] == [["USD"], ["EUR"]]


def test_costs_and_quantities_of_random_trades_are_neither_lost_nor_doubled():
    chance = random.Random(3)
    for _ in range(60):
        opening = Pool(Fraction(chance.randrange(50)), Fraction(chance.randrange(500)))
        if not opening.quantity:
            opening = Pool(Fraction(0), Fraction(0))
        trades = [
            trade(date(2026, 1, 1) + timedelta(days=chance.randrange(90)),
                  chance.choice((-1, 1)) * chance.randrange(1, 30), chance.randrange(1000))
            for _ in range(chance.randrange(1, 30))
        ]  # fmt: skip
        found, pool = share_matching(trades, opening)
        paid = opening.cost + sum(each.money for each in trades if each.quantity > 0)
        assert paid == pool.cost + sum(each.cost for each in found)
        for each in found:
            assert each.quantity == sum(part.quantity for part in each.matches)
        unmatched = sum(
            part.quantity for each in found for part in each.matches if part.rule == "unmatched"
        )
        held = opening.quantity + sum(each.quantity for each in trades)
        assert pool.quantity == held + unmatched >= 0


def test_the_command_matches_what_a_journal_sold(world):
    day_ns = 86_400_000_000_000

    def fill(*words, **more):
        world.fill(*words, venue_order="x", time_ns=world.engine.now_ns(), **more)

    fill(0, "4", "100", trade="b1")
    world.pass_time(day_ns * 40)
    fill(0, "2", "90", side=SELL, trade="s1")
    fill(0, "1", "95", side=SELL, trade="s2", number=8)
    world.revise(0, "s2", 1, "0", side=SELL, venue_order="x")  # it never was
    world.pass_time(day_ns * 30)
    fill(0, "0.5", "80", trade="b2", number=9)
    words = ["ledger", "share-matching", world.journal, "--ring-directory", world.ring]
    assert CliRunner().invoke(root, words).exit_code == 0
    found = json.loads(CliRunner().invoke(root, [*words, "--json"]).stdout)
    told = [
        [row[name] for name in ("rule", "quantity", "proceeds", "cost", "gain")]
        for row in found["disposals"]
    ]
    assert told == [["30_days", "0.5", "45", "40", "5"], ["pool", "1.5", "135", "150", "-15"]]
    assert found["pools"] == [
        {"coin": "BTC", "currency": "USD", "quantity": "2.5", "cost": "250", "other_currencies": []}
    ]
    assert CliRunner().invoke(root, [*words, "--time-zone", "Mars"]).exit_code == 2

"""Flow by columns of ten seconds: counts that rise between two looks, volume of the fills that
came, and nothing of what was there before."""

from decimal import Decimal

from gateway.analytics.exposure import Contract
from gateway.stream.authority import Authority
from gateway.stream.flow_stream import COLUMN_NS, FlowColumns

CONTRACTS = {
    "BTC-PERP": Contract("linear", "BTC", "USDT", Decimal("0.001")),
    "BTC-INV": Contract("inverse", "BTC", "BTC", Decimal(100)),
}


def outcomes(**counts):
    return {("alpha", "okx", "limit", word): count for word, count in counts.items()}


def fill(sequence, side="buy", quantity="2", price="100", **more):
    return {"sequence": sequence, "strategy": "alpha", "venue": "okx", "instrument": "BTC-PERP",
            "order_id": "7", "side": side, "quantity": quantity, "price": price,
            "liquidity": "maker"} | more  # fmt: skip


def look(flow, counted=None, fills=(), *, opened=1, seconds=0):
    changed = flow.take(counted or {}, fills, CONTRACTS, opened, seconds * 10**9)
    return [row for row in changed.values() if row is not None]


def test_counts_are_what_came_since_the_last_look_by_word_and_code():
    flow = FlowColumns()
    counted = outcomes(entered=5, fills=3, filled=1, refused=2, not_sent=9)
    counted["alpha", "okx", "market", "entered"] = 2
    counted["alpha", "okx", "limit", "refused:PRICE_BAND"] = 2
    (row,) = look(flow, counted)
    assert (row["entered"], row["fills"], row["filled"], row["refused"]) == (7, 3, 1, 2)
    assert row["refusals"] == {"PRICE_BAND": 2} and "not_sent" not in row
    assert look(flow, counted) == []
    counted["alpha", "okx", "limit", "entered"] += 1
    assert [each["entered"] for each in look(flow, counted)] == [8]
    assert [(each["entered"], each["time_ns"]) for each in look(
        flow, counted | outcomes(entered=8), seconds=25)] == [(2, 20 * 10**9)]  # fmt: skip


def test_volume_is_money_by_side_and_currency_and_liquidity_is_counted():
    flow = FlowColumns()
    before = [fill(1), fill(2, "sell")]
    assert look(flow, fills=before) == []  # history
    more = [*before, fill(3), fill(4, "sell", "1", "110", liquidity="taker"),
            fill(5, instrument="BTC-INV", liquidity=None), fill(6, instrument="GONE"),
            fill(7, order_id=None)]  # fmt: skip
    (row,) = look(flow, fills=more)
    assert row["volume"] == {"USDT": {"bought": "0.2", "sold": "0.11"},
                             "BTC": {"bought": "2", "sold": "0"}}  # fmt: skip
    assert row["liquidity"] == {"maker": 1, "taker": 1, "unknown": 1}
    assert look(flow, fills=more[1:]) == []


def test_a_journal_opened_afresh_brings_history_and_no_flow():
    flow = FlowColumns()
    look(flow, fills=[fill(1)])
    assert look(flow, fills=[fill(1), fill(2)], opened=2) == []
    assert len(look(flow, fills=[fill(3)], opened=2)) == 1


def test_old_columns_leave_and_a_clock_set_back_opens_none():
    flow = FlowColumns(columns_max=2)
    for second in (0, 10):
        look(flow, outcomes(entered=second + 1), seconds=second)
    changed = flow.take(outcomes(entered=20), (), CONTRACTS, 1, 20 * 10**9)
    assert changed["alpha|okx|0"] is None
    assert changed[f"alpha|okx|{2 * COLUMN_NS}"]["entered"] == 9
    (row,) = look(flow, outcomes(entered=23), seconds=3)
    assert (row["time_ns"], row["entered"]) == (2 * COLUMN_NS, 12)


def test_a_sum_over_accounts_is_seen_by_who_sees_them_all():
    row = look(FlowColumns(), outcomes(entered=1))[0]
    assert Authority(strategies=frozenset({"alpha"})).sees("flow", row)
    assert not Authority(strategies=frozenset({"beta"})).sees("flow", row)
    assert not Authority(accounts=frozenset({"main"})).sees("flow", row)
    assert not Authority(instruments=frozenset({"BTC-PERP"})).sees("flow", row)

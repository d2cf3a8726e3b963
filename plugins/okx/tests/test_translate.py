"""Rows of the shape OKX documents (docs-v5, read 2026-11-21), as messages; nonsense becomes an
error of the protocol that names what was found."""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_okx import balances, translate
from gateway_okx.facts import Facts
from gateway_okx.known_orders import KnownOrders
from gateway_okx.rest import read_rows
from gateway_okx.rows import (
    AlgoRow,
    BalanceRow,
    BillRow,
    FillRow,
    Holding,
    InstrumentRow,
    InterestRow,
    OrderRow,
    PositionRow,
    TickBandsRow,
)
from hypothesis import given, settings
from hypothesis import strategies as any_of

from gateway.api import OrderRequest, VenueProtocolError

PAYLOADS = Path(__file__).parent / "payloads"


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def rows(name: str, kind: type, **changes: Any) -> list[Any]:
    found = payload(name)
    found = found if isinstance(found, list) else [found]
    raws = [msgspec.Raw(json.dumps({**row, **changes}).encode()) for row in found]
    return read_rows(raws, kind, name)


def order(**changes: Any) -> OrderRequest:
    given: dict[str, Any] = {
        "order_id": 1,
        "client_order_id": "g1",
        "account": "main",
        "instrument": "BTC-USDT-SWAP",
        "side": "buy",
        "type": "limit",
        "time_in_force": "gtc",
        "quantity": "2",
        "price": "49000",
    }
    return OrderRequest(**(given | changes))


def plain(is_spot: bool = False, **changes: Any) -> dict[str, Any]:
    return translate.order_body(
        order(**changes),
        kind="SPOT" if is_spot else "SWAP",
        trade_mode="cash" if is_spot else "cross",
    )


def test_quantities_are_contracts_worth_value_times_multiplier() -> None:
    linear, inverse, many, spot = (
        translate.instrument("okx", row) for row in rows("instruments", InstrumentRow)
    )
    assert (linear.kind, linear.multiplier, linear.multiplier_scale) == ("linear", "0.01", 2)
    assert (linear.base, linear.quote, linear.settle) == ("BTC", "USDT", "USDT")
    assert (inverse.kind, inverse.multiplier, inverse.settle) == ("inverse", "100", "BTC")
    assert (many.multiplier, many.price_scale, many.is_tradable) == ("10000000", 9, False)
    assert (spot.kind, spot.multiplier, spot.quantity_scale) == ("spot", "1", 8)
    assert (spot.base, spot.settle, spot.symbol) == ("BTC", "USDT", "BTC-USDT.okx")


def test_legs_reductions_and_currencies_are_said_as_okx_wants_them() -> None:
    assert plain() == {
        "instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "posSide": "net",
        "clOrdId": "g1", "sz": "2", "ordType": "limit", "px": "49000",
    }  # fmt: skip
    assert plain(is_reduce_only=True)["reduceOnly"] is True
    closing = plain(side="sell", leg="long", is_reduce_only=True)
    assert (closing["posSide"], "reduceOnly" in closing) == ("long", False)
    market = plain(type="market", time_in_force="ioc", price=None)
    assert (market["ordType"], "px" in market, "tgtCcy" in market) == ("market", False, False)
    bounded = plain(type="market", time_in_force="ioc", price="50500")
    assert (bounded["ordType"], bounded["px"]) == ("ioc", "50500")
    spot = plain(is_spot=True, type="market", time_in_force="ioc", price=None)
    assert (spot["tdMode"], spot["tgtCcy"], "posSide" in spot) == ("cash", "base_ccy", False)
    assert [plain(time_in_force=word)["ordType"] for word in ("ioc", "fok")] == ["ioc", "fok"]
    assert plain(is_post_only=True)["ordType"] == "post_only"


def test_a_stop_is_the_stop_loss_of_a_conditional_order() -> None:
    stop = order(type="stop", price=None, trigger_price="51000")
    body = translate.algo_body(stop, kind="SWAP", trade_mode="isolated")
    assert (body["ordType"], body["slTriggerPx"], body["slOrdPx"]) == ("conditional", "51000", "-1")
    assert (body["algoClOrdId"], body["tdMode"]) == ("g1", "isolated")
    reducing = order(type="stop_limit", trigger_price="51000", is_reduce_only=True)
    body = translate.algo_body(reducing, kind="SWAP", trade_mode="cross")
    assert (body["ordType"], body["slTriggerPx"], body["slOrdPx"]) == (
        "conditional", "51000", "49000",
    )  # fmt: skip
    assert body["reduceOnly"] is True
    spot = translate.algo_body(stop, kind="SPOT", trade_mode="cash")
    assert (spot["tgtCcy"], spot["tdMode"]) == ("base_ccy", "cash")


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("SWAP", {"type": "market", "time_in_force": "fok"}, "FOK"),
        ("SWAP", {"type": "stop", "time_in_force": "fok"}, "FOK"),
        ("SWAP", {"type": "stop_limit", "time_in_force": "ioc"}, "GTC alone"),
        ("SWAP", {"type": "stop_limit", "time_in_force": "fok"}, "GTC alone"),
        ("SWAP", {"type": "stop_limit", "is_post_only": True}, "post-only"),
        ("SPOT", {"is_reduce_only": True}, "reduce-only for SPOT"),
        ("OPTION", {"is_reduce_only": True}, "reduce-only for OPTION"),
    ],
)
def test_an_order_that_okx_cannot_be_told_whole_is_not_sendable(
    kind: str, changes: dict[str, Any], reason: str
) -> None:
    assert reason in translate.unsendable(order(**changes), kind=kind)


@pytest.mark.parametrize("kind", ["SWAP", "FUTURES"])
@pytest.mark.parametrize("type", ["market", "limit", "stop", "stop_limit"])
def test_reductions_of_contracts_are_sendable_in_every_type(type: str, kind: str) -> None:
    assert translate.unsendable(order(type=type, is_reduce_only=True), kind=kind) == ""


def test_a_push_tells_the_order_and_its_last_fill() -> None:
    (row,) = rows("order_push", OrderRow)
    report = translate.order_report("main", row)
    assert (report.state, report.cumulative_quantity, report.price) == (
        "partially_filled", "1", "49500",
    )  # fmt: skip
    assert report.venue_time_ns == 1795261115002_000_000
    fill = translate.fill_of_push("main", row)
    assert fill is not None
    assert (fill.trade_id, fill.quantity, fill.price, fill.liquidity) == (
        "700001", "1", "49500", "maker",
    )  # fmt: skip
    assert (fill.fee, fill.fee_currency) == ("0.0495", "USDT"), "OKX: negative = charged"
    (rebated,) = rows("order_push", OrderRow, fillFee="0.01")
    fill = translate.fill_of_push("main", rebated)
    assert fill is not None
    assert fill.fee == "-0.01"
    (quiet,) = rows("order_push", OrderRow, tradeId="", fillSz="0")
    assert translate.fill_of_push("main", quiet) is None


@pytest.mark.parametrize(
    ("category", "cause"),
    [
        ("normal", "trade"),
        ("full_liquidation", "liquidation"),
        ("partial_liquidation", "liquidation"),
        ("adl", "deleveraging"),
        ("delivery", "delivery"),
    ],
)
def test_what_the_venue_did_by_itself_is_named(category: str, cause: str) -> None:
    (row,) = rows("order_push", OrderRow, category=category)
    fill = translate.fill_of_push("main", row)
    assert fill is not None
    assert fill.cause == cause


def test_histories_are_read_with_their_causes_and_references() -> None:
    (row,) = rows("fills_history", FillRow)
    fill = translate.fill_report("main", row, "parent1")
    assert (fill.client_order_id, fill.cause, fill.fee) == ("parent1", "liquidation", "0.5")
    (bill,) = rows("bills", BillRow)
    funding = translate.funding_report("main", bill)
    assert (funding.amount, funding.currency, funding.reference) == (
        "-0.1", "USDT", "1700000000000000013",
    )  # fmt: skip
    (accrued,) = rows("interest_accrued", InterestRow)
    interest = translate.borrow_report("main", accrued)
    assert (interest.amount, interest.principal) == ("0.000005", "2")
    assert interest.until_ns - interest.from_ns == 3_600_000_000_000
    assert len(interest.reference) <= 40


def test_flat_and_spot_margin_rows_are_no_positions() -> None:
    (held,) = translate.position_reports("main", rows("positions", PositionRow))
    assert (held.instrument, held.leg, held.quantity) == ("BTC-USD-SWAP", "short", "5")


def position_row(**changes: Any) -> PositionRow:
    row = json.loads((PAYLOADS / "positions.json").read_text())[0]
    row |= {"mgnMode": "isolated", "margin": "0.01", "posSide": "net", "pos": "-5", **changes}
    return read_rows([msgspec.Raw(json.dumps(row).encode())], PositionRow, "positions")[0]


def test_what_lies_in_an_isolated_position_is_its_margin() -> None:
    def told(*changes: dict[str, Any]) -> list[tuple[str, str | None]]:
        rows = [position_row(**each) for each in changes]
        found = translate.position_reports("main", rows)
        return [(each.quantity, each.collateral) for each in found]

    assert told({}) == [("-5", "0.01")]
    assert told({"margin": ""}) == [("-5", None)]
    assert told({"margin": "0.00031765432109876543"}) == [("-5", "0.000317654321098765")]
    assert told({"mgnMode": "cross", "margin": ""}) == [("-5", "0")]
    assert told({}, {"mgnMode": "cross", "pos": "-2", "margin": ""}) == [("-7", None)]

    def modes(*changes: dict[str, Any]) -> list[str | None]:
        rows = [position_row(**each) for each in changes]
        return [each.margin_mode for each in translate.position_reports("main", rows)]

    assert modes({}) == ["isolated"]
    assert modes({"mgnMode": "cross", "margin": ""}) == ["cross"]
    assert modes({}, {"mgnMode": "cross", "pos": "-2", "margin": ""}) == ["unknown"]
    assert modes({"mgnMode": "quick_margin"}) == ["unknown"]
    assert translate.position_report("main", position_row(pos="", margin="")).margin_mode is None
    flat = translate.position_report("main", position_row(pos="", margin=""))
    assert (flat.quantity, flat.collateral) == ("0", "0")
    assert flat.venue_time_ns == 1_795_261_119_000_000_000
    with pytest.raises(VenueProtocolError, match="margin"):
        told({"margin": "1e2"})


def test_a_balance_counts_what_lies_in_isolated_positions() -> None:
    told = {"ccy": "USDT", "cashBal": "4920.07177387875", "eq": "4980.455107212083",
            "isoEq": "60.383333333333326", "isoUpl": "0.3799999999999955"}  # fmt: skip
    raw = msgspec.Raw(json.dumps({"details": [told, {"ccy": "BTC", "cashBal": "1"}]}).encode())
    (row,) = read_rows([raw], BalanceRow, "account/balance")
    found = {each.currency: each.total for each in balances.balance_reports("main", row)}
    assert found == {"USDT": "4980.0751072120833305", "BTC": "1"}


@pytest.mark.parametrize("lies", [60.0, 15_000.0, 250_000.0])
def test_the_doubles_of_okx_are_off_by_no_more_than_is_told(lies: float) -> None:
    chance = random.Random(1)
    for _ in range(500):
        profit = chance.uniform(-lies * 0.3, lies * 0.3)
        holding = Holding("USDT", repr(1e6 - lies), repr(lies + profit), repr(profit))
        (told,) = balances.balance_reports("main", BalanceRow([holding]))
        off = abs(Decimal(told.total) - 1_000_000)
        assert off <= Decimal(told.uncertainty) < Decimal(lies) * Decimal("1e-14")
    equity = Fraction(holding.isolated_equity)  # above the profit
    assert Fraction(told.uncertainty) == equity / 2**50


def test_a_balance_is_in_doubt_where_an_isolated_position_of_another_kind_touches_it() -> None:
    swap = position_row(ccy="USDT", margin="4")
    margin = position_row(instType="MARGIN", instId="BTC-USDT", pos="0.5", ccy="BTC")
    option = position_row(instType="OPTION", instId="ETH-USD-261225-4000-C", ccy="ETH")
    assert balances.doubts_of([swap, position_row(instType="FUTURES")]) == {}
    assert balances.doubts_of([position_row(instType="OPTION", mgnMode="cross")]) == {}
    assert balances.doubts_of([position_row(instType="MARGIN", pos="0")]) == {}
    doubts = balances.doubts_of([swap, margin, option])
    said = "isolated position of MARGIN BTC-USDT (1 in all)"
    assert doubts == {
        "BTC": said,
        "USDT": said,
        "ETH": "isolated position of OPTION ETH-USD-261225-4000-C (1 in all)",
    }
    told = BalanceRow(
        [Holding("USDT", "10", "5", "1"), Holding("BTC", "1"), Holding("SOL", "2", "3", "1")]
    )
    found = balances.balance_reports("main", told, [swap, margin, option])
    # Of USDT the cash and what lies in the swap; SOL is touched by nothing: 2 + 3 - 1.
    assert [(each.total, each.doubt) for each in found] == [
        ("14", said), ("1", said), ("4", "")
    ]  # fmt: skip


def test_a_position_that_names_no_currency_puts_every_balance_in_doubt() -> None:
    option = position_row(instType="OPTION", instId="BTC-USD-261225-4000-C", ccy="")
    told = BalanceRow([Holding("USDT", "10", "5", "1")])
    (found,) = balances.balance_reports("main", told, [option])
    assert found.doubt == "isolated position of OPTION BTC-USD-261225-4000-C (1 in all)"


def test_an_algo_order_waits_and_names_its_child() -> None:
    (row,) = rows("algo_push", AlgoRow)
    report = translate.algo_report("main", row)
    assert (report.state, report.type, report.trigger_price) == ("untriggered", "stop", "51000")
    assert (report.price, report.client_order_id) == (None, "g001000020000068")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"state": "resting"}, "state 'resting'"),
        ({"category": "gift"}, "category 'gift'"),
        ({"posSide": "both"}, "posSide 'both'"),
        ({"ordType": "magic"}, "ordType 'magic'"),
        ({"side": "BUY"}, "side 'BUY'"),
        ({"execType": "X"}, "execType 'X'"),
        ({"sz": 3}, "sz"),
        ({"px": 49500.5}, "px"),
        ({"sz": "3e2"}, "sz '3e2'"),
        ({"accFillSz": ""}, "accFillSz ''"),
        ({"uTime": "now"}, "uTime 'now'"),
        ({"clOrdId": None}, "clOrdId"),
        ({"fillFee": "much"}, "fee 'much'"),
        ({"fillFeeCcy": ""}, "fillFeeCcy"),
    ],
)
def test_nonsense_is_named_and_never_guessed(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(VenueProtocolError) as caught:
        (row,) = rows("order_push", OrderRow, **changes)
        translate.order_report("main", row)
        translate.fill_of_push("main", row)
    assert named.split(maxsplit=1)[0] in str(caught.value)
    assert named.partition(" ")[2] in str(caught.value)


def test_a_missing_field_is_named() -> None:
    row = payload("order_push")
    for name in ("instId", "ordId", "clOrdId", "state", "sz", "accFillSz", "uTime", "category"):
        left = {key: value for key, value in row.items() if key != name}
        with pytest.raises(VenueProtocolError, match=name):
            read_rows([msgspec.Raw(json.dumps(left).encode())], OrderRow, "orders")


JUNK = any_of.one_of(
    any_of.none(),
    any_of.booleans(),
    any_of.integers(),
    any_of.text(max_size=8),
    any_of.lists(any_of.text(max_size=2), max_size=2),
    any_of.sampled_from(["-1", "0", "1e9", "NaN", "Infinity", " 1", "1 ", "--1", "..", "1.2.3"]),
)


@settings(max_examples=150, deadline=None)
@given(
    channel=any_of.sampled_from([("orders", "order_push"), ("orders-algo", "algo_push")]),
    at=any_of.integers(min_value=0, max_value=60),
    junk=JUNK,
)
def test_one_bad_field_never_crashes_the_reader(
    channel: tuple[str, str], at: int, junk: Any
) -> None:
    row = payload(channel[1])
    name = sorted(row)[at % len(row)]
    told: list[str] = []
    facts = Facts(
        "main", KnownOrders(), tell=lambda fact, *_, **__: told.append(fact), counters=Counter()
    )
    raw = msgspec.Raw(json.dumps({**row, name: junk}).encode())
    try:
        facts.take(channel[0], [raw])
    except VenueProtocolError as error:
        assert str(error)
    else:
        assert told


@pytest.mark.parametrize(
    ("price", "tick"),
    [("0", "0.1"), ("50", "0.1"), ("100", "0.1"), ("100.1", "1"), ("10001", None), ("-1", None)],
)
def test_the_step_of_a_price_is_that_of_its_band(price: str, tick: str | None) -> None:
    told = b"""{"instFamily": "BTC-USD", "tickBand": [
        {"minPx": "0", "maxPx": "100", "tickSz": "0.1"},
        {"minPx": "100", "maxPx": "10000", "tickSz": "1"}]}"""
    bands = translate.tick_bands(msgspec.json.decode(told, type=TickBandsRow))
    assert translate.tick_at(bands, price) == tick


def test_a_leg_that_is_held_in_both_modes_has_no_mode_until_one_is_closed() -> None:
    told: list[tuple[str, str | None, str | None]] = []

    def tell(fact: str, report: Any) -> None:
        assert fact == "position_seen"
        told.append((report.quantity, report.margin_mode, report.collateral))

    facts = Facts("main", KnownOrders(), tell=tell, counters=Counter())
    row = json.loads((PAYLOADS / "positions.json").read_text())[0] | {"posSide": "net"}
    cross = row | {"mgnMode": "cross", "margin": "", "pos": "2"}
    isolated = row | {"mgnMode": "isolated", "margin": "0.01", "pos": "-5"}
    for pushed in (cross, isolated, cross, isolated | {"pos": "0"}, cross):
        facts.take("positions", [msgspec.Raw(json.dumps(pushed).encode())])
    assert told == [
        ("2", "cross", "0"), ("-5", "unknown", None), ("2", "unknown", None),
        ("2", "cross", "0"), ("2", "cross", "0"),
    ]  # fmt: skip
    told.clear()
    facts.forget_positions()  # the line is down: cross was closed, isolated opened meanwhile
    facts.take("positions", [msgspec.Raw(json.dumps(isolated).encode())])
    assert told == [("-5", "isolated", "0.01")]

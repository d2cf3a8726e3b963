"""Payloads of Binance's documentation become the gateway's messages, digit for digit; an error
means what it means in its product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_binance import translate
from gateway_binance.capabilities import capabilities
from gateway_binance.errors import meaning_of
from gateway_binance.messages import ExchangeInfo, IncomeRow, OrderEvent, SymbolRow

from gateway.api import OrderRequest

PAYLOADS = Path(__file__).parent / "payloads"


def payload(name: str, kind: type[Any]) -> Any:
    return msgspec.json.decode((PAYLOADS / f"{name}.json").read_bytes(), type=kind)


def order(**changes: Any) -> OrderRequest:
    given: dict[str, Any] = {
        "order_id": 1,
        "client_order_id": "g1",
        "account": "main",
        "instrument": "BTCUSDT",
        "side": "buy",
        "type": "limit",
        "time_in_force": "gtc",
        "quantity": "0.010",
        "price": "50000.10",
    }
    return OrderRequest(**(given | changes))


def test_instruments_have_steps_scales_and_minimums_without_zeros() -> None:
    info = payload("exchange_info", ExchangeInfo)
    rows = [msgspec.json.decode(raw, type=SymbolRow) for raw in info.symbols]
    bitcoin, shiba = [translate.instrument("binance", row) for row in rows]
    assert (bitcoin.symbol, bitcoin.tick, bitcoin.price_scale) == ("BTCUSDT.binance", "0.1", 1)
    assert (bitcoin.lot, bitcoin.quantity_scale, bitcoin.notional_min) == ("0.001", 3, "50")
    assert (shiba.tick, shiba.price_scale, shiba.lot) == ("0.000001", 6, "1")
    assert bitcoin.is_tradable and not shiba.is_tradable


def test_a_fill_keeps_every_digit_and_its_keys() -> None:
    body = payload("order_trade_update_fill", OrderEvent).order
    fill = translate.event_fill("main", body, body.client_order_id, "USDT")
    assert (fill.price, fill.quantity, fill.fee) == ("50000.10", "0.004", "0.08000016")
    assert (fill.venue_order_id, fill.trade_id) == ("8389765000000000002", "4007")
    assert (fill.side, fill.liquidity, fill.cause, fill.leg) == ("sell", "maker", "trade", "net")
    assert fill.venue_time_ns == 1568879465650_000_000


def test_a_liquidation_is_named_and_has_no_fee_it_was_not_told() -> None:
    body = payload("order_trade_update_liquidation", OrderEvent).order
    fill = translate.event_fill("main", body, body.client_order_id, "USDT")
    assert (fill.cause, fill.fee, fill.fee_currency) == ("liquidation", "0", "USDT")


def test_a_prevented_self_trade_ends_an_order_by_name() -> None:
    body = payload("order_trade_update_stp", OrderEvent).order
    report = translate.event_report("main", body)
    assert (report.state, report.reason) == ("expired", "self_trade")


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, {"type": "LIMIT", "timeInForce": "GTC", "price": "50000.10"}),
        ({"is_post_only": True}, {"timeInForce": "GTX"}),
        ({"type": "market", "price": None, "time_in_force": "ioc"}, {"type": "MARKET"}),
        # A market order with a worst price: Binance's MARKET has no such bound.
        ({"type": "market", "time_in_force": "gtc"}, {"type": "LIMIT", "timeInForce": "IOC"}),
        ({"leg": "long", "side": "sell", "is_reduce_only": True}, {"positionSide": "LONG"}),
        ({"is_reduce_only": True}, {"reduceOnly": "true"}),
        (
            {"time_in_force": "gtd", "expires_ns": 1_900_000_000_123_456_789},
            {"timeInForce": "GTD", "goodTillDate": "1900000000000"},
        ),
    ],
)
def test_an_order_is_written_in_the_words_of_the_venue(
    changes: dict[str, Any], sent: dict[str, str]
) -> None:
    parameters = translate.order_parameters(order(**changes))
    assert {name: parameters.get(name) for name in sent} == sent
    assert not ("positionSide" in parameters and "reduceOnly" in parameters)
    if parameters["type"] == "MARKET":
        assert "price" not in parameters and "timeInForce" not in parameters


def test_a_conditional_order_goes_to_the_algo_service() -> None:
    stop = order(type="stop", price=None, trigger_price="45000", side="sell")
    parameters = translate.algo_parameters(stop)
    assert parameters["algoType"] == "CONDITIONAL"
    assert (parameters["type"], parameters["triggerPrice"]) == ("STOP_MARKET", "45000")
    assert parameters["clientAlgoId"] == "g1" and "newClientOrderId" not in parameters
    limited = translate.algo_parameters(order(type="stop_limit", trigger_price="45000"))
    assert (limited["type"], limited["price"]) == ("STOP", "50000.10")


@pytest.mark.parametrize(
    ("amount", "rate", "leg"),
    [
        ("-0.05", "0.0001", "long"),
        ("0.05", "0.0001", "short"),
        ("0.05", "-0.0001", "long"),
        ("-0.05", "-0.0001", "short"),
        ("0.05", "0", "net"),
    ],
)
def test_who_pays_funding_tells_the_leg(amount: str, rate: str, leg: str) -> None:
    row = IncomeRow(
        symbol="BTCUSDT", income_type="FUNDING_FEE", income=amount, asset="USDT", time=1, tran_id=7
    )
    told = translate.funding_report("main", row, {"BTCUSDT": rate}, is_hedge_mode=True)
    assert (told.leg, told.amount, told.reference) == (leg, amount, "7")
    net = translate.funding_report("main", row, {"BTCUSDT": rate}, is_hedge_mode=False)
    assert net.leg == "net"


@pytest.mark.parametrize(
    ("product", "status", "code", "text", "meaning"),
    [
        ("usdm", 503, -1007, "Timeout", "unknown"),
        ("usdm", 408, -1007, "Timeout", "unknown"),
        ("usdm", 503, -1008, "Request throttled", "not_executed"),
        ("usdm", 503, -1, "Service Unavailable.", "not_executed"),
        ("usdm", 503, -1, "Unknown error, please check your request", "unknown"),
        ("usdm", 502, None, "HTML", "unknown"),
        ("usdm", 500, -2019, "Margin is insufficient.", "unknown"),
        ("usdm", 400, -2019, "Margin is insufficient.", "rejected"),
        ("usdm", 400, -4116, "ClientOrderId is duplicated.", "duplicate"),
        ("usdm", 400, -1021, "Timestamp", "clock"),
        ("usdm", 429, -1003, "Too many requests", "rate_limited"),
        ("usdm", 418, -1003, "banned", "rate_limited"),
        ("usdm", 400, -2011, "Unknown order sent.", "not_found"),
        ("usdm", 400, -2010, "Duplicate order sent.", "rejected"),
        ("spot", 400, -2010, "Duplicate order sent.", "duplicate"),
        ("spot", 400, -4116, "", "rejected"),
        ("spot", 503, -1, "Service Unavailable.", "unknown"),
        ("spot", 503, -1008, "Server is currently overloaded", "unknown"),
        ("spot", 429, -1008, "Server is currently overloaded", "rate_limited"),
        ("spot", 400, -1008, "Server is currently overloaded", "unknown"),
        ("spot", 502, None, "HTML", "unknown"),
        ("spot", 500, -2010, "Account has insufficient balance", "unknown"),
    ],
)
def test_what_an_error_proves(
    product: Any, status: int, code: int | None, text: str, meaning: str
) -> None:
    assert meaning_of(product, status, code, text) == meaning


def test_the_manifest_says_what_a_request_may_do_and_when_it_is_void() -> None:
    manifest = capabilities("binance", acceptance_window_ms=5000, timeout_ms=3000)
    assert manifest.not_found_proof_after_ms == 7000 > manifest.acceptance_window_ms
    names = {limit.name for limit in manifest.rate_limits}
    assert names == {"weight", "orders_10s", "orders_1m", "funding_rates"}
    assert "-1007" in manifest.unknown_outcomes and "-1008" not in manifest.unknown_outcomes


@pytest.mark.parametrize("kind", ["market", "stop"])
def test_all_or_nothing_at_any_price_is_refused_and_with_a_worst_price_it_is_kept(
    kind: str,
) -> None:
    terms = {"type": kind, "time_in_force": "fok", "trigger_price": "50001"}
    assert "fok" in translate.refusal_of(order(**terms, price=None))
    bounded = order(**terms)
    assert translate.refusal_of(bounded) == ""
    make = translate.algo_parameters if kind == "stop" else translate.order_parameters
    assert make(bounded)["timeInForce"] == "FOK"
    assert make(order(**(terms | {"time_in_force": "gtc"})))["timeInForce"] == "IOC"
    assert translate.refusal_of(order(type=kind, price=None)) == ""

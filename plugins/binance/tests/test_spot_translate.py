"""Documents of Binance Spot become the gateway's messages, digit for digit, and an order the
venue's words; names say whose order they are of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from gateway_binance.spot import gateway_create_adapter, translate
from gateway_binance.spot.capabilities import RATE_LIMITS, capabilities
from gateway_binance.spot.messages import CanceledRow, InterestRow, OrderRow, SymbolRow
from gateway_binance.spot.names import (
    LENGTH_MAX,
    Name,
    cancel_name,
    read_name,
    succeeded_name,
)

from gateway.api import OrderRequest

SECRETS = {"key": "k", "secret": "s"}


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


def row(**changes: Any) -> OrderRow:
    given: dict[str, Any] = {
        "symbol": "LTCBTC", "orderId": 1, "clientOrderId": "myOrder1", "price": "0.10000000",
        "origQty": "1.00000000", "executedQty": "0.00000000", "status": "NEW", "side": "BUY",
        "timeInForce": "GTC", "type": "LIMIT", "stopPrice": "0.00000000", "updateTime": 2,
    }  # fmt: skip
    return msgspec.convert(given | changes, OrderRow)


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, {"type": "LIMIT", "timeInForce": "GTC", "price": "50000.10"}),
        ({"is_post_only": True}, {"type": "LIMIT_MAKER", "price": "50000.10", "timeInForce": None}),
        ({"type": "market", "price": None}, {"type": "MARKET", "price": None, "timeInForce": None}),
        # A market order with a worst price: Binance's MARKET has no such bound.
        ({"type": "market"}, {"type": "LIMIT", "timeInForce": "IOC"}),
        ({"type": "market", "time_in_force": "fok"}, {"type": "LIMIT", "timeInForce": "FOK"}),
        (
            {"type": "stop", "price": None, "trigger_price": "51000"},
            {"type": "STOP_LOSS", "stopPrice": "51000", "timeInForce": None},
        ),
        (
            {"type": "stop_limit", "trigger_price": "51000"},
            {"type": "STOP_LOSS_LIMIT", "stopPrice": "51000", "timeInForce": "GTC"},
        ),
        (
            {"type": "stop", "trigger_price": "51000"},
            {"type": "STOP_LOSS_LIMIT", "timeInForce": "IOC"},
        ),
    ],
)
def test_an_order_is_written_in_the_words_of_the_venue(
    changes: dict[str, Any], sent: dict[str, str | None]
) -> None:
    parameters = translate.order_parameters(order(**changes))
    assert {name: parameters.get(name) for name in sent} == sent
    assert parameters["newClientOrderId"] == "g1" and parameters["newOrderRespType"] == "ACK"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "market", "time_in_force": "fok", "price": None},
        {"type": "stop_limit", "trigger_price": "51000", "is_post_only": True},
    ],
)
def test_terms_the_venue_would_not_keep_are_refused(changes: dict[str, Any]) -> None:
    assert translate.refusal_of(order(**changes))


def test_instruments_have_steps_scales_and_minimums_without_zeros() -> None:
    given = {
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000", "minPrice": "0.01000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001000", "minQty": "0.00001000",
             "maxQty": "9000.00000000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
    }  # fmt: skip
    told = translate.instrument("spot", msgspec.convert(given, SymbolRow))
    assert (told.symbol, told.kind, told.settle) == ("BTCUSDT.spot", "spot", "USDT")
    assert (told.tick, told.price_scale, told.lot, told.quantity_scale) == ("0.01", 2, "0.00001", 5)
    assert (told.quantity_max, told.notional_min, told.is_tradable) == ("9000", "5", True)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "new"),
        ({"type": "STOP_LOSS_LIMIT", "isWorking": False}, "untriggered"),
        ({"type": "STOP_LOSS_LIMIT", "isWorking": True}, "new"),
        ({"status": "PENDING_NEW"}, "untriggered"),
        ({"status": "EXPIRED_IN_MATCH"}, "expired"),
    ],
)
def test_the_state_of_an_order_is_its_own(changes: dict[str, Any], state: str) -> None:
    report = translate.order_report("main", row(**changes), "g1")
    assert (report.state, report.client_order_id) == (state, "g1")


@pytest.mark.parametrize(
    ("kind", "hours"), [("PERIODIC", 1), ("PERIODIC_CONVERTED", 1), ("ON_BORROW", 0)]
)
def test_interest_is_of_the_hour_before_it(kind: str, hours: int) -> None:
    # The example of "Get Interest History" (developers.binance.com, read 2026-11).
    given = {
        "txId": 1352286576452864727, "interestAccuredTime": 1672160400000, "asset": "USDT",
        "principal": "45.3313", "interest": "0.00024995", "interestRate": "0.00013233",
        "type": kind,
    }  # fmt: skip
    told = translate.borrow_report("main", msgspec.convert(given, InterestRow))
    assert (told.reference, told.amount) == ("1352286576452864727", "0.00024995")
    assert told.until_ns - told.from_ns == hours * 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("g1", Name("g1")),
        ("g1//2", Name("g1", 2)),
        ("g1//c", Name("g1", is_cancel=True)),
        ("g1//r3", Name("g1", successor=3)),
        ("web/1", Name("web/1")),
        ("a//", Name("a//")),
        ("a//x1", Name("a//x1")),
        ("a//100", Name("a//100")),
    ],
)
def test_a_name_says_whose_order_it_is_of(text: str, name: Name) -> None:
    assert read_name(text) == name


def test_every_name_the_adapter_makes_is_short_enough_and_read_again() -> None:
    own = "g" * LENGTH_MAX
    made = [Name(own, 99).wire, cancel_name(own), succeeded_name(own, 99)]
    assert all(len(each) <= 36 and read_name(each).own == own for each in made)


def test_only_the_plain_wallet_replaces_and_only_the_margin_wallet_owes() -> None:
    for wallet, amend, has_borrow in (("spot", "cancel_new", False), ("margin", "none", True)):
        manifest = capabilities(
            "x",
            wallet=wallet,  # type: ignore[arg-type]
            acceptance_window_ms=5_000,
            timeout_ms=3_000,
            limits=RATE_LIMITS,
        )
        assert (manifest.amend, manifest.has_borrow) == (amend, has_borrow)
        assert manifest.not_found_proof_after_ms == 7_000 > manifest.acceptance_window_ms


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"account": "a"}, "symbols"),
        ({"account": "a", "symbols": []}, "symbols"),
        ({"account": "a", "symbols": ["X"], "colour": 1}, "colour"),
        ({"account": "a", "symbols": ["X"], "api_socket_url": "http://x"}, "api_socket_url"),
        ({"account": "a", "symbols": ["X"], "wallet": "futures"}, "wallet"),
        (
            {"account": "a", "symbols": ["X"], "wallet": "margin", "order_entry": "websocket"},
            "order_entry",
        ),
        ({"account": "a", "symbols": ["X"], "history_days": 0}, "history_days"),
    ],
)
def test_bad_settings_are_refused_by_name(settings: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        gateway_create_adapter("spot", settings, SECRETS)


def test_the_margin_wallet_writes_the_number_of_a_canceled_order_as_text() -> None:
    # The response of Margin Account Cancel Order, developers.binance.com, read 2026-11.
    said = b"""{"symbol": "LTCBTC", "isIsolated": true, "orderId": "28",
    "origClientOrderId": "myOrder1", "clientOrderId": "cancelMyOrder1", "price": "1.00000000",
    "origQty": "10.00000000", "executedQty": "8.00000000", "cummulativeQuoteQty": "8.00000000",
    "status": "CANCELED", "timeInForce": "GTC", "type": "LIMIT", "side": "SELL"}"""
    row = msgspec.json.decode(said, type=CanceledRow)
    assert (str(row.order_id), row.executed_qty, row.transact_time) == ("28", "8.00000000", 0)

"""The REST calls of the simulated Binance USD-M, each a function of the venue, the account and the
parameters. No HTTP here: the server checks keys, weights and signatures before it calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from binance_simulator import documents
from binance_simulator.documents import WireOrder, fixed
from binance_simulator.rules import BinanceError
from binance_simulator.usdm import UsdmVenue

__all__ = ["PRIVATE", "PUBLIC", "order_cancel", "order_modify", "order_place", "order_status"]

Given = dict[str, str]
Call = Callable[[UsdmVenue, str, Given], Any]
_DAY_MS = 86_400_000
_WINDOW_MS = 7 * _DAY_MS


def order_place(venue: UsdmVenue, account: str, given: Given) -> Any:
    order = venue.place(account, given)
    listing = venue.listings[order.symbol]
    if given.get("newOrderRespType") == "RESULT":
        return documents.order_document(order, listing)
    return documents.acknowledgement(order, listing)


def order_modify(venue: UsdmVenue, account: str, given: Given) -> Any:
    order = venue.amend(venue.find(account, given), given)
    return documents.order_document(order, venue.listings[order.symbol])


def order_cancel(venue: UsdmVenue, account: str, given: Given) -> Any:
    order = venue.cancel(venue.find(account, given, -2011))
    return documents.order_document(order, venue.listings[order.symbol])


def order_status(venue: UsdmVenue, account: str, given: Given) -> Any:
    return _document(venue, venue.find(account, given))


def open_orders(venue: UsdmVenue, account: str, given: Given) -> Any:
    return [_document(venue, each) for each in venue.open_orders(account, given.get("symbol", ""))]


def open_order(venue: UsdmVenue, account: str, given: Given) -> Any:
    order = venue.find(account, given)
    if not order.is_open:
        raise BinanceError(-2013)
    return _document(venue, order)


def all_orders(venue: UsdmVenue, account: str, given: Given) -> Any:
    rows = [
        _document(venue, each)
        for each in venue.orders
        if each.account == account and each.order_id and each.symbol == given.get("symbol")
    ]
    return rows[-int(given.get("limit", "500")) :]


def cancel_all(venue: UsdmVenue, account: str, given: Given) -> Any:
    venue.cancel_all(account, _symbol(venue, given))
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def batch_place(venue: UsdmVenue, account: str, given: Given) -> Any:
    return _batch(given, "batchOrders", lambda each: order_place(venue, account, each))


def batch_modify(venue: UsdmVenue, account: str, given: Given) -> Any:
    return _batch(given, "batchOrders", lambda each: order_modify(venue, account, each))


def batch_cancel(venue: UsdmVenue, account: str, given: Given) -> Any:
    symbol = given.get("symbol", "")
    by_number = json.loads(given.get("orderIdList", "[]"))
    by_name = json.loads(given.get("origClientOrderIdList", "[]"))
    wanted = [{"symbol": symbol, "orderId": str(each)} for each in by_number]
    wanted += [{"symbol": symbol, "origClientOrderId": each} for each in by_name]
    listed = {"batchOrders": json.dumps(wanted)}
    return _batch(listed, "batchOrders", lambda each: order_cancel(venue, account, each), 10)


def algo_place(venue: UsdmVenue, account: str, given: Given) -> Any:
    order = venue.place_algo(account, given)
    return documents.algo_document(order, venue.listings[order.symbol])


def algo_status(venue: UsdmVenue, account: str, given: Given) -> Any:
    order = venue.find_algo(account, given)
    return documents.algo_document(order, venue.listings[order.symbol])


def algo_cancel(venue: UsdmVenue, account: str, given: Given) -> Any:
    order = venue.find_algo(account, given, -2011)
    if order.algo_status != "NEW":
        raise BinanceError(-2011)
    venue.cancel(order)
    return {
        "algoId": order.algo_id,
        "clientAlgoId": order.client_algo_id,
        "code": "200",
        "msg": "success",
    }


def open_algo_orders(venue: UsdmVenue, account: str, given: Given) -> Any:
    rows = venue.open_algo_orders(account, given.get("symbol", ""))
    return [documents.algo_document(each, venue.listings[each.symbol]) for each in rows]


def all_algo_orders(venue: UsdmVenue, account: str, given: Given) -> Any:
    rows = [
        documents.algo_document(each, venue.listings[each.symbol])
        for each in venue.orders
        if each.account == account and each.algo_id and each.symbol == _symbol(venue, given)
    ]
    return rows[-int(given.get("limit", "500")) :]


def cancel_all_algo(venue: UsdmVenue, account: str, given: Given) -> Any:
    for order in venue.open_algo_orders(account, _symbol(venue, given)):
        venue.cancel(order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def user_trades(venue: UsdmVenue, account: str, given: Given) -> Any:
    """One symbol, at most seven days and a thousand rows; from an id or from a time, never both."""
    symbol = _symbol(venue, given)
    rows = [each for each in venue.trades[account] if each["symbol"] == symbol]
    if given.get("orderId"):
        rows = [each for each in rows if each["orderId"] == int(given["orderId"])]
    return _page(rows, given, "id", venue.clock.now_ms())


def income(venue: UsdmVenue, account: str, given: Given) -> Any:
    """At most seven days when no time is given, a thousand rows, ascending."""
    rows = venue.income[account]
    for name in ("incomeType", "symbol"):
        if given.get(name):
            rows = [each for each in rows if each[name] == given[name]]
    now = venue.clock.now_ms()
    start = int(given.get("startTime", now - _WINDOW_MS))
    end = int(given.get("endTime", now))
    limit = min(int(given.get("limit", "100")), 1_000)
    first = (int(given.get("page", "1")) - 1) * limit
    return [each for each in rows if start <= each["time"] <= end][first : first + limit]


def funding_rate(venue: UsdmVenue, account: str, given: Given) -> Any:
    rows = venue.funding_rates
    if given.get("symbol"):
        rows = [each for each in rows if each["symbol"] == given["symbol"]]
    start = int(given.get("startTime", "0"))
    end = int(given.get("endTime", str(1 << 62)))
    limit = min(int(given.get("limit", "100")), 1_000)
    return [each for each in rows if start <= each["fundingTime"] <= end][:limit]


def funding_info(venue: UsdmVenue, account: str, given: Given) -> Any:
    return [
        {
            "symbol": symbol,
            "adjustedFundingRateCap": "0.02500000",
            "adjustedFundingRateFloor": "-0.02500000",
            "fundingIntervalHours": 8,
            "disclaimer": False,
        }
        for symbol in venue.listings
    ]


def position_risk(venue: UsdmVenue, account: str, given: Given) -> Any:
    """Version 3: the legs that are held."""
    now = venue.clock.now_ms()
    return [
        {
            "symbol": row["symbol"],
            "positionSide": row["positionSide"],
            "positionAmt": row["quantity"],
            "entryPrice": row["entryPrice"],
            "breakEvenPrice": row["entryPrice"],
            "markPrice": row["mark"],
            "unRealizedProfit": row["unrealised"],
            "liquidationPrice": "0",
            "isolatedMargin": _isolated_margin(row),
            "notional": row["notional"],
            "marginAsset": venue.listings[row["symbol"]].settle,
            "isolatedWallet": row["wallet"] if Fraction(row["wallet"]) else "0",
            "initialMargin": fixed(abs(Fraction(row["notional"])) / 20),
            "maintMargin": fixed(abs(Fraction(row["notional"])) / 50),
            "positionInitialMargin": fixed(abs(Fraction(row["notional"])) / 20),
            "openOrderInitialMargin": "0",
            "adl": 2,
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": now,
        }
        for row in venue.positions(account, given.get("symbol", ""))
    ]


def symbol_config(venue: UsdmVenue, account: str, given: Given) -> Any:
    return [
        {
            "symbol": symbol,
            "marginType": "ISOLATED" if venue.is_isolated(account, symbol) else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": 20,
            "maxNotionalValue": "25000000",
        }
        for symbol in venue.listings
        if given.get("symbol", symbol) == symbol
    ]


def _isolated_margin(row: Any) -> str:
    """With the unrealised profit."""
    wallet = Fraction(row["wallet"])
    return fixed(wallet + Fraction(row["unrealised"])) if wallet else "0"


def position_risk_2(venue: UsdmVenue, account: str, given: Given) -> Any:
    """Version 2: every symbol, flat ones too."""
    held = position_risk(venue, account, given)
    sides = ("LONG", "SHORT") if venue.exchange.accounts[account].is_hedge_mode else ("BOTH",)
    known = {(row["symbol"], row["positionSide"]): row for row in held}
    rows = []
    for symbol in venue.listings:
        for side in sides:
            row = known.get((symbol, side)) or {
                "symbol": symbol,
                "positionSide": side,
                "positionAmt": "0.000",
                "entryPrice": "0.0",
                "breakEvenPrice": "0.0",
                "markPrice": fixed(venue.exchange.mark_row(symbol)["mark"] or "0"),
                "unRealizedProfit": "0.00000000",
                "liquidationPrice": "0",
                "isolatedMargin": "0.00000000",
                "notional": "0",
                "isolatedWallet": "0",
                "updateTime": 0,
            }
            leverage = venue.leverage.get((account, symbol), 20)
            row |= {"leverage": str(leverage), "marginType": "cross", "isAutoAddMargin": "false"}
            row |= {"maxNotionalValue": "25000000", "isolated": False}
            if given.get("symbol", symbol) == symbol:
                rows.append(row)
    return rows


def balance(venue: UsdmVenue, account: str, given: Given) -> Any:
    now = venue.clock.now_ms()
    return [
        {
            "accountAlias": "SgsR",
            "asset": asset,
            "balance": fixed(total),
            "crossWalletBalance": fixed(total),
            "crossUnPnl": "0.00000000",
            "availableBalance": fixed(total),
            "maxWithdrawAmount": fixed(total),
            "marginAvailable": True,
            "updateTime": now,
        }
        for asset, total in sorted(venue.balances(account).items())
    ]


def account_state(venue: UsdmVenue, account: str, given: Given) -> Any:
    assets = [
        {
            "asset": row["asset"],
            "walletBalance": row["balance"],
            "unrealizedProfit": "0.00000000",
            "marginBalance": row["balance"],
            "maintMargin": "0.00000000",
            "initialMargin": "0.00000000",
            "positionInitialMargin": "0.00000000",
            "openOrderInitialMargin": "0.00000000",
            "crossWalletBalance": row["balance"],
            "crossUnPnl": "0.00000000",
            "availableBalance": row["balance"],
            "maxWithdrawAmount": row["balance"],
            "updateTime": row["updateTime"],
        }
        for row in balance(venue, account, given)
    ]
    total = fixed(sum((Fraction(row["walletBalance"]) for row in assets), Fraction(0)))
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "multiAssetsMargin": False,
        "totalWalletBalance": total,
        "totalMarginBalance": total,
        "totalInitialMargin": "0.00000000",
        "totalMaintMargin": "0.00000000",
        "totalUnrealizedProfit": "0.00000000",
        "availableBalance": total,
        "assets": assets,
        "positions": position_risk_2(venue, account, given),
    }


def dual_side(venue: UsdmVenue, account: str, given: Given) -> Any:
    return {"dualSidePosition": venue.exchange.accounts[account].is_hedge_mode}


def set_dual_side(venue: UsdmVenue, account: str, given: Given) -> Any:
    venue.set_hedge_mode(account, given.get("dualSidePosition", "").lower() == "true")
    return {"code": 200, "msg": "success"}


def countdown(venue: UsdmVenue, account: str, given: Given) -> Any:
    symbol = _symbol(venue, given)
    venue.countdown(account, symbol, int(given.get("countdownTime", "0")))
    return {"symbol": symbol, "countdownTime": given.get("countdownTime", "0")}


def set_leverage(venue: UsdmVenue, account: str, given: Given) -> Any:
    symbol, leverage = _symbol(venue, given), int(given.get("leverage", "20"))
    venue.leverage[account, symbol] = leverage
    return {"symbol": symbol, "leverage": leverage, "maxNotionalValue": "25000000"}


def set_margin_type(venue: UsdmVenue, account: str, given: Given) -> Any:
    _symbol(venue, given)
    return {"code": 200, "msg": "success"}


def leverage_bracket(venue: UsdmVenue, account: str, given: Given) -> Any:
    bracket = {
        "bracket": 1,
        "initialLeverage": 125,
        "notionalCap": 25_000_000,
        "notionalFloor": 0,
        "maintMarginRatio": 0.004,
        "cum": 0.0,
    }
    symbols = [given["symbol"]] if given.get("symbol") else list(venue.listings)
    return [{"symbol": each, "notionalCoef": 1.0, "brackets": [bracket]} for each in symbols]


def ping(venue: UsdmVenue, account: str, given: Given) -> Any:
    return {}


def server_time(venue: UsdmVenue, account: str, given: Given) -> Any:
    return {"serverTime": venue.clock.now_ms()}


def exchange_info(venue: UsdmVenue, account: str, given: Given) -> Any:
    return {
        "timezone": "UTC",
        "serverTime": venue.clock.now_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 2400,
            },
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [
            documents.symbol_document(
                each, status="SETTLING" if each.symbol in venue.closed_symbols else "TRADING"
            )
            for each in venue.listings.values()
        ],
    }


def depth(venue: UsdmVenue, account: str, given: Given) -> Any:
    symbol, now = _symbol(venue, given), venue.clock.now_ms()
    limit = int(given.get("limit", "500"))
    book = venue.book(symbol)
    return {
        "lastUpdateId": book.update_id,
        "E": now,
        "T": now,
        "bids": book.bids(limit),
        "asks": book.asks(limit),
    }


def book_ticker(venue: UsdmVenue, account: str, given: Given) -> Any:
    rows = []
    for symbol in [_symbol(venue, given)] if given.get("symbol") else list(venue.listings):
        book = venue.book(symbol)
        bid, ask = [*book.bids(1), ["0", "0"]][0], [*book.asks(1), ["0", "0"]][0]
        rows.append(
            {
                "symbol": symbol,
                "bidPrice": bid[0],
                "bidQty": bid[1],
                "askPrice": ask[0],
                "askQty": ask[1],
                "time": venue.clock.now_ms(),
            }
        )
    return rows[0] if given.get("symbol") else rows


def premium_index(venue: UsdmVenue, account: str, given: Given) -> Any:
    now = venue.clock.now_ms()
    rows = []
    for symbol in [_symbol(venue, given)] if given.get("symbol") else list(venue.listings):
        mark = fixed(venue.exchange.mark_row(symbol)["mark"] or "0")
        rows.append(
            {
                "symbol": symbol,
                "markPrice": mark,
                "indexPrice": mark,
                "estimatedSettlePrice": mark,
                "lastFundingRate": fixed(venue.listings[symbol].funding_rate),
                "interestRate": "0.00010000",
                "nextFundingTime": (now // (8 * 3_600_000) + 1) * 8 * 3_600_000,
                "time": now,
            }
        )
    return rows[0] if given.get("symbol") else rows


def _document(venue: UsdmVenue, order: WireOrder) -> Any:
    return documents.order_document(order, venue.listings[order.symbol])


def _symbol(venue: UsdmVenue, given: Given) -> str:
    symbol = given.get("symbol", "")
    if not symbol:
        raise BinanceError(-1102, "symbol")
    if symbol not in venue.listings:
        raise BinanceError(-1121)
    return symbol


def _batch(given: Given, name: str, call: Callable[[Given], Any], count_max: int = 5) -> Any:
    """Each leg for itself: its answer, or its error in place."""
    try:
        listed = json.loads(given.get(name, ""))
    except ValueError as error:
        raise BinanceError(-1102, name) from error
    if not isinstance(listed, list) or not 0 < len(listed) <= count_max:
        raise BinanceError(-1102, name)
    answers = []
    for each in listed:
        try:
            answers.append(call({key: str(value) for key, value in each.items()}))
        except BinanceError as error:
            answers.append(error.row())
    return answers


def _page(rows: list[Any], given: Given, number: str, now_ms: int) -> Any:
    limit = min(int(given.get("limit", "500")), 1_000)
    times = [name for name in ("startTime", "endTime") if given.get(name)]
    if given.get("fromId"):
        if times:
            raise BinanceError(-1106, times[0])
        return [each for each in rows if each[number] >= int(given["fromId"])][:limit]
    if not times:
        return [each for each in rows if each["time"] >= now_ms - _WINDOW_MS][-limit:]
    end = int(given.get("endTime", int(given.get("startTime", "0")) + _WINDOW_MS))
    start = int(given.get("startTime", str(end - _WINDOW_MS)))
    if end - start > _WINDOW_MS:
        raise BinanceError(-1102, text="Maximum time interval is 7 days.")
    return [each for each in rows if start <= each["time"] <= end][:limit]


PUBLIC: dict[tuple[str, str], Call] = {
    ("GET", "/fapi/v1/ping"): ping,
    ("GET", "/fapi/v1/time"): server_time,
    ("GET", "/fapi/v1/exchangeInfo"): exchange_info,
    ("GET", "/fapi/v1/depth"): depth,
    ("GET", "/fapi/v1/ticker/bookTicker"): book_ticker,
    ("GET", "/fapi/v1/premiumIndex"): premium_index,
    ("GET", "/fapi/v1/fundingRate"): funding_rate,
    ("GET", "/fapi/v1/fundingInfo"): funding_info,
}

PRIVATE: dict[tuple[str, str], Call] = {
    ("POST", "/fapi/v1/order"): order_place,
    ("PUT", "/fapi/v1/order"): order_modify,
    ("DELETE", "/fapi/v1/order"): order_cancel,
    ("GET", "/fapi/v1/order"): order_status,
    ("GET", "/fapi/v1/openOrder"): open_order,
    ("GET", "/fapi/v1/openOrders"): open_orders,
    ("GET", "/fapi/v1/allOrders"): all_orders,
    ("DELETE", "/fapi/v1/allOpenOrders"): cancel_all,
    ("POST", "/fapi/v1/batchOrders"): batch_place,
    ("PUT", "/fapi/v1/batchOrders"): batch_modify,
    ("DELETE", "/fapi/v1/batchOrders"): batch_cancel,
    ("POST", "/fapi/v1/algoOrder"): algo_place,
    ("GET", "/fapi/v1/algoOrder"): algo_status,
    ("DELETE", "/fapi/v1/algoOrder"): algo_cancel,
    ("GET", "/fapi/v1/openAlgoOrders"): open_algo_orders,
    ("GET", "/fapi/v1/allAlgoOrders"): all_algo_orders,
    ("DELETE", "/fapi/v1/algoOpenOrders"): cancel_all_algo,
    ("GET", "/fapi/v1/userTrades"): user_trades,
    ("GET", "/fapi/v1/income"): income,
    ("GET", "/fapi/v2/positionRisk"): position_risk_2,
    ("GET", "/fapi/v3/positionRisk"): position_risk,
    ("GET", "/fapi/v1/symbolConfig"): symbol_config,
    ("GET", "/fapi/v2/balance"): balance,
    ("GET", "/fapi/v3/balance"): balance,
    ("GET", "/fapi/v2/account"): account_state,
    ("GET", "/fapi/v3/account"): account_state,
    ("GET", "/fapi/v1/positionSide/dual"): dual_side,
    ("POST", "/fapi/v1/positionSide/dual"): set_dual_side,
    ("POST", "/fapi/v1/countdownCancelAll"): countdown,
    ("POST", "/fapi/v1/leverage"): set_leverage,
    ("POST", "/fapi/v1/marginType"): set_margin_type,
    ("GET", "/fapi/v1/leverageBracket"): leverage_bracket,
}

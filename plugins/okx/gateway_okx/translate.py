"""OKX's rows <-> gateway messages. Pure functions; nothing is guessed: a word or number that is not
documented is an error of the protocol. Sizes are contracts for swaps and base coins for spot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

import msgspec

from gateway.api import (
    BorrowReport,
    FillReport,
    FundingReport,
    Instrument,
    OrderReport,
    OrderRequest,
    PositionReport,
    ReplaceRequest,
    VenueProtocolError,
)
from gateway.api.decimal_text import plain_text
from gateway.api.messages import (
    FillCauseName,
    LegName,
    LiquidityName,
    OrderTypeName,
    SideName,
    TimeInForceName,
    VenueOrderState,
)
from gateway_okx.rows import (
    AlgoRow,
    BillRow,
    FillRow,
    InstrumentRow,
    InterestRow,
    OrderRow,
    PositionRow,
    TickBandsRow,
)

__all__ = [
    "CANCEL_REASONS",
    "LIQUIDITIES",
    "SIDES",
    "TRADE_CATEGORIES",
    "TYPES",
    "TickBand",
    "algo_amend_body",
    "algo_body",
    "algo_report",
    "amend_body",
    "borrow_report",
    "cancel_reason",
    "cause_of",
    "fill_of_push",
    "fill_report",
    "funding_report",
    "instrument",
    "is_algo",
    "is_done",
    "leg_of",
    "money",
    "number",
    "order_body",
    "order_report",
    "own_id",
    "position_reports",
    "tick_at",
    "tick_bands",
    "time_ns",
    "unsendable",
]

Body = dict[str, Any]
SIDES: Final[dict[str, SideName]] = {"buy": "buy", "sell": "sell"}
_LEGS: Final[dict[str, LegName]] = {"": "net", "net": "net", "long": "long", "short": "short"}
_STATES: Final[dict[str, VenueOrderState]] = {
    "live": "new",
    "partially_filled": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "mmp_canceled": "canceled",
}
TYPES: Final[dict[str, tuple[OrderTypeName, TimeInForceName]]] = {
    "limit": ("limit", "gtc"),
    "post_only": ("limit", "gtc"),
    "mmp": ("limit", "gtc"),
    "mmp_and_post_only": ("limit", "gtc"),
    "elp": ("limit", "gtc"),
    "op_fok": ("limit", "fok"),
    "ioc": ("limit", "ioc"),
    "fok": ("limit", "fok"),
    "market": ("market", "ioc"),
    "optimal_limit_ioc": ("market", "ioc"),
}
_ALGO_STATES: Final[dict[str, VenueOrderState]] = {
    "live": "untriggered",
    "pause": "untriggered",
    "effective": "new",  # it became a plain order, which is asked for by its own id
    "partially_effective": "new",
    "canceled": "canceled",
    "order_failed": "canceled",
}
LIQUIDITIES: Final[dict[str, LiquidityName]] = {"M": "maker", "T": "taker", "": "unknown"}
_CAUSES: Final[dict[str, FillCauseName]] = {
    "normal": "trade",
    "twap": "trade",
    "ddh": "trade",
    "auto_conversion": "trade",
    "full_liquidation": "liquidation",
    "partial_liquidation": "liquidation",
    "adl": "deleveraging",
    "delivery": "delivery",
}
TRADE_CATEGORIES: Final = tuple(name for name, cause in _CAUSES.items() if cause == "trade")
# Of fills-history; every other subtype is a trade (docs-v5, transaction details, subType).
_SUB_TYPE_CAUSES: Final[dict[str, FillCauseName]] = {
    **dict.fromkeys(("100", "101", "102", "103", "104", "105", "106", "107"), "liquidation"),
    **dict.fromkeys(("110", "111"), "liquidation"),
    **dict.fromkeys(("125", "126", "127", "128"), "deleveraging"),
    **dict.fromkeys(("112", "113", "170", "171", "172"), "delivery"),
    "355": "settlement",
}
_EXACT: Final = Context(prec=80)
_MONEY_STEP: Final = Decimal("1e-18")
_MARGIN_MODES: Final[dict[str, Literal["cross", "isolated"]]] = {
    "cross": "cross",
    "isolated": "isolated",
}
_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")  # nearly every number
CANCEL_REASONS: Final = {
    "1": "requested",
    "13": "time_in_force",  # FOK that could not be filled whole
    "14": "time_in_force",  # the rest of an IOC
    "20": "cancel all after",
    "31": "post_only",
    "32": "self_trade",
}


def _word(table: dict[str, Any], value: str, field: str) -> Any:
    try:
        return table[value]
    except KeyError:
        raise VenueProtocolError(f"okx: {field} {value[:40]!r} is not documented") from None


def number(text: str, field: str) -> str:
    """Decimal text as OKX wrote it; empty, exponents and words are refused by name."""
    if _PLAIN.fullmatch(text):
        return text
    try:
        is_number = Decimal(text).is_finite() and text.strip("+0123456789.-") == ""
    except InvalidOperation:
        is_number = False
    if not is_number:
        raise VenueProtocolError(f"okx: {field} {text[:40]!r} is no number")
    return text


def time_ns(milliseconds: str, field: str) -> int:
    if not milliseconds.isdigit() or len(milliseconds) > 15:
        raise VenueProtocolError(f"okx: {field} {milliseconds[:40]!r} is no time")
    return int(milliseconds) * 1_000_000


def leg_of(text: str) -> LegName:
    leg: LegName = _word(_LEGS, text, "posSide")
    return leg


def cause_of(category: str) -> FillCauseName:
    cause: FillCauseName = _word(_CAUSES, category, "category")
    return cause


def cancel_reason(source: str) -> str:
    return CANCEL_REASONS.get(source, f"cancelSource {source}" if source else "venue_decision")


def own_id(row: OrderRow) -> str:
    """The client id of an order: that of the algo order it came from, when it has none itself."""
    return row.client_id or row.algo_client_id


def _scale(step: str) -> int:
    return max(0, -int(Decimal(number(step, "step")).normalize().as_tuple().exponent))


# Instruments.


def instrument(venue: str, row: InstrumentRow) -> Instrument:
    """Spot, or a contract whose multiplier is ctVal x ctMult, so that quantities stay in contracts.
    An option is linear in its premium, which is paid in the coin it settles in."""
    is_spot = row.kind == "SPOT"
    multiplier = "1"
    base, quote = row.base, row.quote
    if not is_spot:
        product = Decimal(number(row.contract_value, "ctVal")) * Decimal(
            number(row.contract_multiplier, "ctMult")
        )
        multiplier = plain_text(product)
        base, _, quote = row.underlying.partition("-")
    if row.kind == "OPTION":
        quote = row.settle
    kinds = {"": "linear" if row.kind == "OPTION" else "spot"}
    kinds |= {"linear": "linear", "inverse": "inverse"}
    return Instrument(
        symbol=f"{row.symbol}.{venue}",
        venue_symbol=row.symbol,
        kind=_word(kinds, row.contract, "ctType"),
        base=base,
        quote=quote,
        settle=quote if is_spot else row.settle,
        tick=number(row.tick, "tickSz"),
        lot=number(row.lot, "lotSz"),
        price_scale=_scale(row.tick),
        quantity_scale=_scale(row.lot),
        multiplier=multiplier,
        multiplier_scale=len(multiplier.partition(".")[2]),
        quantity_min=number(row.size_min, "minSz"),
        is_tradable=row.state == "live",
    )


class TickBand(NamedTuple):
    """The step of prices above `price_min` and up to `price_max`."""

    price_min: Decimal
    price_max: Decimal
    tick: str


def tick_bands(row: TickBandsRow) -> list[TickBand]:
    """A step of nothing is none: left out."""
    bands = [
        TickBand(
            Decimal(number(each.price_min, "minPx")),
            Decimal(number(each.price_max, "maxPx")),
            number(each.tick, "tickSz"),
        )
        for each in row.bands
    ]
    return [band for band in bands if Decimal(band.tick) > 0]


def tick_at(bands: Sequence[TickBand], price: str) -> str | None:
    """The step at a price. Two bands share their border, which lies on the steps of both: the lower
    one is meant. None = no band is known there, and then the venue judges."""
    amount = Decimal(price)
    inside = [each for each in bands if each.price_min <= amount <= each.price_max]
    return min(inside).tick if inside else None


# Orders out.


def is_algo(order: OrderRequest) -> bool:
    """Waits outside the book for its trigger; another endpoint with other ids."""
    return order.type in ("stop", "stop_limit")


def unsendable(order: OrderRequest, *, kind: str) -> str:
    """Why OKX has no such order, or "". What it cannot be told must not be dropped silently: an
    order without one of its terms is another order."""
    if order.time_in_force == "fok" and order.type in ("market", "stop"):
        return "OKX has no market order that is FOK"
    if order.type == "stop_limit" and order.time_in_force != "gtc":
        return "OKX's stop-limit rests when it has triggered: GTC alone"
    if order.is_post_only and is_algo(order):
        return "OKX has no stop that is post-only"
    if order.is_reduce_only and kind not in ("SWAP", "FUTURES"):
        return f"OKX has no reduce-only for {kind}"
    return ""


def order_body(order: OrderRequest, *, kind: str, trade_mode: str) -> Body:
    """A plain new order. A market order with a worst price is an IOC limit at that price."""
    body = _head(order, kind=kind, trade_mode=trade_mode)
    body["clOrdId"] = order.client_order_id
    body["sz"] = order.quantity
    if order.price is None:
        body["ordType"] = "market"
        if kind == "SPOT":
            body["tgtCcy"] = "base_ccy"  # a spot market buy is sized in the quote coin otherwise
        return body
    words = {"gtc": "limit", "ioc": "ioc", "fok": "fok"}
    word = "ioc" if order.type == "market" else words[order.time_in_force]
    body["ordType"] = "post_only" if order.is_post_only else word
    body["px"] = order.price
    return body


def algo_body(order: OrderRequest, *, kind: str, trade_mode: str) -> Body:
    """A stop is the stop loss of a `conditional` order. Not a `trigger` order: that fires when its
    price is crossed in either direction, so one that is already passed would wait for the way
    back, while this one is refused (docs-v5, place algo order, copy of 2026-06-15)."""
    body = _head(order, kind=kind, trade_mode=trade_mode)
    body |= {
        "algoClOrdId": order.client_order_id,
        "ordType": "conditional",
        "sz": order.quantity,
        "slTriggerPx": order.trigger_price,
        "slTriggerPxType": "last",
        "slOrdPx": order.price if order.type == "stop_limit" else "-1",
    }
    if kind == "SPOT" and order.type == "stop" and order.side == "buy":
        body["tgtCcy"] = "base_ccy"
    return body


def amend_body(replace: ReplaceRequest, request_id: str) -> Body:
    """What changes: `newSz` is the total, what is filled included (docs-v5, amend order)."""
    body = {"reqId": request_id, "newSz": replace.quantity}
    if replace.price is not None:
        body["newPx"] = replace.price
    return body


def algo_amend_body(replace: ReplaceRequest, request_id: str) -> Body:
    """New terms of a stop that waits: its size, and the price of the order it becomes; a stop at
    market keeps that (docs-v5, amend algo order, copy of 2026-06-15)."""
    body = {"reqId": request_id, "newSz": replace.quantity, "instId": replace.instrument}
    if replace.price is not None:
        body["newSlOrdPx"] = replace.price
    return body


def _head(order: OrderRequest, *, kind: str, trade_mode: str) -> Body:
    body: Body = {
        "instId": order.instrument,
        "tdMode": trade_mode,
        "side": order.side,
    }
    if kind not in ("SWAP", "FUTURES"):
        return body  # spot and options have neither legs nor reductions
    body["posSide"] = order.leg
    if order.is_reduce_only and order.leg == "net":
        body["reduceOnly"] = True  # with legs the leg and the side say so, and the flag is refused
    return body


# Facts in.


def order_report(account: str, row: OrderRow) -> OrderReport:
    kind, time_in_force = _word(TYPES, row.order_type, "ordType")
    if row.algo_id and row.algo_client_id and not row.client_id:
        kind = "stop" if kind == "market" else "stop_limit"
    state: VenueOrderState = _word(_STATES, row.state, "state")
    return OrderReport(
        client_order_id=own_id(row),
        venue_order_id=row.order_id,
        account=account,
        instrument=row.symbol,
        side=_word(SIDES, row.side, "side"),
        type=kind,
        time_in_force=time_in_force,
        state=state,
        quantity=number(row.size, "sz"),
        cumulative_quantity=number(row.filled, "accFillSz"),
        price=number(row.price, "px") if row.price else None,
        leg=leg_of(row.leg),
        reason=cancel_reason(row.cancel_source) if state == "canceled" else "",
        venue_time_ns=time_ns(row.updated_ms, "uTime"),
    )


def algo_report(account: str, row: AlgoRow) -> OrderReport:
    is_conditional = row.order_type in ("conditional", "oco")
    execution = row.stop_execution if is_conditional else row.trigger_execution
    trigger = row.stop_price if is_conditional else row.trigger_price
    is_market = execution in ("-1", "")
    return OrderReport(
        client_order_id=row.client_id,
        venue_order_id=row.algo_id,
        account=account,
        instrument=row.symbol,
        side=_word(SIDES, row.side, "side"),
        type="stop" if is_market else "stop_limit",
        time_in_force="gtc",
        state=_word(_ALGO_STATES, row.state, "state"),
        quantity=number(row.size, "sz"),
        cumulative_quantity="0",
        price=None if is_market else number(execution, "ordPx"),
        trigger_price=number(trigger, "triggerPx") if trigger else None,
        leg=leg_of(row.leg),
        reason=f"failCode {row.fail_code}" if row.fail_code not in ("", "0") else "",
        venue_time_ns=time_ns(row.updated_ms or row.created_ms, "uTime"),
    )


def is_done(row: AlgoRow, *, is_ours: bool) -> bool:
    """Whether nothing more comes of it. Of ours that became a plain order the end of that is ours;
    what a person's became is followed under the plain order's own id."""
    if row.state in ("canceled", "order_failed"):
        return True
    return row.state == "effective" and not is_ours


def _paid(fee: str) -> str:
    """OKX: negative = charged, positive = rebate. Here: positive = paid."""
    text = number(fee, "fee")
    if not Decimal(text):
        return "0"
    return text[1:] if text.startswith("-") else f"-{text.removeprefix('+')}"


def fill_of_push(account: str, row: OrderRow) -> FillReport | None:
    """The last fill that an orders push tells; None when there was none yet. A push that ends an
    order repeats it: whoever books by trade id is not deceived."""
    if not row.trade_id or row.fill_size in ("", "0"):
        return None
    return FillReport(
        client_order_id=own_id(row),
        venue_order_id=row.order_id,
        trade_id=row.trade_id,
        account=account,
        instrument=row.symbol,
        side=_word(SIDES, row.side, "side"),
        price=number(row.fill_price, "fillPx"),
        quantity=number(row.fill_size, "fillSz"),
        fee=_paid(row.fill_fee),
        fee_currency=_named(row.fill_fee_currency, "fillFeeCcy"),
        liquidity=_word(LIQUIDITIES, row.liquidity, "execType"),
        cause=cause_of(row.category),
        leg=leg_of(row.leg),
        venue_time_ns=time_ns(row.fill_time_ms, "fillTime"),
    )


def fill_report(account: str, row: FillRow, client_id: str = "") -> FillReport:
    """`client_id`: of the algo order behind it, which OKX does not write into its fills."""
    return FillReport(
        client_order_id=row.client_id or client_id,
        venue_order_id=row.order_id,
        trade_id=_named(row.trade_id, "tradeId"),
        account=account,
        instrument=row.symbol,
        side=_word(SIDES, row.side, "side"),
        price=number(row.price, "fillPx"),
        quantity=number(row.size, "fillSz"),
        fee=_paid(row.fee),
        fee_currency=_named(row.fee_currency, "feeCcy"),
        liquidity=_word(LIQUIDITIES, row.liquidity, "execType"),
        cause=_SUB_TYPE_CAUSES.get(row.sub_type, "trade"),
        leg=leg_of(row.leg),
        venue_time_ns=time_ns(row.fill_time_ms or row.time_ms, "fillTime"),
    )


def funding_report(account: str, row: BillRow) -> FundingReport:
    """A bill of type 8. Bills tell neither the rate nor the leg; the bill id is the reference."""
    return FundingReport(
        account=account,
        instrument=_named(row.symbol, "instId"),
        currency=_named(row.currency, "ccy"),
        amount=number(row.profit or row.change, "pnl"),
        rate="0",
        reference=_named(row.bill_id, "billId"),
        venue_time_ns=time_ns(row.time_ms, "ts"),
    )


def borrow_report(account: str, row: InterestRow) -> BorrowReport:
    """Interest of one hour. These rows have no id: hour, mode and pair are the reference."""
    until_ns = time_ns(row.time_ms, "ts")
    return BorrowReport(
        account=account,
        currency=_named(row.currency, "ccy"),
        principal=number(row.liability, "liab"),
        rate=number(row.rate, "interestRate"),
        amount=number(row.interest, "interest"),
        reference=f"{row.time_ms}-{row.mode[:2]}-{row.symbol}"[:40],
        from_ns=until_ns - 3_600_000_000_000,
        until_ns=until_ns,
    )


def position_reports(account: str, rows: list[PositionRow]) -> list[PositionReport]:
    """Flat positions come with empty strings or 0 and are no positions. The same leg held in two
    margin modes is one position here: its mode is not known, nor what lies in it."""
    held: dict[tuple[str, LegName], list[PositionRow]] = {}
    for row in rows:
        if row.size not in ("", "0") and row.kind != "MARGIN":
            held.setdefault((row.symbol, leg_of(row.leg)), []).append(row)
    reports = []
    for parts in held.values():
        report = position_report(account, parts[0])
        if len(parts) > 1:
            size = sum((Decimal(number(row.size, "pos")) for row in parts), Decimal(0))
            quantity = format(size if report.leg == "net" else abs(size), "f")
            report = in_both_modes(msgspec.structs.replace(report, quantity=quantity))
        if Decimal(report.quantity):
            reports.append(report)
    return reports


def in_both_modes(report: PositionReport) -> PositionReport:
    """OKX holds one leg in both modes at once when orders of both opened it."""
    return msgspec.structs.replace(report, collateral=None, margin_mode="unknown")


def position_report(account: str, row: PositionRow) -> PositionReport:
    """One leg in one margin mode. A flat one has none: the next order says it (`tdMode`)."""
    leg = leg_of(row.leg)
    size = Decimal(number(row.size or "0", "pos"))
    return PositionReport(
        account=account,
        instrument=row.symbol,
        leg=leg,
        quantity=format(size if leg == "net" else abs(size), "f"),
        collateral=_collateral(row, is_flat=not size),
        margin_mode=_MARGIN_MODES.get(row.mode, "unknown") if size else None,
        venue_time_ns=time_ns(row.time_ms, "uTime") if row.time_ms else 0,
    )


def _collateral(row: PositionRow, *, is_flat: bool) -> str | None:
    if row.mode != "isolated" or is_flat:
        return "0"
    return money(Decimal(number(row.margin, "margin"))) if row.margin else None


def money(amount: Decimal) -> str:
    """At the journal's 18 decimals, rounded down: small amounts come with twenty and more."""
    if amount.as_tuple().exponent < -18:  # type: ignore[operator]
        amount = amount.quantize(_MONEY_STEP, ROUND_FLOOR, _EXACT)
    return format(amount, "f")


def _named(text: str, field: str) -> str:
    if not text:
        raise VenueProtocolError(f"okx: {field} is empty")
    return text

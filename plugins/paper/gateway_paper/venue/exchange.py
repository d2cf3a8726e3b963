"""The venue itself: one matching engine per instrument, accounts, fees, funding. Every change is a
row handed to `sink` (record, then streams) before the call returns; no clock, socket or disk here.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from gateway.api.messages import OrderTypeName, VenueOrderState
from gateway.matching import Event, MatchingEngine
from gateway_paper.venue.accounts import Account
from gateway_paper.venue.exact import money, money_text
from gateway_paper.venue.market import BookCleared, LevelSet, MarketChange, Traded
from gateway_paper.venue.orders import Order, Refused, SubmitBody
from gateway_paper.venue.settings import Listing, VenueSettings

__all__ = ["Exchange"]

Row = dict[str, Any]
_CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NS_PER_S = 1_000_000_000
_END: dict[str, VenueOrderState] = {
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}

_TRADES_KEPT = 4_096  # more between two looks at the market would be a market gone mad


class Exchange:
    """All state of the venue. Single-threaded; `now_ns` is the venue's clock."""

    def __init__(
        self,
        settings: VenueSettings,
        listings: Sequence[Listing],
        *,
        now_ns: Callable[[], int],
        sink: Callable[[list[Row]], None],
    ) -> None:
        self.listings = {listing.symbol: listing for listing in listings}
        self.accounts = {account.name: Account(account) for account in settings.accounts}
        self.history: dict[str, deque[Row]] = {
            name: deque(maxlen=settings.stream_history_max) for name in self.accounts
        }
        self.sequences = dict.fromkeys(self.accounts, 0)
        self.fills: dict[str, list[Row]] = {name: [] for name in self.accounts}
        self.funding: dict[str, list[Row]] = {name: [] for name in self.accounts}
        self.dirty_marks: set[str] = set()
        self.trades: deque[Row] = deque(maxlen=_TRADES_KEPT)  # of the market, for its stream
        self._engines = {
            listing.symbol: MatchingEngine(
                listing.price(listing.tick),
                listing.quantity(listing.lot),
                settings.orders_max,
                listing.rules(),
            )
            for listing in listings
        }
        self._tiers = {listing.symbol: listing.tiers() for listing in listings}
        self._owners = _owner_ids(settings)
        self._now_ns = now_ns
        self._sink = sink
        self._fill_max = settings.fill_quantity_max
        self._funding_interval_ns = settings.funding_interval_s * _NS_PER_S
        self._orders: dict[tuple[str, str], Order] = {}
        self._by_number: dict[int, Order] = {}  # open orders only
        self._last_number = 0
        self._last_trade = 0
        self._funding_paid: set[tuple[str, str, str]] = set()
        self._next_funding_ns = 0
        self._day = now_ns() // (86_400 * _NS_PER_S)
        self._rows: list[Row] = []

    # What clients ask for. Each ends with everything it caused in the record.

    def submit(self, body: SubmitBody, *, reject_with: str = "") -> Row:
        """Enter a new order; the answer is its row after immediate matching. Raises Refused."""
        listing = self._listing(body.instrument)
        self._account(body.account)
        self._check_client_order_id(body)
        order = self._new_order(body, listing)
        self._last_number = order.number
        self._orders[body.account, body.client_order_id] = order
        refusal = reject_with or self._refusal(order, listing)
        if refusal:
            self._end(order, "rejected", refusal)
        else:
            self._by_number[order.number] = order
            self._absorb(listing, self._enter(order, order.quantity))
        self._flush()
        return order.row(listing)

    def cancel(self, account: str, client_order_id: str) -> Row:
        order = self._open_order(account, client_order_id)
        listing = self.listings[order.body.instrument]
        self._absorb(listing, self._engines[listing.symbol].cancel(order.number))
        self._flush()
        return order.row(listing)

    def cancel_all(self, account: str, instrument: str = "") -> int:
        """Cancel every open order of the account (on one instrument); returns how many."""
        self._account(account)
        doomed = [
            order
            for order in self._by_number.values()
            if order.body.account == account and instrument in ("", order.body.instrument)
        ]
        for order in doomed:
            listing = self.listings[order.body.instrument]
            self._absorb(listing, self._engines[listing.symbol].cancel(order.number))
        self._flush()
        return len(doomed)

    def replace(
        self, account: str, client_order_id: str, quantity: str | None, price: str | None
    ) -> Row:
        """Change price or total quantity. Raises Refused; the order then is what it was."""
        order = self._open_order(account, client_order_id)
        listing = self.listings[order.body.instrument]
        total = _number("quantity", quantity, listing.quantity) if quantity else order.quantity
        new_price = _number("price", price, listing.price) if price else 0
        if total <= order.cumulative:
            raise Refused("quantity_below_filled", f"filled {order.cumulative}")
        events = self._engines[listing.symbol].replace(
            order.number, price=new_price, quantity=total - order.booked_before_entry
        )
        refused = next((e for e in events if e.kind == "replace_rejected"), None)
        self._absorb(listing, events)
        self._flush()
        if refused is not None:
            raise Refused(refused.reason.lower() or "replace_rejected")
        return order.row(listing)

    def set_hedge_mode(self, account: str, is_hedge_mode: bool) -> None:
        """Only without open orders and positions, as real venues have it."""
        holder = self._account(account)
        if holder.is_hedge_mode == is_hedge_mode:
            return
        has_orders = any(o.body.account == account for o in self._by_number.values())
        if has_orders or any(p.quantity for p in holder.positions.values()):
            raise Refused("mode_change_needs_flat", "open orders or positions exist", 409)
        holder.is_hedge_mode = is_hedge_mode
        self._sink([{"kind": "mode", "account": account, "is_hedge_mode": is_hedge_mode}])

    # What time and the market do.

    def apply_market(self, changes: Iterable[MarketChange]) -> None:
        """Move the market: resting levels and trades, in order."""
        for change in changes:
            engine = self._engines[change.instrument]
            if isinstance(change, LevelSet):
                engine.set_market_level(change.side, change.price, change.quantity)
            elif isinstance(change, BookCleared):
                engine.clear_market()
            elif isinstance(change, Traded):
                listing = self.listings[change.instrument]
                events = engine.market_trade(change.price, change.quantity, change.aggressor)
                self._note_trade(listing, change.price, change.quantity, change.aggressor)
                self._absorb(listing, events)
            self.dirty_marks.add(change.instrument)
        self._flush()

    def advance(self) -> None:
        """Expire what is due, end the day at midnight UTC, pay funding at its boundaries."""
        now = self._now_ns()
        day = now // (86_400 * _NS_PER_S)
        for listing in self.listings.values():
            engine = self._engines[listing.symbol]
            self._absorb(listing, engine.advance(now))
            if day > self._day:
                self._absorb(listing, engine.end_day())
        self._day = max(day, self._day)
        if self._funding_interval_ns:
            if self._next_funding_ns == 0:
                self._next_funding_ns = self._boundary_after(now)
            elif now >= self._next_funding_ns:
                self.pay_funding(self._next_funding_ns)
                self._next_funding_ns = self._boundary_after(now)
        self._flush()

    def end_day(self) -> None:
        """Expire DAY orders now (admin)."""
        for listing in self.listings.values():
            self._absorb(listing, self._engines[listing.symbol].end_day())
        self._flush()

    def pay_funding(self, boundary_ns: int) -> None:
        """One payment per open position; a boundary already paid is never paid again."""
        for account in self.accounts.values():
            for (instrument, leg), position in account.positions.items():
                listing = self.listings.get(instrument)
                mark = self._mark(instrument) if listing else 0
                reference = f"funding-{boundary_ns // 1_000_000}-{leg}"
                key = (account.name, instrument, reference)
                if (
                    listing is None
                    or not position.quantity
                    or not mark
                    or key in self._funding_paid
                ):
                    continue
                value = listing.value(mark, position.quantity)
                row = {
                    "kind": "funding",
                    "account": account.name,
                    "instrument": instrument,
                    "leg": leg,
                    "currency": listing.settle,
                    "amount": money_text(-value * Fraction(listing.funding_rate)),
                    "rate": listing.funding_rate,
                    "reference": reference,
                    "venue_time_ns": self._now_ns(),
                }
                self._funding_paid.add(key)
                account.apply_funding(row)
                self._emit(account.name, row)
                self.funding[account.name].append(row)
        self._flush()

    # What clients may read.

    def order_row(self, account: str, client_order_id: str) -> Row:
        self._account(account)
        order = self._orders.get((account, client_order_id))
        if order is None:
            raise Refused("order_not_found", client_order_id[:64], 404)
        return order.row(self.listings[order.body.instrument])

    def open_order_rows(self, account: str) -> list[Row]:
        self._account(account)
        return [
            order.row(self.listings[order.body.instrument])
            for order in self._by_number.values()
            if order.body.account == account
        ]

    def mark_row(self, instrument: str) -> Row:
        engine, listing = self._engines[instrument], self.listings[instrument]
        values = {"bid": engine.best_bid, "ask": engine.best_ask, "last": engine.last_price}
        row: Row = {
            name: listing.price_text(value) if value else None for name, value in values.items()
        }
        mark = self._mark(instrument)
        return {
            "message": "mark",
            "instrument": instrument,
            "mark": listing.price_text(mark) if mark else None,
            **row,
            "venue_time_ns": self._now_ns(),
        }

    def market_row(self, instrument: str, levels: int) -> Row:
        """The whole book as the market's stream tells it, with the rate of the interval."""
        row = {"message": "book", "instrument": instrument, **self.depth_rows(instrument, levels)}
        if self._next_funding_ns and self.listings[instrument].kind != "spot":
            row["funding_rate"] = self.listings[instrument].funding_rate
            row["next_funding_ns"] = self._next_funding_ns
        return row

    def _note_trade(self, listing: Listing, price: int, quantity: int, side: str) -> None:
        self.trades.append(
            {
                "message": "trade",
                "instrument": listing.symbol,
                "price": listing.price_text(price),
                "quantity": listing.quantity_text(quantity),
                "side": side,
                "venue_time_ns": self._now_ns(),
            }
        )

    def depth_rows(self, instrument: str, levels: int) -> Row:
        listing = self._listing(instrument)
        depth = self._engines[instrument].depth(levels)
        return {
            side: [[listing.price_text(p), listing.quantity_text(q)] for p, q in pairs]
            for side, pairs in (("bids", depth.bids), ("asks", depth.asks))
        }

    # Reading the record back.

    def restore(self, lines: Iterable[Row]) -> None:
        """Rebuild accounts, orders, fills and sequences; then put open orders back on the book."""
        for line in lines:
            kind = line["kind"]
            if kind == "mode" and line["account"] in self.accounts:
                self.accounts[line["account"]].is_hedge_mode = line["is_hedge_mode"]
            elif kind in ("order", "fill", "funding"):
                self._restore_fact(line)
        for order in sorted(self._by_number.values(), key=lambda order: order.number):
            self._reenter(order)
        self._flush()

    def _restore_fact(self, line: Row) -> None:
        account = self.accounts.get(line["account"])
        listing = self.listings.get(line["instrument"])
        if account is None or listing is None:
            name = f"{line['account']} {line['instrument']}"
            raise ValueError(f"the record names {name}, which the configuration does not have")
        self.sequences[account.name] = line["venue_sequence"]
        self.history[account.name].append(line)
        if line["kind"] == "funding":
            account.apply_funding(line)
            self.funding[account.name].append(line)
            self._funding_paid.add((account.name, line["instrument"], line["reference"]))
        elif line["kind"] == "fill":
            account.apply_fill(listing, line)
            self.fills[account.name].append(line)
            self._last_trade = max(self._last_trade, int(line["trade_id"][1:]))
            order = self._orders[account.name, line["client_order_id"]]
            order.cumulative = listing.quantity(line["cumulative_quantity"])
            order.state = line["state"]
            order.updated_ns, order.sequence = line["venue_time_ns"], line["venue_sequence"]
            self._index(order)
        else:
            order = Order.from_row(line, listing)
            self._orders[account.name, order.body.client_order_id] = order
            self._last_number = max(self._last_number, order.number)
            self._index(order)

    def _index(self, order: Order) -> None:
        if order.is_done:
            self._by_number.pop(order.number, None)
        else:
            self._by_number[order.number] = order

    def _reenter(self, order: Order) -> None:
        """The book is still empty: the order rests (or waits) exactly as before, behind nobody."""
        order.booked_before_entry = order.cumulative
        listing = self.listings[order.body.instrument]
        events = self._enter(order, order.quantity - order.cumulative, is_again=True)
        self._absorb(listing, [e for e in events if e.kind not in ("accepted", "untriggered")])

    # How orders live.

    def _new_order(self, body: SubmitBody, listing: Listing) -> Order:
        now = self._now_ns()
        order = Order(
            number=self._last_number + 1,
            body=body,
            quantity=_number("quantity", body.quantity, listing.quantity),
            price=_number("price", body.price, listing.price) if body.price else 0,
            trigger_price=(
                _number("trigger_price", body.trigger_price, listing.price)
                if body.trigger_price
                else 0
            ),
            created_ns=now,
            updated_ns=now,
        )
        if body.display_quantity:
            order.display_quantity = _number(
                "display_quantity", body.display_quantity, listing.quantity
            )
        if body.type.startswith("stop") and not order.trigger_price:
            raise Refused("bad_request", "trigger_price is needed")
        if body.type in ("limit", "stop_limit") and not order.price:
            raise Refused("bad_request", "price is needed")
        return order

    def _check_client_order_id(self, body: SubmitBody) -> None:
        if not _CLIENT_ORDER_ID.fullmatch(body.client_order_id):
            raise Refused("bad_client_order_id", "1-64 of A-Z a-z 0-9 _ -")
        if (body.account, body.client_order_id) in self._orders:
            raise Refused("duplicate_client_order_id", body.client_order_id, 409)

    def _refusal(self, order: Order, listing: Listing) -> str:
        """Why the venue will not take a well-formed order, or ""."""
        body, account = order.body, self.accounts[order.body.account]
        is_hedged = account.is_hedge_mode and listing.kind != "spot"
        if (body.leg == "net") == is_hedged:
            return "position_mode_mismatch"
        if order.quantity < listing.quantity(listing.quantity_min) or not order.quantity:
            return "quantity_below_minimum"
        if 0 < listing.quantity(listing.quantity_max) < order.quantity:
            return "quantity_above_maximum"
        price = order.price or order.trigger_price
        if price and listing.value(price, order.quantity) < Fraction(listing.notional_min):
            return "notional_below_minimum"
        if order.is_reducing and not account.reducible(body.instrument, body.leg, body.side):
            return "reduce_only_rejected"
        return ""

    def _enter(self, order: Order, quantity: int, *, is_again: bool = False) -> list[Event]:
        """Hand the order to its engine. A stop that has triggered re-enters as what it became."""
        body = order.body
        triggered_as: dict[str, OrderTypeName] = {"stop": "market", "stop_limit": "limit"}
        kind = triggered_as.get(body.type, body.type) if order.is_triggered else body.type
        account, group, firm = self._owners[body.account]
        return self._engines[body.instrument].submit(
            order.number,
            account,
            body.side,
            kind,
            quantity,
            time_in_force=body.time_in_force,
            price=order.price,
            trigger_price=0 if order.is_triggered else order.trigger_price,
            expires_ns=body.expires_ns or 0,
            is_post_only=body.is_post_only and not is_again,
            now_ns=self._now_ns(),
            display_quantity=min(order.display_quantity, quantity)
            if is_again
            else order.display_quantity,
            group=group,
            firm=firm,
        )

    def _absorb(self, listing: Listing, events: Iterable[Event]) -> None:
        """Turn engine events into rows. An order that ended meanwhile (reduce-only) is skipped."""
        for event in events:
            order = self._by_number.get(event.order_id)
            if order is None:
                continue
            if event.kind == "filled":
                self._book(order, listing, event)
            elif event.kind in ("accepted", "untriggered", "triggered"):
                order.state = "untriggered" if event.kind == "untriggered" else "new"
                order.is_triggered |= event.kind == "triggered"
                self._emit_order(order, listing, event.kind)
            elif event.kind == "replaced":
                order.quantity = order.booked_before_entry + event.quantity
                order.price = event.price or order.price
                self._emit_order(order, listing, event.kind)
            elif event.kind in _END:
                self._end(order, _END[event.kind], event.reason.lower())

    def _book(self, order: Order, listing: Listing, event: Event) -> None:
        """Book a fill, in pieces when so configured. A reduce-only order books what the position
        still has and ends; the market, which is ours to simulate, takes the rest."""
        body, account = order.body, self.accounts[order.body.account]
        quantity = event.quantity
        if order.is_reducing and listing.kind != "spot":
            quantity = min(quantity, account.reducible(body.instrument, body.leg, body.side))
        piece_max = listing.quantity(self._fill_max) or quantity
        left = quantity
        while left > 0:
            piece = min(left, piece_max)
            self._book_piece(order, listing, event, piece)
            left -= piece
        if quantity < event.quantity:
            self._engines[listing.symbol].cancel(order.number)
            self._end(order, "canceled", "reduce_only")
        self._end_empty_reducers(listing, body.account)

    def _book_piece(self, order: Order, listing: Listing, event: Event, quantity: int) -> None:
        body = order.body
        order.cumulative += quantity
        order.state = "filled" if order.cumulative == order.quantity else "partially_filled"
        self._last_trade += 1
        if not event.is_maker:  # one row for a trade of which we may be both sides
            self._note_trade(listing, event.price, quantity, body.side)
        value = money(listing.value(event.price, quantity))
        fee, currency = self._fee(listing, body, quantity, value, event.is_maker)
        row: Row = {
            "kind": "fill",
            "account": body.account,
            "client_order_id": body.client_order_id,
            "venue_order_id": order.venue_order_id,
            "trade_id": f"T{self._last_trade}",
            "instrument": body.instrument,
            "side": body.side,
            "leg": body.leg,
            "price": listing.price_text(event.price),
            "quantity": listing.quantity_text(quantity),
            "value": money_text(value),
            "fee": money_text(fee),
            "fee_currency": currency,
            "liquidity": "maker" if event.is_maker else "taker",
            "cumulative_quantity": listing.quantity_text(order.cumulative),
            "state": order.state,
            "venue_time_ns": self._now_ns(),
        }
        self.accounts[body.account].apply_fill(listing, row)
        self._emit(body.account, row)
        self.fills[body.account].append(row)
        order.updated_ns, order.sequence = row["venue_time_ns"], row["venue_sequence"]
        self._index(order)

    def _fee(
        self, listing: Listing, body: SubmitBody, quantity: int, value: Fraction, is_maker: bool
    ) -> tuple[Fraction, str]:
        """Fee and its currency, at 10^-18 half-even, by the tier that was reached before."""
        volume = self.accounts[body.account].volume(listing.symbol, self._now_ns())
        tiers = self._tiers[listing.symbol]
        tier = tiers.tiers[tiers.tier(money_text(money(volume)))]
        rate = Fraction(tier.maker_rate if is_maker else tier.taker_rate)
        if listing.kind == "spot" and listing.fee_currency == "base_on_buy" and body.side == "buy":
            return money(Fraction(quantity, 10**listing.quantity_scale) * rate), listing.base
        return money(value * rate), listing.quote if listing.kind == "spot" else listing.settle

    def _end_empty_reducers(self, listing: Listing, account: str) -> None:
        """Reduce-only orders die with the position they could reduce."""
        holder = self.accounts[account]
        for order in list(self._by_number.values()):
            body = order.body
            if body.account != account or body.instrument != listing.symbol:
                continue
            if order.is_reducing and not holder.reducible(body.instrument, body.leg, body.side):
                self._engines[listing.symbol].cancel(order.number)
                self._end(order, "canceled", "reduce_only")

    def _end(self, order: Order, state: VenueOrderState, reason: str) -> None:
        order.state = state
        order.reason = reason
        self._by_number.pop(order.number, None)
        self._emit_order(order, self.listings[order.body.instrument], state)

    def _emit_order(self, order: Order, listing: Listing, event: str) -> None:
        order.updated_ns = self._now_ns()
        order.sequence = self.sequences[order.body.account] + 1
        self._emit(order.body.account, {"kind": "order", "event": event, **order.row(listing)})

    def _emit(self, account: str, row: Row) -> None:
        """Number the row within its account and keep it for the record and the stream."""
        self.sequences[account] += 1
        row["venue_sequence"] = self.sequences[account]
        self.history[account].append(row)
        self._rows.append(row)

    def _flush(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self._sink(rows)

    # Lookups.

    def _listing(self, instrument: str) -> Listing:
        listing = self.listings.get(instrument)
        if listing is None:
            raise Refused("unknown_instrument", instrument[:64])
        return listing

    def _account(self, name: str) -> Account:
        account = self.accounts.get(name)
        if account is None:
            raise Refused("unknown_account", name[:64])
        return account

    def _open_order(self, account: str, client_order_id: str) -> Order:
        self._account(account)
        order = self._orders.get((account, client_order_id))
        if order is None:
            raise Refused("order_not_found", client_order_id[:64], 404)
        if order.is_done:
            raise Refused("order_closed", order.state, 409)
        return order

    def _mark(self, instrument: str) -> int:
        """Median of bid, ask and last; whatever exists when one is missing; 0 = nothing."""
        engine = self._engines[instrument]
        seen = sorted(p for p in (engine.best_bid, engine.best_ask, engine.last_price) if p)
        return seen[len(seen) // 2] if seen else 0

    def _boundary_after(self, now_ns: int) -> int:
        return (now_ns // self._funding_interval_ns + 1) * self._funding_interval_ns


def _owner_ids(settings: VenueSettings) -> dict[str, tuple[int, int, int]]:
    """Account, group and firm of each account as the numbers engines know; 0 = none."""
    groups = sorted({account.group for account in settings.accounts} - {""})
    firms = sorted({account.firm for account in settings.accounts} - {""})
    return {
        account.name: (
            number,
            groups.index(account.group) + 1 if account.group else 0,
            firms.index(account.firm) + 1 if account.firm else 0,
        )
        for number, account in enumerate(settings.accounts, 1)
    }


def _number(field: str, text: str, parse: Callable[[str], int]) -> int:
    try:
        return parse(text)
    except ValueError as error:
        raise Refused("bad_number", f"{field} {text[:40]}: {error}") from error

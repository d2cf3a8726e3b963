"""Everything the observer shows, as of one sequence: its channels and the counts around them.
Event-loop thread only; must never call the replica, which belongs to the follower's thread."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from gateway.journal import Row, Step
from gateway.stream.books import READING
from gateway.stream.carry_stream import NO_CARRY
from gateway.stream.channel import Channel
from gateway.stream.channels import CHANNELS, ChannelName, ChannelSpec, channels_of
from gateway.stream.fill_stream import FillTail
from gateway.stream.margin_stream import MarginStep, PositionKey, venue_position_key
from gateway.stream.order_stream import OrderTail

__all__ = ["View", "ViewState"]

ViewState = Literal["waiting", "catching_up", "following", "stopping"]
FAR = {"liquidation_price": None, "liquidation_distance_percent": None}
ROWS_PER_STEP = 256  # positions whose rows are made anew in one piece
BOOKS = channels_of("books")


class View:
    """Applies the follower's steps."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        history_max: int = 65536,
        finished_orders_max: int = 1000,
    ) -> None:
        self.channels: dict[ChannelName, Channel] = {
            name: Channel(name, history_max) for name in CHANNELS
        }
        for name, spec in CHANNELS.items():
            if spec.waits:
                self.channels[name].wait(spec.waits)
        self.state: ViewState = "waiting"
        self.reason = "the journal was not opened yet"
        self.sequence = 0  # of the rows
        self.followed = 0  # of the newest record applied: rows are read a moment later
        self.records_applied = 0
        self.reopened = 0
        self.fills_seen = 0
        self.definitions = 0  # rises when a record defined something
        self.is_caught_up = False
        self.orders_by_state: Counter[str] = Counter()
        self._monotonic = monotonic
        self._caught_up_at = monotonic()
        self._tail = OrderTail(finished_orders_max)
        self._fills = FillTail()
        # None: margin was not computed yet, and no row says how near it is.
        self._liquidations: Mapping[PositionKey, Mapping[str, Any]] | None = None
        # By the key of a position. None: the books told nothing yet, and rows say so as they come.
        self._carries: Mapping[str, Row] | None = None
        self._places: defaultdict[PositionKey, list[str]] = defaultdict(list)

    def apply(self, step: Step) -> None:
        """Take over one step of the follower."""
        self.records_applied += step.applied
        self.sequence = step.sequence
        self.followed = max(step.followed, step.sequence)
        self.is_caught_up = step.is_caught_up
        if step.is_caught_up:
            self._caught_up_at = self._monotonic()
        if step.is_reset:
            self._reset(step)
        elif step.is_loading:
            self.state, self.reason = "catching_up", "reading the journal from its last snapshot"
        elif step.has_rows:
            self._publish(step)

    def value(self, rows: Mapping[str, Mapping[str, Row | None]]) -> bool:
        """Take over rows whose marks moved; they belong to the sequence already shown. False when
        nothing moved."""
        changed = rows.get("position", {}) if self.is_ready else {}
        if changed:
            near = self._completed(changed)
            self._place(near)
            self.channels["positions"].publish(near, self.sequence, is_valuation=True)
        return bool(changed)

    def take_books(
        self, rows: Mapping[ChannelName, Mapping[str, Row]], sequence: int, waiting: str
    ) -> bool:
        """Take over what was made from the books, or why it was not. False: nothing moved."""
        moved = False
        for name in BOOKS:
            channel = self.channels[name]
            if name in rows:
                moved = channel.replace(rows[name], sequence) or moved
            elif waiting and waiting != channel.waiting:
                channel.wait(waiting)
                moved = True
        return moved

    def carry_steps(self, carries: Mapping[str, Row]) -> Iterator[bool]:
        """What the books and venues say of carrying positions (`carry_rows`), in pieces as margin
        is: whether something moved since the last one."""
        before = self._carries or {}
        keys = carries.keys() | before.keys()
        self._carries = carries
        # The books tell what did not move as the same object.
        moved = [key for key in keys if carries.get(key) is not before.get(key)]
        yield from self._show_in_pieces(moved)

    def take_booked_fills(self, rows: Sequence[Row], venues: Mapping[str, str]) -> bool:
        """What the books say of fills that are shown, or that are older than the view."""
        channel = self.channels["fills"]
        changed = self._fills.booked(channel.rows, rows, venues) if self.is_ready else {}
        if changed:
            channel.publish(changed, self.sequence, is_valuation=True)
        return bool(changed)

    def take_market(self, changes: Mapping[ChannelName, Mapping[str, Row | None]]) -> bool:
        """What venues show of their markets. False: nothing moved."""
        for name, rows in changes.items():
            self.channels[name].publish(rows, self.sequence, is_valuation=True)
        return bool(changes)

    def margin_steps(self, step: MarginStep) -> Iterator[bool]:
        """Margin of accounts, and how near a forced close the positions are, a millisecond at a
        time: whether something moved since the last one."""
        channel = self.channels["margin"]
        if step.waiting:
            moved = step.waiting != channel.waiting
            channel.wait(step.waiting)
            yield moved
            if self._liquidations:  # of quantities that move on: better none than an old one
                self._liquidations = {}
                yield from self._show_in_pieces(list(self.channels["positions"].rows))
            return
        yield channel.replace(step.rows, self.sequence)
        # A step that began before the rows were read anew counts from what is not shown any more.
        is_next = step.before is not None and step.before is self._liquidations
        keys = list(self.channels["positions"].rows)
        if is_next:
            keys = [key for each in step.moved for key in self._places.get(each, ())]
        self._liquidations = step.liquidations
        yield from self._show_in_pieces(keys)

    def _show_in_pieces(self, keys: Sequence[str]) -> Iterator[bool]:
        for start in range(0, len(keys), ROWS_PER_STEP):
            yield self._show_completed(keys[start : start + ROWS_PER_STEP])

    def _show_completed(self, keys: Iterable[str]) -> bool:
        """Of these positions; False when they were shown already."""
        positions = self.channels["positions"]
        rows = positions.rows
        near = self._completed({key: rows[key] for key in keys if key in rows})
        changed = {key: row for key, row in near.items() if row != rows[key]}
        if changed:
            positions.publish(changed, self.sequence, is_valuation=True)
        return bool(changed)

    def _place(self, rows: Mapping[str, Row | None]) -> None:
        """Remembers where a venue's position is shown: once in each strategy that shares it, anew
        in another margin mode."""
        shown = self.channels["positions"].rows
        for key, row in rows.items():
            if row is None:
                continue
            place, before = venue_position_key(row), shown.get(key)
            if before is not None and venue_position_key(before) == place:
                continue
            if key not in self._places[place]:
                self._places[place].append(key)

    def take_greeks(self, rows: Mapping[str, Row], waiting: str) -> bool:
        """Greeks of positions and sums, or why there are none. False: nothing moved."""
        channel = self.channels["greeks"]
        if waiting:
            moved = waiting != channel.waiting
            channel.wait(waiting)
            return moved
        return channel.replace(rows, self.sequence)

    def _completed(self, rows: Mapping[str, Row | None]) -> Mapping[str, Row | None]:
        """The rows of positions with what margin and books say of them, if they do."""
        if self._liquidations is None and self._carries is None:
            return rows
        return {
            key: row if row is None else {**row, **self._near(row), **self._carry(key, row)}
            for key, row in rows.items()
        }

    def take_legs(self, rows: Mapping[str, Row]) -> bool:
        """Groups of legs, all there are; they stand beside those of linked orders. False: nothing
        moved."""
        channel = self.channels["linked"]
        shown = {key for key, row in channel.rows.items() if row["kind"] == "legs"}
        changed: dict[str, Row | None] = dict.fromkeys(shown - rows.keys())
        changed |= {key: row for key, row in rows.items() if channel.rows.get(key) != row}
        if changed:
            channel.publish(changed, self.sequence, is_valuation=True)
        return bool(changed)

    def _near(self, row: Row) -> Mapping[str, Any]:
        near = self._liquidations
        return {} if near is None else near.get(venue_position_key(row), FAR)

    def _carry(self, key: str, row: Row) -> Mapping[str, Any]:
        """The books come a moment later: what they say of another quantity is said of no row."""
        if self._carries is None:
            return {}
        told = self._carries.get(key)
        return NO_CARRY if told is None or told["quantity"] != row["quantity"] else told

    def take_latency(self, changed: Mapping[str, Row | None]) -> bool:
        """A column of the heat map."""
        if changed:
            self.channels["latency"].publish(changed, self.sequence, is_valuation=True)
        return bool(changed)

    def wait(self, reason: str) -> None:
        """There is nothing to follow right now."""
        self.state, self.reason, self.is_caught_up = "waiting", reason, False

    @property
    def is_ready(self) -> bool:
        return self.state == "following"

    @property
    def lag_seconds(self) -> float:
        """Time since the view last was at the end of the journal; 0 while it is."""
        return 0.0 if self.is_caught_up else self._monotonic() - self._caught_up_at

    @property
    def open_positions(self) -> int:
        rows = self.channels["positions"].rows.values()
        return sum(1 for row in rows if row["quantity"].strip("-0."))

    def _reset(self, step: Step) -> None:
        self._places.clear()
        self.channels["positions"].reset({}, step.sequence)
        self._place(step.rows.get("position", {}))
        for name, spec in CHANNELS.items():
            self._reset_channel(self.channels[name], spec, step)
        self._fills.reset(self.channels["fills"].rows, step.sequence)
        self._liquidations = self._carries = None
        orders = self.channels["orders"].rows
        self._tail.reset(orders)
        self.orders_by_state = Counter(row["state"] for row in orders.values())
        self.reopened += 1
        self.state, self.reason = "following", ""

    def _reset_channel(self, channel: Channel, spec: ChannelSpec, step: Step) -> None:
        """What is no journal's keeps its rows; the sequences they were numbered by do not stay."""
        found: Mapping[str, Row | None] = step.rows.get(spec.kind, {})
        rows = {key: row for key, row in found.items() if row is not None}
        is_kept = spec.source == "elsewhere"
        channel.reset(channel.rows if is_kept else rows, step.sequence)
        if spec.waits:
            channel.wait(READING if spec.source == "books" else spec.waits)

    def _publish(self, step: Step) -> None:
        orders = self._tail.bound(step.rows.get("order", {}))
        shown = self.channels["orders"].rows
        for key, row in orders.items():
            self._count(shown.get(key), row)
        positions = self._completed(step.rows.get("position", {}))
        self._place(positions)
        fills = self._fills.followed(self.channels["fills"].rows, step.rows.get("fill", {}))
        made = {"orders": orders, "positions": positions, "fills": fills}
        for name in channels_of("journal"):
            rows = made.get(name, step.rows.get(CHANNELS[name].kind, {}))
            self.channels[name].publish(rows, step.sequence)
        self.definitions += step.has_definitions

    def _count(self, before: Row | None, now: Row | None) -> None:
        if before is not None:
            self.orders_by_state[before["state"]] -= 1
        if now is not None:
            self.orders_by_state[now["state"]] += 1
            earlier = before["cumulative_quantity"] if before else "0"
            if now["cumulative_quantity"] != earlier:
                self.fills_seen += Decimal(now["cumulative_quantity"]) > Decimal(earlier)

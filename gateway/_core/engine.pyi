"""The native engine. Enumerations are the integers of core_ext/include/gateway_core/types/side.hpp
and record/kinds.hpp; decimal text in, decimal text out. Unless said otherwise every call is for the
event-loop thread, works with both drives, and never blocks longer than one engine turn."""

from typing import Any

from gateway._core._ports import ClientPort as ClientPort
from gateway._core._ports import FactDoor as FactDoor
from gateway._core._ports import Notice as Notice
from gateway._core._ports import OrderTemplate as OrderTemplate
from gateway._core._ports import Outbound as Outbound
from gateway._core._ports import VenuePort as VenuePort
from gateway._core.telemetry import Measurement

class OrderEvents:
    """Records of followed principals' new orders and of watched older ones, refusals apart."""

    def follow(self, principal: int) -> None: ...
    def leave(self, principal: int) -> None: ...
    def watch(self, order_id: int) -> None: ...
    def forget(self, order_id: int) -> None: ...
    sequence: int  # the newest record that was looked at
    oldest: int  # after an error of `read`: the oldest record kept, 0 = not known
    def read(self, limit: int = 64, scanned_max: int = 65536) -> list[dict[str, Any]]:
        """As gateway._core.journal.decode gives them; [] = nothing more for now, or `scanned_max`
        records were none of these. Raises RuntimeError when the journal no longer has them."""

class Engine:
    def __init__(
        self,
        directory: str,
        ring_directory: str,
        *,
        instance: int = 1,
        ring_bytes: int = 67108864,
        segment_bytes: int = 67108864,
        orders_max: int = 262144,
        idempotency_max: int = 1048576,
        positions_max: int = 65536,
        is_memory_only: bool = False,
        is_virtual_clock: bool = False,
        commit_cpu: int = -1,
        disk_async_window_ms: int = 250,
        build: str = "",
        engine_cpu: int = -1,
        engine_wait: str = "park",
    ) -> None:
        """Lock, recover, raise the epoch durably. Raises RuntimeError with the named cause.
        `engine_cpu`: where the memory should be near to. `engine_wait`: what the pinned thread does
        while nothing waits: spin, pause, spin_yield, yield or park."""
    epoch: int
    def order_ids_left(self) -> int:
        """Order ids this epoch still has."""
    def raise_epoch(self, epoch_min: int = 0) -> bool:
        """Durably, to at least `epoch_min` (0 = the next). False: outbound work waits."""
    @property
    def clock_ahead_ns(self) -> int:
        """How far journal time is ahead of the wall: at the start the wall was behind the newest
        record by this much. Constant until the end."""
    def discipline_clock(self) -> int:
        """Steer towards wall time (and `clock_ahead_ns`), about once a second; returns how far it
        was ahead, in ns."""
    def set_clock_healthy(self, is_healthy: bool) -> None:
        """False: new orders are refused CLOCK_UNHEALTHY."""
    @property
    def sequence(self) -> int: ...
    @property
    def recovery(self) -> dict[str, Any]:
        """{records, ring_records, seconds, sequence, snapshot_sequence, cut_bytes,
        later_valid_records, halted_for, was_clean, notes: [str]}. `halted_for`: why the firm was
        halted by this start, "" when it was not."""
    @property
    def period_began_ns(self) -> int: ...
    @property
    def measurement(self) -> Measurement:
        """Histograms and gauges; event-loop stages only from here."""
    def sample_queues(self) -> None:
        """Write down what waits in every queue now. A few times a second."""
    # Drive.
    def turn(self, limit: int = 4096) -> int:
        """Inline drive: process what waits; returns how much was done."""
    def start_pinned(self, cpu: int) -> None:
        """Pinned drive: a native thread turns the engine on that CPU (-1 = any)."""
    def is_where_started(self) -> bool:
        """False once the engine's thread may run elsewhere than on the CPU it was started on."""
    def warm_up(self, orders: int) -> dict[str, int]:
        """Synthetic orders on a shadow engine, on the engine's thread, before the first real one.
        {orders, accepted, refused, fills, cancels, took_ns}; nothing of this engine changes."""
    @property
    def memory(self) -> dict[str, Any]:
        """Where the tables lie: {node, nodes, bytes, bound_bytes, refused_errno, pages_near,
        pages_elsewhere, huge_wanted_bytes, huge_bytes, text}. Reads /proc: not for a hot path."""
    def stop(self) -> None:
        """Stop the thread, write kStopped, sync, close. Idempotent."""
    def beat(self) -> int:
        """Turn counter, for the watchdog: rises while the engine advances."""
    def now_ns(self) -> int:
        """Journal time."""
    def wall_ns(self) -> int:
        """The clock of this host, or the virtual one."""
    def set_time(self, now_ns: int) -> None:
        """Virtual clock only."""
    # Control: each is one journaled command; returns the id or sequence. Raises
    # ValueError("CODE field value: rule") when refused.
    def define_currency(self, code: str) -> int: ...
    def define_venue(
        self,
        name: str,
        is_simulated: bool,
        order_types: int,
        times_in_force: int,
        flags: int,
        amend: int,
        ack_timeout_ms: int,
    ) -> int: ...
    def define_instrument(
        self,
        venue: int,
        symbol: str,
        venue_symbol: str,
        kind: int,
        base: int,
        quote: int,
        settle: int,
        price_scale: int,
        quantity_scale: int,
        multiplier_scale: int,
        tick: str,
        lot: str,
        multiplier: str,
        quantity_min: str,
        quantity_max: str,
        notional_min: str,
        is_tradable: bool,
    ) -> int:
        """Same content again: same id, nothing journaled. Changed rules: a new version."""
    def define_account(
        self, venue: int, name: str, durability: int, is_hedge_mode: bool, margin_mode: int
    ) -> int: ...
    def define_strategy(self, name: str) -> int: ...
    def define_principal(
        self,
        name: str,
        scopes: int,
        accounts: list[int] | None,
        strategies: list[int] | None,
        instruments: list[int] | None,
        is_enabled: bool = True,
    ) -> int:
        """None = all."""
    def set_currency_rate(self, currency: int, rate: str) -> int: ...
    def set_limits(
        self,
        level: int,
        id: int,
        fields: dict[str, str | int],
        actor: str,
        reason: str,
        principal: int = 0,
    ) -> int:
        """fields: every name of LimitFields without its scale suffix: order_quantity_max,
        order_notional_max, position_long_max, position_short_max, gross_exposure_max,
        net_exposure_max, credit_max (decimal text); collar_bps, reference_age_ms_max,
        orders_per_second, order_burst, cancels_per_second, cancel_burst, open_orders_side_max,
        duplicate_window_ms (int). All required. Guards are optional and stay as they stand when
        absent: loss_max, drawdown_max, delta_max, gamma_max, vega_max, breaker_loss_max (decimal
        text or "off"); margin_bps, self_trade_refused, repeat_orders_max, repeat_fills_max,
        repeat_window_ms, fat_finger_soft, fat_finger_hard, breaker_window_ms, breaker_rejects_max,
        breaker_errors_max, breaker_messages_max, breaker_move_bps, headroom_age_ms_max,
        greeks_age_ms_max (int)."""
    def tell_measures(self, level: int, id: int, fields: dict[str, str], actor: str) -> int:
        """What guards are held against, decimal text: margin_headroom, result; of an instrument
        also delta, gamma, vega of one unit, all three together."""
    def adopt_position(
        self,
        account: int,
        instrument: int,
        strategy: int,
        leg: int,
        held: str,
        quantity: str,
        price: str,
        reference: str,
        actor: str,
    ) -> int:
        """Book a signed quantity of a derivative no fill will be told for, once per (account,
        instrument, reference), else ID_CONFLICT; RANGE: the books together do not hold `held`."""
    def quarantined_fills(self) -> list[dict[str, Any]]:
        """Executions told since the start that were not booked, and why: range, price or fee."""
    def admit_fill(self, account: int, instrument: int, venue_order_id: str, trade_id: str) -> None:
        """Book one of them as it was told. NOT_FOUND; RANGE: it cannot be booked exactly."""
    def refusal_details(self, port: int, request: int) -> dict[str, Any] | None:
        """Of a refusal told lately: name of the level's entity, unknown (share of UNKNOWN orders),
        nearest_quantity (mantissa, 0 = none), limit_actor, limit_reason, limit_set_ns."""
    def set_trading_state(
        self, level: int, id: int, state: int, is_latch: bool, actor: str, reason: str, *more: Any
    ) -> int:
        """HALTED with latch keeps orders. `more`: keeps_halts, if_actor (core/engine.py)."""
    def kill(self, level: int, id: int, actor: str, reason: str, principal: int) -> dict[str, int]:
        """sequence, and orders by count: sent, on_the_way, refused, no_room, venue_down,
        not_reconciled (core/engine.py). Raises ValueError("JOURNAL_BEHIND ...")."""
    def note_operation(self, operation: int, actor: str, subject: str, *more: Any) -> int:
        """Audit alone, `more` as in bind_operation.cpp: detail, reason, digest, values, ..."""
    def roll_period(self) -> int:
        """End of the trading period: DAY orders kept here end, text client ids of orders that had
        ended before it began are dropped. 0 = no room for the record."""
    # FIX sessions (docs/concepts/fix_journal.md).
    def define_fix_session(self, name: str, created_ns: int) -> int:
        """Id of `BEGINSTRING:SENDER->TARGET[:QUALIFIER]`; a name that is not known yet is
        journaled, with both numbers at 1. Raises ValueError("BAD_SYMBOL name ...")."""
    def journal_fix(
        self,
        entries: list[tuple[int, int, int, bool, bytes] | tuple[int, str, int, int, int]],
    ) -> int:
        """One group with all of them, in their order; the sequence behind which recovery finds it.
        A message about to be sent: (session, number, sent_ns, is_application, bytes), sent_ns 0 =
        now. Numbers: (session, why, next_outgoing, next_incoming, created_ns), why: incoming (the
        incoming number alone, the others are not looked at) | reset | operator. Raises ValueError
        and writes nothing: RANGE, NOT_FOUND, NOT_PERMITTED (a password in the bytes),
        JOURNAL_BEHIND."""
    def fix_session(self, session: int) -> dict[str, Any]:
        """{id, name, next_outgoing, next_incoming, created_ns, last_number, sequence}"""
    def fix_pages(
        self, session: int, first: int, last: int, numbers: int
    ) -> list[tuple[int, int, int]]:
        """(first, last, position) of every page of so many numbers that has messages, in order,
        after one walk: read each by `fix_messages` with its position."""
    def fix_messages(
        self, session: int, first: int, last: int, position: int = 0
    ) -> list[tuple[int, int, bool, bytes]]:
        """(number, sent_ns, is_application, bytes) of what this period sent and the journal still
        has, in order; at most 4096 numbers at once, `position` as `fix_pages` told it.
        Reads the segments where the ring has moved on: microseconds a message."""
    def order_events(self, from_sequence: int) -> OrderEvents:
        """What happened to orders, from a record of this journal on."""
    @property
    def synced_sequence(self) -> int:
        """What lies up to here is on the disk."""
    def wait_synced(self, sequence: int, timeout_ms: int) -> bool:
        """Blocks this thread, not the engine's, until it is. False: not within that time."""
    # Ports.
    def open_client_port(self, name: str, capacity: int = 4096) -> ClientPort: ...
    def open_venue_port(self, venue: int, capacity: int = 4096) -> VenuePort: ...
    def let_hear(self, port: ClientPort | None) -> None:
        """From now on `port` also gets the events of orders that came through shared memory or
        that no client of this process sent; None = nobody does. It should carry no commands, for
        what does not fit into it is dropped and counted in its overruns."""
    def open_shared_port(
        self,
        principal: int,
        scopes: int,
        *,
        cancels_on_disconnect: bool = False,
        needs_wake: bool = False,
        requests_per_second: int = 0,
        request_burst: int = 0,
        request_entries: int = 1024,
        reply_entries: int = 4096,
    ) -> tuple[int, int, int] | None:
        """(number, descriptor of the request lane, of the reply lane); the descriptors are the
        caller's. None: no free place."""
    def end_shared_port(self, number: int, why: int) -> None:
        """Serve it no more (GATEWAY_PORT_END_*). What its client had published still counts."""
    def release_shared_port(self, number: int) -> bool:
        """Give the place back; False while its orders are being cancelled."""
    def admit_shared_ports(self, refusal: int) -> None:
        """What new orders and replaces are refused with; 0 = they are taken. Starts with
        NOT_READY."""
    def shared_ports(self) -> list[dict[str, int]]:
        """number, principal, end, is_cancelling, requests, replies, replies_lost, orders_left."""
    # Reading. Each answer is consistent per row; keys as in docs/reference/api.md.
    def orders(self, open_only: bool = True, limit: int = 10000) -> list[dict[str, Any]]: ...
    def orders_page(
        self,
        start: int = 0,
        slots_max: int = 512,
        *,
        open_only: bool = True,
        unknown_only: bool = False,
        account: int = 0,
    ) -> tuple[list[dict[str, Any]], int]:
        """Rows of `slots_max` slots from `start` on, and where the next page starts (0 = this was
        the last). An order that is open all the while is in exactly one page."""
    def order_ids(
        self, start: int = 0, slots_max: int = 4096, *, open_only: bool = True
    ) -> tuple[list[int], int]:
        """Ids of the orders in `slots_max` slots from `start` on, in no order, and where to go on
        (0 = done). Makes no rows."""
    def count_orders(self, start: int = 0, slots_max: int = 4096) -> tuple[int, int, int]:
        """(open, unknown, where to go on; 0 = done) of so many slots. Makes no rows."""
    def order(self, order_id: int) -> dict[str, Any] | None: ...
    def pending_replace(self, order_id: int) -> tuple[str, str, str] | None:
        """(client_order_id, quantity, price) of the replace on its way, None without one."""
    def find_order(self, principal: int, client_id: str) -> int:
        """Order id or 0."""
    def order_by_venue_id(self, account: int, instrument: int, venue_order_id: str) -> int:
        """Order id or 0. Some venues count their orders per instrument."""
    def positions(self) -> list[dict[str, Any]]: ...
    def positions_page(
        self, start: int = 0, places_max: int = 512, *, account: int = 0, instrument: int = 0
    ) -> tuple[list[dict[str, Any]], int]:
        """Rows of so many places of the position table, and where the next page starts (0 = this
        was the last). account, instrument: their ids, 0 = of all."""
    def balances(self) -> list[dict[str, Any]]: ...
    def marks(self) -> list[tuple[str, str, int]]:
        """(instrument, price that positions are valued at, time_ns); any thread may ask."""
    def limits(self) -> list[dict[str, Any]]: ...
    def trading_states(self) -> list[dict[str, Any]]: ...
    def registry(self, kind: str) -> list[dict[str, Any]]:
        """kind: currency | venue | instrument | account | strategy | principal."""
    def cache_counters(self) -> dict[str, int | str]:
        """Cache events of the engine's thread since the first call: a count, or "unavailable: "
        with the kernel's reason."""
    def counters(self) -> dict[str, int]: ...
    def state_hash(self) -> tuple[int, str]:
        """(sequence, hex SHA-256) at one instant."""
    def last_fill_time_ns(self, account: int) -> int:
        """Newest venue time of a fill of the account, 0 = none."""
    def funding_known_ns(self, account: int) -> int:
        """Venue time up to which the account's balances hold its funding, 0 = not known."""
    def funding_settled_ns(self, account: int) -> int:
        """The same when its venue was last reconciled: nothing older is missing."""
    def interest_known_ns(self, account: int) -> int:
        """End of the newest period whose borrow interest is booked, before the first one the time
        of the account's first balance; 0 = none."""
    def forgotten_fill_ns(self, account: int) -> int:
        """Newest venue time of a fill of the account that is no longer remembered, 0 = all are: a
        fill up to it that is not held may be booked already."""
    def forgotten_payment_ns(self, account: int) -> int:
        """The same of funding and borrow interest."""
    def holds_fill(self, account: int, instrument: int, venue_order_id: str, trade_id: str) -> bool:
        """Whether this fill is booked and remembered. Any thread; waits for a turn."""
    def holds_payment(self, account: int, instrument: int, reference: str) -> bool:
        """The same of a payment; instrument 0: of a balance change."""
    def fact_text(self, order_id: int, sequence: int) -> str:
        """The venue's own words in the fact of this sequence about this order, from the journal;
        "" when there are none or the record is not kept. Any thread."""
    def cancel_by_gateway(self, order_id: int, reason: int) -> int:
        """A cancel nobody at a door asked for; the Refusal, 0 = it was sent."""
    def doubted_orders(self) -> list[int]:
        """Orders held here that may have left and ended at their venue, in records that are lost:
        they stay held. When there is none the loss is forgotten, durably."""
    def settle_doubt(self, order_id: int, is_proof: bool) -> bool:
        """It is proved, or a person answers for it, that this order never left."""
    @property
    def lost_after_ns(self) -> int:
        """Records of what happened later may be lost; 0 = since when is not known, or none is."""

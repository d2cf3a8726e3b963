"""A small honest engine in memory behind the ports of gateway/_core/engine.pyi: states, notices,
idempotency, facts. It has no journal and no risk gate beyond halts; rules here are written plainly.
"""

# ruff: noqa: PLR0917

import hashlib
import itertools
from collections import deque
from decimal import Decimal

import seen_state
from fake_ports import AccountTimes, ClientPort, Measurement, VenuePort, text

from gateway._core.types import REFUSALS
from gateway.config import LimitRow
from gateway.core.native import Notice, OutboundEntry
from gateway.core.vocabulary import VenueSessionState

NUMBER = {row[1]: row[0] for row in REFUSALS}
TERMINAL = {"FILLED", "CANCELED", "EXPIRED", "REJECTED"}
SIDES = {1: "buy", 2: "sell"}
TYPES = {1: "market", 2: "limit", 3: "stop", 4: "stop_limit"}
TIMES = {0: "day", 1: "gtc", 3: "ioc", 4: "fok", 6: "gtd"}
LEGS = {0: "net", 1: "long", 2: "short"}
LEVELS = {0: "instrument", 1: "strategy", 2: "account", 3: "venue", 4: "firm"}
NO_EVIDENCE = {"level": -1, "limit": 0, "current": 0, "would_be": 0, "working": 0}
STATES = {0: "active", 1: "reducing", 2: "halted"}
KEYS = {"currency": "code", "instrument": "symbol"}

_AMOUNTS = ("loss_max", "drawdown_max", "delta_max", "gamma_max", "vega_max", "breaker_loss_max")
GUARDS_OFF = {name: "off" if name in _AMOUNTS else 0 for name in LimitRow.__struct_fields__[15:]}


class Engine(AccountTimes):
    FACTS = frozenset((
        "accepted", "rejected", "not_sent", "unknown", "triggered", "canceled", "expired",
        "replaced", "cancel_rejected", "replace_rejected", "filled", "fill_revised", "adopt",
        "marked", "session", "funding", "balance",
    ))  # fmt: skip
    clock_ahead_ns = 0

    def __init__(self, instance=1, epoch=1, now_ns=1_000_000_000_000):
        self.instance, self.epoch, self._now_ns = instance, epoch, now_ns
        self.sequence, self.operations = 0, []
        self.recovery, self.hearing = {"halted_for": "", "notes": []}, None
        self.measurement = Measurement()
        self.work = deque()
        self.facts = []  # every fact that was applied, for comparison of lists of events
        self.anomalies = []
        self.commands = 0
        self._order_ids = itertools.count(1)
        self._registries = {
            k: {} for k in ["currency", "venue", "instrument", "account", "strategy", "principal"]
        }
        self._orders, self._by_client = {}, {}
        self._fills, self._positions, self._balances = {}, {}, {}
        self._limits, self._states, self._references = {}, {}, set()
        self._clients, self._venues, self._beats = [], {}, 0
        self._settled, self._interest = {}, {}
        self.refuse_next, self._funded, self.doubted_orders = None, {}, list
        self.quarantined_fills = list

    # Control.
    def _define(self, kind, name, **row):
        registry = self._registries[kind]
        old = registry.get(name)
        number = old["id"] if old else len(registry) + 1
        fresh = {"id": number, KEYS.get(kind, "name"): name, **row}
        if old != fresh:
            self.sequence += 1
            registry[name] = fresh
        return number

    def _name(self, kind, number):
        if not number:
            return "EXTERNAL" if kind == "strategy" else ""
        return next(n for n, row in self._registries[kind].items() if row["id"] == number)

    def define_currency(self, code):
        return self._define("currency", code)

    def define_venue(self, name, *manifest):
        return self._define("venue", name, manifest=manifest)

    def define_instrument(self, venue, symbol, venue_symbol, *rules):
        venue_name = self._name("venue", venue)
        return self._define(
            "instrument",
            symbol,
            venue=venue_name,
            venue_symbol=venue_symbol,
            rules=rules,
            price_scale=rules[4],
            quantity_scale=rules[5],
        )

    def define_account(self, venue, name, durability, is_hedge_mode, margin_mode):
        return self._define(
            "account", name, venue=self._name("venue", venue), is_hedge_mode=is_hedge_mode
        )

    def define_strategy(self, name):
        return self._define("strategy", name)

    def define_principal(self, name, scopes, accounts, strategies, instruments, is_enabled=True):
        return self._define("principal", name, scopes=scopes, accounts=accounts)

    def set_currency_rate(self, currency, rate):
        self.sequence += 1
        return self.sequence

    def set_limits(self, level, id, fields, actor, reason, principal=0):
        self.commands += 1
        if len(fields) < 15:
            raise ValueError("MISSING_FIELD fields: all fields are required")
        self.sequence += 1
        name = self._name(LEVELS[level], id) if level < 4 else ""
        row = {"level": LEVELS[level], "id": id, "name": name, "version": self.sequence}
        held = self._limits.get((level, id), {})
        guards = {name: held.get(name, off) for name, off in GUARDS_OFF.items()}
        self._limits[level, id] = row | guards | fields | {"actor": actor, "reason": reason}
        return self.sequence

    def tell_measures(self, level, id, fields, actor):
        self.commands += 1
        if not fields:
            raise ValueError("MISSING_FIELD fields: at least one measure")
        self.sequence += 1
        return self.sequence

    def note_operation(self, *note):
        return self.operations.append(note) or len(self.operations)

    def set_trading_state(self, level, id, state, is_latch, actor, reason, *seen):
        seen_state.judge(self._states.get((level, id)), *seen)
        self.commands += 1
        self.sequence += 1
        name = self._name(LEVELS[level], id) if level < 4 else ""
        self._states[level, id] = {
            "level": LEVELS[level], "id": id, "name": name, "state": STATES[state],
            "is_latch": is_latch, "breaker": "closed", "actor": actor, "reason": reason,
        }  # fmt: skip
        return self.sequence

    def kill(self, level, id, actor, reason, principal):
        sequence = self.set_trading_state(level, id, 2, True, actor, reason)
        sent = self._cancel_where(self._clients[0], {LEVELS[level]: id} if level < 4 else {})
        none = dict.fromkeys(
            ("on_the_way", "refused", "no_room", "venue_down", "not_reconciled"), 0
        )
        return {"sequence": sequence, "sent": sent} | none

    # Ports, clock, drive.
    def open_client_port(self, name, capacity=4096):
        self._clients.append(ClientPort(self, len(self._clients) + 1))
        return self._clients[-1]

    def open_venue_port(self, venue, capacity=4096):
        self._venues[venue] = VenuePort(self, venue)
        return self._venues[venue]

    def now_ns(self):
        return self._now_ns

    def wall_ns(self):
        return self._now_ns

    def set_time(self, now_ns):
        self._now_ns = now_ns

    def beat(self):
        self._beats += 1
        return self._beats

    def warm_up(self, orders):
        return {"orders": orders}

    def is_where_started(self):
        return True

    def stop(self):
        pass

    def turn(self, limit=4096):
        done = 0
        while self.work and done < limit:
            port, request, kind, values, *named = self.work.popleft()
            done += 1
            if isinstance(port, ClientPort):
                self.commands += 1
                getattr(self, f"_do_{kind}")(port, request, *values)
            else:
                self._fact(port, kind, values, named[0])
        return done

    # Commands.
    def _notice(self, port, request, order_id, kind, refusal="", **more):
        if refusal:
            kind = 31
        else:
            self.sequence += 1
        number = NUMBER[refusal] if refusal else 0
        port._notices.append(
            Notice(self.sequence, request, order_id, kind, number, **(NO_EVIDENCE | more))
        )

    def _do_new(self, port, request, *content):
        principal, client_id, instrument = content[:3]
        order_id = self._by_client.get((principal, client_id))
        if order_id:
            same = self._orders[order_id]["_content"] == content
            refusal = "" if same else "ID_CONFLICT"
            self._notice(port, request, order_id, 30, refusal, current=int(same))
            return
        row = self._registries["instrument"][self._name("instrument", instrument)]
        venue_id = self._registries["venue"][row["venue"]]["id"]
        venue = self._venues.get(venue_id)
        refusal = self.refuse_next
        self.refuse_next = None
        if not refusal and any(s["state"] == "halted" for s in self._states.values()):
            refusal = "TRADING_HALTED"
        if not refusal and (venue is None or venue.state != 2):
            refusal = "NOT_RECONCILED"
        if refusal:
            self._notice(port, request, 0, 31, refusal, level=0, limit=5, would_be=6)
            return
        order_id = self.instance << 51 | self.epoch << 31 | next(self._order_ids)
        self._by_client[principal, client_id] = order_id
        self._orders[order_id] = self._new_row(order_id, content, row["venue"], port)
        self._notice(port, request, order_id, 30)
        self._send(order_id, 30)

    def _new_row(self, order_id, content, venue, port):
        principal, client_id, instrument, account, strategy, side, kind, time = content[:8]
        return {
            "order_id": str(order_id),
            "client_order_id": client_id,
            "principal": self._name("principal", principal),
            "venue": venue,
            "instrument": self._name("instrument", instrument),
            "account": self._name("account", account),
            "strategy": self._name("strategy", strategy),
            "side": SIDES[side],
            "type": TYPES[kind],
            "time_in_force": TIMES[time],
            "leg": LEGS[content[13]],
            "quantity": content[8],
            "price": content[9] or None,
            "trigger_price": None,
            "state": "PENDING_NEW",
            "pending": "",
            "is_cancel_on_disconnect": False,
            "cumulative_quantity": "0",
            "leaves_quantity": content[8],
            "average_price": None,
            "venue_order_id": "",
            "reason": "",
            "created_ns": self._now_ns,
            "updated_ns": self._now_ns,
            "sequence": self.sequence + 1,
            "_content": content,
            "_port": port,
        }

    def _send(self, order_id, kind, quantity="", price=""):
        row = self._orders[order_id]
        c = row["_content"]
        venue = self._registries["venue"][row["venue"]]["id"]
        self._venues[venue].outbound.append(
            OutboundEntry(
                kind,
                order_id,
                self.epoch,
                c[3],
                c[2],
                c[4],
                c[5],
                c[6],
                c[7],
                c[14],
                c[13],
                price or row["price"] or "",
                quantity or row["quantity"],
                "",
                "",
                0,
                row["venue_order_id"],
            )
        )

    def _do_cancel(self, port, request, principal, order_id, reason):
        row = self._orders.get(order_id)
        state = "" if row is None else row["state"]
        refusal = "UNKNOWN_ORDER" if row is None else "TOO_LATE_TO_CANCEL" * (state in TERMINAL)
        if not refusal and row["pending"] == "cancel":
            refusal = "CANCEL_PENDING"
        if not refusal:
            row["pending"] = "cancel"
            row["updated_ns"] = self._now_ns
            self._send(order_id, 32)
        self._notice(port, request, order_id, 32, refusal)

    def _do_replace(self, port, request, principal, order_id, client_id, quantity, price):
        row = self._orders[order_id]
        refusal = (
            "TOO_LATE_TO_CANCEL"
            if row["state"] in TERMINAL
            else "REPLACE_PENDING"
            if row["pending"]
            else ""
        )
        if not refusal:
            row["pending"] = "replace"
            row["_replace"] = client_id, quantity or row["quantity"], price or row["price"]
            row["updated_ns"] = self._now_ns
            self._send(order_id, 33, quantity, price)
        self._notice(port, request, order_id, 33, refusal)

    def _do_mass(self, port, request, principal, account, strategy, instrument, venue):
        wanted = {"account": account, "strategy": strategy, "instrument": instrument}
        sent = self._cancel_where(port, wanted | {"venue": venue})
        self._notice(port, request, 0, 32, current=sent)

    def _cancel_where(self, port, wanted):
        sent = 0
        for order_id, row in self._orders.items():
            if row["state"] in TERMINAL or row["pending"] == "cancel":
                continue
            if all(row[k] == self._name(k, v) for k, v in wanted.items() if v):
                row["pending"] = "cancel"
                self._send(order_id, 32)
                self._notice(port, 0, order_id, 32)
                sent += 1
        return sent

    # Facts.
    def _fact(self, port, name, values, named):
        if name == "session":
            port.state = values[0]
            if values[0] == VenueSessionState.RECONCILED:
                self._settled = dict(self._funded)
            return
        if name in ("marked", "fill_revised"):
            return
        if name == "funding":
            key = (values[0], values[1], values[6])
            if key not in self._references:
                self._references.add(key)
                self._funded[values[0]] = max(self._funded.get(values[0], 0), values[7])
                self._book(self._name("account", values[0]), values[3], values[4])
                self.facts.append((name, *values))
            return
        if name == "balance":
            if (values[0], values[4]) not in self._references:
                self._references.add((values[0], values[4]))
                told_ns = values[5] if len(values) > 5 else 0
                known_ns = self._interest.get(values[0], 0)
                self._interest[values[0]] = max(known_ns, told_ns) or self.now_ns()
                self._book(self._name("account", values[0]), values[1], values[2])
                self.facts.append((name, *values))
            return
        if name == "filled":
            self._filled(values)
            return
        if name == "adopt":
            self._adopt(port, values)
            return
        row = self._orders.get(values[0])
        if row is None or row["state"] in TERMINAL:
            self.anomalies.append((name, values))
            return
        self.facts.append((name, *values, *named.values()))
        getattr(self, f"_on_{name}")(row, *values[1:])
        self._changed(row, {"accepted": 40, "canceled": 42, "unknown": 47}.get(name, 41))

    def _changed(self, row, kind):
        row["updated_ns"] = self._now_ns
        if row["_port"] is not None:
            self._notice(row["_port"], 0, int(row["order_id"]), kind)
        row["sequence"] = self.sequence

    def _on_accepted(self, row, venue_order_id, is_untriggered, *at):
        row["venue_order_id"] = venue_order_id
        if row["state"] in ("PENDING_NEW", "UNKNOWN"):
            row["state"] = "UNTRIGGERED" if is_untriggered else "NEW"

    def _on_rejected(self, row, reason, words, *at):
        row["state"] = "REJECTED"

    def _on_not_sent(self, row, reason, words, *evidence):
        row["state"] = "CANCELED"

    def _on_unknown(self, row, reason, words):
        if reason == 15:
            row["pending"] = "cancel_unknown"
        elif reason == 16:
            row["pending"] = "replace_unknown"
        else:
            row["state"] = "UNKNOWN"

    def _on_triggered(self, row, at):
        row["state"] = "NEW"

    def _on_canceled(self, row, reason, words, cumulative, *at):
        row["state"], row["pending"] = "CANCELED", ""

    def _on_expired(self, row, reason, words, cumulative, *at):
        row["state"], row["pending"] = "EXPIRED", ""

    def _on_replaced(self, row, price, quantity, venue_order_id, *at):
        row["pending"] = ""
        row["quantity"], row["price"] = quantity, price or row["price"]

    def _on_cancel_rejected(self, row, *why):
        row["pending"] = ""

    def _on_replace_rejected(self, row, *why):
        row["pending"] = ""

    def _filled(self, v):
        order_id, account, instrument, side, leg, _, quantity = v[:7]
        key = (account, instrument, v[12], v[11])
        if key in self._fills:
            return
        self._fills[key] = v[13]
        self.facts.append(("filled", order_id, v[11], quantity))
        row = self._orders.get(order_id)
        if row is not None:
            done = Decimal(row["cumulative_quantity"]) + Decimal(quantity)
            row["cumulative_quantity"] = text(done)
            if row["state"] not in TERMINAL:
                full = done >= Decimal(row["quantity"])
                row["state"] = "FILLED" if full else "PARTIALLY_FILLED"
            self._changed(row, 49)
        strategy = row["strategy"] if row else "EXTERNAL"
        names = (self._name("account", account), self._name("instrument", instrument))
        held = self._positions.setdefault((*names, LEGS[leg], strategy), Decimal(0))
        sign = 1 if side == 1 else -1
        self._positions[*names, LEGS[leg], strategy] = held + sign * Decimal(quantity)

    def _adopt(self, port, v):
        order_id = self.instance << 51 | self.epoch << 31 | next(self._order_ids)
        content = (0, v[12], v[1], v[0], 0, v[3], v[4], v[5], v[9], v[8], "", "", 0, v[7], v[6])
        row = self._new_row(order_id, content, self._name("venue", port.venue), None)
        row |= {"state": "NEW", "venue_order_id": v[11], "cumulative_quantity": v[10]}
        self._orders[order_id] = row
        self.facts.append(("adopt", v[11], v[12]))

    def _book(self, account, currency, amount):
        held = self._balances.get((account, currency), Decimal(0))
        self._balances[account, currency] = held + Decimal(amount)

    # Reading.
    def _row(self, row):
        return {key: value for key, value in row.items() if not key.startswith("_")}

    def orders(self, open_only=True, limit=10000):
        rows = [self._row(r) for r in self._orders.values()]
        return [r for r in rows if not open_only or r["state"] not in TERMINAL][:limit]

    def order_ids(self, start=0, slots_max=4096, *, open_only=True):
        rows, after = self.orders_page(start, slots_max, open_only=open_only)
        return [int(row["order_id"]) for row in rows], after

    def orders_page(self, start=0, slots_max=512, *, open_only=True, unknown_only=False, account=0):
        every = list(self._orders.values())
        rows = []
        for row in every[start : start + slots_max]:
            is_unknown = row["state"] == "UNKNOWN" or row["pending"].endswith("_unknown")
            is_left_out = open_only and row["state"] in TERMINAL
            is_left_out |= unknown_only and not is_unknown
            if account:
                is_left_out |= row["account"] != self._name("account", account)
            if not is_left_out:
                rows.append(self._row(row))
        end = start + slots_max
        return rows, end if end < len(every) else 0

    def count_orders(self, start=0, slots_max=4096):
        rows, after = self.orders_page(start, slots_max)
        unknown, _ = self.orders_page(start, slots_max, unknown_only=True)
        return len(rows), len(unknown), after

    def let_hear(self, port):
        self.hearing = port

    def overhear(self, order_id, kind):
        """An event of an order that no client port of this process sent."""
        if self.hearing is not None:
            self._notice(self.hearing, 0, order_id, kind)

    def order(self, order_id):
        row = self._orders.get(order_id)
        return self._row(row) if row else None

    def pending_replace(self, order_id):
        row = self._orders.get(order_id)
        return row.get("_replace") if row and row["pending"] == "replace" else None

    def find_order(self, principal, client_id):
        return self._by_client.get((principal, client_id), 0)

    def order_by_venue_id(self, account, instrument, venue_order_id):
        wanted = (self._name("account", account), self._name("instrument", instrument))
        for order_id, row in self._orders.items():
            place = (row["account"], row["instrument"])
            if place == wanted and row["venue_order_id"] == venue_order_id:
                return order_id
        return 0

    def positions(self):
        names = ("account", "instrument", "leg", "strategy")
        held = ((dict(zip(names, key, strict=True)), q) for key, q in self._positions.items())
        return [row | {"quantity": text(q), "break_even_before_carry": ""} for row, q in held]

    def positions_page(self, start=0, places_max=512, *, account=0, instrument=0):
        rows = self.positions()
        page = [
            row
            for row in rows[start : start + places_max]
            if (not account or row["account"] == self._name("account", account))
            and (not instrument or row["instrument"] == self._name("instrument", instrument))
        ]
        end = start + places_max
        return page, end if end < len(rows) else 0

    def balances(self):
        return [
            {"account": a, "currency": self._name("currency", c), "total": text(t)}
            for (a, c), t in self._balances.items()
        ]

    def limits(self):
        return list(self._limits.values())

    def refusal_details(self, port, request):
        return None

    def trading_states(self):
        return list(self._states.values())

    def registry(self, kind):
        return [{"name": name, **row} for name, row in self._registries[kind].items()]

    def raise_epoch(self, epoch_min=0):
        self.epoch = max(self.epoch + 1, epoch_min)
        return True

    def order_ids_left(self):
        return 1 << 30

    def discipline_clock(self):
        return 0

    def marks(self):
        return []

    def sample_queues(self):
        """Its queues are lists."""

    def cache_counters(self):
        return {"cycles": "unavailable: in memory"}

    def counters(self):
        return {"commands": self.commands, "unbookable": 0}

    def state_hash(self):
        state = repr(
            (
                self._orders.keys(),
                [self._row(r) for r in self._orders.values()],
                self._positions,
                self._balances,
                self._limits,
                self._states,
            )
        )
        return self.sequence, hashlib.sha256(state.encode()).hexdigest()

    def cancel_by_gateway(self, order_id, reason):
        row = self._orders.get(order_id)
        if row is None or row["state"] in TERMINAL or row["pending"] == "cancel":
            return 1
        row["pending"] = "cancel"
        self._send(order_id, 32)
        return 0

    def fact_text(self, order_id, sequence):
        return ""

"""Requests leave whole or not at all, and what did not leave leaves nothing open behind it."""

from collections import Counter
from pathlib import Path

import pytest
from gateway_fix import requests
from gateway_fix.dialect import load_dialect
from gateway_fix.known_orders import KnownOrders
from gateway_fix.order_entry import OrderEntry
from gateway_fix.order_names import PlainNames
from gateway_fix.records import Records

from gateway.api import CancelRequest, OrderRequest, ReplaceRequest, VenueUnavailable

pytestmark = pytest.mark.asyncio
NAME = "g007000000000013"


class Line:
    """What would leave."""

    received = 0

    def __init__(self):
        self.is_up, self.is_broken, self.sent = True, False, []

    def send(self, kind, fields):
        if self.is_broken:
            raise VenueUnavailable("ended a moment ago")
        self.sent.append((kind, {tag: value.decode() for tag, value in fields}))
        return len(self.sent)


class Patience:
    """A budget; `after` happens while one waits for it. `held`: turns of what left."""

    held = 0

    def after(self):
        pass

    async def wait(self, lane, costs, timeout_ms):
        self.after()
        self.held += 1
        return 7

    def give_back(self, costs, taken_ns):
        assert taken_ns == 7
        self.held -= 1


class Desk:
    def __init__(self, folder, dialect="generic"):
        self.told, self.link, self.budget = [], Line(), Patience()
        self.records = Records(folder / "records", is_synced=False, oldest_ns=lambda: 0)
        self.records.open()
        self.known = KnownOrders()
        self.entry = OrderEntry(
            load_dialect(dialect, Path()),
            PlainNames(lambda: 10**18, 36),
            self.known,
            self.records,
            self.link,
            budget=self.budget,
            terms=requests.Terms("main", lambda: 10**18),
            tell=lambda fact, *values, **named: self.told.append(fact),
            timeout_ms=60_000,
            counters=Counter(),
        )

    async def submit(self, **changes):
        await self.entry.submit(order(**changes))

    async def replace(self, price="11"):
        await self.entry.replace(about(ReplaceRequest, quantity="6", price=price))
        return self.link.sent[-1][1] if self.link.sent else {}

    def close(self):
        self.entry.close()
        self.records.close()


def about(kind, **terms):
    same = {"order_id": 7, "client_order_id": NAME, "venue_order_id": "V1"}
    return kind(**same, account="main", instrument="X", **terms)


def order(**changes):
    terms = {
        "order_id": 7,
        "client_order_id": NAME,
        "account": "main",
        "instrument": "X",
        "side": "buy",
        "type": "limit",
        "time_in_force": "gtc",
        "quantity": "5",
        "price": "10",
    }
    return OrderRequest(**(terms | changes))


@pytest.fixture
def opened(tmp_path):
    made = []

    def open_desk(dialect="generic"):
        for each in made:
            each.close()
        made.append(Desk(tmp_path, dialect))
        return made[-1]

    yield open_desk
    made[-1].close()


async def test_an_order_that_could_not_leave_is_not_open(opened):
    desk = opened()
    desk.link.is_broken = True
    await desk.submit()
    assert desk.told == ["not_sent"] and desk.budget.held == 0
    assert not list(desk.records.open_orders())
    assert desk.known.get(NAME).is_ended


async def test_a_line_that_ends_while_the_budget_is_awaited_takes_nothing(opened):
    desk = opened()
    desk.budget.after = lambda: setattr(desk.link, "is_up", False)
    await desk.submit()
    assert desk.told == ["not_sent"] and not desk.link.sent and desk.budget.held == 0
    assert not desk.records.orders, "nothing was written down either"


async def test_what_cannot_be_written_down_does_not_leave(opened):
    desk = opened()

    def full(*terms):
        raise OSError(28, "No space left on device")

    desk.records.order_sent = full
    await desk.submit()
    assert desk.told == ["not_sent"] and not desk.link.sent and desk.budget.held == 0


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_replace_says_every_term_again(opened, is_restarted):
    """Also after a restart: the records have what few reports tell."""
    desk = opened()
    hidden = {"display_quantity": "1", "is_post_only": True}
    await desk.submit(time_in_force="gtd", expires_ns=1_800_000_000 * 10**9, **hidden)
    if is_restarted:
        desk = opened()
    fields = await desk.replace()
    kept = {59: "6", 126: "20270115-08:00:00.000", 111: "1", 18: "6", 54: "1", 40: "2"}
    assert {tag: fields.get(tag) for tag in kept} == kept
    assert (fields[38], fields[44]) == ("6", "11")


async def test_a_replace_of_which_a_term_is_unknown_does_not_leave(opened):
    desk = opened()
    await desk.replace()
    assert desk.told == ["replace_rejected"] and not desk.link.sent
    await desk.submit()
    assert desk.budget.held == 1
    desk = opened()  # the price may have been replaced since it was written down
    await desk.replace(price=None)
    assert desk.told == ["replace_rejected"] and not desk.link.sent and desk.budget.held == 0


# What the venue's own schema allows in the body of each: binance-spot-api-docs
# fix/schemas/spot-fix-oe.xml, read 2026-11-21.
BINANCE = {
    b"D": {11, 38, 40, 18, 44, 54, 55, 59, 111},
    b"F": {11, 41, 37, 66, 55},
    b"q": {11, 55, 530},
}


async def test_binance_gets_no_field_its_schema_lacks(opened):
    desk = opened("binance_spot")
    await desk.submit(is_post_only=True, display_quantity="1")
    await desk.submit(type="market", price=None)
    await desk.entry.cancel(about(CancelRequest))
    dialect = load_dialect("binance_spot", Path())
    mass = requests.mass_cancel("m", "X", dialect, requests.Terms("main", lambda: 10**18))
    bodies = [*desk.link.sent, (b"q", dict(mass))]
    assert [kind for kind, _ in bodies] == [b"D", b"D", b"F", b"q"]
    for kind, fields in bodies:
        assert set(fields) <= BINANCE[kind], kind
    assert not {"stop", "stop_limit"} & set(dialect.order_types), "99 is not in the schema"

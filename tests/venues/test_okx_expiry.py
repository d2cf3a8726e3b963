"""A dated future and an option of OKX are held until they expire: the position is flat at the
venue's price, profit and cash are exact, the books balance, and nobody trades the instrument."""

import shutil
import tempfile
from contextlib import asynccontextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from gateway_paper.venue.exact import money, money_text
from okx_desk import SWAP, Desk, simulated
from okx_simulator.venue import EXPIRY_RATE

from gateway.api import RefusedError
from gateway.ledger import METHODS, open_books

pytestmark = pytest.mark.asyncio

FUTURE, OPTION = "BTC-USD-301227", "BTC-USD-301227-60000-C"
TAKER_RATE = Fraction("0.001")
INDEX = Fraction("80000")
IN_THE_MONEY = money_text(money((INDEX - 60000) / INDEX))
# Instrument, price at expiry (any decimals, unlike a tick), type of the fill of a long and a short.
CASES = {
    "delivered": (FUTURE, "50512.34567", ("112", "113")),
    "exercised": (OPTION, IN_THE_MONEY, ("170", "171")),
    "exercised at any price": (OPTION, "0.123456789", ("170", "171")),
    "worthless": (OPTION, "0", ("172", "172")),
}


@pytest.fixture
def directory():
    folder = Path(tempfile.mkdtemp(prefix="gateway-test-expiry-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def desk_over(directory, simulator, account="net"):
    return Desk(
        directory,
        simulator,
        account,
        kinds=["SWAP", "FUTURES", "OPTION"],
        option_families=["BTC-USD"],
        symbols=[SWAP, FUTURE, OPTION],
    )


@asynccontextmanager
async def venue():
    async with simulated() as simulator:
        for symbol, bid, ask in ((FUTURE, "50000", "50000.1"), (OPTION, "0.0500", "0.0505")):
            simulator.quote(symbol, bid, ask)
        yield simulator


@asynccontextmanager
async def running(directory, simulator):
    made = desk_over(directory, simulator)
    try:
        await made.start()
        yield made
    finally:
        await made.close()


def value_of(symbol, price, quantity):
    """Exact: an inverse contract of 100 USD, an option on 0.01 BTC priced in the coin."""
    size = Fraction(quantity)
    return size * 100 / Fraction(price) if symbol == FUTURE else size * Fraction(price) / 100


def profit_of(symbol, side, entry, exit_price, quantity):
    """In BTC. Long an inverse contract earns entry value less exit value."""
    change = value_of(symbol, exit_price, quantity) - value_of(symbol, entry, quantity)
    is_long = side == "buy"
    return change if is_long == (symbol != FUTURE) else -change


def fees_of(symbol, entry, exit_price, quantity):
    first = value_of(symbol, entry, quantity) * TAKER_RATE
    return first + value_of(symbol, exit_price, quantity) * EXPIRY_RATE


def exact(number):
    """As the engine books a value: 18 decimals."""
    return Decimal(money_text(money(number)))


async def hold(made, symbol, side):
    """Three contracts, taken from the market; the price."""
    price = {FUTURE: ("50000.1", "50000"), OPTION: ("0.0505", "0.0500")}[symbol][side == "sell"]
    await made.until(lambda: made.counters["marks"] > 20, "marks")
    order = await made.submit(
        instrument=f"{symbol}.okx", side=side, price=price, quantity="3", time_in_force="ioc"
    )
    await made.until_state(order, "FILLED")
    return price


def books_of(made, symbol):
    name = f"{symbol}.okx"
    return {r["strategy"]: r for r in made.native.positions() if r["instrument"] == name}


async def until_closed(made, symbol):
    """Every book of it is flat."""

    def are_flat():
        books = books_of(made, symbol)
        return "EXTERNAL" in books and all(row["state"] == "CLOSED" for row in books.values())

    await made.until(are_flat, f"flat books: {books_of(made, symbol)}")


def assert_exact(made, symbol, side, prices, directory):
    """Profit, fees and cash by fractions, by the venue, and by the double-entry books."""
    entry, exit_price = prices
    books = books_of(made, symbol)
    profit = profit_of(symbol, side, entry, exit_price, 3)
    fees = fees_of(symbol, entry, exit_price, 3)
    assert abs(Decimal(books["alpha"]["realised"]) - exact(profit)) <= Decimal("2e-18")
    assert Decimal(books["EXTERNAL"]["realised"]) == 0
    paid = sum(Decimal(row["fees"]) for row in books.values())
    assert abs(paid - exact(fees)) <= Decimal("2e-18")
    venue = made.simulator.venue.holder("net").balances["BTC"]
    assert abs(venue - (10 + profit - fees)) <= Fraction(4, 10**18)
    [cash] = [row["total"] for row in made.native.balances() if row["currency"] == "BTC"]
    assert abs(Decimal(cash) - exact(venue)) <= Decimal("2e-18")
    ledger = open_books(directory / "data", str(directory / "ring"))
    assert (ledger.unbooked_count, ledger.is_balanced()) == (0, True)
    for method in METHODS:
        assert {row["total"] for row in ledger.trial_balance(method)} <= {"0"}, method
    ours = {row["strategy"]: row for row in ledger.positions()
            if row["instrument"] == f"{symbol}.okx"}  # fmt: skip
    for strategy, row in books.items():
        found = [ours[strategy][name] for name in ("quantity", "cost", "realised", "fees")]
        assert found == [row[name] for name in ("quantity", "cost", "realised", "fees")]
        assert (row["quantity"], row["cost"]) == ("0", "0")


async def assert_nobody_trades(made, symbol):
    await made.until(
        lambda: (
            not next(
                row["is_tradable"]
                for row in made.native.registry("instrument")
                if row["name"] == f"{symbol}.okx"
            )
        ),
        "the end of trading",
    )
    with pytest.raises(RefusedError) as refused:
        price = "50000" if symbol == FUTURE else "0.0500"
        name = f"late{made.native.epoch}"
        await made.submit(
            instrument=f"{symbol}.okx", price=price, quantity="1", client_order_id=name
        )
    assert refused.value.code == "INSTRUMENT_HALTED"


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("name", CASES)
async def test_a_position_held_to_expiry_closes_exactly(name, side, directory):
    symbol, exit_price, sub_types = CASES[name]
    async with venue() as simulator, running(directory, simulator) as made:
        entry = await hold(made, symbol, side)
        simulator.venue.expire(symbol, exit_price)
        await until_closed(made, symbol)
        assert_exact(made, symbol, side, (entry, exit_price), directory)
        assert simulator.venue.fills["net"][-1]["subType"] == sub_types[side == "sell"]
        assert made.counters["fills_delivery"] == 1
        await assert_nobody_trades(made, symbol)
        # What is told again is booked once, and the venue and we agree on everything.
        sequences = {key: row["sequence"] for key, row in books_of(made, symbol).items()}
        await made.link.reconcile_now()
        await made.settle()
        assert made.link.break_rows() == []
        assert {key: row["sequence"] for key, row in books_of(made, symbol).items()} == sequences
        assert made.native.counters()["anomalies"] == 0


@pytest.mark.parametrize("name", CASES)
async def test_what_expires_while_the_gateway_is_down_closes_at_its_start(name, directory):
    symbol, exit_price, _ = CASES[name]
    async with venue() as simulator:
        async with running(directory, simulator) as made:
            entry = await hold(made, symbol, "buy")
        simulator.venue.expire(symbol, exit_price)
        for _ in range(2):  # the second start has nothing left to do
            async with running(directory, simulator) as made:
                await until_closed(made, symbol)
                await made.settle()
                assert_exact(made, symbol, "buy", (entry, exit_price), directory)
                await assert_nobody_trades(made, symbol)
                assert made.link.break_rows() == []


async def test_a_working_order_ends_with_its_instrument(directory):
    async with venue() as simulator, running(directory, simulator) as made:
        await made.until(lambda: made.counters["marks"] > 20, "marks")
        order = await made.submit(instrument=f"{FUTURE}.okx", price="49000", quantity="2")
        await made.until_state(order, "NEW")
        simulator.venue.expire(FUTURE, "50512.34567")
        await made.until_state(order, "CANCELED")
        await assert_nobody_trades(made, FUTURE)
        assert made.position(f"{FUTURE}.okx") == 0


async def test_the_other_prices_go_on_when_the_line_comes_back(directory):
    """A subscription of what is no longer listed is refused, and with it fell the whole line."""
    async with venue() as simulator, running(directory, simulator) as made:
        await made.until(lambda: made.counters["marks"] > 20, "marks")
        simulator.venue.expire(OPTION, "0")
        await assert_nobody_trades(made, OPTION)
        simulator.sockets.cut_all()
        await made.until(lambda: not made.link.health.is_reconciled, "the gap")
        await made.until(lambda: made.link.health.is_reconciled, "the line")
        simulator.quote(SWAP, "51000", "51000.1")

        def has_moved():
            marks = {name: Decimal(price) for name, price, _ in made.native.marks()}
            return marks[f"{SWAP}.okx"] > 50500

        await made.until(has_moved, "the new price")
        assert made.adapter.counters["errors"] == 0


async def test_books_wait_while_a_fill_is_missing(directory):
    """The venue closes more than we know of: nothing is moved, and the break says so."""
    async with venue() as simulator, running(directory, simulator) as made:
        await hold(made, OPTION, "buy")
        simulator.venue.exchange.accounts["net"].positions[OPTION, "net"].quantity = 5
        simulator.venue.expire(OPTION, "0.0700")
        await made.until(lambda: "EXTERNAL" in books_of(made, OPTION), "the expiry")
        await made.settle()
        await made.link.reconcile_now()
        assert {name: row["quantity"] for name, row in books_of(made, OPTION).items()} == {
            "alpha": "3",
            "EXTERNAL": "-5",
        }
        assert "position_differs" in {each["kind"] for each in made.link.break_rows()}

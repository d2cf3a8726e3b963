"""Fidelity of the simulated Binance Spot, judged by clients nobody here wrote: unmodified ccxt and
python-binance place, replace, cancel, query, list and stream; the facts are what they decoded."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import ccxt.pro as ccxt
import pytest
import pytest_asyncio
from binance_simulator.security import Key
from binance_simulator.spot_server import SpotSimulator
from ccxt import (
    AuthenticationError,
    DDoSProtection,
    ExchangeError,
    InsufficientFunds,
    InvalidNonce,
    OrderImmediatelyFillable,
    RequestTimeout,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.testing import until

SYMBOL = "BTC/USDT"
PROGRAM = Path(__file__).with_name("python_binance_spot_program.py")
SECONDS_MAX = 120
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def venue():
    simulator = SpotSimulator()
    await simulator.start()
    simulator.venue.level("BTCUSDT", "buy", "49999.99", "5")
    simulator.venue.level("BTCUSDT", "sell", "50000.01", "5")
    simulator.venue.trade("BTCUSDT", "50000", "0.01", "buy")
    yield simulator
    await simulator.stop()


@asynccontextmanager
async def client_of(venue, key="main-key", secret="main-secret"):
    """ccxt as it is installed, its addresses redirected."""
    options = {"fetchCurrencies": False, "fetchMarkets": {"types": ["spot"]}}
    client = ccxt.binance(
        {"apiKey": key, "secret": secret, "enableRateLimit": False, "options": options}
    )
    addresses = client.urls["api"]
    for name, address in addresses.items():
        if isinstance(address, str):
            addresses[name] = address.replace("https://api.binance.com", venue.url)
    addresses["ws"]["spot"] = f"{venue.stream_url}/ws"
    addresses["ws"]["ws-api"]["spot"] = venue.api_socket_url
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def limit(client, price=49000, **more):
    return await client.create_order(SYMBOL, "limit", "buy", 0.01, price, more)


async def test_ccxt_places_replaces_queries_lists_and_cancels(venue):
    async with client_of(venue) as client:
        market = client.market(SYMBOL)
        assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
        assert market["limits"]["cost"]["min"] == 5
        placed = await limit(client, newClientOrderId="cx-1")
        assert (placed["status"], placed["clientOrderId"], placed["filled"]) == ("open", "cx-1", 0)
        replaced = await client.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.02, 48000)
        assert replaced["id"] != placed["id"] and replaced["amount"] == 0.02
        queried = await client.fetch_order(replaced["id"], SYMBOL)
        assert (queried["status"], queried["remaining"]) == ("open", 0.02)
        opened = await client.fetch_open_orders(SYMBOL)
        assert [each["id"] for each in opened] == [replaced["id"]]
        canceled = await client.cancel_order(replaced["id"], SYMBOL)
        assert canceled["status"] == "canceled"
        listed = await client.fetch_orders(SYMBOL)
        assert [each["status"] for each in listed] == ["canceled", "canceled"]


async def test_ccxt_reads_fills_with_their_fees_and_balances(venue):
    async with client_of(venue) as client:
        await client.create_order(SYMBOL, "market", "buy", 0.01)
        await client.create_order(SYMBOL, "market", "sell", 0.01)
        venue.venue.pay_in_bnb("main")
        await client.create_order(SYMBOL, "market", "sell", 0.01)
        trades = await client.fetch_my_trades(SYMBOL)
        fees = [(each["fee"]["cost"], each["fee"]["currency"]) for each in trades]
        assert fees == [(0.00001, "BTC"), (0.4999999, "USDT"), (0.00062500, "BNB")]
        assert [each["takerOrMaker"] for each in trades] == ["taker"] * 3
        balance = await client.fetch_balance()
        assert balance["BNB"]["total"] == pytest.approx(10 - 0.000625)
        await limit(client)
        assert (await client.fetch_balance())["USDT"]["used"] == 490


async def test_ccxt_follows_its_orders_over_the_websocket_api(venue):
    async with client_of(venue) as client:
        seen = []

        async def follow():
            while True:
                seen.extend(
                    (each["status"], each["filled"]) for each in await client.watch_orders()
                )

        follower = asyncio.create_task(follow())
        await until(lambda: venue.hub.is_followed("main"))
        placed = await limit(client, 49500)
        await until(lambda: ("open", 0.0) in seen)
        venue.venue.trade("BTCUSDT", "49500", "0.004", "sell")
        await until(lambda: ("open", 0.004) in seen)
        await client.cancel_order(placed["id"], SYMBOL)
        await until(lambda: ("canceled", 0.004) in seen)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)


async def test_ccxt_holds_a_stop_until_it_triggers_under_the_same_id(venue):
    async with client_of(venue) as client:
        stop = await client.create_order(
            SYMBOL, "limit", "sell", 0.01, 44000, {"stopLossPrice": 45000}
        )
        waiting = await client.fetch_order(stop["id"], SYMBOL)
        assert (waiting["status"], waiting["triggerPrice"]) == ("open", 45000)
        assert waiting["info"]["isWorking"] is False
        venue.venue.trade("BTCUSDT", "44999", "0.001", "sell")
        (trade,) = await client.fetch_my_trades(SYMBOL)
        assert (trade["side"], trade["amount"], trade["order"]) == ("sell", 0.01, stop["id"])


async def test_ccxt_keeps_a_book_by_the_rules_of_the_venue(venue):
    async with client_of(venue) as client:
        follower = asyncio.create_task(client.watch_order_book(SYMBOL))
        await until(lambda: venue.hub.connections)

        async def changes():
            for step in range(2_000):
                venue.venue.level("BTCUSDT", "buy", f"4999{step % 9}.5", f"{step % 7 + 1}")
                await asyncio.sleep(0.02)

        changing = asyncio.create_task(changes())
        async with asyncio.timeout(SECONDS_MAX):
            for _ in range(5):
                book = await follower
                follower = asyncio.create_task(client.watch_order_book(SYMBOL))
        assert book["bids"][0][0] >= 49990.5 and book["asks"][0] == [50000.01, 5.0]
        for task in (changing, follower):
            task.cancel()
        await asyncio.gather(changing, follower, return_exceptions=True)


async def test_ccxt_orders_over_the_websocket_api(venue):
    async with client_of(venue) as client:
        placed = await client.create_order_ws(SYMBOL, "limit", "buy", 0.01, 47000)
        replaced = await client.edit_order_ws(placed["id"], SYMBOL, "limit", "buy", 0.02, 46000)
        assert replaced["id"] != placed["id"]
        queried = await client.fetch_order_ws(replaced["id"], SYMBOL)
        assert (queried["price"], queried["amount"]) == (46000, 0.02)
        canceled = await client.cancel_order_ws(replaced["id"], SYMBOL)
        assert canceled["status"] == "canceled"


async def test_ccxt_meets_the_errors_it_knows(venue):
    async with client_of(venue) as client:
        await limit(client, newClientOrderId="cx-d")
        with pytest.raises(ExchangeError, match="Duplicate order sent"):
            await limit(client, newClientOrderId="cx-d")
        with pytest.raises(OrderImmediatelyFillable):
            await limit(client, 50001, postOnly=True)
        with pytest.raises(InsufficientFunds):
            await client.create_order(SYMBOL, "limit", "buy", 1000, 49000)
        venue.faults.add("POST /api/v3/order", "execute_then_error")
        with pytest.raises(RequestTimeout, match="-1007"):
            await limit(client, newClientOrderId="cx-u")
        assert (await client.fetch_open_orders(SYMBOL))[-1]["clientOrderId"] == "cx-u"
        venue.clock.skew_ms = 30_000
        with pytest.raises(InvalidNonce, match="-1021"):
            await limit(client)
        venue.clock.skew_ms = 0
        venue.limits.ban(60)
        with pytest.raises(DDoSProtection):
            await limit(client)
    venue.limits.banned_until_ms = 0
    async with client_of(venue, secret="wrong") as client:
        with pytest.raises(AuthenticationError, match="-1022"):
            await limit(client)


async def test_ccxt_signs_with_ed25519(venue):
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes_raw()
    venue.keys["ed-key"] = Key(api_key="ed-key", account="main", public_key=raw)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    async with client_of(venue, "ed-key", pem) as client:
        placed = await limit(client)
        assert placed["status"] == "open"


async def test_ccxt_reads_interest_of_a_margin_loan(venue):
    venue.venue.borrow("margin", "USDT", "5000")
    venue.venue.accrue_interest("margin", "USDT", "0.00001")
    async with client_of(venue, "margin-key", "margin-secret") as client:
        (row,) = await client.fetch_borrow_interest("USDT")
        assert (row["interest"], row["amountBorrowed"]) == (0.05, 5000)
        balance = await client.fetch_balance({"marginMode": "cross"})
        assert balance["USDT"]["debt"] == pytest.approx(5000.05)


async def test_python_binance_trades_and_follows(venue):
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", str(PROGRAM), venue.url, venue.api_socket_url,
        "main-key", "main-secret",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS_MAX):
        output, errors = await program.communicate()
    assert program.returncode == 0, errors.decode()[-2000:]
    told = json.loads(output)
    assert told["placed"]["status"] == "NEW" and told["placed"]["fills"] == []
    assert told["duplicate"] == [-2010, "Duplicate order sent."]
    assert told["again"] == [-2011, "Unknown order sent."]
    assert told["queried"]["orderId"] == told["placed"]["orderId"]
    assert [each["clientOrderId"] for each in told["open"]] == ["pb-1"]
    assert told["replaced"]["cancelResponse"]["origClientOrderId"] == "pb-1"
    assert told["replaced"]["newOrderResponse"]["price"] == "48500.00000000"
    assert told["amended"]["amendedOrder"]["qty"] == "0.00800000"
    assert told["canceled"]["status"] == "CANCELED"
    assert told["canceled"]["clientOrderId"] != told["canceled"]["origClientOrderId"] == "pb-2"
    assert set(told["stop"]) == {
        "symbol", "orderId", "orderListId", "clientOrderId", "transactTime"
    }  # fmt: skip
    assert told["market"]["status"] == "FILLED" and told["market"]["fills"]
    assert [(t["qty"], t["price"]) for t in told["trades"]] == [("0.01000000", "50000.01000000")]
    assert told["interest"] == {"rows": [], "total": 0}
    kinds = {each["e"] for each in told["events"]}
    assert kinds >= {"executionReport", "outboundAccountPosition"}
    assert {each["x"] for each in told["events"] if "x" in each} >= {"NEW", "REPLACED", "CANCELED"}

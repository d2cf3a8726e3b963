"""Fidelity of the simulated Binance USD-M, judged by clients nobody here wrote: unmodified ccxt and
python-binance place, amend, cancel, query, list and stream; the facts are what they decoded."""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import ccxt.pro as ccxt
import pytest
import pytest_asyncio
from binance_simulator.security import Key
from binance_simulator.server import BinanceSimulator
from ccxt import (
    AuthenticationError,
    DDoSProtection,
    ExchangeError,
    InvalidNonce,
    RequestTimeout,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.testing import until

SYMBOL = "BTC/USDT:USDT"
PROGRAM = Path(__file__).with_name("python_binance_program.py")
SECONDS_MAX = 120
pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def venue():
    simulator = BinanceSimulator()
    await simulator.start()
    simulator.venue.level("BTCUSDT", "buy", "49999.9", "5")
    simulator.venue.level("BTCUSDT", "sell", "50000.1", "5")
    simulator.venue.trade("BTCUSDT", "50000", "0.01", "buy")
    yield simulator
    await simulator.stop()


@asynccontextmanager
async def client_of(venue, key="main-key", secret="main-secret"):
    """ccxt as it is installed, its addresses redirected."""
    client = ccxt.binanceusdm(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "options": {
                "fetchCurrencies": False,
                "fetchMarkets": {"types": ["linear"]},
                "defaultType": "future",
            },
        }
    )
    addresses = client.urls["api"]
    for name, address in addresses.items():
        if isinstance(address, str):
            addresses[name] = address.replace("https://fapi.binance.com", venue.url)
    addresses["ws"]["linear"] = f"{venue.stream_url}/ws"
    addresses["ws"]["ws-api"]["linear"] = venue.api_socket_url
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def limit(client, price=49000, **more):
    return await client.create_order(SYMBOL, "limit", "buy", 0.01, price, more)


async def test_ccxt_places_amends_queries_lists_and_cancels(venue):
    async with client_of(venue) as client:
        market = client.market(SYMBOL)
        assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
        placed = await limit(client, newClientOrderId="cx-1")
        assert (placed["status"], placed["clientOrderId"], placed["filled"]) == ("open", "cx-1", 0)
        amended = await client.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.02, 48000)
        assert (amended["id"], amended["amount"], amended["price"]) == (placed["id"], 0.02, 48000)
        queried = await client.fetch_order(placed["id"], SYMBOL)
        assert (queried["status"], queried["remaining"]) == ("open", 0.02)
        opened = await client.fetch_open_orders(SYMBOL)
        assert [each["id"] for each in opened] == [placed["id"]]
        canceled = await client.cancel_order(placed["id"], SYMBOL)
        assert canceled["status"] == "canceled"
        assert await client.fetch_open_orders(SYMBOL) == []


async def test_ccxt_reads_fills_positions_balance_and_funding(venue):
    async with client_of(venue) as client:
        await client.create_order(SYMBOL, "market", "buy", 0.01)
        (trade,) = await client.fetch_my_trades(SYMBOL)
        assert (trade["price"], trade["amount"], trade["takerOrMaker"]) == (50000.1, 0.01, "taker")
        assert trade["fee"] == {"cost": 0.2500005, "currency": "USDT"}
        (position,) = await client.fetch_positions()
        assert (position["side"], position["contracts"]) == ("long", 0.01)
        venue.venue.pay_funding(1_699_999_200_000)
        (paid,) = await client.fetch_funding_history(SYMBOL)
        assert paid["amount"] == pytest.approx(-0.050001, abs=1e-5)
        total = (await client.fetch_balance())["USDT"]["total"]
        assert total == pytest.approx(1_000_000 - 0.2500005 + paid["amount"], abs=1e-7)
        rate = await client.fetch_funding_rate(SYMBOL)
        assert rate["fundingRate"] == 0.0001


async def test_ccxt_follows_its_orders_over_the_private_stream(venue):
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


async def test_ccxt_holds_a_conditional_order_until_it_triggers(venue):
    async with client_of(venue) as client:
        stop = await client.create_order(
            SYMBOL, "market", "sell", 0.01, None, {"stopLossPrice": 45000, "clientAlgoId": "cx-a"}
        )
        assert (stop["status"], stop["clientOrderId"]) == ("open", "cx-a")
        assert await client.fetch_open_orders(SYMBOL) == []
        waiting = await client.fetch_open_orders(SYMBOL, params={"trigger": True})
        assert [each["id"] for each in waiting] == [stop["id"]]
        venue.venue.trade("BTCUSDT", "44999", "0.001", "sell")
        (trade,) = await client.fetch_my_trades(SYMBOL)
        assert (trade["side"], trade["amount"]) == ("sell", 0.01)
        assert trade["order"] != stop["id"]


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
        assert book["bids"][0][0] >= 49990.5 and book["asks"][0] == [50000.1, 5.0]
        for task in (changing, follower):
            task.cancel()
        await asyncio.gather(changing, follower, return_exceptions=True)


async def test_ccxt_orders_over_the_websocket_api(venue):
    async with client_of(venue) as client:
        placed = await client.create_order_ws(SYMBOL, "limit", "buy", 0.01, 47000)
        amended = await client.edit_order_ws(placed["id"], SYMBOL, "limit", "buy", 0.02, 46000)
        assert amended["price"] == 46000
        canceled = await client.cancel_order_ws(placed["id"], SYMBOL)
        assert canceled["status"] == "canceled"


async def test_ccxt_meets_the_errors_it_knows(venue):
    async with client_of(venue) as client:
        await limit(client, newClientOrderId="cx-d")
        with pytest.raises(ExchangeError, match="-4116"):
            await limit(client, newClientOrderId="cx-d")
        venue.faults.add("POST /fapi/v1/order", "execute_then_error")
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


async def test_ccxt_hedges_with_both_legs(venue):
    async with client_of(venue, "hedge-key", "hedge-secret") as client:
        with pytest.raises(ExchangeError, match="-4061"):
            await limit(client)
        for side, leg in (("buy", "LONG"), ("sell", "SHORT")):
            await client.create_order(SYMBOL, "market", side, 0.01, None, {"positionSide": leg})
        held = {each["side"]: each["contracts"] for each in await client.fetch_positions()}
        assert held == {"long": 0.01, "short": 0.01}


async def test_python_binance_trades_and_follows(venue):
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", str(PROGRAM), venue.url, venue.stream_url,
        "main-key", "main-secret",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS_MAX):
        output, errors = await program.communicate()
    assert program.returncode == 0, errors.decode()[-2000:]
    told = json.loads(output)
    assert told["placed"]["status"] == "NEW" and "avgPrice" not in told["placed"]
    assert (told["duplicate"], told["again"]) == (-4116, -2011)
    assert (told["amended"]["price"], told["amended"]["origQty"]) == ("48500.00", "0.020")
    assert told["queried"]["orderId"] == told["placed"]["orderId"]
    assert [each["clientOrderId"] for each in told["open"]] == ["pb-1"]
    assert told["canceled"]["status"] == "CANCELED"
    assert [each["algoId"] for each in told["open_stops"]] == [told["stop"]["algoId"]]
    assert told["batch"][0]["clientOrderId"] == "pb-b1" and told["batch"][1]["code"] == -1111
    assert [(t["qty"], t["price"]) for t in told["trades"]] == [("0.010", "50000.10")]
    assert told["positions"][0]["positionAmt"] == "0.010"
    kinds = {each["e"] for each in told["events"]}
    assert kinds >= {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ALGO_UPDATE"}

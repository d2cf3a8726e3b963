"""The simulated OKX is judged by clients that nobody here wrote: unmodified ccxt, ccxt.pro and
python-okx trade on it, and what counts is what they decoded."""

import asyncio
import contextlib
from functools import partial

import ccxt.async_support as ccxt
import ccxt.pro as ccxtpro
import pytest
from okx.Account import AccountAPI
from okx.MarketData import MarketAPI
from okx.PublicData import PublicAPI
from okx.Trade import TradeAPI
from okx_simulator.simulator import OkxSimulator

# python-okx hands its body to httpx in a way that httpx would rather not see.
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

SWAP, SPOT, INVERSE = "BTC/USDT:USDT", "BTC/USDT", "BTC/USD:BTC"
SWAP_ID = "BTC-USDT-SWAP"


@contextlib.asynccontextmanager
async def venue():
    async with OkxSimulator() as simulator:
        for inst_id in ("BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT"):
            simulator.quote(inst_id, "50000", "50000.1")
        yield simulator


@contextlib.asynccontextmanager
async def ccxt_client(simulator, account="net", module=ccxt, secret=None):
    client = module.okx(
        {
            "apiKey": f"{account}-key",
            "secret": secret or f"{account}-secret",
            "password": f"{account}-phrase",
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot", "swap"]}},
        }
    )
    client.has["fetchCurrencies"] = False
    client.urls["api"] = {"rest": simulator.url, "ws": simulator.socket_url}
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def test_ccxt_reads_the_listings_and_the_market():
    async with venue() as simulator, ccxt_client(simulator) as client:
        swap, inverse, spot = (client.market(each) for each in (SWAP, INVERSE, SPOT))
        assert (swap["contractSize"], swap["linear"], swap["settle"]) == (0.01, True, "USDT")
        assert (inverse["contractSize"], inverse["inverse"]) == (100, True)
        assert spot["spot"]
        assert (spot["precision"]["price"], spot["limits"]["amount"]["min"]) == (0.1, 0.00001)
        book = await client.fetch_order_book(SWAP)
        assert (book["bids"][0][0], book["asks"][0][0]) == (50000, 50000.1)
        assert (await client.fetch_ticker(SWAP))["bid"] == 50000
        assert (await client.fetch_funding_rate(SWAP))["fundingRate"] == 0.0001
        assert abs(await client.fetch_time() - client.milliseconds()) < 60_000


async def test_ccxt_places_amends_cancels_queries_and_lists():
    async with venue() as simulator, ccxt_client(simulator) as client:
        params = {"clOrdId": "mine1", "marginMode": "cross"}
        placed = await client.create_order(SWAP, "limit", "buy", 2, 49000, params)
        (found,) = await client.fetch_open_orders(SWAP)
        assert (found["id"], found["clientOrderId"]) == (placed["id"], "mine1")
        assert (found["price"], found["amount"], found["status"]) == (49000, 2, "open")
        await client.edit_order(placed["id"], SWAP, "limit", "buy", 3, 49500)
        amended = await client.fetch_order(placed["id"], SWAP)
        assert (amended["price"], amended["amount"]) == (49500, 3)
        simulator.venue.trade(SWAP_ID, "49500", "1", "sell")
        partly = await client.fetch_order(placed["id"], SWAP)
        assert (partly["filled"], partly["remaining"], partly["average"]) == (1, 2, 49500)
        await client.cancel_order(placed["id"], SWAP)
        ended = await client.fetch_order(placed["id"], SWAP)
        assert (ended["status"], ended["filled"]) == ("canceled", 1)
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(placed["id"], SWAP)
        assert await client.fetch_open_orders(SWAP) == []
        (closed,) = await client.fetch_canceled_orders(SWAP)
        assert closed["id"] == placed["id"]


async def test_ccxt_decodes_fills_fees_positions_and_balances():
    async with venue() as simulator, ccxt_client(simulator) as client:
        await client.create_order(SWAP, "market", "buy", 2, None, {"marginMode": "cross"})
        (trade,) = await client.fetch_my_trades(SWAP)
        assert (trade["side"], trade["amount"], trade["price"]) == ("buy", 2, 50000.1)
        assert (trade["takerOrMaker"], trade["fee"]["cost"]) == ("taker", pytest.approx(0.500001))
        (position,) = await client.fetch_positions([SWAP])
        assert (position["side"], position["contracts"]) == ("long", 2)
        assert position["entryPrice"] == 50000.1
        spot_order = await client.create_order(
            SPOT, "market", "buy", 0.5, None, {"tgtCcy": "base_ccy"}
        )
        assert (await client.fetch_order(spot_order["id"], SPOT))["filled"] == 0.5
        (spot_trade,) = await client.fetch_my_trades(SPOT)
        assert (spot_trade["fee"]["currency"], spot_trade["fee"]["cost"]) == ("BTC", 0.0005)
        balance = await client.fetch_balance()
        assert balance["BTC"]["total"] == pytest.approx(10.4995)
        # A spot market buy without tgtCcy is sized in the quote currency.
        quoted = await client.create_order(SPOT, "market", "buy", 0.1, None, {"cost": 5000.01})
        assert (await client.fetch_order(quoted["id"], SPOT))["filled"] == 0.1


async def test_ccxt_sees_each_item_of_a_batch_and_the_refusals():
    async with venue() as simulator, ccxt_client(simulator) as client:

        def item(price, client_id, amount=1):
            params = {"clOrdId": client_id, "marginMode": "cross"}
            return {"symbol": SWAP, "type": "limit", "side": "buy", "amount": amount,
                    "price": price, "params": params}  # fmt: skip

        await client.create_orders([item(49000, "a1"), item(48000, "a2")])
        assert len(await client.fetch_open_orders(SWAP)) == 2
        with pytest.raises(ccxt.InvalidOrder):
            await client.create_order(SWAP, "limit", "buy", 1, 49000, item(1, "a1")["params"])
        with pytest.raises(ccxt.InsufficientFunds):
            await client.create_order(SWAP, "limit", "buy", 900000, 49000, {"marginMode": "cross"})
        # Post-only that would trade is taken, and canceled at once with source 31.
        crossing = await client.create_order(
            SWAP, "limit", "buy", 1, 50001, {"postOnly": True, "marginMode": "cross"}
        )
        ended = await client.fetch_order(crossing["id"], SWAP)
        assert (ended["status"], ended["info"]["cancelSource"]) == ("canceled", "31")
        await client.cancel_orders([], SWAP, {"clOrdId": ["a1", "a2"]})
        assert await client.fetch_open_orders(SWAP) == []
        simulator.limits.scale = 60
        with pytest.raises(ccxt.RateLimitExceeded):
            for _ in range(3):
                await client.fetch_order(crossing["id"], SWAP)


async def test_ccxt_places_a_trigger_order_which_becomes_a_plain_one():
    async with venue() as simulator, ccxt_client(simulator) as client:
        params = {"triggerPrice": 50500, "marginMode": "cross", "algoClOrdId": "stop1"}
        stop = await client.create_order(SWAP, "limit", "buy", 1, 50600, params)
        (waiting,) = await client.fetch_open_orders(SWAP, params={"trigger": True})
        assert (waiting["id"], waiting["triggerPrice"]) == (stop["id"], 50500)
        simulator.quote(SWAP_ID, "50500", "50500.1")
        (trade,) = await client.fetch_my_trades(SWAP)
        child = await client.fetch_order(trade["order"], SWAP)
        assert child["info"]["algoId"] == stop["id"]
        another = await client.create_order(SWAP, "limit", "sell", 1, 40000, params | {
            "triggerPrice": 41000, "algoClOrdId": "stop2"})  # fmt: skip
        await client.cancel_order(another["id"], SWAP, {"trigger": True})
        assert await client.fetch_open_orders(SWAP, params={"trigger": True}) == []


async def test_keys_clocks_and_modes_are_refused_by_name():
    async with venue() as simulator:
        async with ccxt_client(simulator, secret="wrong") as client:
            with pytest.raises(ccxt.AuthenticationError, match="50113"):
                await client.fetch_balance()
        async with ccxt_client(simulator, "demo") as client:
            with pytest.raises(ccxt.ExchangeError, match="50101"):
                await client.fetch_balance()
        async with ccxt_client(simulator) as client:
            simulator.skew_ns = 60 * 1_000_000_000
            with pytest.raises(ccxt.InvalidNonce, match="50102"):
                await client.fetch_balance()
            simulator.skew_ns = 0
        async with ccxt_client(simulator, "hedge") as client:
            with pytest.raises(ccxt.BadRequest, match="posSide"):
                await client.create_order(SWAP, "limit", "buy", 1, 49000, {"marginMode": "cross"})
            both = {"marginMode": "cross", "hedged": True}
            await client.create_order(SWAP, "market", "buy", 2, None, both)
            await client.create_order(SWAP, "market", "sell", 1, None, both)
            await client.create_order(SWAP, "market", "sell", 2, None, both | {"reduceOnly": True})
            rows = await client.fetch_positions()
            assert [(row["side"], row["contracts"]) for row in rows if row["contracts"]] == [
                ("short", 1)
            ]


async def test_ccxt_pro_streams_orders_a_checked_book_and_enters_orders():
    async with venue() as simulator, ccxt_client(simulator, module=ccxtpro) as client:
        client.options["checksum"] = True
        watching = asyncio.create_task(client.watch_orders(SWAP))
        await client.watch_balance()
        params = {"clOrdId": "w1", "marginMode": "cross"}
        placed = await client.create_order_ws(SWAP, "limit", "buy", 2, 49000, params)
        (order,) = await asyncio.wait_for(watching, 300)
        assert (order["id"], order["status"], order["clientOrderId"]) == (
            placed["id"], "open", "w1"
        )  # fmt: skip
        book = await client.watch_order_book(SWAP)
        assert book["bids"][0][:2] == [50000, 100]
        simulator.venue.set_level(SWAP_ID, "buy", "50000", "7")
        changed = await asyncio.wait_for(client.watch_order_book(SWAP), 300)
        assert changed["bids"][0][:2] == [50000, 7]
        await client.edit_order_ws(placed["id"], SWAP, "limit", "buy", 1, 49100)
        await client.cancel_order_ws(placed["id"], SWAP)
        ended = await client.fetch_order(placed["id"], SWAP)
        assert (ended["status"], ended["price"], ended["amount"]) == ("canceled", 49100, 1)
        ticker = await asyncio.wait_for(client.watch_ticker(SWAP), 300)
        assert ticker["bid"] == 50000


@pytest.fixture
def python_okx():
    """Makes clients of the official library and closes them."""
    with contextlib.ExitStack() as clients:

        def make(simulator, api, account="net"):
            names = (f"{account}-key", f"{account}-secret", f"{account}-phrase")
            client = api(*names, flag="0", domain=simulator.url, debug=False)
            clients.callback(client.close)
            return client

        yield make


async def test_python_okx_trades_and_reads_every_envelope(python_okx):
    async with venue() as simulator:
        trade = python_okx(simulator, TradeAPI)

        async def ask(call, *values, **named):
            return await asyncio.to_thread(partial(call, *values, **named))

        terms = {"tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1"}
        placed = await ask(trade.place_order, instId=SWAP_ID, px="49000", clOrdId="p1", **terms)
        assert (placed["code"], placed["data"][0]["sCode"]) == ("0", "0")
        again = await ask(trade.place_order, instId=SWAP_ID, px="49000", clOrdId="p1", **terms)
        assert (again["code"], again["data"][0]["sCode"]) == ("1", "51016")
        batch = [
            {"instId": SWAP_ID, "px": "48000", "clOrdId": "p2", **terms},
            {"instId": SWAP_ID, "px": "48000", "clOrdId": "p3", **terms, "sz": "0"},
        ]
        mixed = await ask(trade.place_multiple_orders, batch)
        assert mixed["code"] == "2"
        assert [row["sCode"] for row in mixed["data"]] == ["0", "51020"]
        await ask(trade.amend_order, instId=SWAP_ID, clOrdId="p1", newPx="49100")
        row = (await ask(trade.get_order, instId=SWAP_ID, clOrdId="p1"))["data"][0]
        assert (row["px"], row["state"], row["accFillSz"]) == ("49100", "live", "0")
        assert len((await ask(trade.get_order_list))["data"]) == 2
        simulator.venue.trade(SWAP_ID, "49100", "1", "sell")
        (fill,) = (await ask(trade.get_fills_history, instType="SWAP"))["data"]
        # Our maker rate is a rebate; OKX writes what is paid to the user as positive.
        assert (fill["execType"], fill["fee"], fill["clOrdId"]) == ("M", "0.02455", "p1")
        gone = await ask(trade.cancel_order, instId=SWAP_ID, clOrdId="p1")
        assert gone["data"][0]["sCode"] == "51402"
        ended = await ask(trade.cancel_multiple_orders, [{"instId": SWAP_ID, "clOrdId": "p2"}])
        assert ended["code"] == "0"


async def test_python_okx_reads_the_account_and_the_market(python_okx):
    async with venue() as simulator:
        account = python_okx(simulator, AccountAPI, "hedge")
        trade = python_okx(simulator, TradeAPI, "hedge")

        async def ask(call, *values, **named):
            return await asyncio.to_thread(partial(call, *values, **named))

        assert (await ask(account.get_account_config))["data"][0]["posMode"] == "long_short_mode"
        await ask(
            trade.place_order, instId="BTC-USD-SWAP", tdMode="cross", side="sell",
            posSide="short", ordType="market", sz="5",
        )  # fmt: skip
        (held,) = (await ask(account.get_positions))["data"]
        assert (held["posSide"], held["pos"], held["avgPx"]) == ("short", "5", "50000")
        simulator.venue.pay_funding()
        (bill,) = (await ask(account.get_account_bills, type="8"))["data"]
        assert (bill["ccy"], bill["subType"], bill["balChg"]) == ("BTC", "174", "0.000001")
        details = (await ask(account.get_account_balance))["data"][0]["details"]
        assert [row["ccy"] for row in details] == ["BTC", "USDT"]
        public = python_okx(simulator, PublicAPI)
        (listed,) = (await ask(public.get_instruments, instType="SWAP", instId="BTC-USD-SWAP"))[
            "data"
        ]
        assert (listed["ctVal"], listed["ctType"], listed["instIdCode"]) == (
            "100",
            "inverse",
            10458,
        )
        market = python_okx(simulator, MarketAPI)
        (book,) = (await ask(market.get_orderbook, SWAP_ID, sz="1"))["data"]
        assert book["asks"][0][0] == "50000.1"


async def test_time_runs_out_for_a_dead_man(python_okx):
    async with venue() as simulator:
        trade = python_okx(simulator, TradeAPI)
        terms = {"tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": "49000"}
        await asyncio.to_thread(partial(trade.place_order, instId=SWAP_ID, **terms))
        armed = simulator.algos.arm("net", 10)
        assert int(armed["triggerTime"]) > int(armed["ts"])
        simulator.skew_ns = 11 * 1_000_000_000
        simulator.algos.advance()
        assert simulator.venue.open_orders("net") == []
        (order,) = simulator.venue.orders.values()
        assert (order.state, order.cancel_source) == ("canceled", "20")

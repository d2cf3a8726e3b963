"""Drives an unmodified python-binance against a venue on loopback and prints what it decoded, one
JSON object. A program of its own, because importing that client warns.

    python python_binance_program.py http://127.0.0.1:1 ws://127.0.0.1:1 key secret
"""

import asyncio
import json
import sys

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException

SYMBOL = "BTCUSDT"


async def run(url, stream_url, key, secret):
    told = {"events": []}
    client = AsyncClient(key, secret)
    client.FUTURES_URL = f"{url}/fapi"
    manager = BinanceSocketManager(client)
    manager.FSTREAM_URL = f"{stream_url}/"
    await client.futures_change_leverage(symbol=SYMBOL, leverage=20)
    async with manager.futures_user_socket() as stream:
        follower = asyncio.create_task(follow(stream, told["events"]))
        await trade(client, told)
        await until(lambda: is_told(told["events"], "MARKET", "FILLED"))
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    await client.close_connection()
    return told


async def trade(client, told):
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    placed = await client.futures_create_order(
        **limit, quantity="0.010", price="49000.00", newClientOrderId="pb-1"
    )
    told["placed"] = placed
    told["duplicate"] = await refusal(
        client.futures_create_order(
            **limit, quantity="0.010", price="49000.00", newClientOrderId="pb-1"
        )
    )
    told["amended"] = await client.futures_modify_order(
        symbol=SYMBOL, side="BUY", orderId=placed["orderId"], quantity="0.020", price="48500.00"
    )
    told["queried"] = await client.futures_get_order(symbol=SYMBOL, origClientOrderId="pb-1")
    told["open"] = await client.futures_get_open_orders(symbol=SYMBOL)
    told["canceled"] = await client.futures_cancel_order(symbol=SYMBOL, origClientOrderId="pb-1")
    told["again"] = await refusal(
        client.futures_cancel_order(symbol=SYMBOL, origClientOrderId="pb-1")
    )
    told["stop"] = await client.futures_create_order(
        symbol=SYMBOL, side="SELL", type="STOP_MARKET", quantity="0.010", triggerPrice="45000.00"
    )
    told["open_stops"] = await client.futures_get_open_algo_orders(symbol=SYMBOL)
    told["batch"] = await client.futures_place_batch_order(
        batchOrders=[
            {**limit, "quantity": "0.010", "price": "48000.00", "newClientOrderId": "pb-b1"},
            {**limit, "quantity": "0.010", "price": "48000.03", "newClientOrderId": "pb-b2"},
        ]
    )
    told["market"] = await client.futures_create_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010", newClientOrderId="pb-m"
    )
    told["trades"] = await client.futures_account_trades(symbol=SYMBOL)
    told["positions"] = await client.futures_position_information(symbol=SYMBOL)
    told["balance"] = await client.futures_account_balance()


async def refusal(call):
    try:
        await call
    except BinanceAPIException as error:
        return error.code
    return None


async def follow(stream, events):
    while True:
        events.append(await stream.recv())


def is_told(events, kind, status):
    rows = [each["o"] for each in events if each.get("e") == "ORDER_TRADE_UPDATE"]
    return any(row["o"] == kind and row["X"] == status for row in rows)


async def until(claim):
    async with asyncio.timeout(300):
        while not claim():  # noqa: ASYNC110 - the list is filled by the client
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(*sys.argv[1:5]))))

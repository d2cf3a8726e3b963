"""Drives an unmodified python-binance against a Spot venue on loopback and prints what it decoded,
one JSON object. A program of its own, because importing that client warns.

    python python_binance_spot_program.py http://127.0.0.1:1 ws://127.0.0.1:1/ws-api/v3 key secret
"""

import asyncio
import json
import sys

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException
from binance.ws.websocket_api import WebsocketAPI

SYMBOL = "BTCUSDT"
LIMIT = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


async def run(url, api_socket_url, key, secret):
    told = {"events": []}
    client = AsyncClient(key, secret)
    client.API_URL = f"{url}/api"
    client.MARGIN_API_URL = f"{url}/sapi"
    client.ws_api = WebsocketAPI(url=api_socket_url)
    client.ws_api.TIMEOUT = 2  # its reader looks up after so long to see whether it is to end
    manager = BinanceSocketManager(client)
    async with manager.user_socket() as stream:
        follower = asyncio.create_task(follow(stream, told["events"]))
        await trade(client, told)
        await until(lambda: is_told(told["events"], "MARKET", "FILLED"))
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    await client.close_connection()
    return told


async def trade(client, told):
    order = {**LIMIT, "quantity": "0.01000", "price": "49000.00"}
    told["placed"] = placed = await client.create_order(**order, newClientOrderId="pb-1")
    told["duplicate"] = await refusal(client.create_order(**order, newClientOrderId="pb-1"))
    told["queried"] = await client.get_order(symbol=SYMBOL, origClientOrderId="pb-1")
    told["open"] = await client.get_open_orders(symbol=SYMBOL)
    told["replaced"] = await client.cancel_replace_order(
        **LIMIT,
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=placed["orderId"],
        quantity="0.01000",
        price="48500.00",
        newClientOrderId="pb-2",
    )
    less = {"symbol": SYMBOL, "origClientOrderId": "pb-2", "newQty": "0.00800"}
    told["amended"] = await client._request_api(  # the client has no method of its own for it
        "put", "order/amend/keepPriority", signed=True, data=less | {"newClientOrderId": "pb-2"},
        version="v3",
    )  # fmt: skip
    told["canceled"] = await client.cancel_order(symbol=SYMBOL, origClientOrderId="pb-2")
    told["again"] = await refusal(client.cancel_order(symbol=SYMBOL, origClientOrderId="pb-2"))
    told["stop"] = await client.create_order(
        symbol=SYMBOL, side="SELL", type="STOP_LOSS", quantity="0.01000", stopPrice="45000.00"
    )
    told["market"] = await client.ws_create_order(
        symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01000", newClientOrderId="pb-m"
    )
    told["trades"] = await client.get_my_trades(symbol=SYMBOL)
    told["account"] = await client.get_account()
    told["interest"] = await client.get_margin_interest_history(asset="USDT")


async def refusal(call):
    try:
        await call
    except BinanceAPIException as error:
        return [error.code, error.message]
    return None


async def follow(stream, events):
    while True:
        events.append(await stream.recv())


def is_told(events, kind, status):
    rows = [each for each in events if each.get("e") == "executionReport"]
    return any(row["o"] == kind and row["X"] == status for row in rows)


async def until(claim):
    async with asyncio.timeout(300):
        while not claim():  # noqa: ASYNC110 - the list is filled by the client
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(*sys.argv[1:5]))))

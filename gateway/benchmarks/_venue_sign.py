"""One signed REST order beside ccxt, in turns. Both begin with a limit order in words and end with
what an HTTP client has to write: address, headers and body. Ours is timed a second time to the
bytes on the wire, which ccxt leaves to its client. Beside both: the bare signature."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.api import OrderRequest
from gateway.benchmarks._venue_desk import ACCOUNT, PRICE, QUANTITY
from gateway.transport import HmacKey

__all__ = ["CCXT_SYMBOL", "ccxt_market", "measure"]

_CHUNK = 20
_KEY, _SECRET, _PASSPHRASE = "bench-key", "bench-secret-bench-secret-bench-secret", "bench"
_TEXT = (
    b"symbol=BTCUSDT&side=BUY&quantity=0.010&newClientOrderId=bench%05d&type=LIMIT&price=50000.10"
    b"&timeInForce=GTC&recvWindow=5000&timestamp=1790000000000"
)
CCXT_SYMBOL = "BTC/USDT:USDT"

Call = Callable[[int], object]


def measure(chunks: int, *, has_ccxt: bool) -> dict[str, dict[str, float]]:
    """Microseconds of one order by name of venue and signature."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    secrets = {"binance": _SECRET, "binance_ed25519": pem.decode()}
    ours = {name: _binance(each) for name, each in secrets.items()}
    ours["okx"] = _okx()
    theirs: dict[str, Call] = {}
    if has_ccxt:
        theirs = {name: _ccxt_binance(each) for name, each in secrets.items()}
        theirs["okx"] = _ccxt_okx()
    bare = {"binance_ed25519": _bare(private.sign)}
    bare |= dict.fromkeys(("binance", "okx"), _bare(HmacKey(_SECRET).digest))
    return {
        name: _compare(call, theirs.get(name), chunks, bare[name]) for name, call in ours.items()
    }


def _bare(sign: Callable[[bytes], bytes]) -> Call:
    """The signature of a text of the length of an order's, and nothing else."""
    texts = [_TEXT % number for number in range(_CHUNK)]
    return lambda number: sign(texts[number % _CHUNK])


def _compare(
    ours: tuple[Call, Call], theirs: Call | None, chunks: int, bare: Call
) -> dict[str, float]:
    """Medians of chunks in turns, and the best chunk of each."""
    calls = [*ours, bare] if theirs is None else [*ours, bare, theirs]
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(chunks):
        for call, found in zip(calls, taken, strict=True):
            begin = time.perf_counter_ns()
            for each in range(_CHUNK):
                call(number * _CHUNK + each)
            found.append((time.perf_counter_ns() - begin) / _CHUNK / 1_000)
    result = {"p50": statistics.median(taken[0]), "min": min(taken[0])}
    result |= {"bytes_p50": statistics.median(taken[1]), "bytes_min": min(taken[1])}
    result |= {"signature_p50": statistics.median(taken[2]), "signature_min": min(taken[2])}
    if theirs is not None:
        p50, least = statistics.median(taken[3]), min(taken[3])
        result |= {"ccxt_p50": p50, "ccxt_min": least, "ratio": p50 / result["p50"]}
        result["ratio_of_minimums"] = least / result["min"]
        result["ratio_bound"] = least / result["signature_min"]
        result["bytes_ratio"] = p50 / result["bytes_p50"]
    return {name: round(value, 3) for name, value in result.items()}


def _orders(instrument: str) -> list[OrderRequest]:
    """As the runtime hands them over, made before the clock starts."""
    return [
        OrderRequest(
            order_id=number + 1,
            client_order_id=f"bench{number}",
            account=ACCOUNT,
            instrument=instrument,
            side="buy",
            type="limit",
            time_in_force="gtc",
            quantity=QUANTITY,
            price=PRICE,
        )
        for number in range(_CHUNK)
    ]


def _binance(secret: str) -> tuple[Call, Call]:
    """POST /fapi/v1/order, as Sender and BinanceRest make it."""
    from gateway_binance import translate
    from gateway_binance.capabilities import RATE_LIMITS
    from gateway_binance.rest import BinanceRest
    from gateway_binance.signing import Signer, query_text

    signer = Signer(_KEY, secret)
    rest = BinanceRest(
        "http://127.0.0.1:1",
        signer,
        product="usdm",
        timeout_ms=1_000,
        acceptance_window_ms=5_000,
        account=ACCOUNT,
        limits=RATE_LIMITS,
        random=Random(1),
    )
    orders, path = _orders("BTCUSDT"), "/fapi/v1/order"

    def terms(number: int) -> dict[str, str]:
        order = orders[number % _CHUNK]
        if translate.refusal_of(order) or translate.is_conditional(order):
            raise RuntimeError("bench: the order is plain")
        found: dict[str, str] = translate.order_parameters(order)
        return found

    def sign(number: int) -> object:
        query = query_text(terms(number))
        now_ms = rest.clock.now_ns() // 1_000_000
        return {
            "url": f"{path}?{signer.signed(query, now_ms, 5_000)}",
            "method": "POST",
            "body": "",
            "headers": {"X-MBX-APIKEY": signer.api_key},
        }

    return sign, lambda number: rest.request_bytes("POST", path, terms(number))


def _okx() -> tuple[Call, Call]:
    """POST /api/v5/trade/order, as OrderEntry and OkxRest make it."""
    from gateway_okx import translate
    from gateway_okx.rest import OkxRest
    from gateway_okx.signing import Signer

    signer = Signer(_KEY, _SECRET, _PASSPHRASE)
    rest = OkxRest(
        "http://127.0.0.1:1",
        signer,
        ACCOUNT,
        timeout_ms=1_000,
        acceptance_window_ms=5_000,
        now_ns=time.time_ns,
        random=Random(1),
        counters=Counter(),
    )
    orders, path = _orders("BTC-USDT-SWAP"), "/api/v5/trade/order"

    def terms(number: int) -> dict[str, Any]:
        order = orders[number % _CHUNK]
        if translate.unsendable(order, kind="SWAP") or translate.is_algo(order):
            raise RuntimeError("bench: the order is plain")
        found: dict[str, Any] = translate.order_body(order, kind="SWAP", trade_mode="cross")
        return found

    def sign(number: int) -> object:
        text = msgspec.json.encode(terms(number)).decode()
        headers = signer.headers("POST", path, text, rest.clock.now_ns())
        headers["expTime"] = rest.deadline_ms()
        return {"url": path, "method": "POST", "body": text, "headers": headers}

    return sign, lambda number: rest.request_bytes("trade/order", terms(number), is_bounded=True)


def ccxt_market(client: Any, identifier: str) -> None:
    """One linear contract, in place of the exchange information."""
    client.set_markets(
        [
            {
                "id": identifier, "symbol": CCXT_SYMBOL, "base": "BTC", "quote": "USDT",
                "settle": "USDT", "baseId": "BTC", "quoteId": "USDT", "settleId": "USDT",
                "type": "swap", "spot": False, "margin": False, "swap": True, "future": False,
                "option": False, "active": True, "contract": True, "linear": True,
                "inverse": False, "subType": "linear", "contractSize": 1.0,
                "precision": {"amount": 0.001, "price": 0.1},
                "limits": {
                    "amount": {"min": 0.001, "max": 1000.0}, "price": {"min": 0.1, "max": 1e7},
                    "cost": {"min": 5.0, "max": None}, "leverage": {"min": None, "max": None},
                },
                "info": {
                    "orderTypes": ["LIMIT", "MARKET", "STOP"],
                    "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
                },
            }
        ]
    )  # fmt: skip


def _ccxt_binance(secret: str) -> Call:
    import ccxt

    client = ccxt.binanceusdm({"apiKey": _KEY, "secret": secret})
    ccxt_market(client, "BTCUSDT")
    amount, price = float(QUANTITY), float(PRICE)

    def call(number: int) -> object:
        more = {"newClientOrderId": f"bench{number}"}
        request = client.create_order_request(CCXT_SYMBOL, "limit", "buy", amount, price, more)
        return client.sign("order", ["fapiPrivate"], "POST", request)

    return call


def _ccxt_okx() -> Call:
    import ccxt

    client = ccxt.okx({"apiKey": _KEY, "secret": _SECRET, "password": _PASSPHRASE})
    ccxt_market(client, "BTC-USDT-SWAP")
    amount, price = float(QUANTITY), float(PRICE)

    def call(number: int) -> object:
        more = {"clientOrderId": f"bench{number}"}
        request = client.create_order_request(CCXT_SYMBOL, "limit", "buy", amount, price, more)
        return client.sign("trade/order", ["private"], "POST", request)

    return call

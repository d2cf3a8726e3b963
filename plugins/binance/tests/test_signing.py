"""Signatures against the vectors Binance publishes, and the silence of secrets."""

from __future__ import annotations

import base64
import logging
from random import Random
from urllib.parse import parse_qs, unquote

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gateway_binance import gateway_create_adapter, gateway_venue_name
from gateway_binance.capabilities import RATE_LIMITS
from gateway_binance.rest import BinanceRest
from gateway_binance.signing import Signer, query_text

# "Request Security", binance-spot-api-docs, 2026-07-21: example key pair and its two signatures.
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
ORDER = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "0.1"}


@pytest.mark.parametrize(
    ("symbol", "signature"),
    [
        ("LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        ("１２３４５６", "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
    ],
)
def test_hmac_signatures_are_those_of_the_documentation(symbol: str, signature: str) -> None:
    query = query_text({"symbol": symbol, **ORDER})
    signed = Signer(KEY, SECRET).signed(query, 1499827319559, 5000)
    assert signed.startswith(query) and signed.endswith(f"&signature={signature}")


def test_an_ed25519_signature_covers_the_bytes_that_are_sent() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    signed = Signer("k", pem).signed(query_text({"clientAlgoId": "a/b:c"}), 1, 5000)
    text, _, signature = signed.partition("&signature=")
    private.public_key().verify(base64.b64decode(unquote(signature)), text.encode())
    assert parse_qs(text)["clientAlgoId"] == ["a/b:c"]


@pytest.mark.parametrize("value", ["a&b", "a=b", "=", "&", "a b", "é", "%41", "a/b:c", "", "a#b"])
def test_no_value_reads_as_another_parameter(value: str) -> None:
    text = query_text({"symbol": "BTCUSDT", "newClientOrderId": value, "side": "BUY"})
    told = parse_qs(text, keep_blank_values=True, strict_parsing=True)
    assert told == {"symbol": ["BTCUSDT"], "newClientOrderId": [value], "side": ["BUY"]}


@pytest.mark.asyncio
async def test_no_secret_is_shown_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = {"key": KEY, "secret": SECRET}
    settings = {"account": "main", "url": "http://127.0.0.1:1", "stream_url": "ws://127.0.0.1:1"}
    adapter = gateway_create_adapter(gateway_venue_name(), settings, secrets)
    rest = BinanceRest(
        "http://127.0.0.1:1",
        Signer(KEY, SECRET),
        product="usdm",
        timeout_ms=100,
        acceptance_window_ms=5000,
        account="main",
        limits=RATE_LIMITS,
        random=Random(1),
    )
    shown = [repr(adapter), repr(vars(adapter)), repr(rest), repr(vars(rest)), repr(rest.row())]
    with pytest.raises(Exception) as refused:
        await rest.open()
    shown += [str(refused.value), caplog.text]
    bad = {"key": KEY, "secret": "-----BEGIN PRIVATE KEY-----\n" + SECRET}
    with pytest.raises(ValueError) as unreadable:
        gateway_create_adapter("b", settings, bad)
    shown.append(str(unreadable.value))
    assert not [text for text in shown if SECRET in text or SECRET[:16] in text]


@pytest.mark.parametrize(
    ("settings", "secrets", "named"),
    [
        ({}, {"key": "k", "secret": "s"}, "account"),
        ({"account": "a", "colour": 1}, {"key": "k", "secret": "s"}, "colour"),
        ({"account": "a", "url": "ftp://x"}, {"key": "k", "secret": "s"}, "url"),
        ({"account": "a", "product": "coinm"}, {"key": "k", "secret": "s"}, "product"),
        (
            {"account": "a", "acceptance_window_ms": 0},
            {"key": "k", "secret": "s"},
            "acceptance_window",
        ),
        ({"account": "a"}, {"key": "k"}, "secret"),
    ],
)
def test_bad_settings_are_refused_by_name(
    settings: dict[str, object], secrets: dict[str, str], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        gateway_create_adapter("binance", settings, secrets)

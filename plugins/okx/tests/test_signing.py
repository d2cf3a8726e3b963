"""Signatures against an independent computation, and secrets that stay secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import pickle

import pytest
from gateway_okx import gateway_api_level, gateway_create_adapter, gateway_venue_name
from gateway_okx.signing import Signer

from gateway.api import API_LEVEL, BorrowSource, DeadManSwitch, MassCancel, VenueUnavailable

SECRET, PHRASE = "SECRET-IN-CLEAR", "PHRASE-IN-CLEAR"
SECRETS = {"key": "k1", "secret": SECRET, "passphrase": PHRASE}
NOW_NS = 1_607_418_537_715_000_000


def expected(text: str) -> str:
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def test_a_request_is_signed_over_time_method_path_and_body() -> None:
    path, body = "/api/v5/trade/order", '{"instId":"BTC-USDT-SWAP"}'
    headers = Signer("k1", SECRET, PHRASE).headers("POST", path, body, NOW_NS)
    assert headers["OK-ACCESS-TIMESTAMP"] == "2020-12-08T09:08:57.715Z"
    assert headers["OK-ACCESS-SIGN"] == expected(f"2020-12-08T09:08:57.715ZPOST{path}{body}")
    assert (headers["OK-ACCESS-KEY"], headers["OK-ACCESS-PASSPHRASE"]) == ("k1", PHRASE)
    assert "x-simulated-trading" not in headers
    demo = Signer("k1", SECRET, PHRASE, is_demo=True).headers("GET", path, "", NOW_NS)
    assert demo["x-simulated-trading"] == "1"


def test_a_login_is_signed_with_seconds() -> None:
    (item,) = Signer("k1", SECRET, PHRASE).login(NOW_NS)["args"]
    assert item["timestamp"] == "1607418537"
    assert item["sign"] == expected("1607418537GET/users/self/verify")


def test_milliseconds_are_never_lost_at_a_boundary() -> None:
    stamp = Signer("k1", SECRET, PHRASE).stamp
    assert stamp(1_000_999_000_000_000) == "1970-01-12T14:03:19.000Z"
    assert stamp(1_000_999_999_999_999) == "1970-01-12T14:03:19.999Z"
    assert stamp(1_001_000_000_000_000) == "1970-01-12T14:03:20.000Z"
    assert stamp(1_999_999) == "1970-01-01T00:00:00.001Z"


def test_hooks_name_the_plugin_and_check_its_settings() -> None:
    assert (gateway_venue_name(), gateway_api_level()) == ("okx", API_LEVEL)
    for settings, secrets, named in [
        ({}, SECRETS, "account"),
        ({"account": "a", "url": "ftp://x"}, SECRETS, "url"),
        ({"account": "a", "socket_url": "http://x"}, SECRETS, "socket_url"),
        ({"account": "a", "color": 1}, SECRETS, "color"),
        ({"account": "a", "trade_mode": "cash"}, SECRETS, "trade_mode"),
        ({"account": "a", "silence_max_s": 40.0}, SECRETS, "silence_max_s"),
        ({"account": "a"}, {"key": "k"}, "secret"),
    ]:
        with pytest.raises(ValueError, match=named) as caught:
            gateway_create_adapter("okx", settings, secrets)
        assert SECRET not in str(caught.value)


def test_the_manifest_declares_what_the_adapter_has() -> None:
    adapter = gateway_create_adapter("okx", {"account": "main"}, SECRETS)
    manifest = adapter.capabilities
    assert manifest.has_borrow == hasattr(adapter, "borrow_interest")
    assert (manifest.dead_man != "none") == hasattr(adapter, "arm_dead_man")
    assert manifest.has_mass_cancel == hasattr(adapter, "cancel_all")
    assert (manifest.client_order_id_length_max, manifest.client_order_id_pattern) == (
        32, r"[A-Za-z0-9]+",
    )  # fmt: skip
    assert {BorrowSource, DeadManSwitch, MassCancel}


@pytest.mark.asyncio
async def test_secrets_are_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = {"account": "main", "url": "http://127.0.0.1:9", "socket_url": "ws://127.0.0.1:9"}
    adapter = gateway_create_adapter("okx", settings, SECRETS)
    signer = Signer("k1", SECRET, PHRASE)
    with pytest.raises(TypeError):
        pickle.dumps(signer)
    with pytest.raises(VenueUnavailable) as caught:
        await adapter.connect(object())  # type: ignore[arg-type]
    told = f"{adapter!r} {signer!r} {caught.value!r} {caplog.text}"
    assert SECRET not in told
    assert PHRASE not in told
    assert "k1" not in repr(signer)

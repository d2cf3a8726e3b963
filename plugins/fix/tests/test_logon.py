"""Logons prove their keys: vectors that venues publish, and what must never repeat or show."""

import base64
import hashlib
from random import Random

import pytest
from gateway_fix.logon import LOGONS

# The example of binance-spot-api-docs fix-api.md, "How to sign Logon", read 2026-11-21.
BINANCE_KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u
-----END PRIVATE KEY-----
"""
BINANCE_SIGNATURE = (
    "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
)


def signer(name, secrets, now_ns=lambda: 1_700_000_000_000_000_000):
    return LOGONS[name][1](secrets, now_ns, Random(7))


def test_binance_signs_its_published_example():
    secrets = {"key": "api", "private_key": BINANCE_KEY}
    header = {34: b"1", 49: b"EXAMPLE", 52: b"20240627-11:17:25.223", 56: b"SPOT"}
    fields = dict(signer("binance_ed25519", secrets).fields(header))
    assert fields == {553: b"api", 96: BINANCE_SIGNATURE.encode()}


def test_deribit_never_uses_a_time_twice():
    secrets = {"key": "id", "secret": "word"}
    made = signer("deribit_nonce", secrets)
    raws = [dict(made.fields({}))[96] for _ in range(3)]
    stamps = [int(raw.partition(b".")[0]) for raw in raws]
    assert stamps == sorted(set(stamps))
    fields = dict(made.fields({}))
    digest = hashlib.sha256(fields[96] + b"word").digest()
    assert fields[554] == base64.b64encode(digest)
    assert len(base64.b64decode(fields[96].partition(b".")[2])) == 32


def test_a_secret_of_coinbase_that_is_no_base64_is_refused_by_name():
    with pytest.raises(ValueError, match="secret: base64"):
        signer("coinbase_hmac", {"key": "k", "secret": "no base64!", "passphrase": "p"})


@pytest.mark.parametrize("name", sorted(LOGONS))
def test_no_signer_shows_a_secret(name):
    words = {"key": "k", "secret": base64.b64encode(b"hidden").decode(), "password": "hidden-too"}
    words |= {"passphrase": "hidden-as-well", "private_key": BINANCE_KEY}
    shown = repr(vars(signer(name, words))) if vars(signer(name, words)) else ""
    assert all(word not in shown for key, word in words.items() if key != "key")

"""Signatures against published vectors; secrets that nobody can read."""

import copy
import hmac
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport import (
    Ed25519Key,
    HmacKey,
    hmac_sha256_base64,
    hmac_sha256_hex,
    hmac_sha512_base64,
    is_same_signature,
)

# RFC 4231, test cases 1, 2, 3, 4, 6 and 7.
RFC_4231 = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50,
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50,
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "message", "expected"), RFC_4231)
def test_hmac_is_that_of_the_standard(key: bytes, message: bytes, expected: str) -> None:
    assert HmacKey(key).digest(message).hex() == expected


def test_a_request_is_signed_as_binance_documents_it() -> None:
    """binance-spot-api-docs, rest-api.md, "SIGNED Endpoint Examples for POST /api/v3/order"."""
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    query = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
        "&recvWindow=5000&timestamp=1499827319559"
    )
    expected = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert hmac_sha256_hex(secret, query) == expected
    assert HmacKey(secret).hex(query) == expected
    assert is_same_signature(expected, hmac_sha256_hex(secret, query))
    assert not is_same_signature(expected, expected.upper()) and not is_same_signature("ä", "a")


@given(st.binary(min_size=1, max_size=300), st.text(max_size=300))
def test_a_prepared_key_signs_as_the_library_does_and_again_and_again(
    key: bytes, text: str
) -> None:
    for name in ("sha256", "sha512"):
        prepared = HmacKey(key, name)
        for _ in range(2):
            assert prepared.digest(text.encode()) == hmac.digest(key, text.encode(), name)
    import base64

    expected = base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
    assert hmac_sha256_base64(key, text) == HmacKey(key).base64(text) == expected
    expected = base64.b64encode(hmac.digest(key, text.encode(), "sha512")).decode()
    assert hmac_sha512_base64(key, text) == expected


def pem(key: object) -> str:
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return str(data.decode())


def test_ed25519_signs_as_the_standard_says() -> None:
    """RFC 8032, section 7.1, test 2."""
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = Ed25519Key.from_pem(pem(Ed25519PrivateKey.from_private_bytes(seed)))
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert key.sign_base64("r") == (
        "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA=="
    )


@pytest.mark.parametrize("text", ["", "secret words", "-----BEGIN PRIVATE KEY-----\nsecret"])
def test_a_bad_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ValueError) as failure:
        Ed25519Key.from_pem(text)
    assert "secret" not in repr(failure.value) and failure.value.__cause__ is None
    with pytest.raises(ValueError, match="another kind"):
        Ed25519Key.from_pem(pem(generate_private_key(65537, 2048)))
    with pytest.raises(ValueError):
        HmacKey("")


def test_a_key_shows_itself_nowhere() -> None:
    for key in (HmacKey("secret"), Ed25519Key(Ed25519PrivateKey.generate())):
        assert repr(key) == str(key) == f"{type(key).__name__}(hidden)"
        for write in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not written"):
                write(key)
        assert not hasattr(key, "__dict__")

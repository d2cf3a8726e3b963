"""TLS of whoever listens: 1.2 or later. Never a listener that takes a stranger's certificate."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["listener_tls"]


def listener_tls(
    certificate: Path, private_key: Path, client_authority: Path | None = None
) -> ssl.SSLContext:
    """PEM files; the certificate with its chain. With an authority, clients must show a certificate
    of it. Raises OSError (ssl.SSLError) for files that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, private_key)
    if client_authority is not None:
        context.load_verify_locations(client_authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

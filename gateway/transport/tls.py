"""TLS towards venues: the peer is always who it says it is, and nothing older than 1.2 is spoken.
Must never hand out, or accept, a context that skips the check of certificate or name."""

from __future__ import annotations

import functools
import ssl

__all__ = ["client_tls"]


def client_tls(given: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """The system's authorities, or what the caller trusts. Raises ValueError for a context that
    would let a stranger read signed requests."""
    if given is None:
        return _of_the_system()
    if given.verify_mode != ssl.CERT_REQUIRED or not given.check_hostname:
        raise ValueError("a TLS context of a venue checks certificate and host name")
    if given.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise ValueError("a TLS context of a venue speaks nothing older than TLS 1.2")
    return given


@functools.cache
def _of_the_system() -> ssl.SSLContext:
    """One for the whole process: to read the authorities takes longer than a line may take to come
    back."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

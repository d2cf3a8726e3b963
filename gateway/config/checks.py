"""Rules between settings. Each contradiction names both places; no rule reads the network or
changes anything."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from gateway.config.faults import Faults, nearest
from gateway.config.fix_checks import check_fix
from gateway.config.limits import DEFAULT, LevelName, Limits
from gateway.config.places import Places, is_on_tmpfs
from gateway.config.secrets import check_secret_file
from gateway.config.settings import Document

__all__ = ["check_document", "check_limit_coverage", "check_places"]

TABLES_OF_LEVELS: dict[LevelName, str] = {
    "strategy": "strategies",
    "account": "accounts",
    "venue": "venues",
}
SOCKET_PATH_LENGTH_MAX = 107  # sun_path of unix(7), without its closing zero.


def check_document(
    document: Document, faults: Faults, *, simulated_adapters: Collection[str]
) -> None:
    """Every rule that needs more than one setting of gateway.toml."""
    _check_listeners(document, faults)
    _check_drive(document, faults)
    _check_day(document, faults)
    _check_venues(document, faults, simulated_adapters)
    _check_accounts(document, faults, simulated_adapters)
    _check_principals(document, faults)
    _check_currencies(document, faults)
    check_fix(document, faults, is_loopback)
    for kind in ("venues", "accounts", "strategies", "principals"):
        _check_spelling(kind, getattr(document, kind), faults)


def _clash(faults: Faults, path: str, other: str, expected: str, given: object) -> None:
    faults.add("CLASH", path, expected, given, other=faults.place_of(other))


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_listeners(document: Document, faults: Faults) -> None:
    api, observer = document.api, document.observer
    if api.port == observer.port != 0:
        _clash(faults, "observer.port", "api.port", "another port than the API's", observer.port)
    if not is_loopback(observer.host):
        faults.add("NEEDS_TLS", "observer.host", "a loopback address", observer.host)
    if not is_loopback(api.host) and not api.tls_certificate:
        expected = "a loopback address, or api.tls_certificate and api.tls_private_key"
        faults.add("NEEDS_TLS", "api.host", expected, api.host)
    if bool(api.tls_certificate) != bool(api.tls_private_key):
        given, missing = "api.tls_certificate", "api.tls_private_key"
        if api.tls_private_key:
            given, missing = missing, given
        faults.add("MISSING_KEY", missing, f"a path, because {given} is set")


def _check_drive(document: Document, faults: Faults) -> None:
    gateway, journal = document.gateway, document.journal
    if gateway.engine_cpu >= 0 and gateway.engine_cpu == journal.commit_cpu:
        expected = "another CPU than the engine's"
        _clash(faults, "journal.commit_cpu", "gateway.engine_cpu", expected, journal.commit_cpu)
    if gateway.engine_cpu >= 0 and gateway.drive == "inline":
        expected = '-1, because drive = "inline" has no engine thread'
        _clash(faults, "gateway.engine_cpu", "gateway.drive", expected, gateway.engine_cpu)
    if journal.segment_mib > journal.ring_mib:
        expected = f"at most journal.ring_mib ({journal.ring_mib})"
        _clash(faults, "journal.segment_mib", "journal.ring_mib", expected, journal.segment_mib)


def _check_day(document: Document, faults: Faults) -> None:
    zone = document.gateway.day_time_zone
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        expected = "a name of the IANA database"
        near = nearest(zone, available_timezones())
        faults.add("UNKNOWN_NAME", "gateway.day_time_zone", expected, zone, near=near)


def _check_venues(document: Document, faults: Faults, simulated: Collection[str]) -> None:
    for name, venue in document.venues.items():
        path, is_simulated = f"venues.{name}", venue.adapter in simulated
        if not is_simulated and document.journal.level == "memory":
            expected = "simulated venues alone, because journal.level is memory"
            faults.add("NEEDS_SIMULATED", f"{path}.adapter", expected, venue.adapter)
        if document.gateway.drive == "pinned":
            continue
        if not is_simulated:
            expected = 'a simulated venue, or gateway.drive = "pinned"'
            other = faults.place_of("gateway.drive")
            faults.add("NEEDS_PINNED", f"{path}.adapter", expected, venue.adapter, other=other)


def _check_accounts(document: Document, faults: Faults, simulated: Collection[str]) -> None:
    for name, account in document.accounts.items():
        path = f"accounts.{name}"
        venue = document.venues.get(account.venue)
        if venue is None:
            _unknown(faults, f"{path}.venue", "venues", account.venue, document.venues)
        if account.durability == "replica":
            expected = '"process", "disk_async" or "disk"; there is no standby yet'
            faults.add("NOT_AVAILABLE", f"{path}.durability", expected, "replica")
        if account.durability == "memory" and venue and venue.adapter not in simulated:
            other = faults.place_of(f"venues.{account.venue}.adapter")
            expected = '"process", "disk_async" or "disk" at a real venue'
            faults.add("NEEDS_SIMULATED", f"{path}.durability", expected, "memory", other=other)


_OWN_ACTORS = ("gateway", "reconciliation")  # in the journal, of what no principal did


def _check_principals(document: Document, faults: Faults) -> None:
    for name, principal in document.principals.items():
        path = f"principals.{name}"
        if name in _OWN_ACTORS:
            expected = "a name under which the gateway itself does not act"
            faults.add("CLASH", path, expected, name)
        _check_repeats(faults, f"{path}.scopes", principal.scopes)
        for kind, known in (("accounts", document.accounts), ("strategies", document.strategies)):
            chosen = getattr(principal, kind)
            if chosen == "all":
                continue
            _check_repeats(faults, f"{path}.{kind}", chosen)
            for wanted in chosen:
                if wanted not in known:
                    _unknown(faults, f"{path}.{kind}", kind, wanted, known)
        if principal.instruments != "all":
            _check_repeats(faults, f"{path}.instruments", principal.instruments)


def _check_repeats(faults: Faults, path: str, words: Iterable[str]) -> None:
    seen: set[str] = set()
    for word in words:
        if word in seen:
            faults.add("CLASH", path, "each entry once", word, other=faults.place_of(path))
        seen.add(word)


def _unknown(faults: Faults, path: str, kind: str, given: str, known: Iterable[str]) -> None:
    names = sorted(known)
    expected = f"a name defined under [{kind}.NAME]"
    if names:
        expected += f" ({', '.join(names[:8])})"
    other = faults.place_of(kind)
    faults.add("UNKNOWN_NAME", path, expected, given, near=nearest(given, names), other=other)


def _check_currencies(document: Document, faults: Faults) -> None:
    own = document.gateway.reporting_currency
    for code, rate in document.currencies.items():
        path, digits = f"currencies.{code}", rate.replace(".", "").strip("0")
        if not digits:
            faults.add("OUT_OF_RANGE", path, "a rate above zero", rate)
        if code == own and digits and rate.rstrip("0").rstrip(".") != "1":
            _clash(faults, path, "gateway.reporting_currency", '"1" or no entry', rate)


def _check_spelling(kind: str, names: Iterable[str], faults: Faults) -> None:
    """Two names that differ in case alone are one name to people, so they are refused."""
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            expected = "a name that differs by more than case"
            _clash(faults, f"{kind}.{name}", f"{kind}.{first}", expected, name)


def check_places(
    places: Places,
    document: Document,
    faults: Faults,
    is_in_memory: Callable[..., bool] = is_on_tmpfs,
) -> None:
    """The ring is in memory, the journal is not inside it, and the TLS files are usable."""
    ring, directory = places.ring_directory, places.directory
    if not is_in_memory(ring):
        faults.add("NOT_TMPFS", "gateway.ring_directory", "a directory on tmpfs", str(ring))
    if directory == ring or directory.is_relative_to(ring):
        expected = "a directory outside the ring directory"
        _clash(faults, "gateway.directory", "gateway.ring_directory", expected, str(directory))
    if len(str(places.unix_socket)) > SOCKET_PATH_LENGTH_MAX:
        expected = f"a path of at most {SOCKET_PATH_LENGTH_MAX} characters"
        faults.add("OUT_OF_RANGE", "api.unix_socket", expected, str(places.unix_socket))
    if document.shm.enabled and len(str(places.shm_socket)) > SOCKET_PATH_LENGTH_MAX:
        expected = f"a path of at most {SOCKET_PATH_LENGTH_MAX} characters"
        faults.add("OUT_OF_RANGE", "shm.socket", expected, str(places.shm_socket))
    if places.tls_private_key:
        check_secret_file(places.tls_private_key, "api.tls_private_key", faults)
    if places.tls_certificate and not places.tls_certificate.is_file():
        given = document.api.tls_certificate
        faults.add("FILE_MISSING", "api.tls_certificate", "an existing file", given)
    _check_fix_files(places, document, faults)


def _check_fix_files(places: Places, document: Document, faults: Faults) -> None:
    beside, fix = places.configuration_directory, document.fix
    if fix.tls_private_key:
        check_secret_file(beside / fix.tls_private_key, "fix.tls_private_key", faults)
    for name in ("tls_certificate", "tls_client_authority"):
        given = getattr(fix, name)
        if given and not (beside / given).is_file():
            faults.add("FILE_MISSING", f"fix.{name}", "an existing file", given)


def check_limit_coverage(
    document: Document,
    limits: Limits,
    written: Mapping[str, Any],
    faults: Faults,
    limits_faults: Faults,
) -> None:
    """Nothing trades without limits: every configured name has a row, and so has the firm. `limits`
    holds the good rows of the file, `written` all of them."""
    if document.venues and limits.firm is None:
        limits_faults.add("LIMIT_MISSING", "firm", "a table [firm]")
    if document.venues and not limits.instrument:
        limits_faults.add("LIMIT_MISSING", "instrument", "a table [instrument.default]")
    for level, kind in TABLES_OF_LEVELS.items():
        known = getattr(document, kind)
        for name in known:
            if limits.row(level, name) is None:
                path, expected = f"{level}.{name}", f"[{level}.{name}] or [{level}.default]"
                other = faults.place_of(f"{kind}.{name}")
                limits_faults.add("LIMIT_MISSING", path, expected, other=other)
        # A row for a name that does not exist is a typing mistake that leaves a limit unset.
        rows = written.get(level)
        for name in rows if isinstance(rows, dict) else ():
            if name != DEFAULT and name not in known:
                path, expected = f"{level}.{name}", f"a name defined under [{kind}.NAME]"
                near, other = nearest(name, known), faults.place_of(kind)
                limits_faults.add("UNKNOWN_NAME", path, expected, name, near=near, other=other)

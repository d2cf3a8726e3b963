"""Rules between the settings of the FIX door. Reads no network, changes nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo, available_timezones

from gateway.config.faults import Faults, nearest
from gateway.config.fix import (
    DROP_COPIES_MAX,
    CounterpartySettings,
    FixSchedule,
    FixSettings,
)
from gateway.config.settings import Document

__all__ = ["added_fault", "check_counterparty", "check_fix"]

_SINCE_44 = frozenset({"FIX.4.4", "FIXT.1.1"})


def check_fix(document: Document, faults: Faults, is_loopback: Callable[[str], bool]) -> None:
    """The listener, then each counterparty, then all of them against each other."""
    fix = document.fix
    _check_listener(document, faults, is_loopback)
    for field, expected, given in _schedule_faults(fix.schedule):
        code = "UNKNOWN_NAME" if field in _NAMES else "CLASH"
        faults.add(code, f"fix.{field}", expected, given, near=_near(document, field, given),
                   other=faults.place_of("fix.schedule"))  # fmt: skip
    names: dict[tuple[str, str, str], str] = {}
    owners: dict[str, str] = {}
    copies = [name for name, each in fix.sessions.items() if each.kind == "drop_copy"]
    for name in copies[DROP_COPIES_MAX:]:
        expected = f"at most {DROP_COPIES_MAX} drop copies"
        faults.add("OUT_OF_RANGE", f"fix.sessions.{name}.kind", expected, "drop_copy")
    for name, session in fix.sessions.items():
        path = f"fix.sessions.{name}"
        for field, expected, given in check_counterparty(session, fix, document):
            faults.add("UNKNOWN_NAME" if field in _NAMES else "CLASH", f"{path}.{field}", expected,
                       given, near=_near(document, field, given),
                       other=faults.place_of(path))  # fmt: skip
        _note_once(faults, names, _identity(session, fix), name, f"{path}.target_comp_id")
        if session.kind == "order_entry":
            _note_once(faults, owners, session.principal, name, f"{path}.principal")


_ZONE = "schedule.time_zone"
_NAMES = {
    "principal": "principals", "accounts": "accounts", "strategies": "strategies", _ZONE: "zones"
}  # fmt: skip


def check_counterparty(
    session: CounterpartySettings, fix: FixSettings, document: Document
) -> Iterable[tuple[str, str, str]]:
    """(setting, what is expected, what is given) of what is wrong with one session by itself."""
    if session.principal not in document.principals:
        yield "principal", "a name defined under [principals.NAME]", session.principal
    for kind in ("accounts", "strategies"):
        wanted, known = getattr(session, kind), getattr(document, kind)
        for each in wanted if wanted != "all" else ():
            if each not in known:
                yield kind, f"a name defined under [{kind}.NAME]", each
    if not session.password and not session.certificate_name:
        yield "password", "true, or a certificate_name", "false"
    if session.certificate_name and not fix.tls_client_authority:
        yield "certificate_name", "nothing without fix.tls_client_authority", "a name"
    if session.next_expected and session.begin_string not in _SINCE_44:
        yield "next_expected", "false before FIX.4.4", "true"
    if session.schedule is not None:
        yield from _schedule_faults(session.schedule)


def _schedule_faults(schedule: FixSchedule) -> Iterator[tuple[str, str, str]]:
    """As `check_counterparty`, of a schedule by itself."""
    has_times = bool(schedule.start_time and schedule.end_time)
    if bool(schedule.start_time) != bool(schedule.end_time):
        missing = "end_time" if schedule.start_time else "start_time"
        yield f"schedule.{missing}", "a start and an end, or neither", '""'
    elif not has_times and (schedule.days or schedule.start_day or schedule.end_day):
        yield "schedule.start_time", "a time, because days are given", '""'
    if bool(schedule.start_day) != bool(schedule.end_day):
        missing = "end_day" if schedule.start_day else "start_day"
        yield f"schedule.{missing}", "a start day and an end day, or neither", '""'
    if schedule.days and schedule.start_day:
        rule = "none, because start_day makes it weekly"
        yield "schedule.days", rule, ", ".join(schedule.days)
    try:
        ZoneInfo(schedule.time_zone)
    except (KeyError, ValueError, OSError):
        yield _ZONE, "a name of the IANA database", schedule.time_zone


def added_fault(
    sessions: Mapping[str, CounterpartySettings], document: Document
) -> tuple[str, str, str] | None:
    """(setting, what is given, what is expected) of the first session that was added at run time
    and does not go with the configuration as it is now."""
    fix = document.fix
    added = {name: each for name, each in sessions.items() if name not in fix.sessions}
    known = {name: each for name, each in sessions.items() if name in fix.sessions}
    for name, session in added.items():
        path = f"fix.sessions.{name}"
        for field, expected, given in check_counterparty(session, fix, document):
            return f"{path}.{field}", given, expected
        for other, each in known.items():
            if _identity(each, fix) == _identity(session, fix):
                rule = f"CompIDs of its own: session {other} has the same"
                return f"{path}.target_comp_id", session.target_comp_id, rule
            kinds = {each.kind, session.kind}
            if kinds == {"order_entry"} and each.principal == session.principal:
                rule = f"a principal of its own: session {other} enters its orders"
                return f"{path}.principal", session.principal, rule
        known[name] = session
        if [each.kind for each in known.values()].count("drop_copy") > DROP_COPIES_MAX:
            return f"{path}.kind", session.kind, f"at most {DROP_COPIES_MAX} drop copies"
    return None


def _check_listener(document: Document, faults: Faults, is_loopback: Callable[[str], bool]) -> None:
    fix = document.fix
    if fix.enabled and not is_loopback(fix.host) and not fix.tls_certificate:
        expected = "a loopback address, or fix.tls_certificate and fix.tls_private_key"
        faults.add("NEEDS_TLS", "fix.host", expected, fix.host)
    for given, missing in (
        ("tls_certificate", "tls_private_key"),
        ("tls_private_key", "tls_certificate"),
        ("tls_client_authority", "tls_certificate"),
    ):
        if getattr(fix, given) and not getattr(fix, missing):
            faults.add("MISSING_KEY", f"fix.{missing}", f"a path, because fix.{given} is set")
    if fix.enabled and fix.port and fix.port in (document.api.port, document.observer.port):
        other = "api.port" if fix.port == document.api.port else "observer.port"
        faults.add("CLASH", "fix.port", "a port of its own", fix.port, other=faults.place_of(other))
    for each in fix.allowed:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError:
            faults.add("BAD_NAME", "fix.allowed", "an address or a network", each)


def _identity(session: CounterpartySettings, fix: FixSettings) -> tuple[str, str, str]:
    ours = session.sender_comp_id or fix.sender_comp_id
    return session.begin_string, ours, session.target_comp_id


def _note_once(faults: Faults, seen: dict, key: object, name: str, path: str) -> None:  # type: ignore[type-arg]
    first = seen.setdefault(key, name)
    if first != name:
        other = faults.place_of(f"fix.sessions.{first}")
        faults.add("CLASH", path, "another than each other session's", name, other=other)


def _near(document: Document, field: str, given: str) -> str:
    if field == _ZONE:
        return nearest(given, available_timezones())
    return nearest(given, getattr(document, _NAMES[field])) if field in _NAMES else ""

"""Rules between the settings of the FIX door, each with the setting it names."""

from pathlib import Path

import pytest

from gateway.config.faults import Faults
from gateway.config.fix import (
    DROP_COPIES_MAX,
    CounterpartySettings,
    FixSchedule,
    FixSettings,
    SessionPolicy,
    policy_of,
)
from gateway.config.fix_checks import added_fault, check_fix
from gateway.config.settings import Document
from gateway.config.walker import walk

BASE = {
    "fix": {"enabled": True},
    "principals": {"fund": {"scopes": ["trade"]}, "other": {"scopes": ["trade"]}},
}
FUND = {"target_comp_id": "FUND", "principal": "fund"}
DAILY = {"start_time": "08:00", "end_time": "17:00:30"}


def faults_of(fix: dict, sessions: dict) -> set[tuple[str, str]]:
    """(code, setting) of everything that is wrong."""
    faults = Faults("gateway.toml", {})
    data = BASE | {"fix": {"enabled": True, **fix, "sessions": sessions}}
    document = walk(Document, data, "", faults)
    assert document is not None
    check_fix(document, faults, lambda host: host == "127.0.0.1")
    return {(fault.code, fault.path) for fault in faults.found}


@pytest.mark.parametrize(
    ("fix", "sessions", "wanted"),
    [
        ({}, {"a": FUND}, set()),
        ({"host": "0.0.0.0"}, {}, {("NEEDS_TLS", "fix.host")}),
        ({"tls_certificate": "a.pem"}, {}, {("MISSING_KEY", "fix.tls_private_key")}),
        ({"port": 8700}, {}, {("CLASH", "fix.port")}),
        ({"allowed": ["10.0.0.0/99"]}, {}, {("BAD_NAME", "fix.allowed")}),
        ({}, {"a": FUND | {"principal": "fun"}},
         {("UNKNOWN_NAME", "fix.sessions.a.principal")}),
        ({}, {"a": FUND | {"accounts": ["none"]}},
         {("UNKNOWN_NAME", "fix.sessions.a.accounts")}),
        ({}, {"a": FUND | {"password": False}}, {("CLASH", "fix.sessions.a.password")}),
        ({}, {"a": FUND | {"certificate_name": "x"}},
         {("CLASH", "fix.sessions.a.certificate_name")}),
        ({}, {"a": FUND | {"begin_string": "FIX.4.2", "next_expected": True}},
         {("CLASH", "fix.sessions.a.next_expected")}),
        ({}, {"a": FUND, "b": FUND | {"principal": "other"}},
         {("CLASH", "fix.sessions.b.target_comp_id")}),
        ({}, {"a": FUND, "b": FUND | {"target_comp_id": "TWO"}},
         {("CLASH", "fix.sessions.b.principal")}),
        ({}, {"a": FUND, "b": FUND | {"target_comp_id": "TWO", "kind": "drop_copy"}}, set()),
        ({"schedule": DAILY}, {"a": FUND | {"schedule": {}}}, set()),
        ({}, {"a": FUND | {"schedule": DAILY | {"days": ["monday", "friday"]}}}, set()),
        ({"schedule": DAILY | {"start_day": "sunday", "end_day": "friday"}}, {}, set()),
        ({"schedule": {"start_time": "08:00"}}, {}, {("CLASH", "fix.schedule.end_time")}),
        ({"schedule": {"days": ["monday"]}}, {}, {("CLASH", "fix.schedule.start_time")}),
        ({"schedule": DAILY | {"start_day": "sunday"}}, {},
         {("CLASH", "fix.schedule.end_day")}),
        ({"schedule": DAILY | {"start_day": "sunday", "end_day": "friday", "days": ["monday"]}},
         {}, {("CLASH", "fix.schedule.days")}),
        ({}, {"a": FUND | {"schedule": DAILY | {"time_zone": "Europe/Lundon"}}},
         {("UNKNOWN_NAME", "fix.sessions.a.schedule.time_zone")}),
    ],
)  # fmt: skip
def test_a_contradiction_is_named(fix: dict, sessions: dict, wanted: set[tuple[str, str]]) -> None:
    assert faults_of(fix, sessions) == wanted


def test_drop_copies_are_bounded() -> None:
    copies = {
        f"c{n}": FUND | {"target_comp_id": f"C{n}", "kind": "drop_copy"}
        for n in range(DROP_COPIES_MAX + 1)
    }
    assert faults_of({}, copies) == {("OUT_OF_RANGE", f"fix.sessions.c{DROP_COPIES_MAX}.kind")}
    del copies["c0"]
    assert faults_of({}, copies) == set()


@pytest.mark.parametrize(
    ("added", "wanted"),
    [
        ({"target_comp_id": "NEW", "principal": "other"}, None),
        ({"target_comp_id": "FUND", "principal": "other"}, "fix.sessions.late.target_comp_id FUND"),
        ({"target_comp_id": "NEW", "principal": "fund"}, "fix.sessions.late.principal fund"),
        ({"target_comp_id": "NEW", "principal": "gone"}, "fix.sessions.late.principal gone"),
        ({"target_comp_id": "NEW", "principal": "fund", "kind": "drop_copy"}, None),
    ],
)
def test_a_session_of_run_time_that_clashes_is_named(added: dict, wanted: str | None) -> None:
    data = BASE | {"fix": {"enabled": True, "sessions": {"a": FUND}}}
    document = walk(Document, data, "", Faults("gateway.toml", {}))
    assert document is not None
    sessions = document.fix.sessions | {"late": CounterpartySettings(**added)}
    found = added_fault(sessions, document)
    assert (found and f"{found[0]} {found[1]}") == wanted
    assert found is None or found[2]


@pytest.mark.parametrize(
    "schedule", [{"start_time": "8:00"}, {"start_time": "24:00"}, {"days": ["mon"]}, {"start": "x"}]
)
def test_what_is_no_time_or_day_is_refused(schedule: dict) -> None:
    faults = Faults("gateway.toml", {})
    walk(Document, BASE | {"fix": {"schedule": schedule}}, "", faults)
    assert [fault.path.rpartition(".")[0] for fault in faults.found] == ["fix.schedule"]


def test_a_session_says_what_it_wants_otherwise_than_the_door() -> None:
    fix = FixSettings(schedule=FixSchedule(**DAILY), reset_on_logon=True, resend_page=100)
    plain = CounterpartySettings(**FUND)
    other = CounterpartySettings(
        **FUND, schedule=FixSchedule(), reset_on_logon=False, reset_at_start=False, resend_page=0
    )
    assert policy_of(plain, policy_of(fix)) == policy_of(fix)
    assert policy_of(fix).schedule.end_time == "17:00:30" and policy_of(fix).reset_at_start
    assert policy_of(other, policy_of(fix)) == SessionPolicy(reset_at_start=False)


def test_the_shipped_example_of_a_session_is_one() -> None:
    text = (Path(__file__).parents[3] / "conf/gateway.toml").read_text()
    lines = text[text.index("# [fix.sessions.fund]") :].split("\n\n")[0].splitlines()
    keys = {line.removeprefix("# ").partition(" ")[0] for line in lines[1:]}
    assert {"target_comp_id", "principal"} <= keys

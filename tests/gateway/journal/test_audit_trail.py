"""The trail of a journal says who, what, when and why of everything that is in it, and nothing that
is noted changes the state."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from engine_world import HALTED, INSTRUMENT, SELL

from gateway.__main__ import root
from gateway._core.journal import Replica
from gateway.core.operations import (
    BURST_MAX,
    REPORTS_BURST_MAX,
    STRANGERS_BURST_MAX,
    ClockWatch,
    Operation,
    OperationLog,
)
from gateway.entry.keys import Identity, KeyRing, new_token
from gateway.entry.login_notes import LoginNotes
from gateway.journal import reader
from gateway.journal.audit_trail import OPERATIONS, AuditFilter, instant, trail
from gateway.journal.words import WORDS
from gateway.process import KernelClock, kernel_clock

SECRET = "5ec5e7" * 10


def rows_of(world, **wanted):
    records = reader.decoded(world.journal, ring_directory=world.ring)
    return list(trail(records, AuditFilter(**wanted)))


def one(world, what, **wanted):
    found = [row for row in rows_of(world, **wanted) if row["what"] == what]
    assert len(found) == 1, found
    return found[0]


def test_an_order_its_fill_and_its_cancel_say_who_and_why(world):
    order = world.working(quantity="2")
    world.fill(order, "1", trade="t1")
    world.cancel(order)
    new = one(world, "order_new", order_id=order)
    assert (new["who"], new["subject"]) == ("desk", "buy 2.000 BTC-USD at 100.00 for alpha in main")
    assert "passed limits" in new["why"] and "against 10000" in new["why"]
    fill = one(world, "order_filled", order_id=order)
    assert (fill["who"], fill["why"]) == ("venue sim", "trade t1")
    assert fill["subject"] == "buy 1.000 BTC-USD at 100 in main"
    cancel = one(world, "cancel_requested", order_id=order)
    assert (cancel["who"], cancel["why"]) == ("desk", "client")
    assert all(row["time"] == instant(row["time_ns"]) for row in rows_of(world))


def test_operations_are_those_of_the_live_side():
    assert {each.value: each.name.lower() for each in Operation} == {
        number: word for number, word in enumerate(OPERATIONS) if word
    }


def test_a_cancel_has_one_word_for_its_cause_whoever_is_asked(world):
    world.cancel(world.working())
    records = reader.decoded(world.journal, ring_directory=world.ring)
    row = next(each for each in records if each["kind"] == "cancel_requested")
    told = trail((row | {"reason": number} for number in range(8)), AuditFilter())
    assert [each["why"] for each in told] == list(WORDS["cancel_reason"])


def test_limits_kill_and_enable_say_the_person_and_the_reason(world):
    world.engine.set_trading_state(INSTRUMENT, world.spot, HALTED, True, "alice", "wild prices")
    world.engine.set_trading_state(INSTRUMENT, world.spot, 0, False, "bob", "calm again")
    kill, enable = one(world, "kill"), one(world, "enable")
    assert (kill["who"], kill["why"]) == ("alice", "wild prices")
    assert kill["subject"] == "instrument BTC-USD halted with a latch"
    assert (enable["who"], enable["why"]) == ("bob", "calm again")
    assert {row["who"] for row in rows_of(world, kinds=frozenset({"limits_set"}))} == {"ops"}


def test_a_refusal_says_the_rule_and_the_numbers(world):
    world.limit(INSTRUMENT, order_quantity_max="1")
    world.submit(side=SELL, quantity="2")
    refused = one(world, "order_refused")
    assert refused["why"].startswith("MAX_ORDER_QUANTITY at instrument: limit ")
    assert refused["who"] == "desk"


def test_what_is_noted_is_in_the_chain_and_changes_no_state(world):
    before, sequence = world.state_hash(), world.engine.sequence
    log = OperationLog(world.engine)
    noted = log.note(
        Operation.CONFIGURATION_LOADED, subject="/etc/gateway.toml", actor="ops uid 7",
        detail="gateway 1", reason="start", digest="ab" * 32, principal=world.principal,
    )  # fmt: skip
    assert noted == sequence + 1
    assert world.state_hash() == before
    replica = Replica(world.journal, world.ring, use_snapshot=False)
    while replica.follow():
        pass
    assert (replica.sequence, replica.state_hash()) == (noted, before)
    row = one(world, "configuration_loaded")
    assert (row["who"], row["principal"], row["digest"]) == ("ops uid 7", "desk", "ab" * 32)
    assert (row["subject"], row["why"]) == ("/etc/gateway.toml gateway 1", "start")


def test_a_plugin_with_other_code_is_an_upgrade_and_says_from_what(world):
    log = OperationLog(world.engine)
    for version, digest in (("1.0", "aa"), ("1.0", "aa"), ("1.0", "bb"), ("1.1", "bb")):
        log.note(Operation.PLUGIN_LOADED, subject="okx", detail=version, digest=digest * 32)
    found = [row["why"] for row in rows_of(world, kinds=frozenset({"plugin_loaded"}))]
    assert found == ["new", "", "upgraded from 1.0 " + "a" * 12, "upgraded from 1.0 " + "b" * 12]


def test_texts_of_strangers_are_cut_to_printable_ascii(world):
    OperationLog(world.engine).note(
        Operation.LOGIN_REFUSED, subject="é\n\0" + "x" * 500, reason="\x1b[31m" + "y" * 500
    )
    row = one(world, "login_refused")
    assert row["subject"].endswith("xxx") and row["subject"].startswith("...")
    assert (row["subject"] + row["why"]).isprintable()


def test_a_flood_is_bounded_and_counted(world):
    log = OperationLog(world.engine)
    for number in range(STRANGERS_BURST_MAX + 50):
        log.note(Operation.LOGIN_REFUSED, subject=f"key {number}")
    world.pass_time(10**9)
    log.note(Operation.LOGIN_REFUSED, subject="later")
    found = rows_of(world, kinds=frozenset({"login_refused"}))
    assert len(found) == STRANGERS_BURST_MAX + 1
    assert found[-1]["why"] == "50 before it were too fast to be noted"


def test_reports_of_programs_keep_no_command_of_a_person_out(world):
    log = OperationLog(world.engine)
    taken = [log.note(Operation.CONTROL_COMMAND, subject="margin", is_report=True)
             for _ in range(REPORTS_BURST_MAX + 1)]  # fmt: skip
    assert all(taken[:-1]) and not taken[-1]
    assert log.note(Operation.CONTROL_COMMAND, subject="kill", actor="ops")


def logins(world):
    names = SimpleNamespace(find=lambda kind, name: world.principal)
    return LoginNotes(SimpleNamespace(names=names), OperationLog(world.engine))


OPS = Identity("ops", "desk", frozenset({"admin"}))


def test_wrong_keys_of_strangers_keep_no_login_and_no_command_out(world):
    notes = logins(world)
    for _ in range(2 * BURST_MAX):
        notes.came("rest", "", "127.0.0.1", None)
    notes.came("rest", "ops", "127.0.0.1", OPS)
    assert one(world, "logged_in")["subject"].startswith("key ops")
    assert notes._operations.note(Operation.CONTROL_COMMAND, subject="kill", actor="ops")


def test_the_first_use_of_a_key_is_noted_later_when_there_was_no_room(world):
    notes = logins(world)
    for _ in range(BURST_MAX):
        notes._operations.note(Operation.CONTROL_COMMAND, subject="kill")
    notes.came("rest", "ops", "127.0.0.1", OPS)
    assert rows_of(world, kinds=frozenset({"logged_in"})) == []
    world.pass_time(10**9)
    for _ in range(2):
        notes.came("rest", "ops", "127.0.0.1", OPS)
    assert one(world, "logged_in")["subject"].startswith("key ops")


def test_the_clock_is_noted_at_the_start_and_when_it_changes(world):
    now = [KernelClock("tsc", True, 4000, 10, 0)]
    watch = ClockWatch(OperationLog(world.engine), lambda: now[0])
    for clock in (
        now[0],
        KernelClock("tsc", True, 9000, 10, 0),  # worse, but not by much
        KernelClock("tsc", True, 16000, 10, 0),
        KernelClock("tsc", False, 16_000_000_000, 10, 0),
        KernelClock("tsc", False, 80_000_000_000, 10, 0),  # it grows for ever then
        KernelClock("hpet", False, 80_000_000_000, 10, 0),
    ):
        now[0] = clock
        watch.look()
    found = rows_of(world, kinds=frozenset({"clock_quality"}))
    assert [row["clock"]["bound_ns"] for row in found] == [
        4000, 16000, 16_000_000_000, 80_000_000_000,
    ]  # fmt: skip
    assert [row["why"] for row in found] == ["start", "changed", "changed", "changed"]
    order = world.order()
    assert one(world, "order_new", order_id=order)["clock"] == {
        "source": "hpet", "is_synchronised": False, "bound_ns": 80_000_000_000,
    }  # fmt: skip


def test_the_kernel_tells_how_good_its_clock_is():
    found = kernel_clock()
    assert found.source
    assert found.bound_ns >= 0 and found.estimate_ns >= 0


def test_a_key_ring_tells_who_came_and_never_a_secret(tmp_path):
    token, digest = new_token("cli", bytes)
    (tmp_path / "keys.toml").write_text(
        f'[keys.cli]\nsha256 = "{digest}"\nprincipal = "desk"\nscopes = ["read"]\n'
    )
    (tmp_path / "keys.toml").chmod(0o600)
    ring = KeyRing(tmp_path / "keys.toml", {"desk": frozenset({"read"})})
    told = []
    ring.on_login = lambda *each: told.append(each)
    who = ring.authenticate(token, "rest", "10.0.0.1")
    for wrong in (f"cli.{SECRET}", f"{SECRET[:32]}.{SECRET}", "nonsense", ""):
        with pytest.raises(Exception, match="NOT_AUTHENTICATED"):
            ring.authenticate(wrong, "rest", "10.0.0.1")
    assert told[0] == ("rest", "cli", "10.0.0.1", who)
    assert [each[1:] for each in told[1:]] == [
        ("cli", "10.0.0.1", None), *[("", "10.0.0.1", None)] * 3,
    ]  # fmt: skip
    assert SECRET[:32] not in str(told[1:])


def test_the_command_filters_by_time_person_kind_and_order(world):
    order = world.working()
    world.fill(order, "1")

    def called(*words):
        words = ["audit", world.journal, "--ring-directory", world.ring, *words]
        result = CliRunner().invoke(root, words)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    assert len(called()) == world.engine.sequence
    assert len(called("--order", str(order))) == 3
    assert len(called("--actor", "desk")) == 1
    (line,) = called("--kind", "order_filled", "--json")
    assert json.loads(line)["order_id"] == str(order)
    assert called("--from", "2200-01-01") == []
    assert called("--to", "1969-01-01") == []

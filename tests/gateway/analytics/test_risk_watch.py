"""The risk watch on a real engine: margin calls let an account only reduce, with hysteresis, and
through restarts of the watch and silence of the gateway; greeks and headroom stop orders in the
gate.
"""

import random
from decimal import Decimal

import pytest
from engine_world import ACCOUNT, BUY, INSTRUMENT, REDUCE_ONLY, SELL
from watched_desk import WatchedDesk, long_desk

from gateway.analytics.risk_watch import RiskWatch, listed
from gateway.analytics.watch_policy import GreekLimit, WatchPolicy, load_policy
from gateway.config.faults import ConfigError
from gateway.config.halt_reasons import QUARANTINE_ACTOR, digest_of
from gateway.core.refusals import describe_number

POLICY = WatchPolicy(tells_headroom=False, tells_greeks=False)
OPTION = "BTC-USD-260626-100-C"


@pytest.fixture
def desk(world):
    return long_desk(world, POLICY)


def order(world, side, **fields):
    """The code of the gate's verdict."""
    mark = next(row["mark"] for row in world.engine.registry("instrument")
                if row["id"] == world.perpetual)  # fmt: skip
    notice = world.submit(side, "1", mark, instrument=world.perpetual, **fields)
    return describe_number(notice[4]).name if notice[4] else ""


def ratio_at(price):
    """maintenance / equity of the desk at a price."""
    return Decimal(price) * 10 * Decimal("0.05") / (200 + 10 * (Decimal(price) - 100))


def test_a_margin_call_lets_the_account_only_reduce_until_it_clears(desk):
    world = desk.world
    desk.turn()
    assert (desk.state(), order(world, BUY)) == ("active", "")
    desk.mark("84.9")  # 0.866
    step = desk.turn()
    assert [(each.before, each.after) for each in step.changes] == [("ok", "call")]
    assert desk.notes == ["margin main USD ok to call"]
    (row,) = world.engine.trading_states()
    assert (row["name"], row["state"], row["actor"]) == ("main", "reducing", "risk-watch")
    assert row["reason"].startswith("margin USD call 0.86")
    assert order(world, BUY) == "REDUCE_ONLY_STATE"
    assert order(world, SELL, flags=REDUCE_ONLY) == ""
    desk.mark("85.2")  # 0.819: above where it clears
    assert (desk.turn().changes, desk.state()) == ([], "reducing")
    desk.mark("86")  # 0.717: no call any more
    desk.turn()
    assert (desk.state(), order(world, BUY)) == ("active", "")
    assert desk.notes[-1] == "margin main USD call to warning"


def test_an_alert_is_a_note_and_stops_nothing(desk):
    desk.policy = WatchPolicy(on_call="alert", tells_headroom=False, tells_greeks=False)
    desk.restart()
    desk.mark("84.9")
    desk.turn()
    assert (desk.state(), desk.notes) == ("active", ["margin main USD ok to call"])
    desk.mark("83")  # liquidation reduces by its own rule
    desk.turn()
    assert desk.state() == "reducing"


def test_who_enables_by_name_is_not_overruled_until_it_gets_worse(desk):
    world = desk.world
    desk.mark("84.9")
    desk.turn()
    world.state(ACCOUNT, 0)
    desk.turn()
    assert desk.state() == "active"
    desk.mark("83")
    desk.turn()
    assert desk.state() == "reducing"


def test_a_halt_is_above_the_watch(desk):
    world = desk.world
    world.state(ACCOUNT, 2, is_latch=True)
    desk.mark("84.9")
    desk.turn()
    assert desk.state() == "halted"
    desk.mark("100")
    desk.turn()
    assert desk.state() == "halted"
    desk.mark("84.9")
    desk.turn()
    world.state(ACCOUNT, 0)  # the halt is lifted while the call stands
    desk.turn()
    assert desk.state() == "reducing"


def test_a_state_that_another_person_set_is_not_lifted(desk):
    desk.world.state(ACCOUNT, 1)
    desk.mark("84.9")
    desk.turn()
    desk.mark("100")
    desk.turn()
    assert desk.state() == "reducing"


def quarantined(world, owner):
    """A break halts the account and is resolved again, as gateway.venues.quarantine does it."""
    mark = digest_of(owner)
    set_state(world, 2, QUARANTINE_ACTOR, f"was reducing ({mark}): break 1 position_differs")
    yield
    set_state(world, 1, QUARANTINE_ACTOR, f"its breaks are resolved ({mark})")


def set_state(world, state, actor, reason="test"):
    world.engine.set_trading_state(ACCOUNT, world.account, state, False, actor, reason)


def test_what_a_break_gives_back_is_lifted_only_where_the_watch_had_reduced(desk):
    for is_ours in (False, True):
        if not is_ours:
            set_state(desk.world, 1, "alice")
        desk.mark("84.9")
        desk.turn()
        halt = quarantined(desk.world, desk.policy.actor if is_ours else "alice")
        next(halt)
        desk.turn()
        next(halt, None)
        desk.turn()
        desk.mark("100")
        desk.turn()
        assert desk.state() == ("active" if is_ours else "reducing")
        set_state(desk.world, 0, "alice")


def test_what_another_reduced_between_two_looks_is_not_lifted_when_a_break_gives_it_back(desk):
    desk.mark("84.9")
    desk.turn()
    assert desk.state() == "reducing"
    set_state(desk.world, 1, "bob")
    list(quarantined(desk.world, "bob"))
    desk.mark("100")
    for _ in range(3):
        desk.turn()
    assert desk.state() == "reducing", "it is bob's"
    assert not [text for text in desk.told if "CONFLICT" in text]


def test_who_sets_a_state_between_the_look_and_the_command_is_not_overruled(desk):
    world = desk.world
    desk.mark("84.9")
    desk.turn()
    desk.mark("100")
    desk.between = lambda: set_state(world, 1, "bob")
    desk.turn()
    assert desk.state() == "reducing" and "REGISTRY_CONFLICT" in desk.told[-1]
    desk.between = lambda: None
    desk.turn()
    assert desk.state() == "reducing", "it is bob's now"
    set_state(world, 0, "bob")
    desk.mark("84.9")
    desk.between = lambda: world.state(ACCOUNT, 2, is_latch=True)
    desk.turn()
    assert desk.state() == "halted" and "LATCHED" in desk.told[-1]


def test_started_again_with_another_policy_it_lifts_nothing_while_the_call_stands(desk):
    desk.mark("84.9")
    desk.turn()
    for policy in ({"on_call": "alert"}, {"accounts": ["other"]}):
        desk.policy = WatchPolicy(tells_headroom=False, tells_greeks=False, **policy)
        desk.restart()
        desk.turn()
        assert desk.state() == "reducing"
    assert desk.notes[-1] == "account:main stays reduced"
    desk.policy = WatchPolicy(on_call="alert", tells_headroom=False, tells_greeks=False)
    desk.restart()
    desk.mark("100")
    desk.turn()
    assert desk.state() == "active"


def test_a_note_that_was_not_taken_is_sent_again(desk):
    desk.is_down = True
    desk.mark("84.9")
    desk.turn()
    desk.is_down = False
    desk.turn()
    desk.turn()
    assert desk.notes == ["margin main USD ok to call"]


def test_what_the_gateway_did_not_take_is_asked_for_again(desk):
    desk.is_down = True
    desk.mark("84.9")
    desk.turn()
    assert desk.state() == "active" and "NOT_RUNNING" in desk.told[0]
    desk.is_down = False
    desk.turn()
    assert desk.state() == "reducing"
    desk.mark("100")
    desk.is_down = True
    desk.turn()
    desk.is_down = False
    desk.turn()
    assert desk.state() == "active"


@pytest.mark.parametrize("seed", range(4))
def test_states_follow_the_ratio_with_hysteresis_through_restarts_and_silence(seed, desk):
    rng = random.Random(seed)
    is_called, moves = False, 0
    for number in range(120):
        price = Decimal(rng.randrange(8450, 8600)) / 100  # a call from 85 down, clear from 85.33 up
        desk.mark(str(price))
        if rng.random() < 0.2:
            desk.restart()
        ratio = ratio_at(price)
        was_called = is_called
        is_called = ratio < 0 or ratio >= (Decimal("0.80") if is_called else Decimal("0.85"))
        moves += is_called != was_called
        desk.is_down = rng.random() < 0.1
        desk.turn()
        if desk.is_down:
            desk.is_down = False
            desk.turn()
        assert desk.state() == ("reducing" if is_called else "active"), (seed, price, ratio)
        verdict = order(desk.world, BUY, client_id=f"step{number}")
        assert (verdict == "REDUCE_ONLY_STATE") == is_called
        for row in desk.world.engine.orders(
            True, 10
        ):  # nothing stays open: it would ask for margin
            desk.world.fact("rejected", int(row["order_id"]), 7, "", 1)
    sent = [each for each in desk.sent if each.path == "/v1/trading-states"]
    assert len(sent) == moves > 4, "one command for each change, whatever was restarted"


def test_headroom_becomes_the_measure_of_the_guard(desk):
    world = desk.world
    world.limit(ACCOUNT, world.account, margin_bps=1000, headroom_age_ms_max=60_000)
    desk.policy = WatchPolicy(tells_greeks=False)
    desk.restart()
    assert order(world, BUY) == "INSUFFICIENT_MARGIN", "nobody told yet"
    desk.turn()
    row = next(row for row in world.engine.limits()
               if (row["level"], row["name"]) == ("account", "main"))  # fmt: skip
    assert row["margin_headroom"] == "100"  # 200 less a tenth of 1,000
    assert order(world, BUY) == ""
    sent = len(desk.sent)
    desk.turn()
    assert len(desk.sent) == sent + 1, "an order took some of it"
    desk.turn()
    assert len(desk.sent) == sent + 1, "nothing moved"
    desk.mark("88")
    desk.turn()
    assert order(world, BUY) == "INSUFFICIENT_MARGIN"
    world.pass_time(61 * 10**9)
    desk.mark("100")
    assert order(world, BUY) == "HEADROOM_STALE"
    desk.turn()
    assert order(world, BUY) == ""


def test_a_resting_spot_order_takes_its_value_of_the_headroom_and_no_more(desk):
    world = desk.world
    world.limit(ACCOUNT, world.account, margin_bps=1000, headroom_age_ms_max=60_000)
    desk.policy = WatchPolicy(tells_greeks=False)
    desk.restart()
    desk.turn()
    assert world.submit(BUY, "0.5", "90")[4] == 0
    (account,) = desk.turn().accounts
    assert (account["state"], account["excluded"], account["initial_orders"]) == ("ok", [], "45")
    row = next(row for row in world.engine.limits()
               if (row["level"], row["name"]) == ("account", "main"))  # fmt: skip
    assert row["margin_headroom"] == "55"  # 100 less what the order pays
    assert order(world, BUY) == ""


@pytest.fixture
def options_desk(world):
    option = world.define(OPTION, 2, world.usd)
    world.define("BTC-USD-SWAP", 3, world.btc, quantity_scale=0, lot="1")
    world.limit(INSTRUMENT, option)
    world.engine.set_time(1_780_000_000 * 10**9)
    for number in world.instruments:
        world.mark("100", instrument=number)
    made = WatchedDesk(world, WatchPolicy(tells_headroom=False, instruments=["BTC-USD-26*"]))
    made.option = option
    made.mark("100", "BTC-USD-SWAP")
    made.mark("5", OPTION)
    return made


def buy(desk, quantity):
    notice = desk.world.submit(BUY, quantity, "5", instrument=desk.option)
    return describe_number(notice[4]).name if notice[4] else ""


def test_greeks_of_one_unit_stop_an_order_in_the_gate_before_it_is_sent(options_desk):
    desk = options_desk
    desk.world.limit(ACCOUNT, desk.world.account, delta_max="250", greeks_age_ms_max=60_000)
    assert buy(desk, "1") == "DELTA_LIMIT", "nobody told yet"
    desk.turn()
    row = next(row for row in desk.world.engine.limits()
               if (row["level"], row["name"]) == ("instrument", OPTION))  # fmt: skip
    unit = Decimal(row["delta"])  # in money: a little more than half of a coin of 100
    assert 50 < unit < 60
    assert buy(desk, "4") == ""
    assert buy(desk, "1") == "DELTA_LIMIT", "the worst case of working orders counts"
    desk.world.pass_time(61 * 10**9)
    desk.mark("5", OPTION)
    assert buy(desk, "0.001") == "GREEKS_STALE"


def test_a_breach_after_the_trade_reduces_or_alerts_by_policy_and_clears_late(options_desk):
    desk = options_desk
    limits = {"account:main": GreekLimit(delta_cash="250"),
              "firm": GreekLimit(vega="0.1", on_breach="alert")}  # fmt: skip
    desk.policy = WatchPolicy(tells_headroom=False, tells_greeks=False, greek_limits=limits)
    desk.restart()
    desk.world.fill(0, "4", "5", side=BUY, instrument=desk.option, venue_order="a")
    desk.turn()
    assert desk.state() == "active"
    assert desk.notes == ["vega of firm is above its limit"]
    desk.world.fill(0, "1", "5", side=BUY, instrument=desk.option, venue_order="b")
    step = desk.turn()
    assert desk.state() == "reducing" and len(step.breaches) == 2
    assert desk.notes[-1] == "delta_cash of account main is above its limit"
    assert buy(desk, "1") == "REDUCE_ONLY_STATE"
    desk.restart()
    del desk.marks[OPTION]  # what is left out may be what broke it
    desk.turn()
    assert desk.state() == "reducing"
    desk.mark("5", OPTION)
    desk.world.fill(0, "1", "5", side=SELL, instrument=desk.option, venue_order="c")
    desk.turn()
    assert desk.state() == "active"
    assert "delta_cash of account main is within its limit" in desk.notes


def test_a_limit_that_cannot_be_judged_says_so(options_desk):
    desk = options_desk
    limits = {"firm": GreekLimit(delta_cash="1000"), "strategy:alhpa": GreekLimit(vega="1")}
    desk.policy = WatchPolicy(tells_headroom=False, tells_greeks=False, greek_limits=limits)
    desk.restart()
    desk.world.fill(0, "4", "5", side=BUY, instrument=desk.option, venue_order="a")
    del desk.marks[OPTION]
    step = desk.turn()
    assert step.unjudged[0].startswith(f"firm: {OPTION}: no mark")
    assert step.unjudged[1:] == ["strategy alhpa: no such strategy is registered"]
    assert sorted(desk.notes) == [
        "greeks of firm cannot be judged", "greeks of strategy alhpa cannot be judged",
    ]  # fmt: skip
    desk.mark("5", OPTION)
    assert desk.turn().unjudged == step.unjudged[1:]
    assert desk.notes[2:] == ["greeks of firm can be judged again"]


def test_a_policy_that_cannot_be_one_is_refused_by_name(tmp_path):
    path = tmp_path / "policy.toml"
    limit = '[greek_limits."planet:earth"]\nvega = "1"\nspin = "2"\n'
    path.write_text(f'actor = "night desk"\ncall = "0.6"\n{limit}')
    with pytest.raises(ConfigError) as refused:
        load_policy(path)
    text = str(refused.value)
    assert "greek_limits.planet:earth" in text and "spin" in text
    assert "night desk" in text, "the engine takes no space in an actor"
    with pytest.raises(ValueError, match="warning < call"):
        RiskWatch(WatchPolicy(call="0.6"))


def test_a_list_of_names_is_cut_at_a_name():
    names = [f"BTC-{number}-C.deribit: no mark" for number in range(5)]
    assert listed(names[:1], 48) == names[0]
    assert listed(names, 48) == f"{names[0]} and 4 more"
    assert listed(names, 1000) == ", ".join(names)

"""The re-check names what went past a limit, and finds nothing where the gate was asked."""

import json
import random
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_world import (
    ACCOUNT,
    BUY,
    FIRM,
    HALTED,
    INSTRUMENT,
    LEVELS,
    LIMITS,
    REDUCE_ONLY,
    REDUCING,
    SELL,
)

from gateway.__main__ import root
from gateway.analytics.recheck import Recheck
from gateway.journal import reader
from gateway.journal.verify_export import record_crc

WORDS = ("instrument BTC-USD", "strategy alpha", "account main", "venue sim", "firm")


def records_of(world):
    return list(reader.decoded(world.journal, ring_directory=world.ring))


def rechecked(records):
    return Recheck().run(records)


def rules(found):
    return {each.rule for each in found.findings if each.is_bypass}


def planted(world, level, **fields):
    """The journal as if these limits had stood at that level all along, and nobody had asked."""
    return [
        record | fields if record["kind"] == "limits_set" and record["level"] == level else record
        for record in records_of(world)
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("MAX_ORDER_QUANTITY", {"order_quantity_max_e8": 2 * 10**8 - 1}),
        ("MAX_ORDER_NOTIONAL", {"order_notional_max_e4": 200 * 10**4 - 1}),
        ("POSITION_LIMIT", {"position_long_max_e8": 4 * 10**8 - 1}),
        ("EXPOSURE_LIMIT", {"gross_exposure_max_e4": 400 * 10**4 - 1}),
        ("EXPOSURE_LIMIT", {"net_exposure_max_e4": 400 * 10**4 - 1}),
        ("CREDIT_LIMIT", {"credit_max_e4": 400 * 10**4 - 1}),
        ("PRICE_COLLAR", {"collar_bps": 99}),
        ("MAX_OPEN_ORDERS", {"open_orders_side_max": 1}),
        ("THROTTLED", {"orders_per_second": 1, "order_burst": 2}),
        ("DUPLICATE_ORDER", {"duplicate_window_ms": 10}),
    ],
)
def test_each_limit_that_was_not_asked_is_found_at_its_level(world, level, rule, fields):
    world.fill(world.working(quantity="2"), "2")
    world.working()
    world.working(price="101")
    world.working(price="98")
    if rule == "DUPLICATE_ORDER":
        world.working(price="98")
    assert rechecked(records_of(world)).is_clean
    found = rechecked(planted(world, level, **fields))
    assert rules(found) == {rule}
    assert {each.level for each in found.findings} == {
        WORDS[0] if rule == "DUPLICATE_ORDER" else WORDS[level]
    }


@pytest.mark.parametrize("field", ["gross_exposure_max_e4", "position_long_max_e8"])
def test_exactly_at_a_limit_is_within_it(world, field):
    world.fill(world.working(quantity="2"), "2")
    world.working(quantity="2")
    at = {"gross_exposure_max_e4": 400 * 10**4, "position_long_max_e8": 4 * 10**8}[field]
    assert rechecked(planted(world, FIRM, **{field: at})).is_clean
    assert not rechecked(planted(world, FIRM, **{field: at - 1})).is_clean


def test_a_limit_that_was_lowered_later_judges_what_came_after_it(world):
    world.working(quantity="5")
    world.limit(ACCOUNT, position_long_max="4")
    assert rechecked(records_of(world)).is_clean
    order = next(row for row in records_of(world) if row["kind"] == "order_new")
    later = records_of(world)[-1]["sequence"] + 1
    found = rechecked([*records_of(world), order | {"sequence": later, "order_id": 2**40}])
    assert [(each.sequence, each.rule, each.level) for each in found.findings] == [
        (later, "POSITION_LIMIT", "account main")
    ]
    assert (found.findings[0].limit, found.findings[0].found) == (4 * 10**11, 10 * 10**11)


@pytest.mark.parametrize("state", [HALTED, REDUCING])
def test_an_order_while_trading_was_halted_is_found(world, state):
    world.working()
    order = next(row for row in records_of(world) if row["kind"] == "order_new")
    world.state(FIRM, state)
    found = rechecked([*records_of(world), order | {"sequence": 999, "order_id": 2**40}])
    word = "TRADING_HALTED" if state == HALTED else "REDUCE_ONLY_STATE"
    assert {(each.sequence, each.rule, each.level) for each in found.findings} == {
        (999, word, "firm")
    }


def test_a_stale_or_missing_reference_and_missing_limits_are_found(world):
    world.working()
    records = records_of(world)

    def with_order(**fields):
        return [row | fields if row["kind"] == "order_new" else row for row in records]

    assert rules(rechecked(with_order(reference_price=0))) == {"STALE_PRICE"}
    assert rules(rechecked(with_order(reference_age_ms=5001))) == {"STALE_PRICE"}
    without = [row for row in records if row["kind"] != "limits_set" or row["level"] != ACCOUNT]
    assert rules(rechecked(without)) == {"LIMIT_MISSING"}


def test_a_replace_and_a_reduce_only_order_are_judged_as_well(world):
    world.fill(world.working(quantity="2"), "2")
    world.replace(world.working(), quantity="3")
    closing = world.working(side=SELL, quantity="2", flags=REDUCE_ONLY)
    assert rechecked(records_of(world)).is_clean
    assert rules(rechecked(planted(world, INSTRUMENT, position_long_max_e8=5 * 10**8 - 1))) == {
        "POSITION_LIMIT"
    }
    wider = [
        row | {"quantity": 3000} if row.get("order_id") == closing else row
        for row in records_of(world)
    ]
    assert rules(rechecked(wider)) == {"WOULD_INCREASE"}


def test_a_fill_nobody_ordered_is_told_and_is_no_bypass(world):
    world.limit(INSTRUMENT, position_long_max="1")
    world.fill(0, "5", "100", venue_order="x")
    found = rechecked(records_of(world))
    assert found.is_clean
    assert [(each.rule, each.is_bypass) for each in found.findings] == [("POSITION_LIMIT", False)]


def of_kind(records, kind):
    return next(row for row in records if row["kind"] == kind)


def test_a_late_fill_is_valued_at_the_newest_as_the_gate_does(world):
    """Executed first and told last: what is held counts at the price of the later execution."""
    at_ns, where = world.engine.now_ns(), {"instrument": world.perpetual}
    one, other = (world.working(quantity="2", **where) for _ in range(2))
    world.fill(one, "2", "100", trade="n1", number=20, time_ns=at_ns + 2000, **where)
    world.fill(other, "2", "110", trade="n0", number=10, time_ns=at_ns + 1000, **where)
    late = [row for row in records_of(world) if row["kind"] == "order_filled"][-1]
    assert late["booked_before"], "the engine booked it before the other"
    world.limit(FIRM, gross_exposure_max="520")
    assert world.submit(BUY, "1", "100")[4] == 0, "four at 100 and one more"
    found = rechecked(records_of(world))
    assert found.is_clean, found.findings
    low = planted(world, FIRM, gross_exposure_max_e4=499 * 10**4)
    assert rules(rechecked(low)) == {"EXPOSURE_LIMIT"}, "and it is judged all the same"


def replaced_by(world, actor, quantity, **fields):
    """Behind a halt: the record of a replace as that principal's, put there by hand."""
    number = world.working(quantity="2")
    world.state(FIRM, HALTED)
    before = records_of(world)
    world.state(FIRM, 0)
    world.replace(number, quantity=quantity)
    replaced = of_kind(records_of(world)[len(before) :], "replace_requested")
    last = before[-1]
    own = {"actor": actor, "sequence": last["sequence"] + 1, "time_ns": last["time_ns"]}
    return [*before, replaced | own | fields]


@pytest.mark.parametrize(
    ("actor", "quantity", "expected"),
    [(0, "1", set()), (0, "3", {"TRADING_HALTED"}), (1, "1", {"TRADING_HALTED"})],
)
def test_only_what_a_link_takes_off_goes_whatever_stands_against_it(
    world, actor, quantity, expected
):
    assert rules(rechecked(replaced_by(world, actor, quantity))) == expected


def test_what_waits_for_its_link_is_judged_when_it_is_let_go(world):
    link = {"link_count": 2, "link_kind": 3, "link_place": 1}
    waiting = [
        row | link if row["kind"] == "order_new" else row for row in replaced_by(world, 1, "3")
    ]
    assert rules(rechecked(waiting)) == set()
    rates = {"orders_per_second": 1, "order_burst": 0}
    limited = [row | rates if row["kind"] == "limits_set" else row for row in waiting]
    assert rules(rechecked(limited)) == {"THROTTLED"}


def test_what_a_link_takes_off_takes_a_token_from_those_behind_it(world):
    records = replaced_by(world, 0, "1")
    world.working(quantity="1")
    new = of_kind(records, "order_new")
    behind = {"sequence": records[-1]["sequence"] + 2, "order_id": 2**50}
    behind["time_ns"] = records[-1]["time_ns"]
    free = {"kind": "trading_state_set", "level": FIRM, "id": 0, "state": 0}
    free |= {"sequence": records[-1]["sequence"] + 1, "time_ns": records[-1]["time_ns"]}
    rates = {"orders_per_second": 1, "order_burst": 2}
    limited = [row | rates if row["kind"] == "limits_set" else row for row in records]
    assert "THROTTLED" in rules(rechecked([*limited, free, new | behind]))
    without = [row for row in limited if row["kind"] != "replace_requested"]
    assert "THROTTLED" not in rules(rechecked([*without, free, new | behind]))


@pytest.mark.parametrize(
    ("clean_shutdown", "expected"), [(0, set()), (1, set()), (2, {"DUPLICATE_ORDER", "THROTTLED"})]
)
def test_a_start_forgets_orders_and_rates_and_a_raised_epoch_does_not(
    world, clean_shutdown, expected
):
    world.working()
    slow = {"duplicate_window_ms": 5000, "orders_per_second": 1, "order_burst": 1}
    records = [row | slow if row["kind"] == "limits_set" else row for row in records_of(world)]
    new, boot, last = of_kind(records, "order_new"), of_kind(records, "boot"), records[-1]
    again_ns = new["time_ns"] + 10**8
    boot = boot | {"sequence": last["sequence"] + 1, "time_ns": again_ns}
    again = new | {"sequence": last["sequence"] + 2, "time_ns": again_ns, "order_id": 2**50}
    found = rechecked([*records, boot | {"clean_shutdown": clean_shutdown}, again])
    assert rules(found) == expected


def test_a_book_that_is_not_the_sum_of_its_fills_is_found(world):
    world.fill(world.working(quantity="2"), "1", trade="t1")
    order = world.working(quantity="2")
    world.fill(order, "2", trade="t2")
    world.revise(order, "t2", 1, "1.5", "100")
    records = records_of(world)
    assert rechecked(records).is_clean
    broken = [
        row | {"position_quantity": 2499} if row["kind"] == "fill_corrected" else row
        for row in records
    ]
    assert rules(rechecked(broken)) == {"POSITION_NOT_ITS_FILLS"}


def test_trades_of_nobody_s_orders_may_share_an_id(world):
    world.fill(0, "2", side=BUY, venue_order="a", trade="T1")
    world.fill(0, "1", side=SELL, venue_order="b", trade="T1")
    world.revise(0, "T1", 1, "0", side=BUY, venue_order="a")
    assert rechecked(records_of(world)).is_clean


def test_a_random_desk_that_meets_its_limits_all_the_time_is_clean(world):
    tight = {
        "position_long_max": "14", "position_short_max": "12", "order_quantity_max": "3",
        "gross_exposure_max": "4000", "net_exposure_max": "2400", "credit_max": "3900",
        "open_orders_side_max": 9, "orders_per_second": 60, "order_burst": 12,
    }  # fmt: skip
    for level in LEVELS:
        world.limit(level, **tight)
    world.limit(INSTRUMENT, world.perpetual, **tight)
    chance, open_orders, refused = random.Random(23), [], 0
    for _ in range(900):
        deed = chance.random()
        world.pass_time(chance.randrange(40) * 10**6)
        world.mark(str(chance.randrange(97, 104)))
        if deed < 0.55 or not open_orders:
            side, instrument = chance.choice((BUY, SELL)), chance.choice(world.instruments[:2])
            notice = world.submit(
                side, f"{chance.randrange(1, 35) / 10}", str(chance.randrange(96, 105)),
                instrument=instrument,
                strategy=chance.choice((world.strategy, world.other_strategy)),
            )  # fmt: skip
            refused += bool(notice[4])
            if notice[2]:
                world.fact("accepted", notice[2], f"V{notice[2]}", False, 1, 1)
                open_orders.append((notice[2], side, instrument))
            continue
        number, side, instrument = chance.choice(open_orders)
        row = world.row(number)
        if row["state"] in ("FILLED", "CANCELED"):
            open_orders.remove((number, side, instrument))
        elif deed < 0.8:
            leaves = row["leaves_quantity"]
            world.fill(number, leaves, "100", side=side, instrument=instrument)
        elif deed < 0.9:
            world.replace(number, quantity=f"{chance.randrange(1, 30) / 10}")
        else:
            world.fact("canceled", number, 1, "", "", 1, 1)
    found = rechecked(records_of(world))
    assert refused > 50 and found.orders > 150
    assert found.is_clean, found.findings[:3]
    for field in ("position_long_max_e8", "gross_exposure_max_e4", "net_exposure_max_e4"):
        known = LIMITS | tight
        name = field.rpartition("_")[0]
        lower = int(known[name]) * (10**8 if field.endswith("e8") else 10**4) // 2
        assert not rechecked(planted(world, FIRM, **{field: lower})).is_clean, field


def test_a_record_put_into_the_file_is_named_though_every_checksum_is_right(world, tmp_path):
    """One order's quantity is a thousandfold, and all checksums behind it are mended."""
    world.working()
    world.working(quantity="2")
    world.engine.stop()
    (path,) = Path(world.journal).glob("segment-*.journal")
    data, at, crc = bytearray(path.read_bytes()), 4096, None
    while at < len(data) and (length := struct.unpack_from("<I", data, at)[0]):
        kind = struct.unpack_from("<H", data, at + 4)[0]
        if kind == 30 and crc is None:
            crc = struct.unpack_from("<I", data, at + 52)[0]
            quantity = struct.unpack_from("<q", data, at + 64 + 24)[0]
            struct.pack_into("<q", data, at + 64 + 24, quantity * 1001)
            sequence = struct.unpack_from("<Q", data, at + 8)[0]
        if crc is not None:
            struct.pack_into("<I", data, at + 52, crc)
            crc = record_crc(bytes(data[at : at + length]), crc)
            struct.pack_into("<I", data, at + 56, crc)
        at += length
    path.write_bytes(data)
    assert reader.verify(Path(world.journal))["ok"], "it is a sound journal"
    called = CliRunner().invoke(root, ["audit", "recheck", world.journal, "--json"])
    assert called.exit_code == 1, called.output
    document = json.loads(called.stdout)
    named = {(each["sequence"], each["rule"]) for each in document["findings"]}
    assert (sequence, "MAX_ORDER_QUANTITY") in named and not document["ok"]


def test_a_state_that_is_not_what_its_records_add_up_to_is_told(world):
    world.fill(world.working(quantity="2"), "1")
    recheck = Recheck()
    recheck.run(records_of(world))
    orders, positions = world.engine.orders(), world.engine.positions()
    assert recheck.compare(orders, positions) == []
    orders[0]["leaves_quantity"], positions[0]["quantity"] = "0.5", "1.001"
    assert [each.partition(":")[2] for each in recheck.compare(orders, positions)] == [
        " 0.5 is left, its records say 1.000", " 1.001 is held, its fills say 1.000",
    ]  # fmt: skip
    assert recheck.compare([], positions[1:])[0].endswith("None is left, its records say 1.000")


def test_the_command_is_clean_on_a_clean_journal(world):
    world.fill(world.working(quantity="2"), "1")
    words = ["audit", "recheck", world.journal, "--ring-directory", world.ring]
    called = CliRunner().invoke(root, words)
    assert (called.exit_code, "No limit was passed." in called.output) == (0, True)

"""What-if: a day without a change is the day itself, planted changes have their known answers."""

import json
import shutil
import signal
from decimal import Decimal

import engine_world
import pytest
from click.testing import CliRunner
from engine_world import NET, SECOND_NS, SELL, STRATEGY
from msgspec import structs
from recorded_days import Trader, asked, opened, place, random_day, recorded_day

from gateway.__main__ import root as gateway
from gateway._core.engine import Engine
from gateway.commands.other_journal import journal_to_make
from gateway.commands.output import CommandFailure
from gateway.config.limits import LimitRow
from gateway.core.refusals import describe_number
from gateway.journal import reader
from gateway.ledger import open_books


@pytest.mark.parametrize("seed", [2, 5, 8, 13])
def test_a_random_day_without_a_change_is_the_day_itself(seed):
    with random_day(seed) as root:
        _is_itself(root / "journal")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 300))
def test_many_random_days_without_a_change_are_themselves(seed):
    with random_day(seed, steps=400) as root:
        _is_itself(root / "journal")


def _is_itself(journal):
    told = asked(journal)
    assert not any(row["is_other"] for row in [*told["positions"], *told["balances"]])
    records = list(reader.decoded(journal))
    kinds = reader.kind_counts(iter(records))
    assert told["counts"]["orders_decided"] == kinds["order_new"]
    # How often a linked order's refusal is told again hangs on marks that no record keeps.
    is_told_again = any(row["kind"] == "order_refused" and row["order_id"] for row in records)
    differences = [row for rows in told["differences"].values() for row in rows]
    if is_told_again and differences:
        assert {row["kind"] for row in differences} == {"order_refused"}, differences
        return
    assert not differences
    assert told["parted"] is None
    assert told["state_hash"]["fact"] == told["state_hash"]["here"]
    assert told["sequence"] == told["other_sequence"]
    if kinds["boot"] == 1 and not is_told_again:
        assert told["equal"] == "journal"


class _OfOneStart(Trader):
    """The same desk, never restarted."""

    def restart(self):
        pass

    def linked(self):  # how often a refusal of theirs is told hangs on when a thread looked
        pass


@pytest.mark.parametrize("seed", [2, 5, 8])
def test_a_day_of_one_start_is_the_day_itself_byte_for_byte(seed):
    with place() as root:
        trader = _OfOneStart(root, seed)
        trader.trade(250)
        trader.world.engine.stop()
        told = asked(root / "journal")
    assert told["equal"] == "journal", told["differences"]
    assert told["parted"] is None


class _OfTheRealClock(_OfOneStart):
    """And where nobody sets the time."""

    def pass_time(self):
        pass


def test_a_day_of_the_real_clock_differs_in_times_within_one_step_alone(monkeypatch):
    def live(*arguments, **options):
        return Engine(*arguments, **{**options, "is_virtual_clock": False})

    monkeypatch.setattr(engine_world, "Engine", live)
    monkeypatch.setattr(Trader, "set_out", lambda self: None)
    with place() as root:
        trader = _OfTheRealClock(root, 5)
        trader.trade(200)
        trader.world.engine.stop()
        told = asked(root / "journal")
    assert told["equal"] in {"journal", "state", "rows"}, told["differences"]
    assert told["sequence"] == told["other_sequence"]
    assert not any(told["differences"].values())


CHANGES = (
    ("--set-limit", "strategy", "alpha", "position_long_max=12"),
    ("--set-limit", "firm", "-", "order_quantity_max=9", "--from", "120"),
    ("--set-limit", "firm", "-", "orders_per_second=1", "--set-limit", "firm", "-",
     "order_burst=2"),
    ("--set-limit", "firm", "-", "cancel_burst=1", "--set-limit", "firm", "-",
     "cancels_per_second=1"),
    ("--set-limit", "account", "main", "collar_bps=9000", "--assume-fill", "limit"),
    ("--set-limit", "firm", "-", "repeat_orders_max=3", "--set-limit", "firm", "-",
     "repeat_window_ms=5000"),
    ("--without-strategy", "beta"),
    ("--without-account", "hedge"),
)  # fmt: skip


def _is_sound(journal, change, kept):
    """The other world's journal is one that every reader agrees with, and its books balance."""
    told = asked(journal, *change, "--out", str(kept))
    made = reader.replay(kept, lambda: 0)
    assert (made.sequence, made.state_hash) == (told["other_sequence"], told["state_hash"]["here"])
    assert reader.verify(kept)["ok"]
    books = open_books(kept)
    assert books.is_balanced()
    assert not books.unbooked_count


@pytest.mark.parametrize("change", CHANGES, ids=" ".join)
def test_whatever_is_assumed_of_a_random_day_its_world_is_sound(change, tmp_path):
    with random_day(21) as root:
        _is_sound(root / "journal", change, tmp_path / "kept")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 340))
def test_whatever_is_assumed_of_many_days_their_worlds_are_sound(seed, tmp_path):
    with random_day(seed, steps=400) as root:
        for number, change in enumerate(CHANGES):
            _is_sound(root / "journal", change, tmp_path / str(number))


@pytest.fixture(scope="module")
def day():
    """Two strategies buy one at a time, everything fills; three orders are refused for size."""
    with recorded_day() as (world, journal):
        world.mark("100")
        world.limit(STRATEGY, world.strategy, order_quantity_max="5")
        world.mark("105")
        world.working(strategy=world.other_strategy)  # keeps a reference price of the spot
        for turn in range(10):
            world.mark(f"{100 + turn}")
            for strategy in (world.strategy, world.other_strategy):
                price = f"{101 + turn}"
                made = world.order(strategy=strategy, price=price, instrument=world.perpetual)
                world.fact("accepted", made, f"V{made}", False, 1, 1)
                world.fill(made, "1", price, fee="0.5", fee_currency=world.usd,
                           instrument=world.perpetual, time_ns=world.engine.now_ns())  # fmt: skip
            if turn in {2, 5, 8}:
                world.submit(quantity="6", price="100", strategy=world.strategy)
            world.pass_time(SECOND_NS)
        world.mark("110")
        sold = world.order(SELL, "4", "109", instrument=world.perpetual)
        world.fill(sold, "4", "110", side=SELL, instrument=world.perpetual,
                   time_ns=world.engine.now_ns())  # fmt: skip
        world.fact("funding", world.account, world.perpetual, NET, world.usd, "-32", "0.0001", "f1",
                   world.engine.now_ns())  # fmt: skip
        world.engine.stop()
        yield journal


def row_of(rows, **wanted):
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert len(found) == 1, rows
    return found[0]


def test_a_lower_position_limit_refuses_exactly_the_orders_beyond_it(day):
    told = asked(day, "--set-limit", "strategy", "alpha", "position_long_max=7")
    refused = told["differences"]["refused"]
    made = [row for row in reader.decoded(day) if row["kind"] == "order_new"]
    orders = [row["sequence"] for row in made if row["strategy"] == row["side"] == 1]
    assert [row["sequence"] for row in refused] == orders[7:]
    for row in refused:
        why = row["refusal_here"]
        assert (why["code"], why["level"]) == ("POSITION_LIMIT", "strategy")
        assert (why["limit"], why["current"], why["would_be"]) == ("7", "7", "8")
    assert told["parted"]["sequence"] == orders[7]
    assert told["parted"]["refusal"] == "POSITION_LIMIT"
    assert told["counts"]["refused"] == 3
    alpha = row_of(told["positions"], strategy="alpha", instrument="BTC-PERP")
    assert alpha["fact"]["quantity"] == "6"
    assert alpha["here"]["quantity"] == "3"
    beta = row_of(told["positions"], strategy="beta", instrument="BTC-PERP")
    assert not beta["is_other"]
    gone = row_of(told["fills_gone"], strategy="alpha")
    assert (gone["fills"], gone["quantity"], gone["fees"]) == (3, "3", "1.5")


def test_funding_is_scaled_by_the_position_that_is_held(day):
    told = asked(day, "--set-limit", "strategy", "alpha", "position_long_max=6")
    paid = told["differences"]["funding_scaled"]
    assert [(row["amount"], row["amount_here"]) for row in paid] == [("-32", "-24")]
    assert any("scaled" in line for line in told["unknown"])


def test_a_raised_limit_leaves_what_it_lets_pass_open_and_unknown(day):
    told = asked(day, "--set-limit", "strategy", "alpha", "order_quantity_max=6")
    accepted = told["differences"]["accepted"]
    assert [row["refusal_fact"]["code"] for row in accepted] == ["MAX_ORDER_QUANTITY"] * 3
    assert told["counts"]["refused"] == 0
    assert not any(row["is_other"] for row in told["positions"])
    assert any("unknown outcome" in line for line in told["unknown"])
    spot = next(row for row in reader.decoded(day) if row["kind"] == "order_new")
    assert {row["reference_sequence"] for row in accepted} == {spot["sequence"]}


def test_an_assumed_fill_is_booked_and_called_one(day):
    arguments = ("--set-limit", "strategy", "alpha", "order_quantity_max=6")
    told = asked(day, *arguments, "--assume-fill", "limit")
    assert told["counts"]["assumed_fill"] == 3
    spot = row_of(told["positions"], strategy="alpha", instrument="BTC-USD")
    assert (spot["here"]["quantity"], spot["here"]["cost"]) == ("18", "1800")
    assert any("assumed" in line for line in told["unknown"])
    # The market stood above the limit of these orders: at its mark none of them fills.
    at_mark = asked(day, *arguments, "--assume-fill", "mark")
    assert at_mark["counts"]["assumed_fill"] == 0


def test_without_a_strategy_the_others_are_as_they_were(day, tmp_path):
    told = asked(day, "--without-strategy", "alpha", "--out", str(tmp_path / "kept"))
    assert told["counts"]["left_out"] == 14
    assert not row_of(told["positions"], strategy="beta")["is_other"]
    assert (
        row_of(told["positions"], strategy="alpha", instrument="BTC-PERP")["here"]["quantity"]
        == "0"
    )
    assert row_of(told["fills_gone"], strategy="alpha", side="buy")["fills"] == 10
    # What is kept is a journal like any other.
    kept = reader.replay(tmp_path / "kept", lambda: 0)
    assert (kept.sequence, kept.state_hash) == (told["other_sequence"], told["state_hash"]["here"])
    assert reader.verify(tmp_path / "kept")["ok"]
    orders = [row for row in reader.decoded(tmp_path / "kept") if row["kind"] == "order_new"]
    assert {row["strategy"] for row in orders} == {2}


def test_without_an_account_nothing_of_it_is_left(day):
    told = asked(day, "--without-account", "main")
    assert {row["here"]["quantity"] for row in told["positions"]} == {"0"}
    assert {row["here"]["total"] for row in told["balances"]} == {"0"}


def test_other_lots_move_profit_between_realised_and_open_and_never_change_the_sum(day, tmp_path):
    marks = tmp_path / "marks.json"
    marks.write_text('{"BTC-PERP": "120"}')
    told = asked(day, "--method", "fifo", "--marks", str(marks))
    assert told["equal"] == "journal"
    book = row_of(told["positions"], strategy="alpha", instrument="BTC-PERP")
    # Ten bought at 101..110, four sold at 110: the first four cost 101+102+103+104.
    assert book["here"]["realised"] == "30"
    assert book["fact"]["realised"] == "18"
    for world in ("fact", "here"):
        assert Decimal(book[world]["realised"]) + Decimal(book[world]["unrealised"]) == 105
    profit = row_of(told["profit"], strategy="alpha", currency="USD")
    assert profit["change"]["total"] == "0"


def test_an_assumption_holds_from_its_moment_on(day):
    orders = [row for row in reader.decoded(day) if row["kind"] == "order_new"]
    middle = orders[10]
    arguments = ("--set-limit", "firm", "-", "order_quantity_max=0.5")
    told = asked(day, *arguments, "--from", str(middle["sequence"]))
    assert told["counts"]["refused"] == len(orders) - 10
    assert told["parted"]["sequence"] == middle["sequence"]
    by_time = asked(day, *arguments, "--from", f"{middle['time_ns'] - 1}ns")
    assert by_time["parted"]["time_ns"] >= middle["time_ns"]
    cut = asked(day, *arguments, "--to", str(orders[2]["sequence"]))
    assert cut["sequence"] == orders[2]["sequence"]
    assert cut["counts"]["refused"] == 3


def test_a_limits_file_stands_for_all_its_rows(day, tmp_path):
    replica = reader.open_replica(day, use_snapshot=False)
    while replica.follow():
        continue
    rows = [row for row in replica.limits() if row["level"] == "firm"]
    file = tmp_path / "limits.toml"
    fields = {each.name: rows[0][each.name] for each in structs.fields(LimitRow)}
    fields = {name: value for name, value in fields.items() if value is not None}
    fields["order_quantity_max"] = "0.5"
    lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    file.write_text("[firm]\n" + "\n".join(lines) + "\n")
    told = asked(day, "--limits", str(file))
    assert told["counts"]["refused"] == 22
    assert told["counts"]["assumed"] == 1
    assert told["not_assumed"] == []
    file.write_text("[strategy.aplha]\n" + "\n".join(lines) + "\n")
    told = asked(day, "--limits", str(file))
    assert (told["not_assumed"], told["counts"]["assumed"]) == (["strategy aplha"], 0)


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        (("--without-strategy", "gamma"), "UNKNOWN_STRATEGY", "strategy"),
        (("--without-account", "spare"), "UNKNOWN_ACCOUNT", "account"),
        (("--set-limit", "strategy", "gamma", "order_burst=1"), "NOT_FOUND", "strategy"),
        (("--set-limit", "desk", "alpha", "order_burst=1"), "BAD_VALUE", "level"),
        (("--set-limit", "firm", "alpha", "order_burst=1"), "BAD_VALUE", "name"),
        (("--set-limit", "strategy", "alpha", "order_burst"), "BAD_VALUE", "set-limit"),
        (("--set-limit", "strategy", "alpha", "speed=1"), "UNKNOWN_FIELD", "speed"),
        (("--set-limit", "strategy", "alpha", "order_burst=x"), "BAD_NUMBER", "order_burst"),
        (("--set-limit", "strategy", "alpha", "credit_max=0.00001"), "PRECISION", "credit_max"),
        (("--set-limit", "strategy", "alpha", "order_burst=-1"), "RANGE", "order_burst"),
        (("--from", "999999"), "OUT_OF_RANGE", "from"),
        (("--from", "50", "--to", "20"), "OUT_OF_RANGE", "to"),
    ],
)
def test_what_cannot_be_asked_is_said_with_code_field_value_and_rule(day, arguments, code, field):
    error = asked(day, *arguments, fails=2)["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["value"]
    assert error["rule"]


def test_a_damaged_or_pruned_journal_is_no_shorter_day(day, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(day, damaged)
    segment = next(iter(sorted(damaged.glob("segment-*"))))
    content = bytearray(segment.read_bytes())
    content[4096 + 2000] ^= 1
    segment.write_bytes(content)
    assert asked(damaged, fails=1)["error"]["code"] == "BAD_JOURNAL"
    with place() as root:
        world = opened(root, segment_bytes=1 << 16)
        for _ in range(200):
            world.cancel(world.order())
            world.sent()
            assert world.engine.wait_synced(world.engine.state_hash()[0], 60_000)
        world.engine.stop()
        segments = sorted((root / "journal").glob("segment-*.journal"))
        assert len(segments) > 1
        segments[0].unlink()
        assert asked(root / "journal", fails=1)["error"]["code"] == "JOURNAL_BEGINS_LATER"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert asked(empty, fails=1)["error"]["code"] == "BAD_JOURNAL"


def test_what_no_limit_refused_stands_as_in_fact_whatever_has_changed():
    with recorded_day() as (world, journal):
        world.mark("100")
        world.order(quantity="2")
        iceberg = world.submit(quantity="1", display_quantity="0.5")
        assert describe_number(iceberg[4]).name == "UNSUPPORTED_FLAG"
        world.engine.stop()
        told = asked(journal, "--set-limit", "strategy", "alpha", "order_quantity_max=1")
    counts = told["counts"]
    assert (counts["refused"], counts["accepted"], counts["refusals_kept"]) == (1, 0, 1)


def test_a_bust_reaches_the_side_it_was_told_of_when_both_have_one_trade_id():
    with recorded_day() as (world, journal):
        world.mark("100")
        sold = world.working(SELL, "1", "100", strategy=world.other_strategy)
        bought = world.working(quantity="1", price="100")
        now_ns = world.engine.now_ns()
        world.fill(bought, "1", trade="T", time_ns=now_ns)
        world.fill(sold, "1", trade="T", side=SELL, time_ns=now_ns)
        world.revise(bought, "T", 1)
        world.engine.stop()
        told = asked(journal)
    assert told["equal"] == "journal", told["differences"]


def test_a_directory_that_holds_something_is_not_written_into(day, tmp_path):
    (tmp_path / "mine").write_text("kept")
    error = asked(day, "--out", str(tmp_path), fails=1)["error"]
    assert error["code"] == "BAD_TARGET"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_without_room_or_when_it_is_ended_nothing_is_left_behind(day, tmp_path):
    kept, before = tmp_path / "kept", signal.getsignal(signal.SIGHUP)
    with pytest.raises(CommandFailure) as caught, journal_to_make(kept, day, lambda path: 100):
        raise AssertionError("there is no room")
    assert caught.value.error["code"] == "BAD_TARGET"
    for number in (signal.SIGTERM, signal.SIGHUP):
        places = []
        for keep in (kept, None):
            with pytest.raises(SystemExit) as ended, journal_to_make(keep, day) as (out, ring):
                places += [out, ring]
                (out / "segment-0000000001.journal").write_text("begun")
                signal.raise_signal(number)
            assert ended.value.code == 128 + number
        assert not any(each.exists() for each in places)
    assert signal.getsignal(signal.SIGHUP) is before
    assert asked(day, "--out", str(kept))["kept"] == str(kept)


def test_the_day_is_told_in_words_too(day):
    result = CliRunner().invoke(
        gateway, ["whatif", str(day), "--set-limit", "strategy", "alpha", "position_long_max=7"]
    )
    assert result.exit_code == 0, result.output
    assert "first difference: sequence" in result.stdout
    assert "Orders refused here that were accepted: 3" in result.stdout
    assert "unknown: liquidations" in result.stdout

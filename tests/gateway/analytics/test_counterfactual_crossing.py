"""What-if on days with orders that were kept to be crossed: without a change they are themselves,
and a meeting that cannot be here is none, on both sides."""

import pytest
from engine_world import LIMIT, MARKET, SECOND_NS, STRATEGY
from recorded_days import KEPT_MS, MS_NS, Trader, asked, meet, place, recorded_day

from gateway.journal import reader
from gateway.ledger import open_books


class _Crossing(Trader):
    """The random desk, half of whose orders wait for each other."""

    def quote(self):
        spread = self.random.randint(1, 40)
        for number in self.world.instruments:
            bid, ask = (f"{cents // 100}.{cents % 100:02d}" for cents in
                        (self.price - spread, self.price + spread))  # fmt: skip
            assert self.world.adapter.marked(number, "", bid, ask, "")
        self.turn()

    def submit(self):
        if self.random.random() < 0.3:
            super().submit()
            return
        self.quote()
        kept_ms = self.random.choice((1, KEPT_MS, 5000))
        self.send(type=self.random.choice((LIMIT, LIMIT, MARKET)), flags=kept_ms << 16)
        if self.random.random() < 0.3:
            self.world.pass_time(self.random.choice((MS_NS, KEPT_MS * MS_NS)))


def _is_itself(seed, steps):
    with place() as root:
        trader = _Crossing(root, seed)
        trader.trade(steps)
        trader.world.engine.stop()
        kinds = [row["kind"] for row in reader.decoded(root / "journal") if row.get("crossed_with")]
        told = asked(root / "journal")
    differences = [row for rows in told["differences"].values() for row in rows]
    # Both follow from marks, which are in no record: a refusal, and a market order's protection.
    assert {row["kind"] for row in differences} <= {"order_refused", "order_replaced"}, differences
    assert not any(row["is_other"] for row in [*told["positions"], *told["balances"]])
    return len(kinds)


def test_random_days_with_crosses_and_no_change_are_themselves():
    assert sum(_is_itself(seed, 200) for seed in (3, 4, 6)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(400, 460))
def test_many_random_days_with_crosses_and_no_change_are_themselves(seed):
    _is_itself(seed, 400)


@pytest.fixture(scope="module")
def day():
    """Alpha's buy of 3 meets beta's sell of 2 here, what is left goes out and is filled there."""
    with recorded_day() as (world, journal):
        world.limit(STRATEGY, world.strategy, self_trade_refused=1)
        buy, _ = meet(world)
        world.fill(buy, "0.5", "100", time_ns=world.engine.now_ns())
        world.fact("canceled", buy, 1, "", "0.5", world.engine.now_ns(), 2)
        world.pass_time(SECOND_NS)
        world.engine.stop()
        yield journal


@pytest.mark.parametrize(
    "change",
    [("--without-strategy", "beta"), ("--set-limit", "strategy", "alpha", "position_long_max=12")],
    ids=" ".join,
)
def test_whatever_is_assumed_of_a_day_with_crosses_its_world_is_sound(change, tmp_path):
    with place() as root:
        trader = _Crossing(root, 501)
        trader.trade(300)
        trader.world.engine.stop()
        told = asked(root / "journal", *change, "--out", str(tmp_path / "kept"))
    made = reader.replay(tmp_path / "kept", lambda: 0)
    assert (made.sequence, made.state_hash) == (told["other_sequence"], told["state_hash"]["here"])
    books = open_books(tmp_path / "kept")
    assert books.is_balanced()
    assert not books.unbooked_count


def _quantities(told):
    return {row["strategy"]: (row["fact"]["quantity"], row["here"]["quantity"])
            for row in told["positions"]}  # fmt: skip


def test_a_day_with_a_cross_is_itself(day):
    told = asked(day)
    assert told["equal"] == "journal", told["differences"]
    assert _quantities(told) == {"alpha": ("2.5", "2.5"), "beta": ("-2", "-2")}


def test_the_venues_words_count_what_was_crossed_once(day):
    told = asked(day, "--set-limit", "strategy", "alpha", "position_long_max=50")
    assert _quantities(told) == {"alpha": ("2.5", "2.5"), "beta": ("-2", "-2")}
    assert told["counts"]["fell_away"] == 0


def test_without_one_side_the_other_is_not_crossed_and_goes_out(day):
    told = asked(day, "--without-strategy", "beta")
    alone = {row["strategy"]: row["here"]["quantity"] for row in told["positions"]}
    assert (alone["alpha"], alone.get("beta", "0")) == ("0.5", "0")
    fell = told["differences"]["fell_away"]
    assert [row["kind"] for row in fell] == ["order_filled", "order_filled"]

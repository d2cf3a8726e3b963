"""What can happen to a follower while the engine goes on: it sleeps, the ring laps it, it starts on
a journal that is long. It catches up from the segments, and its state is the engine's."""

from engine_world import BUY, NET, SELL, World
from observed_desk import wait_for

from gateway._core.journal import Replica
from gateway.journal import Follower
from gateway.journal.follow import REOPENS_MAX, ROWS_REST_SECONDS_MAX
from gateway.journal.replica import open_native_replica
from gateway.stream import BalanceReader, OrderReader, PositionReader

RING_BYTES = 1 << 20


def trade(world, count, first=0):
    """External fills on both sides; a fill is 320 bytes, so the ring holds three thousand."""
    before = world.counter("fills")
    for number in range(first, first + count):
        side = BUY if number % 2 else SELL
        fill = (0, world.account, world.perpetual, side, NET, "100", "1", "", "", 0, 1)
        wait_for(
            lambda t=fill, n=number: world.adapter.filled(*t, f"t{n}", "x", (n + 1) * 10**9, 7)
        )
        world.turn()

    def are_booked():
        world.turn()
        return world.counter("fills") == before + count

    wait_for(are_booked)


def assert_equal(desk):
    sequence, live = desk.world.engine.state_hash()
    assert desk.follower.state_hash() == (sequence, live)
    assert desk.view.followed == sequence
    assert desk.books.sequence == sequence


def test_a_follower_that_the_ring_lapped_catches_up_from_the_segments(open_desk):
    desk = open_desk(ring_bytes=RING_BYTES, segment_bytes=1 << 18)
    trade(desk.world, 10)
    desk.look()
    assert_equal(desk)
    generation = desk.view.reopened
    trade(desk.world, 7_000, first=10)  # twice around
    step = desk.follower.step()
    assert not step.is_caught_up
    desk.view.apply(step)
    assert desk.view.lag_seconds == 0.0
    desk.seconds += 3.0
    assert desk.view.lag_seconds == 3.0  # it shows that it is behind
    desk.look()
    assert_equal(desk)
    assert desk.view.lag_seconds == 0.0
    assert desk.view.reopened == generation
    assert len(desk.rows("fills")) == 1000
    (row,) = desk.rows("profit")
    assert row["realised"] == "0"


def test_a_follower_that_starts_on_a_long_journal_has_the_same_state_with_and_without_a_snapshot(
    open_desk,
):
    desk = open_desk(ring_bytes=RING_BYTES, segment_bytes=1 << 18)
    trade(desk.world, 4_000)
    desk.look()
    behind = Replica(str(desk.place.directory), str(desk.place.ring_directory))
    while behind.follow():
        pass
    behind.write_snapshot()
    trade(desk.world, 4_000, first=4_000)
    sequence, live = desk.world.engine.state_hash()
    readers = [OrderReader(), PositionReader(), BalanceReader()]
    fresh = Follower(desk.place, open_native_replica, readers, catch_up_records_max=1_000)
    loads = 0
    while (step := fresh.step()).is_loading:
        loads += 1
    assert step.is_reset
    assert 1 <= loads < sequence // 1_000  # it began at the snapshot
    assert fresh.state_hash() == (sequence, live)
    for path in desk.place.directory.glob("snapshot-*"):
        path.unlink()
    whole = Follower(desk.place, open_native_replica, readers)
    while whole.step().is_loading:
        pass
    assert whole.state_hash() == (sequence, live)


def test_a_restart_of_the_live_process_is_followed_on_and_nothing_is_read_twice(open_desk):
    desk = open_desk(ring_bytes=RING_BYTES, segment_bytes=1 << 18)
    trade(desk.world, 100)
    desk.look()
    generation, posted = desk.view.reopened, desk.tell().posted
    desk.world.engine.stop()
    desk.follower.inspect()
    desk.world = World(str(desk.place.directory), str(desk.place.ring_directory), **desk.options)
    for _ in range(REOPENS_MAX):
        desk.follower.inspect()
    trade(desk.world, 10, first=100)
    desk.look()
    assert_equal(desk)
    assert (desk.view.reopened, len(desk.ledgers)) == (generation, 1)
    assert desk.tell().posted == posted + 10
    assert desk.tell().is_balanced


def test_rows_that_are_read_in_frames_miss_nothing(open_desk):
    """Steps between two frames bring no rows, and the next frame brings all of them at once."""
    desk = open_desk()
    world = desk.world
    now = [0.0]
    readers = [OrderReader(), PositionReader(), BalanceReader()]
    follower = Follower(
        desk.place, open_native_replica, readers, rows_every_seconds=1.0, monotonic=lambda: now[0]
    )
    follower.step()
    orders = [world.working(BUY, "1", "100", instrument=world.perpetual) for _ in range(3)]
    first = follower.step()  # the first frame is due at once
    assert set(first.rows["order"]) == {str(order) for order in orders}
    world.cancel(orders[0])
    between = follower.step()
    assert (between.has_rows, between.sequence) == (False, first.sequence)
    assert between.followed > first.sequence
    assert follower.has_pending
    assert follower.value([]) == {}
    now[0] = 1.0
    last = follower.step()  # without a new record
    assert (last.applied, last.sequence) == (0, between.followed)
    assert last.rows["order"][str(orders[0])]["pending"] == "cancel"
    assert set(last.rows["position"]) == set()  # asked for by the value above: nothing moved
    assert not follower.has_pending


def framed(desk, now):
    """A follower whose frames are a second apart, by a clock that is moved by hand."""
    follower = Follower(
        desk.place,
        open_native_replica,
        [OrderReader(), PositionReader(), BalanceReader()],
        rows_every_seconds=1.0,
        monotonic=lambda: now[0],
    )
    assert follower.step().is_reset
    return follower


def test_a_stop_of_a_minute_while_rows_are_read_is_followed_by_rows_within_a_second(
    open_desk, monkeypatch
):
    """The share of the time that reading may take is no reason to show old rows for two minutes."""
    desk = open_desk()
    now = [0.0]
    follower = framed(desk, now)
    read_changed = OrderReader.read_changed

    def stopped_meanwhile(reader, replica, keys):
        now[0] += 60.0
        return read_changed(reader, replica, keys)

    monkeypatch.setattr(OrderReader, "read_changed", stopped_meanwhile)
    desk.world.working(BUY, "1", "100", instrument=desk.world.perpetual)
    assert follower.step().has_rows
    monkeypatch.undo()
    order = desk.world.working(BUY, "1", "100", instrument=desk.world.perpetual)
    assert not follower.step().has_rows
    now[0] += ROWS_REST_SECONDS_MAX
    assert str(order) in follower.step().rows["order"]


def test_behind_many_records_rows_are_read_before_their_time(open_desk, monkeypatch):
    """What changed waits in memory until it is read: as much of it as one frame may hold."""
    monkeypatch.setattr("gateway.journal.follow.FRAME_RECORDS_MAX", 500)
    desk = open_desk()
    now = [0.0]
    follower = framed(desk, now)
    trade(desk.world, 10)
    assert follower.step().has_rows  # the first frame is due at once
    trade(desk.world, 400, first=10)
    assert not follower.step().has_rows
    trade(desk.world, 100, first=410)
    step = follower.step()
    assert step.has_rows
    assert step.sequence == step.followed == desk.world.engine.state_hash()[0]

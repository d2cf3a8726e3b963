"""The follower applies bounded batches, survives a journal that comes late or is replaced."""

import itertools

import pytest

from gateway.journal import Follower, FollowFault, JournalPlace, Mark
from gateway.stream import BalanceReader, OrderReader, PositionReader


class Snapshots:
    """Written at once, or failed."""

    def __init__(self, *, succeeds=True):
        self.may_begin, self.succeeds, self.written = True, succeeds, 0

    def begin(self):
        self.written += self.may_begin and self.succeeds
        return self.may_begin

    def look(self):
        pass


def make_follower(memory, tmp_path, journal, **options):
    opened = []

    def open_replica(_):
        opened.append(memory.MemoryReplica(journal))
        return opened[-1]

    place = JournalPlace(tmp_path / "journal", tmp_path / "ring")
    readers = [OrderReader(), PositionReader(), BalanceReader()]
    return Follower(place, open_replica, readers, **options), opened


def test_a_journal_that_is_not_there_yet_is_named_and_then_found(memory, tmp_path):
    journal = memory.MemoryJournal()
    journal.new_order(7)
    follower, _ = make_follower(memory, tmp_path, journal)
    with pytest.raises(FollowFault, match="does not exist yet"):
        follower.step()
    (tmp_path / "journal").mkdir()
    with pytest.raises(FollowFault, match="holds no journal yet"):
        follower.step()
    memory.make_directory(tmp_path / "journal")
    step = follower.step()
    assert step.is_reset and step.sequence == 1
    assert list(step.rows["order"]) == ["7"]


def test_a_start_reads_the_rows_once_at_the_end_of_the_journal(memory, tmp_path):
    memory.make_directory(tmp_path / "journal")
    journal = memory.MemoryJournal()
    for number in range(1, 26):
        journal.new_order(number)
    follower, _ = make_follower(memory, tmp_path, journal, catch_up_records_max=10)
    steps = [follower.step() for _ in range(3)]
    assert [step.is_loading for step in steps] == [True, True, False]
    assert [len(step.rows.get("order", {})) for step in steps] == [0, 0, 25]


def test_a_step_never_applies_more_than_its_limit(memory, tmp_path):
    memory.make_directory(tmp_path / "journal")
    journal = memory.MemoryJournal()
    follower, _ = make_follower(memory, tmp_path, journal, records_max=4)
    follower.step()
    for number in range(1, 11):
        journal.new_order(number)
    steps = [follower.step() for _ in range(4)]
    assert [step.applied for step in steps] == [4, 4, 2, 0]
    assert [step.is_caught_up for step in steps] == [False, False, True, True]
    assert list(steps[2].rows["order"]) == ["9", "10"]


def test_a_fault_while_following_opens_the_journal_afresh(memory, tmp_path):
    memory.make_directory(tmp_path / "journal")
    journal = memory.MemoryJournal()
    journal.new_order(1)
    follower, opened = make_follower(memory, tmp_path, journal)
    follower.step()
    opened[0].fault = RuntimeError("RING_LAPPED the ring was overwritten")
    with pytest.raises(FollowFault, match="RING_LAPPED"):
        follower.step()
    assert follower.step().is_reset
    assert len(opened) == 2


def followed_with_a_new_ring(memory, tmp_path, journal, looks):
    """A follower whose ring was replaced, and was looked at so often; its replicas."""
    memory.make_directory(tmp_path / "journal")
    ring = tmp_path / "ring"
    ring.mkdir()
    (ring / "journal.ring").write_bytes(b"old")
    follower, opened = make_follower(memory, tmp_path, journal)
    follower.step()
    follower.inspect()
    (ring / "entered").write_bytes(b"new")
    (ring / "entered").rename(ring / "journal.ring")
    for _ in range(looks):
        follower.inspect()
    return follower, opened


def test_a_ring_that_was_made_anew_is_followed_on_where_the_journal_goes_on(memory, tmp_path):
    journal = memory.MemoryJournal()
    journal.new_order(1)
    follower, opened = followed_with_a_new_ring(memory, tmp_path, journal, looks=10)
    journal.new_order(2)
    step = follower.step()
    assert (step.is_reset, step.sequence, list(step.rows["order"])) == (False, 2, ["2"])
    assert len(opened) == 1


@pytest.mark.parametrize(("looks", "replicas"), [(2, 1), (3, 2)])
def test_a_ring_that_does_not_go_on_is_opened_afresh_after_some_looks(
    memory, tmp_path, looks, replicas
):
    """Some: a live process that starts writes the tail of its journal to the disk first."""
    journal = memory.MemoryJournal()
    journal.goes_on = False
    follower, opened = followed_with_a_new_ring(memory, tmp_path, journal, looks)
    assert follower.step().is_reset == (replicas == 2)
    assert len(opened) == replicas


def test_snapshots_begin_after_every_second_seal_when_so_configured(memory, tmp_path):
    directory = memory.make_directory(tmp_path / "journal")
    snapshots = Snapshots()
    follower, _ = make_follower(
        memory,
        tmp_path,
        memory.MemoryJournal(),
        snapshot_every_seals=2,
        snapshots=snapshots,
    )
    follower.step()

    def seal(number):
        (directory / f"segment-{number:010}.seal").write_bytes(b"")
        return follower.inspect()

    assert [seal(number) for number in range(1, 5)] == [False, True, False, True]
    snapshots.may_begin = False  # one is being written
    assert [seal(number) for number in range(5, 8)] == [False, False, False]
    snapshots.may_begin = True
    assert follower.inspect()
    assert not follower.inspect()


def test_snapshots_go_on_while_retention_deletes_as_many_seals_as_are_made(memory, tmp_path):
    directory = memory.make_directory(tmp_path / "journal")
    follower, _ = make_follower(
        memory, tmp_path, memory.MemoryJournal(), snapshot_every_seals=2, snapshots=Snapshots()
    )
    follower.step()
    begun = []
    for number in range(1, 21):
        (directory / f"segment-{number:010}.seal").write_bytes(b"")
        for old in sorted(directory.glob("*.seal"))[:-4]:
            old.unlink()
        begun.append(follower.inspect())
    assert begun == [False, True] * 10


def test_a_snapshot_that_failed_is_due_as_before(memory, tmp_path):
    directory = memory.make_directory(tmp_path / "journal")
    snapshots = Snapshots(succeeds=False)
    follower, _ = make_follower(memory, tmp_path, memory.MemoryJournal(), snapshots=snapshots)
    follower.step()
    (directory / f"segment-{1:010}.seal").write_bytes(b"")
    assert [follower.inspect() for _ in range(3)] == [True] * 3
    snapshots.succeeds = True
    assert [follower.inspect() for _ in range(3)] == [True, False, False]


def test_the_same_damage_is_looked_at_ever_more_seldom_and_another_one_soon(memory, tmp_path):
    memory.make_directory(tmp_path / "journal")
    journal = memory.MemoryJournal()
    follower, _ = make_follower(memory, tmp_path, journal)

    def waits(reason):
        def broken(*_):
            raise RuntimeError(reason)

        follower.close()
        follower._open_replica = broken
        with pytest.raises(FollowFault, match=reason):
            follower.step()
        return follower.health.retry_seconds

    assert [waits("damage") for _ in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 16, 16, 16]
    assert [waits("other damage") for _ in range(2)] == [0.25, 0.5]
    follower._open_replica = lambda _: memory.MemoryReplica(journal)
    follower.step()
    assert (waits("other damage"), follower.health.fault) == (0.25, "other damage")


def test_a_price_that_cannot_be_held_values_nothing_and_ends_nothing(memory, tmp_path):
    memory.make_directory(tmp_path / "journal")
    journal = memory.MemoryJournal()
    follower, _ = make_follower(memory, tmp_path, journal)
    follower.step()
    taken = []

    def set_mark(instrument, price, time_ns):
        if instrument == "BAD":
            raise ValueError(price)
        taken.append(instrument)
        return True

    follower._replica.set_mark = set_mark
    follower.value([Mark("BAD", "1E-7", 1), Mark("GOOD", "1", 1)])
    assert taken == ["GOOD"]


NEW = ("alpha", "paper", "limit", "entered")
ACCEPTED = ("alpha", "paper", "limit", "state")


def test_outcomes_begin_where_the_follower_first_stood_and_never_fall(memory, tmp_path):
    """Each record counts once: through small batches and an opening anew."""
    memory.make_directory(tmp_path / "journal")
    journal = memory.MemoryJournal()
    journal.new_order(1)
    follower, opened = make_follower(
        memory, tmp_path, journal, records_max=2, catch_up_records_max=2
    )
    seen = []

    def steps(count):
        for _ in range(count):
            follower.step()
            seen.append(follower.outcomes.copy())

    steps(1)
    assert follower.outcomes == {}, "what was there before is history"
    for number in (2, 3, 4):
        journal.new_order(number)
    journal.accept(2)
    steps(3)
    assert dict(follower.outcomes) == {NEW: 3, ACCEPTED: 1}
    opened[0].fault = RuntimeError("RING_LAPPED the ring was overwritten")
    with pytest.raises(FollowFault):
        follower.step()
    journal.accept(3)
    steps(4)
    assert len(opened) == 2
    assert dict(follower.outcomes) == {NEW: 3, ACCEPTED: 2}
    for before, after in itertools.pairwise(seen):
        assert all(after[what] >= count for what, count in before.items())

"""A stop that the gateway holds, released by a life whose last records are lost with the power: the
next one finds it held. It must not leave twice, and it must not be lost from sight."""

import time

import msgspec
import pytest
from live_world import MANIFEST, ScriptedAdapter
from native_world import asked_again, connected, open_world, power_cut

from gateway._core.journal import Reader, Replica, decode
from gateway.api import RefusedError
from gateway.venues.reconcile import AccountTerms

pytestmark = pytest.mark.asyncio


def end(world):
    world.close()
    world.native.stop()


def sent(world):
    return [order for kind, orders in world.adapter.sent if kind == "new" for order in orders]


async def mark(world, last):
    assert world.link.session._native.marked(1, "100", "99.9", "100.1", last)
    await world.sends()


async def released_and_lost(directory, tmp_path):
    """(the order, the folder as the disk has it after the power cut): the stop is held there."""
    world = await connected(directory)
    order_id = await world.submit(
        "s", side="sell", type="stop", price="", trigger_price="95", is_emulated=True
    )
    assert world.state(order_id) == "UNTRIGGERED"
    cut = power_cut(world, directory, tmp_path / "cut")
    await mark(world, "94")
    assert [order.side for order in sent(world)] == ["sell"], "it left"
    end(world)
    return order_id, cut


@pytest.fixture
def place(ring_directory, tmp_path):
    """The ring stays in memory; what is copied is another folder there."""
    folder = ring_directory / "a"
    folder.mkdir()
    return folder, ring_directory


@pytest.mark.parametrize("when", ["before", "behind"])
async def test_one_that_works_at_its_venue_is_not_sent_again(place, when):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    assert world.state(order_id) == "UNTRIGGERED", "its release is in no record"
    there = world.report(order_id, "new", side="sell", type="market", price=None,
                         venue_order_id="v1")  # fmt: skip
    world.adapter.open = [there]
    world.adapter.by_client = {there.client_order_id: there}
    world.advance(5_000)
    if when == "before":
        await early_mark(world, "94")  # while the venue is still to be compared
        assert sent(world) == []
    await world.connect()
    await mark(world, "94")
    assert sent(world) == []
    assert (world.state(order_id), world.row(order_id)["venue_order_id"]) == ("NEW", "v1")
    world.link.session.filled(world.fill(order_id, "t1", "2", side="sell", venue_order_id="v1"))
    await world.sends()
    assert world.state(order_id) == "FILLED"
    end(world)


async def early_mark(world, last):
    native = world.link.session._native
    assert native.marked(1, "100", "99.9", "100.1", last)
    await world.sends()


async def test_one_that_has_executed_there_is_not_sent_again(place):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    world.advance(5_000)
    world.adapter.history = [world.fill(order_id, "t1", "2", side="sell", venue_order_id="v1")]
    await early_mark(world, "94")
    assert sent(world) == []
    await world.connect()
    await mark(world, "94")
    assert sent(world) == [] and world.state(order_id) == "FILLED"
    end(world)


async def test_one_that_never_left_is_held_on_and_leaves_once_its_venue_can_prove_it(place):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    await early_mark(world, "94")
    assert sent(world) == []
    assert (await world.connect()).breaks == []
    await asked_again(world)
    await mark(world, "94")
    assert (sent(world), world.adapter.queries) == ([], 0), "it may still be on its way"
    assert world.native.doubted_orders() == [order_id]
    world.advance(5_000)
    await mark(world, "96")
    await asked_again(world)
    assert (sent(world), world.adapter.queries) == ([], 1)
    assert world.state(order_id) == "UNTRIGGERED"
    await mark(world, "94")
    assert [order.order_id for order in sent(world)] == [order_id]
    await mark(world, "93")
    assert len(sent(world)) == 1
    end(world)


async def test_its_trigger_is_looked_at_when_it_is_proved_that_it_never_left(place):
    """Nobody repeats the price of a quiet market."""
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    await world.connect()
    await mark(world, "94")
    world.advance(5_000)
    await asked_again(world)
    assert [order.order_id for order in sent(world)] == [order_id]
    end(world)


@pytest.mark.parametrize(
    ("state", "venue_order_id", "ended"),
    [
        ("canceled", "v1", "CANCELED"),
        ("expired", "v1", "EXPIRED"),
        ("canceled", "", "CANCELED"),
        ("rejected", "v1", "CANCELED"),
        ("rejected", "", "CANCELED"),
    ],
)
async def test_one_that_ended_there_without_executing_ends_here_and_never_leaves_again(
    place, state, venue_order_id, ended
):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    there = world.report(order_id, state, side="sell", type="market", price=None,
                         venue_order_id=venue_order_id)  # fmt: skip
    world.adapter.by_client = {there.client_order_id: there}
    await early_mark(world, "94")
    await world.connect()
    await mark(world, "94")
    assert sent(world) == []
    world.advance(5_000)
    await asked_again(world)
    assert world.state(order_id) == ended
    await mark(world, "93")
    assert sent(world) == []
    assert world.native.doubted_orders() == []
    assert world.link.health.unsettled == []
    end(world)


async def test_doubt_outlives_starts_that_lose_nothing(place):
    order_id, cut = await released_and_lost(*place)
    for _ in range(2):
        world = open_world(cut)
        assert world.native.doubted_orders() == [order_id]
        end(world)
    world = open_world(cut)
    await world.connect()
    world.advance(5_000)
    await asked_again(world)
    assert world.native.doubted_orders() == []
    end(world)
    world = open_world(cut)
    assert world.native.doubted_orders() == []
    await world.connect()
    await mark(world, "94")
    assert len(sent(world)) == 1
    end(world)


def adapter_of(**changes):
    return ScriptedAdapter(msgspec.structs.replace(MANIFEST, **changes))


@pytest.mark.parametrize(
    "manifest",
    [
        {"not_found_proof_after_ms": None},  # "never heard of it" proves nothing there
        {"ended_orders_kept_ms": 3_000},  # what ended before that is forgotten
        {"ended_orders_kept_ms": None},  # nobody said how long it remembers
    ],
)
async def test_where_no_venue_can_tell_it_stays_held_until_a_person_answers_for_it(place, manifest):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut, adapter=adapter_of(**manifest))
    world.advance(5_000)
    (broken,) = (await world.connect()).breaks
    assert str(order_id) in broken
    await mark(world, "94")
    for _ in range(3):
        world.advance(60_000)
        await asked_again(world)
        await mark(world, "94")
    assert (sent(world), world.state(order_id)) == ([], "UNTRIGGERED")
    assert world.adapter.queries == 1, "an ended one is found if it is still known"
    (row,) = world.link.break_rows()
    assert (row["kind"], row["policy"], row["subject"]) == (
        "order_in_doubt",
        "adopt",
        str(order_id),
    )
    world.link.resolve_break(row["id"], "anna", "the venue's statement does not have it")
    await world.sends()
    assert [order.order_id for order in sent(world)] == [order_id]
    assert world.link.break_rows() == []
    end(world)


async def two_released_and_lost(directory, tmp_path, name="cut"):
    """As released_and_lost(), of two stops."""
    world = await connected(directory)
    ids = [
        await world.submit(each, side="sell", type="stop", price="", trigger_price="95",
                           is_emulated=True)
        for each in ("s", "t")
    ]  # fmt: skip
    cut = power_cut(world, directory, tmp_path / name)
    await mark(world, "94")
    assert len(sent(world)) == 2, "they left"
    end(world)
    return ids, cut


def doubts(world):
    return {row["subject"]: row for row in world.link.break_rows()}


def anybody():
    return adapter_of(not_found_proof_after_ms=None)


async def test_what_a_person_answered_for_is_not_doubted_again_while_others_still_are(place):
    (first, second), cut = await two_released_and_lost(*place)
    world = open_world(cut, adapter=anybody())
    await world.connect()
    assert set(doubts(world)) == {str(first), str(second)}
    world.native.set_time(time.time_ns())  # segments are stamped by the wall clock
    world.link.resolve_break(doubts(world)[str(first)]["id"], "anna", "not in the statement")
    assert world.native.doubted_orders() == [second]
    end(world)
    for _ in range(2):
        world = open_world(cut, adapter=anybody())
        assert world.native.doubted_orders() == [second]
        await world.connect()
        assert set(doubts(world)) == {str(second)}
        end(world)
    records = [decode(each) for _, each in Reader(str(cut / "data"), str(cut / "ring")).read(9_999)]
    (told,) = [row for row in records if row.get("text") == "it never left"]
    assert (told["kind"], told["order_id"]) == ("order_accepted", first)
    world = open_world(cut, adapter=anybody())
    world.native.wait_synced(world.native.sequence, 10_000)
    replica = Replica(str(cut / "data"), str(cut / "ring"))
    while replica.follow():
        pass
    assert replica.state_hash() == world.native.state_hash()[1]
    await world.connect()
    await mark(world, "94")
    assert [order.order_id for order in sent(world)] == [first]
    end(world)


async def test_a_newer_loss_makes_what_was_answered_for_doubtful_again(place):
    """It may have left in the moments after the answer, which are lost too."""
    folder, other = place
    (first, second), cut = await two_released_and_lost(folder, other)
    world = open_world(cut, adapter=anybody())
    await world.connect()
    world.link.resolve_break(doubts(world)[str(first)]["id"], "anna", "not in the statement")
    again = power_cut(world, cut, other / "again")
    await mark(world, "94")
    assert [order.order_id for order in sent(world)] == [first]
    end(world)
    world = open_world(again, adapter=anybody())
    assert world.native.doubted_orders() == [first, second]
    await world.connect()
    await mark(world, "94")
    assert (sent(world), set(doubts(world))) == ([], {str(first), str(second)})
    end(world)


async def test_an_answer_that_the_journal_has_no_room_for_is_none(place, monkeypatch):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut, adapter=anybody())
    await world.connect()
    (row,) = world.link.break_rows()
    monkeypatch.setattr(world.link.reconciler.doubts, "never_left", lambda *_, is_proof: False)
    with pytest.raises(RefusedError, match="JOURNAL_BEHIND"):
        world.link.resolve_break(row["id"], "anna", "not in the statement")
    assert world.link.break_rows() == [row]
    assert world.native.doubted_orders() == [order_id]
    end(world)


async def test_an_order_of_an_account_that_left_the_configuration_is_a_break_all_the_same(place):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)  # a venue that could prove it, were it asked
    only = AccountTerms(name="second", durability="process", margin_mode="cross")
    world.link.reconciler._accounts = [only]
    for _ in range(2):
        world.advance(5_000)
        await world.reconcile()
        await asked_again(world)
        (row,) = world.link.break_rows()
    assert (row["kind"], row["account"], row["subject"]) == (
        "order_in_doubt",
        "main",
        str(order_id),
    )
    assert "main is not configured" in row["text"]
    await mark(world, "94")
    assert (sent(world), world.adapter.queries) == ([], 0)
    world.link.resolve_break(row["id"], "anna", "the account was emptied by hand")
    await world.reconcile()
    assert (world.link.break_rows(), world.native.doubted_orders()) == ([], [])
    end(world)


async def test_where_no_venue_can_tell_it_can_be_canceled(place):
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut, adapter=adapter_of(not_found_proof_after_ms=None))
    await world.connect()
    await world.router.cancel("desk", order_id)
    assert world.state(order_id) == "CANCELED"
    assert (await world.reconcile()).breaks == []
    end(world)


async def test_a_forgotten_order_is_no_doubt_where_a_used_id_is_refused_for_ever(place):
    order_id, cut = await released_and_lost(*place)
    terms = {"ended_orders_kept_ms": 3_000, "client_order_id_reuse": "never"}
    world = open_world(cut, adapter=adapter_of(**terms))
    await world.connect()
    world.advance(60_000)
    await asked_again(world)
    await mark(world, "94")
    assert [order.order_id for order in sent(world)] == [order_id]
    end(world)


async def test_a_kill_loses_nothing_and_nobody_is_asked(place):
    """A stop of an earlier life leaves at the newest price once its venue is compared, told before
    or behind that."""
    folder, _ = place
    world = await connected(folder)
    ids = [
        await world.submit(f"s{price}", side="sell", type="stop", price="", trigger_price=price,
                           is_emulated=True)
        for price in ("95", "93")
    ]  # fmt: skip
    end(world)
    world = open_world(folder)
    assert world.native.doubted_orders() == []
    await early_mark(world, "94")
    assert sent(world) == []
    await world.connect()
    await world.sends()
    assert [order.order_id for order in sent(world)] == ids[:1]
    await mark(world, "92")
    assert [order.order_id for order in sent(world)] == ids
    assert world.adapter.queries == 0
    end(world)


async def test_a_price_that_is_too_old_for_the_gate_lets_no_stop_go(place):
    folder, _ = place
    world = await connected(folder)
    order_id = await world.submit(
        "s", side="sell", type="stop", price="", trigger_price="95", is_emulated=True
    )
    end(world)
    world = open_world(folder)
    await early_mark(world, "94")
    world.advance(61_000)
    await world.connect()
    await world.sends()
    assert sent(world) == []
    await mark(world, "94")
    assert [order.order_id for order in sent(world)] == [order_id]
    end(world)


async def test_its_cancel_is_refused_until_its_venue_was_compared(place):
    """Ended here alone, what works there would have no row."""
    order_id, cut = await released_and_lost(*place)
    world = open_world(cut)
    there = world.report(order_id, "new", side="sell", type="market", price=None,
                         venue_order_id="v1")  # fmt: skip
    world.adapter.open = [there]
    world.adapter.by_client = {there.client_order_id: there}
    world.advance(5_000)
    with pytest.raises(RefusedError, match="NOT_RECONCILED"):
        await world.router.cancel("desk", order_id)
    assert world.state(order_id) == "UNTRIGGERED"
    await world.connect()
    await world.router.cancel("desk", order_id)
    assert (world.state(order_id), world.row(order_id)["pending"]) == ("NEW", "cancel")
    end(world)
